//! A Loki that misbehaves.

use crate::pipeline::{by_file, config};
use crate::support::{Running, eventually};
use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};
use testkit::loki_sink::{LokiSink, Mode};

/// Bound for the memory of the process under a destination that takes nothing.
const LIMIT_MIB: u64 = 128;

#[test]
fn an_outage_loses_nothing_and_stays_within_the_memory_limit() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sink = LokiSink::start();
    let config = config(dir.path(), "app.log", &sink.url());
    let limit = format!("--memory-limit={LIMIT_MIB}MiB");
    let running = Running::start(dir.path(), &config, &[&limit]);
    let mut file = fs::File::create(dir.path().join("app.log")).expect("the log can be written");
    let mut written = 0;
    let mut write = |lines: u32| {
        let mut text = String::new();
        for _ in 0..lines {
            text.push_str(&format!("signal {written} {}\n", "x".repeat(150)));
            written += 1;
        }
        file.write_all(text.as_bytes()).expect("the log can be written");
    };
    let modes = [
        Mode::status(500),
        Mode::retry_after(429, 1),
        Mode::Close,
        Mode::LoseResponse,
        Mode::Refuse,
    ];
    for mode in modes {
        write(2000);
        eventually("lines arrive while all is well", || sink.totals().entries > 0);
        sink.set_mode(mode.clone());
        // More than the memory limit over all modes: it has to wait in the file.
        write(150_000);
        let until = Instant::now() + Duration::from_secs(if mode == Mode::Refuse { 60 } else { 4 });
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
        }
        sink.set_mode(Mode::Ok);
    }
    let total = 5 * 152_000;
    eventually("everything arrives after the outages", || {
        if sink.totals().entries < total as u64 {
            if std::env::var_os("TRACE").is_some() {
                eprintln!("{:?}", sink.totals());
                std::thread::sleep(Duration::from_secs(1));
            }
            return false;
        }
        let mut seen = vec![false; total];
        let mut count = 0;
        for entry in sink.entries() {
            let number: usize = std::str::from_utf8(&entry.line)
                .ok()
                .and_then(|line| line.split(' ').nth(1))
                .and_then(|n| n.parse().ok())
                .expect("a line as it was written");
            count += usize::from(!std::mem::replace(&mut seen[number], true));
        }
        if std::env::var_os("TRACE").is_some() {
            eprintln!("{count} of {total}");
        }
        count == total
    });
    // Order per stream: the first arrival of each line is in the order of the file.
    let lines = &by_file(&sink)["app.log"];
    let mut next = 0;
    for line in lines {
        let number: usize = line
            .split(' ')
            .nth(1)
            .and_then(|n| n.parse().ok())
            .expect("a line as it was written");
        assert!(number <= next, "line {number} arrived before line {next}");
        next = next.max(number + 1);
    }
    let peak = running.peak_rss() >> 20;
    println!(
        "peak resident memory {peak} MiB under a limit of {LIMIT_MIB} MiB; {} of {total} lines repeated",
        lines.len() - total
    );
    assert!(peak <= LIMIT_MIB, "peak resident memory {peak} MiB");
    assert_eq!(running.stop(), 0);
}
