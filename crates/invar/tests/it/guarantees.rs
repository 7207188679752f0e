//! `invar validate --guarantees`: configurations, and what is promised in them.

use crate::support::{invar, texts};
use std::fs;

/// What is printed for a configuration, without its folder.
fn guarantees(config: &str, more: &[&str]) -> (String, String, i32) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("c.alloy");
    fs::write(&path, config).expect("the configuration can be written");
    let path = path.to_str().expect("a temporary path is text");
    let (out, error, code) = texts(&invar(&[&["validate", path, "--guarantees"], more].concat(), ""));
    let folder = format!("{}/", dir.path().display());
    (out.replace(&folder, ""), error, code)
}

const FILE_NOTE: &str = "loki.source.file.a keeps the order of each file's lines, and sends those again that were not \
                         acknowledged at a crash";
const WRITE_NOTE: &str =
    "loki.write.w keeps what an endpoint refuses for good (status 400) as dead letters; \"invar why\" names it";
const API_NOTE: &str = "loki.source.api.a is answerable for lines from its 2xx on: a client that gets another answer, or none, \
                        has to send again";

#[test]
fn each_path_has_its_promise() {
    let write = "loki.write \"w\" {\n  endpoint { url = \"http://u:hunter2@h:1/p\" }\n}\n";
    let source =
        |to: &str| format!("loki.source.file \"a\" {{\n  targets = []\n  forward_to = [loki.{to}.receiver]\n}}\n");
    let endpoint = |arguments: &str| {
        format!("loki.write \"w\" {{\n  endpoint {{\n    url = \"http://h:1/p\"\n{arguments}\n  }}\n}}\n")
    };
    let table: &[(&str, String, String)] = &[
        ("nothing", String::new(), "No source sends records anywhere.\n".to_owned()),
        (
            "straight",
            source("write.w") + write,
            format!(
                "loki.source.file.a -> loki.write.w\n  at-least-once\n  note: {FILE_NOTE} (c.alloy:1)\n  note: {WRITE_NOTE} (c.alloy:5)\n"
            ),
        ),
        (
            "tail_from_end",
            source("write.w").replace("targets", "tail_from_end = true\n  targets") + write,
            format!(
                "loki.source.file.a -> loki.write.w\n  at-least-once\n  note: {FILE_NOTE} (c.alloy:1)\n  note: loki.source.file.a \
                 skips the lines that a file has when it is seen for the first time, by tail_from_end (c.alloy:2)\n  note: \
                 {WRITE_NOTE} (c.alloy:6)\n"
            ),
        ),
        (
            "max_backoff_retries",
            source("write.w") + &endpoint("    max_backoff_retries = 3"),
            format!(
                "loki.source.file.a -> loki.write.w\n  best effort: loki.write.w gives up after 3 attempts at h:1, by \
                 max_backoff_retries (c.alloy:8)\n  note: {FILE_NOTE} (c.alloy:1)\n  note: {WRITE_NOTE} (c.alloy:5)\n"
            ),
        ),
        (
            "max_backoff_retries = 0 is for ever",
            source("write.w") + &endpoint("    max_backoff_retries = 0"),
            format!(
                "loki.source.file.a -> loki.write.w\n  at-least-once\n  note: {FILE_NOTE} (c.alloy:1)\n  note: {WRITE_NOTE} (c.alloy:5)\n"
            ),
        ),
        (
            "components that no source reaches",
            source("write.w")
                + &endpoint("")
                + "\n"
                + &endpoint("    name = \"x\"\n    retry_on_http_429 = false\n    queue_config {\n      block_on_overflow = false\n    }")
                    .replace("\"w\"", "\"v\"")
                + "\nloki.process \"p\" {\n  forward_to = [loki.write.w.receiver, loki.write.v.receiver]\n}\n",
            format!(
                "loki.source.file.a -> loki.write.w\n  at-least-once\n  note: {FILE_NOTE} (c.alloy:1)\n  note: {WRITE_NOTE} \
                 (c.alloy:5)\n\nNo source reaches loki.write.v, loki.process.p.\n"
            ),
        ),
        (
            "an endpoint that drops, by name and in a nested block",
            source("write.w")
                + &endpoint("    name = \"x\"\n    retry_on_http_429 = false\n    queue_config {\n      block_on_overflow = false\n    }"),
            format!(
                "loki.source.file.a -> loki.write.w\n  best effort: loki.write.w drops what x answers with status 429, by \
                 retry_on_http_429 (c.alloy:9)\n  best effort: loki.write.w drops what does not fit into the queue of x, by \
                 block_on_overflow (c.alloy:11)\n  note: {FILE_NOTE} (c.alloy:1)\n  note: {WRITE_NOTE} (c.alloy:5)\n"
            ),
        ),
        (
            "rules that drop",
            source("process.p")
                + "loki.process \"p\" {\n  stage.match {\n    selector = \"{a=\\\"b\\\"}\"\n    stage.drop {\n      value = \"x\"\n      \
                   source = \"y\"\n      drop_counter_reason = \"quiet\"\n    }\n  }\n  stage.limit {\n    rate = 1\n    burst = 1\n  }\n  \
                   stage.limit {\n    rate = 1\n    burst = 1\n    drop = true\n  }\n  stage.sampling {\n    rate = 0.5\n  }\n  \
                   forward_to = [loki.relabel.r.receiver]\n}\nloki.relabel \"r\" {\n  rule {\n    regex = \"a\"\n    action = \
                   \"labeldrop\"\n  }\n  rule {\n    source_labels = [\"a\"]\n    action = \"keep\"\n  }\n  forward_to = \
                   [loki.write.w.receiver]\n}\n"
                + write,
            format!(
                "loki.source.file.a -> loki.process.p -> loki.relabel.r -> loki.write.w\n  at-least-once\n  drops by rule: \
                 loki.process.p stage.drop \"quiet\" (c.alloy:8)\n  drops by rule: loki.process.p stage.limit \
                 \"ratelimit_drop_stage\" (c.alloy:18)\n  drops by rule: loki.process.p stage.sampling \"sampling_stage\" \
                 (c.alloy:23)\n  drops by rule: loki.relabel.r rule \"labeldrop\", where it leaves no label (c.alloy:29)\n  drops by \
                 rule: loki.relabel.r rule \"keep\" (c.alloy:33)\n  note: {FILE_NOTE} (c.alloy:1)\n  note: {WRITE_NOTE} (c.alloy:39)\n"
            ),
        ),
        (
            "fan-out, one side of which only prints",
            source("write.w").replace(".receiver", ".receiver, loki.echo.e.receiver") + write + "loki.echo \"e\" { }\n",
            format!(
                "loki.source.file.a -> loki.write.w\n  at-least-once\n  note: {FILE_NOTE} (c.alloy:1)\n  note: {WRITE_NOTE} \
                 (c.alloy:5)\n\nloki.source.file.a -> loki.echo.e\n  best effort: loki.echo.e only prints: nothing is kept \
                 (c.alloy:8)\n  note: {FILE_NOTE} (c.alloy:1)\n"
            ),
        ),
        (
            "nobody to send to",
            "loki.source.api \"a\" {\n  forward_to = [loki.process.p.receiver]\n}\nloki.process \"p\" {\n\n  forward_to = []\n}\n".to_owned(),
            format!(
                "loki.source.api.a -> loki.process.p\n  dropped: loki.process.p has nobody to send to: forward_to is empty \
                 (c.alloy:6)\n  note: {API_NOTE} (c.alloy:1)\n"
            ),
        ),
        (
            "Invar's own log",
            "logging {\n  level = \"warn\"\n  write_to = [loki.write.w.receiver]\n}\n".to_owned() + write,
            format!(
                "logging -> loki.write.w\n  best effort: logging never waits for write_to: its lines are dropped and counted while \
                 the queue is full (c.alloy:3)\n  note: {WRITE_NOTE} (c.alloy:5)\n"
            ),
        ),
        (
            "values that only running tells, and rules of a relabel that receives nothing",
            "local.file \"f\" {\n  filename = \"/nowhere\"\n}\nloki.relabel \"r\" {\n  forward_to = []\n}\nloki.source.api \"a\" {\n  \
             relabel_rules = loki.relabel.r.rules\n  forward_to = [loki.write.w.receiver]\n}\nloki.write \"w\" {\n  endpoint {\n    url \
             = local.file.f.content\n    max_backoff_retries = encoding.from_json(local.file.f.content).n\n  }\n}\n"
                .to_owned(),
            format!(
                "loki.source.api.a -> loki.write.w\n  at-least-once\n  note: {API_NOTE} (c.alloy:7)\n  note: loki.source.api.a is \
                 taken to have the default of relabel_rules, whose value is known only when it runs (c.alloy:8)\n  note: \
                 {WRITE_NOTE} (c.alloy:11)\n  note: loki.write.w is taken to have the default of max_backoff_retries, whose value \
                 is known only when it runs (c.alloy:14)\n"
            ),
        ),
    ];
    for (name, config, expected) in table {
        let (out, error, code) = guarantees(config, &[]);
        assert_eq!(code, 0, "{name}: {error}\n{config}");
        assert_eq!(out, *expected, "{name}:\n{config}");
        assert!(!out.contains("hunter2"), "{name}");
    }
}

#[test]
fn json_and_mistakes() {
    let config = "loki.source.api \"a\" {\n  forward_to = [loki.echo.e.receiver]\n}\nloki.echo \"e\" { }\n";
    let (out, _, code) = guarantees(config, &["--json"]);
    assert_eq!(code, 0);
    let page: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let path = &page["paths"][0];
    assert_eq!(path["path"], serde_json::json!(["loki.source.api.a", "loki.echo.e"]));
    assert_eq!(path["guarantee"], "best effort");
    assert_eq!(
        path["remarks"][1],
        serde_json::json!({
            "component": "loki.echo.e",
            "effect": "best-effort",
            "text": "only prints: nothing is kept",
            "place": "c.alloy:4",
        })
    );
    let (out, error, code) = guarantees("x = 1\n", &[]);
    assert_eq!((out.as_str(), code), ("", 1));
    assert!(error.contains("unrecognized attribute x"), "{error}");
}
