//! Deliberately broken configurations: each diagnostic stands at the right place and says what to do.

use crate::support::{free_port, invar, texts};

struct Case {
    name: String,
    config: String,
    /// `line:column` and text.
    expected: Vec<(String, String)>,
    hint: Option<String>,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in include_str!("../data/broken.txt").lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case {
                name: name.to_owned(),
                config: String::new(),
                expected: Vec::new(),
                hint: None,
            });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        if let Some(expected) = line.strip_prefix("> ") {
            let (place, text) = expected.split_once(' ').expect("a place and a text");
            case.expected.push((place.to_owned(), text.to_owned()));
        } else if let Some(hint) = line.strip_prefix("? ") {
            case.hint = Some(hint.to_owned());
        } else {
            case.config.push_str(line);
            case.config.push('\n');
        }
    }
    cases
}

#[test]
fn broken_configurations_are_reported_where_they_are_broken() {
    let cases = cases();
    assert!(cases.len() >= 30, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("config.alloy");
        std::fs::write(&path, case.config.trim_end_matches('\n')).expect("the configuration can be written");
        let path = path.to_str().expect("a temporary path is text");
        let (out, error, code) = texts(&invar(&["validate", path], ""));
        let mut say = |what: String| wrong.push(format!("{}: {what}\n{error}", case.name));
        if code != 1 || !out.is_empty() {
            say(format!("exit code {code}, standard output {out:?}"));
        }
        for (place, text) in &case.expected {
            let header = format!("{path}:{place}: ");
            if !error
                .lines()
                .any(|line| line.contains(&header) && line.contains(text.as_str()))
            {
                say(format!("nothing at {place} says {text:?}"));
            }
        }
        if let Some(hint) = &case.hint
            && !error
                .lines()
                .any(|line| line.contains("hint: ") && line.contains(hint.as_str()))
        {
            say(format!("no hint says {hint:?}"));
        }
        if error.contains("panicked") {
            say("it panicked".to_owned());
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// Values that only the run will know are not complained about, nor what follows from their absence.
#[test]
fn what_is_not_known_is_not_reported() {
    let config = r#"
local.file "password" {
	filename  = sys.env("PASSWORD_FILE")
	is_secret = true
}
local.file_match "a" {
	path_targets = [{__path__ = sys.env("LOGS"), job = local.file.password.content}]
	sync_period  = sys.env("PERIOD")
}
loki.source.file "a" {
	targets    = array.concat(local.file_match.a.targets, [{__path__ = sys.env("LOGS")}])
	forward_to = [loki.process.a.receiver]
	encoding   = sys.env("ENCODING")
	file_match {
		enabled = sys.env("X") == "y"
	}
}
loki.process "a" {
	forward_to = [loki.relabel.a.receiver]
	stage.json {
		expressions = {a = sys.env("A")}
		source      = sys.env("B")
	}
	stage.regex {
		expression = sys.env("C")
	}
	stage.template {
		source   = sys.env("D")
		template = sys.env("E")
	}
	stage.drop {
		value  = "x"
		source = sys.env("F")
	}
	stage.match {
		selector = sys.env("G")
		action   = sys.env("H")
	}
	stage.limit {
		rate          = sys.env("I")
		burst         = encoding.from_json(sys.env("J"))["burst"]
		by_label_name = "x"
		drop          = sys.env("K") == "yes"
	}
	stage.tenant {
		value = sys.env("L")
	}
	stage.labels {
		values = {a = sys.env("M")}
	}
	stage.metrics {
		metric.counter {
			name   = sys.env("N")
			action = "inc"
		}
		metric.gauge {
			name   = "n"
			action = "inc"
			prefix = sys.env("O")
		}
		metric.histogram {
			name    = "n"
			buckets = encoding.from_json(sys.env("P"))
		}
	}
	stage.truncate {
		rule {
			limit       = sys.env("Q")
			source_type = sys.env("R")
			sources     = ["x"]
		}
	}
}
loki.relabel "a" {
	forward_to     = coalesce([loki.write.a.receiver], [])
	max_cache_size = sys.env("SIZE")
	rule {
		action       = sys.env("S")
		target_label = "a"
	}
	rule {
		action  = "hashmod"
		modulus = sys.env("T")
		target_label = sys.env("U")
	}
}
loki.write "a" {
	endpoint {
		name = sys.env("V")
		url  = sys.env("W")
		basic_auth {
			username = local.file.password.content
			password = local.file.password.content
		}
		queue_config {
			min_shards = sys.env("X")
		}
	}
	endpoint {
		name = sys.env("Y")
		url  = string.format("http://%s/", sys.env("Z"))
	}
}
"#;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("config.alloy");
    std::fs::write(&path, config).expect("the configuration can be written");
    let path = path.to_str().expect("a temporary path is text");
    let (out, error, code) = texts(&invar(&["validate", path], ""));
    assert_eq!((out.as_str(), error.as_str(), code), ("", "", 0));
}

/// What only building a component shows is reported at the part of the argument that is to blame.
#[test]
fn errors_of_building_are_reported_where_they_are() {
    let config = r#"
local.file_match "a" {
	path_targets = [
		{__path__ = "/a/*"},
		{__path__ = sys.env("INVAR_TEST_UNSET") + "/a/{b"},
	]
}
loki.process "a" {
	forward_to = []
	stage.match {
		selector = "{a=\"b\"}"
		stage.sampling {
			rate = encoding.from_json("[" + sys.env("INVAR_TEST_UNSET") + "7]")[0]
		}
	}
}
"#;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("config.alloy");
    std::fs::write(&path, config).expect("the configuration can be written");
    let path = path.to_str().expect("a temporary path is text");
    let (_, error, code) = texts(&invar(&["validate", path], ""));
    assert_eq!((error.as_str(), code), ("", 0));
    let listen = format!("--server.http.listen-addr=127.0.0.1:{}", free_port());
    let storage = format!("--storage.path={}", dir.path().join("data").display());
    let (_, error, code) = texts(&invar(&["run", &listen, &storage, path], ""));
    assert_eq!(code, 1, "{error}");
    for expected in [
        ":5:15: sys.env(\"INVAR_TEST_UNSET\") + \"/a/{b\" pattern \"/a/{b\": an opening brace without a closing one",
        ":13:11: encoding.from_json(\"[\" + sys.env(\"INVAR_TEST_UNSET\") + \"7]\")[0] must be between 0 and 1, not 7",
    ] {
        assert!(error.contains(expected), "{expected}\n{error}");
    }
}

/// Real configurations have no such mistakes. Only the components that exist here are looked at, wherever they stand.
#[test]
fn real_configurations_pass() {
    let configs = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/configs"));
    if !configs.is_dir() {
        println!("skipped: ../shared is absent");
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (mut folders, mut components, mut wrong) = (vec![configs.to_owned()], 0, Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|ending| ending == "alloy" || ending == "river")
            {
                let text = std::fs::read_to_string(&path).expect("it is text");
                let (file, diagnostics) = syntax::parse("f", text.as_bytes());
                if !diagnostics.is_empty() {
                    continue;
                }
                let mut blocks = String::new();
                gather(&file.body, &text, &mut blocks, &mut components);
                let here = dir.path().join("config.alloy");
                std::fs::write(&here, &blocks).expect("it can be written");
                let here = here.to_str().expect("a temporary path is text");
                let (_, error, _) = texts(&invar(&["validate", "--stability.level=experimental", here], ""));
                let expected = [
                    "does not exist or is out of scope",
                    "is deprecated",
                    "validation failed",
                ];
                let headers = error
                    .lines()
                    .filter(|line| line.starts_with("Error: ") || line.starts_with("Warning: "));
                let strange = headers.filter(|line| !expected.iter().any(|known| line.contains(known)));
                wrong.extend(strange.map(|line| format!("{}: {line}", path.display())));
            }
        }
    }
    assert!(components > 150, "only {components} components");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The components of a body, and of modules in it, that exist here.
fn gather(body: &syntax::ast::Body, text: &str, out: &mut String, count: &mut usize) {
    const NAMES: &[&str] = &[
        "local.file",
        "local.file_match",
        "loki.source.file",
        "loki.source.api",
        "loki.process",
        "loki.relabel",
        "loki.write",
        "loki.echo",
    ];
    for block in body.blocks() {
        if block.full_name() == "declare" {
            gather(&block.body, text, out, count);
        }
        if NAMES.contains(&block.full_name().as_str()) {
            *count += 1;
            let inside = &text[block.lcurly as usize..=block.rcurly as usize];
            out.push_str(&format!("{} \"{}\" {inside}\n", block.full_name(), block.label_text()));
        }
    }
}
