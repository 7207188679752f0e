//! `kill -9` at random moments.

use crate::pipeline::config;
use crate::support::{PATIENCE, Running};
use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};
use testkit::loki_sink::LokiSink;

const KILLS: u32 = 20;
const LINES: u32 = 500_000;

#[test]
fn twenty_kills_lose_no_line() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sink = LokiSink::start();
    let config = config(dir.path(), "app.log", &sink.url());
    let path = dir.path().join("app.log");
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..));
    let mut random = fastrand::Rng::with_seed(seed);
    eprintln!("SEED={seed} reproduces the moments of the kills");

    let writer = std::thread::spawn(move || {
        let mut file = fs::File::create(path).expect("the log can be written");
        for chunk in 0..LINES / 500 {
            let mut text = String::new();
            for n in chunk * 500..(chunk + 1) * 500 {
                text.push_str(&format!("signal {n}\n"));
            }
            file.write_all(text.as_bytes()).expect("the log can be written");
            // Spread over about as long as the kills take.
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    for _ in 0..KILLS {
        let running = Running::spawn(dir.path(), &config, &[]);
        std::thread::sleep(Duration::from_millis(random.u64(50..1200)));
        running.kill();
    }
    writer.join().expect("the writer does not panic");
    let last = Running::start(dir.path(), &config, &[]);
    let mut seen: HashMap<u32, u32> = HashMap::new();
    let mut counted = 0;
    let deadline = Instant::now() + 5 * PATIENCE;
    while seen.len() < LINES as usize {
        let entries = sink.entries();
        for entry in &entries[counted..] {
            let line = std::str::from_utf8(&entry.line).expect("lines are text");
            let number = line
                .strip_prefix("signal ")
                .and_then(|n| n.parse().ok())
                .expect("a line as it was written");
            *seen.entry(number).or_default() += 1;
        }
        counted = entries.len();
        assert!(
            Instant::now() < deadline,
            "{} of {LINES} lines arrived:\n{}",
            seen.len(),
            last.log()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    let repeated: u64 = seen.values().map(|n| u64::from(n - 1)).sum();
    println!("{KILLS} kills, {LINES} lines: lost 0, repeated {repeated}");
    assert_eq!(last.stop(), 0);
}
