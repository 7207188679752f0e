//! Commands, their output and exit codes.

use crate::support::{binary, invar, texts};
use std::fs;
use std::process::Command;

#[test]
fn version_and_unknown_commands() {
    let (out, _, code) = texts(&invar(&["--version"], ""));
    assert!(out.starts_with(concat!("invar ", env!("CARGO_PKG_VERSION"))), "{out}");
    assert_eq!(code, 0);
    let (_, error, code) = texts(&invar(&["nonsense"], ""));
    assert!(error.contains("nonsense"), "{error}");
    assert_eq!(code, 1);
}

#[test]
fn it_answers_when_called_as_alloy() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let alloy = dir.path().join("alloy");
    std::os::unix::fs::symlink(binary(), &alloy).expect("a link can be made");
    let output = Command::new(&alloy)
        .args(["fmt", "-"])
        .stdin(std::process::Stdio::null())
        .output();
    let (out, _, code) = texts(&output.expect("the link starts"));
    assert_eq!((out.as_str(), code), ("\n", 0));
    let output = Command::new(&alloy)
        .args(["run", "--help"])
        .output()
        .expect("the link starts");
    assert!(String::from_utf8_lossy(&output.stdout).contains("Usage: alloy run"));
}

#[test]
fn fmt_formats_tests_and_writes() {
    let (out, _, code) = texts(&invar(&["fmt"], "a=1\nbbb=2"));
    assert_eq!((out.as_str(), code), ("a   = 1\nbbb = 2\n", 0));
    let (_, error, code) = texts(&invar(&["fmt", "-"], "a = "));
    assert_eq!(
        error,
        "<stdin>:1:5: expected expression, got EOF\nError: encountered errors during formatting\n"
    );
    assert_eq!(code, 1);

    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("a.alloy");
    fs::write(&path, "a=1").expect("the file can be written");
    let name = path.to_str().expect("a temporary path is text");
    let (_, error, code) = texts(&invar(&["fmt", "-t", name], ""));
    assert_eq!(
        (error, code),
        (format!("Error: file {name} is not formatted correctly\n"), 1)
    );
    assert_eq!(texts(&invar(&["fmt", "-w", name], "")).2, 0);
    assert_eq!(fs::read_to_string(&path).expect("the file can be read"), "a = 1\n");
    assert_eq!(texts(&invar(&["fmt", "-t", name], "")).2, 0);
    let folder = dir.path().to_str().expect("a temporary path is text");
    assert_eq!(
        texts(&invar(&["fmt", folder], "")).1,
        "Error: cannot format a directory to standard output: use -w, -t or --diff\n"
    );
    assert_eq!(
        texts(&invar(&["fmt", "-w", "-t", name], "")).1,
        "Error: cannot use -w/--write and -t/--test at the same time\n"
    );
    assert_eq!(
        texts(&invar(&["fmt", "-w", "-"], "")).1,
        "Error: cannot use -w with standard input\n"
    );
}

#[test]
fn eval_prints_values_and_errors_with_their_place() {
    let eval = |arguments: &[&str]| texts(&invar(&[&["eval"], arguments].concat(), ""));
    assert_eq!(eval(&["string.to_upper(\"a\") + \"!\""]).0, "\"A!\"\n");
    assert_eq!(eval(&["[1, 2.5, {a = true}]", "--json"]).0, "[1,2.5,{\"a\":true}]\n");
    let (out, error, code) = eval(&["1 + \"a\""]);
    assert_eq!((out.as_str(), code), ("", 1));
    assert!(error.contains("1:5: \"a\" should be number, got string"), "{error}");
    assert_eq!(eval(&["-2^2"]).0, "4\n");
}

#[test]
fn process_runs_one_component_on_standard_input() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("config.alloy");
    fs::write(
        &path,
        r#"
loki.process "web" {
	stage.json {
		expressions = {level = "", message = "msg"}
	}

	stage.drop {
		source              = "level"
		value               = "debug"
		drop_counter_reason = "noisy"
	}

	stage.labels {
		values = {level = ""}
	}

	stage.output {
		source = "message"
	}
	forward_to = [loki.write.nowhere.receiver]
}

loki.write "nowhere" {
	endpoint {
		url = "http://127.0.0.1:9/loki/api/v1/push"
	}
}
"#,
    )
    .expect("the configuration can be written");
    let path = path.to_str().expect("a temporary path is text");
    let input = concat!(
        r#"{"line": "{\"level\":\"warn\",\"msg\":\"careful\"}", "labels": {"job": "a"}, "timestamp": "2026-01-02T03:04:05Z"}"#,
        "\n",
        r#"{"line": "{\"level\":\"debug\",\"msg\":\"chatter\"}"}"#,
        "\n",
    );
    let (out, error, code) = texts(&invar(&["process", path, "--component", "loki.process.web"], input));
    assert_eq!(code, 0, "{error}");
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("one JSON object a line"))
        .collect();
    assert_eq!(lines[0]["line"], "careful");
    assert_eq!(lines[0]["labels"], serde_json::json!({"job": "a", "level": "warn"}));
    assert_eq!(lines[0]["timestamp"], "2026-01-02T03:04:05Z");
    assert_eq!(lines[1], serde_json::json!({"dropped": true, "reason": "noisy"}));
    assert_eq!(lines.len(), 2);

    let (out, _, _) = texts(&invar(
        &["process", path, "--component", "loki.process.web", "--text"],
        "{\"msg\":\"plain\"}\n",
    ));
    let line: serde_json::Value = serde_json::from_str(out.trim()).expect("one JSON object");
    assert_eq!(line["line"], "plain");

    let (out, _, _) = texts(&invar(
        &["process", path, "--component", "loki.process.web", "--inspect"],
        input,
    ));
    assert!(out.contains("stage.json") && out.contains("stage.labels"), "{out}");

    let (_, error, code) = texts(&invar(&["process", path, "--component", "loki.process.wev"], ""));
    assert_eq!(code, 1);
    assert!(error.contains("did you mean \"loki.process.web\"?"), "{error}");
}

#[test]
fn process_flushes_what_a_stage_holds_at_the_end_of_input() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("config.alloy");
    fs::write(
        &path,
        "loki.process \"m\" {\n\tforward_to = []\n\tstage.multiline {\n\t\tfirstline = \"^START\"\n\t}\n}\n",
    )
    .expect("the configuration can be written");
    let path = path.to_str().expect("a temporary path is text");
    let (out, error, code) = texts(&invar(
        &["process", path, "--component", "loki.process.m", "--text"],
        "START a\n b\nSTART c\n d\n",
    ));
    assert_eq!(code, 0, "{error}");
    let lines: Vec<serde_json::Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).expect("one JSON object a line"))
        .collect();
    assert_eq!(
        lines
            .iter()
            .map(|line| line["line"].as_str().unwrap_or_default())
            .collect::<Vec<_>>(),
        ["START a\n b", "START c\n d"]
    );
}

#[test]
fn run_says_why_it_cannot_start() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("config.alloy");
    fs::write(&path, "loki.wrte \"a\" { }\n").expect("the configuration can be written");
    let name = path.to_str().expect("a temporary path is text");
    let storage = format!("--storage.path={}", dir.path().join("state").display());
    let (out, error, code) = texts(&invar(
        &["run", name, &storage, "--server.http.listen-addr=127.0.0.1:0"],
        "",
    ));
    assert_eq!((out.as_str(), code), ("\n", 1));
    assert!(
        error.contains("config.alloy:1:1: cannot find the definition of component name \"loki.wrte\""),
        "{error}"
    );
    assert!(
        error.contains("could not perform the initial load successfully"),
        "{error}"
    );
    // What exists in Alloy only is checked by `validate` and refused by `run`, with what works instead.
    fs::write(
        &path,
        "loki.source.kafka \"a\" {\n\tbrokers    = []\n\ttopics     = []\n\tforward_to = []\n}\n",
    )
    .expect("the configuration can be written");
    let (_, error, code) = texts(&invar(
        &["run", name, &storage, "--server.http.listen-addr=127.0.0.1:0"],
        "",
    ));
    assert_eq!(code, 1);
    assert_eq!(
        error.matches("loki.source.kafka").count(),
        2,
        "in the message and in the excerpt:\n{error}"
    );
    for words in [
        "config.alloy:1:1: component \"loki.source.kafka\" is known, but this version of Invar cannot run it",
        "hint: of this family it runs loki.source.api, loki.source.file",
    ] {
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(
        texts(&invar(&["validate", name], "")),
        (String::new(), String::new(), 0)
    );
    let (_, error, code) = texts(&invar(
        &[
            "run",
            "/nonexistent/config.alloy",
            &storage,
            "--server.http.listen-addr=127.0.0.1:0",
        ],
        "",
    ));
    assert_eq!(code, 1);
    assert!(
        error.contains("reading config path \"/nonexistent/config.alloy\""),
        "{error}"
    );
}

#[test]
fn what_this_version_lacks_is_refused_by_name() {
    let run = |arguments: &[&str]| texts(&invar(&[&["run", "/nonexistent"], arguments].concat(), ""));
    let refused = [
        (
            vec![
                "--cluster.enabled",
                "--cluster.join-addresses=a",
                "--cluster.discover-peers=provider=k8s",
            ],
            "at most one of join peers and discover peers may be set",
        ),
        (
            vec!["--cluster.enabled", "--cluster.discover-peers=provider=aws"],
            "provider",
        ),
        (vec!["--config.format=promtail"], "alloy convert"),
        (
            vec!["--server.http.enable-graphql"],
            "'--server.http.enable-graphql' can only be used at experimental stability level",
        ),
        (vec!["--stability.level=none"], "invalid stability level \"none\""),
    ];
    for (arguments, text) in refused {
        let (_, error, code) = run(&arguments);
        assert!(error.contains(text), "{arguments:?}: {error}");
        assert_eq!(code, 1);
    }
    // Flags of Alloy that change nothing here are taken; what fails is the missing file.
    let (_, error, _) = run(&[
        "--disable-reporting",
        "--cluster.use-discovery-v1",
        "--feature.prometheus.metric-validation-scheme=utf-8",
        "--cluster.name=x",
        "--windows.priority=normal",
        "--server.http.listen-addr=127.0.0.1:0",
    ]);
    assert!(error.contains("reading config path"), "{error}");
}

#[test]
fn completion_scripts_are_printed() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let (out, _, code) = texts(&invar(&["completion", shell], ""));
        assert_eq!(code, 0);
        assert!(out.contains("invar"), "{shell}");
    }
}
