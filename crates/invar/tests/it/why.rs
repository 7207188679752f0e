//! `invar ledger` and `invar why` against a running program.

use crate::pipeline::config;
use crate::support::{Running, eventually, invar, texts};
use std::fs;
use testkit::loki_sink::LokiSink;

#[test]
fn where_records_went_is_answered_with_rule_and_place() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sink = LokiSink::start();
    let mut text = String::new();
    for n in 0..1000 {
        let kind = if n % 10 == 0 {
            "noise password=hunter2"
        } else {
            "signal"
        };
        text.push_str(&format!("{kind} {n}\n"));
    }
    fs::write(dir.path().join("app.log"), text).expect("the log can be written");
    let running = Running::start(dir.path(), &config(dir.path(), "app.log", &sink.url()), &[]);
    eventually("delivery", || sink.totals().entries == 900);
    let addr = format!("http://127.0.0.1:{}", running.port());

    let mut ledger = (String::new(), String::new(), 0);
    eventually("the ledger is settled", || {
        ledger = texts(&invar(&["ledger", "--strict", "--addr", &addr], ""));
        ledger
            .0
            .contains("loki.source.file.logs -> loki.process.filter: balances")
            && !ledger.0.contains("in flight")
    });
    assert_eq!(ledger.2, 0, "{}", ledger.1);
    let numbers: Vec<&str> = ledger.0.split_whitespace().collect();
    assert!(ledger.0.contains("filtered (noisy)"), "{}", ledger.0);
    assert!(
        numbers.windows(2).any(|pair| pair == ["100", "records"]),
        "{}",
        ledger.0
    );

    let (out, _, code) = texts(&invar(&["why", "--addr", &addr], ""));
    assert_eq!(code, 0);
    let config = dir.path().join("config.alloy");
    let line = |what: &str| {
        let text = fs::read_to_string(&config).expect("the configuration can be read");
        text.lines().position(|line| line.contains(what)).expect("it is there") + 1
    };
    for expected in [
        format!(
            "loki.process.filter ({}:{})",
            config.display(),
            line("loki.process \"filter\"")
        ),
        "100 records, ".to_owned(),
        "dropped by rule \"noisy\", since the start".to_owned(),
        format!("by stage.drop at {}:{}", config.display(), line("stage.drop")),
        "job=\"app\"".to_owned(),
        "noise password=<redacted> ".to_owned(),
    ] {
        assert!(out.contains(&expected), "{expected:?} is not in {out}");
    }
    assert!(!out.contains("hunter2"), "{out}");

    let ask = |arguments: &[&str]| {
        let mut all = vec!["why", "--addr", &addr];
        all.extend(arguments);
        texts(&invar(&all, ""))
    };
    assert!(
        ask(&["--label", "job=other"])
            .0
            .starts_with("No example with these labels")
    );
    assert!(
        ask(&["--label", "job=app", "--since", "10m"])
            .0
            .contains("password=<redacted>")
    );
    assert!(
        ask(&["--component", "loki.write.local"])
            .0
            .starts_with("Every record arrived")
    );
    assert_eq!(ask(&["--label", "job"]).2, 1);
    let json: serde_json::Value = serde_json::from_str(&ask(&["--json"]).0).expect("JSON");
    assert_eq!(json["answers"][0]["items"], 100);
    assert_eq!(running.stop(), 0);
    let (_, error, code) = texts(&invar(&["ledger", "--addr", &addr], ""));
    assert_eq!(code, 1);
    assert!(
        error.contains("no Invar answers at") && error.contains("is it running"),
        "{error}"
    );
}
