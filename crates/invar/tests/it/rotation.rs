//! Log rotation under load, by the real binary on the real file system.

use crate::pipeline::config;
use crate::support::{PATIENCE, Running, eventually};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use testkit::loki_sink::LokiSink;

/// Appends numbered lines to a file that is rotated meanwhile.
struct Writer {
    path: PathBuf,
    file: fs::File,
    next: usize,
}

impl Writer {
    fn new(path: &Path) -> Writer {
        Writer {
            path: path.to_path_buf(),
            file: open(path),
            next: 0,
        }
    }

    fn write(&mut self, lines: usize) {
        let mut text = String::new();
        for _ in 0..lines {
            text.push_str(&format!("signal {}\n", self.next));
            self.next += 1;
        }
        self.file.write_all(text.as_bytes()).expect("the log can be written");
    }

    fn rotated(&self, n: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{n}"));
        PathBuf::from(name)
    }

    fn rename(&mut self) {
        for n in (1..40).rev() {
            if self.rotated(n).exists() {
                fs::rename(self.rotated(n), self.rotated(n + 1)).expect("the old file can be renamed");
            }
        }
        fs::rename(&self.path, self.rotated(1)).expect("the file can be renamed");
        self.file = open(&self.path);
    }

    fn copytruncate(&mut self) {
        for n in (1..40).rev() {
            if self.rotated(n).exists() {
                fs::rename(self.rotated(n), self.rotated(n + 1)).expect("the old file can be renamed");
            }
        }
        fs::copy(&self.path, self.rotated(1)).expect("the file can be copied");
        self.file.set_len(0).expect("the file can be truncated");
    }

    fn gzip(&mut self, n: usize) {
        let status = std::process::Command::new("gzip")
            .arg("-f")
            .arg(self.rotated(n))
            .status();
        assert!(status.expect("gzip starts").success());
    }
}

fn open(path: &Path) -> fs::File {
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("the log can be opened")
}

/// Six rotations: `burst` milliseconds between the first three, then slower than the file is looked at.
fn check(pattern: &str, burst: u64, rotate: impl Fn(&mut Writer, usize)) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sink = LokiSink::start();
    let mut writer = Writer::new(&dir.path().join("app.log"));
    writer.write(100);
    let running = Running::start(dir.path(), &config(dir.path(), pattern, &sink.url()), &[]);
    eventually("delivery begins", || sink.totals().entries >= 100);
    for round in 0..6 {
        writer.write(500);
        rotate(&mut writer, round);
        writer.write(500);
        std::thread::sleep(Duration::from_millis(if round < 3 { burst } else { 350 }));
    }
    // What does not arrive in time is named below.
    let deadline = std::time::Instant::now() + PATIENCE / 2;
    while sink.totals().entries < writer.next as u64 && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    // Whatever would be read twice arrives within a few polls.
    std::thread::sleep(Duration::from_secs(2));
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
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    let lost: Vec<usize> = (0..writer.next).filter(|n| sorted.binary_search(n).is_err()).collect();
    assert!(
        lost.is_empty(),
        "{} lines lost, from {:?} to {:?}",
        lost.len(),
        lost.first(),
        lost.last()
    );
    assert_eq!(numbers.len(), writer.next, "lines repeated");
    assert_eq!(numbers, (0..writer.next).collect::<Vec<_>>(), "out of order");
    assert_eq!(running.stop(), 0);
}

#[test]
fn rename_loses_and_repeats_nothing() {
    check("app.log", 0, |writer, _| writer.rename());
}

#[test]
fn copytruncate_loses_and_repeats_nothing() {
    check("app.log", 0, |writer, _| writer.copytruncate());
}

#[test]
fn a_compressed_old_file_is_not_read_again() {
    check("app.log", 0, |writer, round| {
        writer.rename();
        if round >= 3 {
            std::thread::sleep(Duration::from_millis(300));
            writer.gzip(1);
        }
    });
}

#[test]
fn a_pattern_that_matches_rotated_names_repeats_nothing() {
    check("app.log*", 0, |writer, _| writer.rename());
}

#[test]
fn three_rotations_within_a_second_lose_nothing() {
    check("app.log", 0, |writer, _| {
        for _ in 0..3 {
            writer.rename();
            writer.write(50);
        }
    });
}
