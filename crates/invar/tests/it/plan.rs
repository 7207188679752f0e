//! `invar plan`: what a reload would do, and its exit codes.

use crate::support::{invar, texts};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Two versions of a configuration, each in a folder of its own.
struct Versions {
    dir: TempDir,
}

impl Versions {
    fn new(old: &[(&str, &str)], new: &[(&str, &str)]) -> Versions {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (version, files) in [("old", old), ("new", new)] {
            for (name, text) in files {
                let path = dir.path().join(version).join(name);
                fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a temporary folder");
                fs::write(path, text).expect("a temporary folder");
            }
        }
        Versions { dir }
    }

    /// Two versions of one file.
    fn of(old: &str, new: &str) -> Versions {
        Versions::new(&[("c.alloy", old)], &[("c.alloy", new)])
    }

    fn path(&self, version: &str) -> PathBuf {
        self.dir.path().join(version).join("c.alloy")
    }

    /// Standard output without the folder, standard error, exit code.
    fn plan(&self, more: &[&str]) -> (String, String, i32) {
        let (old, new) = (
            self.path("old").display().to_string(),
            self.path("new").display().to_string(),
        );
        let storage = self.dir.path().join("state").display().to_string();
        let arguments = [
            "plan",
            "--stability.level=experimental",
            "--storage.path",
            &storage,
            &old,
            &new,
        ];
        let (out, error, code) = texts(&invar(&[&arguments, more].concat(), ""));
        let folder = format!("{}/", self.dir.path().display());
        (out.replace(&folder, ""), error.replace(&folder, ""), code)
    }
}

/// A row of the plan without its padding.
fn rows(out: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    out.lines().filter(|line| !line.is_empty()).map(words).collect()
}

const PIPELINE: &str = r#"loki.process "p" {
	forward_to = [loki.write.w.receiver]
}

loki.write "w" {
	endpoint {
		url = "http://localhost:3100/loki/api/v1/push"
	}
}
"#;

#[test]
fn no_change_is_0_a_change_is_2_an_error_is_1() {
    let same = Versions::of(PIPELINE, &PIPELINE.replace("\n\n", "\n// Only a comment.\n"));
    let summary = "0 to start, 0 to stop, 0 to update, 2 to keep as they are\n";
    assert_eq!(same.plan(&[]), (summary.to_owned(), String::new(), 0));

    let changed =
        PIPELINE.replace("}\n\nloki.write", "\n\tstage.docker { }\n}\n\nloki.write") + "\nloki.echo \"e\" { }\n";
    let (out, error, code) = Versions::of(PIPELINE, &changed).plan(&[]);
    assert_eq!((error.as_str(), code), ("", 2));
    assert_eq!(
        rows(&out),
        [
            "update loki.process.p changes stage.docker (new/c.alloy:1)",
            "start loki.echo.e (new/c.alloy:13)",
            "1 to start, 0 to stop, 1 to update, 1 to keep as they are",
        ]
    );

    let broken = PIPELINE.replace("loki.write.w.receiver", "loki.write.x.receiver");
    for (versions, side) in [
        (Versions::of(PIPELINE, &broken), "new"),
        (Versions::of(&broken, PIPELINE), "old"),
    ] {
        let (out, error, code) = versions.plan(&[]);
        assert_eq!((out.as_str(), code), ("", 1), "{error}");
        let head = format!(
            "Error: {side}/c.alloy:2:16: component \"loki.write.x.receiver\" does not exist or is out of scope\n"
        );
        assert!(error.starts_with(&head), "{error}");
    }
    let (_, error, code) = Versions::new(&[("c.alloy", "")], &[]).plan(&[]);
    assert_eq!(code, 1);
    assert!(
        error.starts_with("Error: reading config path \"new/c.alloy\": "),
        "{error}"
    );
}

#[test]
fn all_shows_what_stays_and_json_says_the_same() {
    let new = PIPELINE.replace("localhost:3100", "localhost:3200");
    let versions = Versions::of(PIPELINE, &new);
    let (out, _, code) = versions.plan(&["--all"]);
    assert_eq!(code, 2);
    let process = "keep loki.process.p (new/c.alloy:1)";
    assert!(rows(&out).iter().any(|row| row == process), "{out}");
    let (out, _, code) = versions.plan(&["--json"]);
    assert_eq!(code, 2);
    let page: Json = serde_json::from_str(&out).expect("it prints JSON");
    assert_eq!(page["changes"], json!(true));
    let steps = page["steps"].as_array().expect("a list");
    let step = |id: &str| {
        steps
            .iter()
            .find(|step| step["id"] == id)
            .unwrap_or_else(|| panic!("{id}: {out}"))
    };
    assert_eq!(steps.len(), 2);
    let write = step("loki.write.w");
    assert_eq!(
        (&write["step"], &write["changed"]),
        (&json!("update"), &json!(["endpoint"]))
    );
    assert_eq!(write["place"], json!("new/c.alloy:5"));
    assert_eq!(write["folder"], json!("state/loki.write.w"));
    assert_eq!(step("loki.process.p")["step"], json!("keep"));

    let (out, _, code) = Versions::of(PIPELINE, PIPELINE).plan(&["--json"]);
    let page: Json = serde_json::from_str(&out).expect("it prints JSON");
    assert_eq!((&page["changes"], code), (&json!(false), 0));
}

const MODULES: &str = r#"declare "sink" {
	argument "url" { }

	loki.write "out" {
		endpoint {
			url = argument.url.value
		}
	}

	loki.echo "aside" { }
}

sink "a" {
	url = "http://localhost:1/"
}

sink "b" {
	url = "http://localhost:2/"
}
"#;

#[test]
fn a_module_is_planned_by_its_instances() {
    let new = MODULES
        .replace("localhost:2", "localhost:3")
        .replace("sink \"a\"", "sink \"c\"");
    let (out, error, code) = Versions::of(MODULES, &new).plan(&[]);
    assert_eq!((error.as_str(), code), ("", 2));
    let rows = rows(&out);
    let mut ids: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.rsplit_once(" (").map(|(row, _)| row))
        .collect();
    ids.sort_unstable();
    let steps: Vec<String> = ids
        .iter()
        .map(|row| row.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        steps,
        [
            "start sink.c",
            "start sink.c/loki.echo.aside",
            "start sink.c/loki.write.out",
            "stop sink.a",
            "stop sink.a/loki.echo.aside",
            "stop sink.a/loki.write.out",
            "update sink.b",
            "update sink.b/loki.write.out",
        ],
        "{out}"
    );
}

#[test]
fn the_children_of_a_literal_collection_are_planned_one_by_one() {
    let config = |items: &str| {
        format!(
            "foreach \"f\" {{\n  collection = [{items}]\n  var = \"each\"\n\n  template {{\n    local.file \"l\" {{\n      \
             filename = \"/tmp/\" + each\n    }}\n    loki.echo \"e\" {{ }}\n  }}\n}}\n"
        )
    };
    let versions = Versions::of(&config("\"a\", \"b\""), &config("\"b\", \"c\""));
    let (out, error, code) = versions.plan(&[]);
    assert_eq!((error.as_str(), code), ("", 2));
    assert_eq!(
        rows(&out),
        [
            "stop foreach.f/foreach_a_1/loki.echo.e (old/c.alloy:9)",
            "stop foreach.f/foreach_a_1/local.file.l (old/c.alloy:6)",
            "update foreach.f changes collection (new/c.alloy:1)",
            "start foreach.f/foreach_c_1/local.file.l (new/c.alloy:6)",
            "start foreach.f/foreach_c_1/loki.echo.e (new/c.alloy:9)",
            "2 to start, 2 to stop, 1 to update, 2 to keep as they are",
        ],
        "{out}"
    );
    // Where the collection is not known, the children are one.
    let unknown = |file: &str| {
        let collection = "encoding.from_json(local.file.hosts.content)";
        let config = config("").replace("[]", collection).replace("/tmp/", file);
        config + "local.file \"hosts\" {\n  filename = \"/tmp/hosts\"\n}\n"
    };
    let (out, _, code) = Versions::of(&unknown("/a/"), &unknown("/b/")).plan(&[]);
    assert_eq!(code, 2, "{out}");
    assert!(
        rows(&out).contains(&"update foreach.f/*/local.file.l changes filename (new/c.alloy:6)".to_owned()),
        "{out}"
    );
}

#[test]
fn a_local_import_is_read_and_what_is_different_in_it_is_planned() {
    let main = "import.file \"lib\" {\n  filename = file.path_join(module_path, \"lib.alloy\")\n}\n\nlib.a \"x\" { }\n";
    let lib = "declare \"a\" {\n  loki.process \"p\" {\n    forward_to = []\n  }\n\n  loki.echo \"e\" { }\n}\n";
    let other = lib.replace("forward_to = []", "forward_to = [loki.echo.e.receiver]");
    let files = |lib| [("c.alloy", main), ("lib.alloy", lib)];
    let (out, error, code) = Versions::new(&files(lib), &files(lib)).plan(&[]);
    assert_eq!((error.as_str(), code), ("", 0), "{out}");
    let (out, error, code) = Versions::new(&files(lib), &files(&other)).plan(&[]);
    assert_eq!((error.as_str(), code), ("", 2), "{out}");
    let process = "update lib.a.x/loki.process.p changes forward_to (new/lib.alloy:2)";
    assert!(rows(&out).contains(&process.to_owned()), "{out}");
    assert!(!out.contains("loki.echo"), "{out}");

    // An import that cannot be read is not looked into.
    let (out, error, code) = Versions::new(&files(lib), &files(lib)[..1]).plan(&[]);
    assert_eq!(code, 2, "{out}");
    assert!(
        error.starts_with("Note: new/c.alloy:1: the content of import.file.lib cannot be read here"),
        "{error}"
    );
    assert!(
        rows(&out)
            .iter()
            .any(|row| row.starts_with("stop lib.a.x/loki.process.p ")),
        "{out}"
    );

    // One that is broken is an error.
    let (out, error, code) = Versions::new(&files(lib), &files("declare \"a\" {")).plan(&[]);
    assert_eq!((out.as_str(), code), ("", 1));
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(
        lines.first(),
        Some(&"Error: new/lib.alloy:1:14: expected }, got EOF"),
        "{error}"
    );
    assert_eq!(
        lines.last(),
        Some(&"  in import.file \"lib\" at new/c.alloy:1:1"),
        "{error}"
    );
}
