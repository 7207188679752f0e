//! The first configuration of every user: files, a drop stage, Loki.

use crate::support::{Running, eventually};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use testkit::loki_sink::LokiSink;

/// The configuration that the documentation of `loki.process` begins with, with paths and port filled in.
pub fn config(dir: &Path, pattern: &str, url: &str) -> PathBuf {
    let path = dir.join("config.alloy");
    let text = format!(
        r#"
local.file_match "logs" {{
	path_targets = [{{"__path__" = "{}/{pattern}", "job" = "app"}}]
	sync_period  = "200ms"
}}

loki.source.file "logs" {{
	targets    = local.file_match.logs.targets
	forward_to = [loki.process.filter.receiver]
}}

loki.process "filter" {{
	stage.drop {{
		expression          = ".*noise.*"
		drop_counter_reason = "noisy"
	}}
	forward_to = [loki.write.local.receiver]
}}

loki.write "local" {{
	endpoint {{
		url                = "{url}"
		batch_wait         = "100ms"
		max_backoff_period = "1s"
	}}
}}
"#,
        dir.display()
    );
    fs::write(&path, text).expect("the configuration can be written");
    path
}

/// Lines that arrived of each file, by its name without folder, in order of arrival.
pub fn by_file(sink: &LokiSink) -> std::collections::BTreeMap<String, Vec<String>> {
    let mut files = std::collections::BTreeMap::<String, Vec<String>>::new();
    for entry in sink.entries() {
        let name = entry
            .labels
            .split("filename=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let name = name
            .unwrap_or_default()
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        files
            .entry(name)
            .or_default()
            .push(String::from_utf8_lossy(&entry.line).into_owned());
    }
    files
}

#[test]
fn every_line_arrives_in_order_and_what_is_dropped_is_counted() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sink = LokiSink::start();
    let mut expected = 0_u64;
    for file in 0..3 {
        let mut text = String::new();
        for n in 0..2000 {
            let kind = if n % 5 == 0 { "noise" } else { "signal" };
            expected += u64::from(kind == "signal");
            writeln!(text, "{kind} {n}").expect("writing to a string");
        }
        fs::write(dir.path().join(format!("app-{file}.log")), text).expect("the log can be written");
    }
    let running = Running::start(dir.path(), &config(dir.path(), "app-*.log", &sink.url()), &[]);
    eventually("all lines arrive", || sink.totals().entries >= expected);
    // A file that appears later is picked up.
    fs::write(dir.path().join("app-9.log"), "signal late\n").expect("the log can be written");
    eventually("the new file's line arrives", || {
        by_file(&sink).contains_key("app-9.log")
    });

    let signals: Vec<String> = (0..2000)
        .filter(|n| n % 5 != 0)
        .map(|n| format!("signal {n}"))
        .collect();
    let arrived = by_file(&sink);
    for file in 0..3 {
        assert_eq!(arrived[&format!("app-{file}.log")], signals);
    }
    assert_eq!(arrived["app-9.log"], ["signal late"]);
    let dropped = || running.metric("loki_process_dropped_lines_total", &[("reason", "noisy")]);
    eventually("what was dropped is counted", || dropped() == Some(1200.0));

    let answer = running.get("/api/v0/web/components").expect("the API answers");
    let components: serde_json::Value = serde_json::from_str(&answer.body).expect("the list is JSON");
    let mut states: Vec<(String, String)> = components
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            (text(&one["localID"]), text(&one["health"]["state"]))
        })
        .collect();
    states.sort();
    let healthy = |id: &str| (id.to_owned(), "healthy".to_owned());
    assert_eq!(
        states,
        [
            healthy("local.file_match.logs"),
            healthy("loki.process.filter"),
            healthy("loki.source.file.logs"),
            healthy("loki.write.local"),
        ]
    );
    assert_eq!(running.stop(), 0);
}

#[test]
fn odd_lines_pass_unchanged() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sink = LokiSink::start();
    let long = "x".repeat(10 << 20);
    let mut text = b"bad \xff\xfe utf-8\nnul \0 byte\n".to_vec();
    text.extend_from_slice(long.as_bytes());
    text.extend_from_slice(b"\nlast\nwithout newline");
    fs::write(dir.path().join("odd.log"), text).expect("the log can be written");
    let running = Running::start(dir.path(), &config(dir.path(), "odd.log", &sink.url()), &[]);
    eventually("the odd lines arrive", || sink.totals().entries >= 4);
    let lines: Vec<Vec<u8>> = sink.entries().into_iter().map(|entry| entry.line.to_vec()).collect();
    assert_eq!(
        lines.len(),
        4,
        "{:?}",
        lines
            .iter()
            .map(|line| (line.len(), &line[..line.len().min(30)]))
            .collect::<Vec<_>>()
    );
    // Loki takes UTF-8; what is not is replaced where it is encoded, and nothing else of the line changes.
    assert!(lines[0].starts_with(b"bad ") && lines[0].ends_with(b" utf-8"));
    assert_eq!(lines[1], b"nul \0 byte");
    assert_eq!(lines[2].len(), long.len());
    assert_eq!(lines[3], b"last");
    assert_eq!(running.stop(), 0);
}
