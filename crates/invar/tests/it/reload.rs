//! Reloads are transactions.

use crate::pipeline::config;
use crate::support::{Running, eventually};
use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use testkit::loki_sink::LokiSink;

#[test]
fn a_broken_file_changes_nothing_and_a_changed_stage_applies_without_reading_again() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sink = LokiSink::start();
    let path = config(dir.path(), "app.log", &sink.url());
    let good = fs::read_to_string(&path).expect("the configuration can be read");
    let running = Running::start(dir.path(), &path, &[]);
    let stop = Arc::new(AtomicBool::new(false));
    let written = Arc::new(AtomicUsize::new(0));
    let writer = std::thread::spawn({
        let (stop, written, log) = (stop.clone(), written.clone(), dir.path().join("app.log"));
        move || {
            let mut file = fs::File::create(log).expect("the log can be written");
            while !stop.load(Ordering::SeqCst) {
                let n = written.fetch_add(1, Ordering::SeqCst);
                writeln!(file, "signal {n}").expect("the log can be written");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    eventually("delivery begins", || sink.totals().entries > 50);

    for (broken, place, carets) in [
        (good.replace("stage.drop {", "stage.drop ["), "config.alloy:", "^"),
        (
            good.replace("loki.write.local.receiver", "loki.write.locl.receiver"),
            ":17:",
            "^^^",
        ),
        (good.replace("\".*noise.*\"", "\".*(noise\""), ":14:", "^^^"),
        (
            good.replace("loki.write \"local\"", "loki.wrte \"local\""),
            "did you mean \"loki.write\"",
            "^^^",
        ),
    ] {
        fs::write(&path, &broken).expect("the configuration can be written");
        let answer = running.post("/-/reload").expect("the program answers");
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert!(answer.body.contains("config.alloy:"), "{}", answer.body);
        assert!(answer.body.contains(place), "no {place:?} in\n{}", answer.body);
        assert!(answer.body.contains(carets), "no carets in\n{}", answer.body);
        let before = sink.totals().entries;
        eventually("delivery goes on", || sink.totals().entries > before + 20);
    }
    assert_eq!(running.metric("alloy_config_last_load_successful", &[]), Some(0.0));

    let changed = good.replace(
        "stage.drop {",
        "stage.static_labels {\n\t\tvalues = {\"version\" = \"two\"}\n\t}\n\n\tstage.drop {",
    );
    fs::write(&path, &changed).expect("the configuration can be written");
    let answer = running.get("/-/reload").expect("the program answers");
    assert_eq!((answer.status, answer.body.as_str()), (200, "config reloaded\n"));
    let has_label = |sink: &LokiSink| {
        sink.entries()
            .last()
            .is_some_and(|entry| entry.labels.contains("version=\"two\""))
    };
    eventually("the new stage applies", || has_label(&sink));
    assert_eq!(running.metric("alloy_config_last_load_successful", &[]), Some(1.0));

    // SIGHUP reloads as well.
    fs::write(&path, &good).expect("the configuration can be written");
    running.signal("HUP");
    eventually("the stage is gone", || !has_label(&sink));

    stop.store(true, Ordering::SeqCst);
    writer.join().expect("the writer does not panic");
    let total = written.load(Ordering::SeqCst);
    eventually("every line arrives", || sink.totals().entries >= total as u64);
    let numbers: Vec<usize> = sink
        .entries()
        .iter()
        .map(|entry| {
            let line = std::str::from_utf8(&entry.line).expect("lines are text");
            line.strip_prefix("signal ")
                .and_then(|n| n.parse().ok())
                .expect("a line as it was written")
        })
        .collect();
    assert_eq!(
        numbers,
        (0..total).collect::<Vec<_>>(),
        "every line once, in order, across five reloads"
    );
    assert_eq!(running.stop(), 0);
}
