//! `invar queue` on logs of which every byte is known.

use crate::support::{eventually, invar, texts};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use testkit::loki_sink::{LokiSink, Mode};
use wal::{Append, Inspect, Options, RealDisk, Targets, Wal};

const CURSORS: [&str; 2] = ["one", "two"];

fn open(dir: &Path) -> Wal {
    Wal::open(Arc::new(RealDisk), Arc::new(host::SystemClock), dir, Options::default()).expect("the log opens")
}

/// Payload of a push request of two lines.
fn push(tenant: &str, n: u32) -> Vec<u8> {
    let mut encoder = lokipush::Encoder::new();
    encoder.begin_stream("{app=\"a\"}");
    let at = 1_700_000_000_000_000_000 + i64::from(n) * 10;
    encoder.plain_entry(at, format!("line {n} a").as_bytes());
    encoder.entry(at + 1, format!("line {n} b").as_bytes(), [("trace", "x")]);
    let mut payload = u16::try_from(tenant.len()).expect("short").to_le_bytes().to_vec();
    payload.extend_from_slice(tenant.as_bytes());
    let mut compressor = lokipush::Compressor::new();
    payload.extend_from_slice(compressor.compress(encoder.finish()).expect("small"));
    payload
}

fn append(log: &Wal, kind: u16, items: u32, payload: &[u8]) -> u64 {
    let seq = log.append(&Append {
        kind,
        items,
        bytes: payload.len() as u64,
        targets: Targets::All,
        keys: &[],
        payload: &[payload],
    });
    seq.expect("the record is appended")
}

/// A queue of `records` push requests in `storage/<component>/queue` for two cursors, the first of which has acknowledged one.
fn queue(storage: &Path, component: &str, records: u32) -> PathBuf {
    let dir = storage.join(component).join("queue");
    let log = open(&dir);
    let readers = CURSORS.map(|name| log.cursor(name).expect("a cursor"));
    for n in 0..records {
        append(&log, 1, 2, &push("team", n));
    }
    let first = readers[0].next().expect("it can be read").expect("it is there");
    assert!(readers[0].ack(first.entry.seq));
    log.close().expect("the log closes");
    dir
}

/// A dead-letter log of three entries and a record of a kind that nobody knows.
fn letters(storage: &Path) -> PathBuf {
    let dir = storage.join("loki.write.x").join("dead-letters");
    let log = open(&dir);
    log.cursor("letters").expect("a cursor");
    for n in 0..3 {
        let letter = format!(
            r#"{{"at":"2026-01-02T03:04:05Z","endpoint":"main","tenant":"team","status":400,"message":"too old","stream":"{{app=\"a\"}}","timestamp":"2023-11-14T22:13:2{n}.000000007Z","line":"letter {n}","structured_metadata":{{"k":"v"}}}}"#
        );
        append(&log, 2, 1, letter.as_bytes());
    }
    log.close().expect("the log closes");
    dir
}

fn queue_command(arguments: &[&str]) -> (String, String, i32) {
    texts(&invar(&[&["queue"], arguments].concat(), ""))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}

fn json_lines(out: &str) -> Vec<Value> {
    out.lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect()
}

fn segment(dir: &Path) -> PathBuf {
    let files = fs::read_dir(dir).expect("the folder can be listed");
    let mut files: Vec<PathBuf> = files.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
    files.sort();
    files.remove(0)
}

/// Flips a bit in the payloads of these records, counted from 0.
fn hit(dir: &Path, records: &[usize]) {
    let path = segment(dir);
    let mut bytes = fs::read(&path).expect("the segment can be read");
    // The payloads are known, and stand in the file as they are.
    for n in records {
        let payload = push("team", u32::try_from(*n).expect("few"));
        let at = bytes.windows(payload.len()).position(|window| window == payload);
        bytes[at.expect("the payload is there") + payload.len() / 2] ^= 0x10;
    }
    fs::write(&path, bytes).expect("the segment can be written");
}

#[test]
fn ls_shows_what_waits_for_whom() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let storage = format!("--storage.path={}", dir.path().display());
    let (out, _, code) = queue_command(&["ls", &storage]);
    assert_eq!(
        (out.as_str(), code),
        ("There is no queue: nothing had to wait on disk.\n", 0)
    );
    let log = queue(dir.path(), "loki.write.x", 5);
    letters(dir.path());
    let (out, _, code) = queue_command(&["ls", &storage]);
    assert_eq!(code, 0);
    for expected in [
        "loki.write.x dead-letters: 3 records in 1 segment, ",
        "loki.write.x queue: 5 records in 1 segment, ",
        "  one: 4 records with 8 items waiting, ",
        "    oldest: record 2 of 2",
        "  two: 5 records with 10 items waiting, ",
        text(&log),
    ] {
        assert!(out.contains(expected), "{expected:?} is not in {out}");
    }
    let (out, _, _) = queue_command(&["ls", "--json", text(&log)]);
    let rows: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(rows[0]["component"], "loki.write.x");
    assert_eq!(rows[0]["cursors"][0]["records"], 4);
    assert_eq!(rows[0]["cursors"][1]["oldest_seq"], 1);
    let (_, error, code) = queue_command(&["ls", "--storage.path=/nonexistent"]);
    assert_eq!(code, 1);
    assert!(error.contains("--storage.path says where"), "{error}");
}

#[test]
fn damage_is_named_moved_away_and_the_rest_is_there() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let log = queue(dir.path(), "loki.write.x", 8);
    let storage = format!("--storage.path={}", dir.path().display());
    let (out, _, code) = queue_command(&["verify", &storage]);
    assert_eq!(
        (out.as_str(), code),
        ("loki.write.x queue: 8 good records in 1 segment, no damage\n", 0)
    );
    hit(&log, &[2, 5]);
    let (out, error, code) = queue_command(&["verify", &storage]);
    assert_eq!(code, 1);
    let hits: Vec<&str> = out.lines().filter(|line| line.contains(".seg at ")).collect();
    assert_eq!(hits.len(), 2, "{out}");
    assert!(hits[0].ends_with("record 3: a record's payload is damaged"), "{out}");
    assert!(hits[1].ends_with("record 6: a record's payload is damaged"), "{out}");
    assert!(error.starts_with("Error: 2 damaged places"), "{error}");
    let (out, _, code) = queue_command(&["verify", "--json", text(&log)]);
    assert_eq!(code, 1);
    let reports: Value = serde_json::from_str(&out).expect("JSON");
    let seqs: Vec<u64> = reports[0]["damage"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|place| place["seq"].as_u64())
        .collect();
    assert_eq!(seqs, [3, 6]);

    // The log is read-only for looking: nothing was moved so far.
    assert!(!log.join("quarantine").exists());
    let (out, error, code) = queue_command(&["repair", text(&log)]);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("2 places mended"), "{out}");
    let moved = fs::read_dir(log.join("quarantine")).expect("quarantine").count();
    assert_eq!(moved, 2);
    let (out, _, _) = queue_command(&["ls", text(&log)]);
    assert!(out.contains("2 damaged places in quarantine"), "{out}");
    let (out, _, code) = queue_command(&["verify", text(&log)]);
    assert_eq!((out.contains("6 good records"), code), (true, 0), "{out}");
    assert_eq!(queue_command(&["repair", text(&log)]).0, "Nothing is damaged.\n");

    let (out, _, code) = queue_command(&["dump", text(&log)]);
    assert_eq!(code, 0);
    let lines: Vec<String> = json_lines(&out)
        .iter()
        .map(|line| line["line"].as_str().expect("a line").to_owned())
        .collect();
    let expected: Vec<String> = [0, 1, 3, 4, 6, 7]
        .iter()
        .flat_map(|n| [format!("line {n} a"), format!("line {n} b")])
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn dump_prints_lines_as_they_are_kept() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let log = queue(dir.path(), "loki.write.x", 3);
    let storage = format!("--storage.path={}", dir.path().display());
    let (out, _, _) = queue_command(&["dump", &storage, "--cursor", "one", "--limit", "2"]);
    assert_eq!(
        out,
        concat!(
            r#"{"seq":2,"stream":"{app=\"a\"}","timestamp":"2023-11-14T22:13:20.00000001Z","line":"line 1 a","structured_metadata":{},"tenant":"team"}"#,
            "\n",
            r#"{"seq":2,"stream":"{app=\"a\"}","timestamp":"2023-11-14T22:13:20.000000011Z","line":"line 1 b","structured_metadata":{"trace":"x"},"tenant":"team"}"#,
            "\n"
        )
    );
    let (out, _, _) = queue_command(&["dump", text(&log), "--from", "3"]);
    assert_eq!(out.lines().count(), 2);
    let (_, error, code) = queue_command(&["dump", text(&log), "--cursor", "three"]);
    assert_eq!(code, 1);
    assert!(error.contains("has no cursor \"three\""), "{error}");
    let dead = letters(dir.path());
    let (_, error, code) = queue_command(&["dump", &storage]);
    assert_eq!(code, 1);
    assert!(error.contains("there are several logs; name one of"), "{error}");
    let (out, _, _) = queue_command(&["dump", text(&dead), "--limit", "1"]);
    assert!(
        out.starts_with(r#"{"seq":1,"at":"2026-01-02T03:04:05Z","endpoint":"main","#),
        "{out}"
    );
    let log = open(&dead);
    append(&log, 9, 4, b"what is this");
    append(&log, 1, 4, b"x");
    log.close().expect("the log closes");
    let (out, _, _) = queue_command(&["dump", text(&dead), "--from", "4"]);
    assert_eq!(
        out,
        "{\"seq\":4,\"kind\":9,\"items\":4,\"bytes\":12}\n{\"seq\":5,\"kind\":1,\"items\":4,\"bytes\":1,\"error\":\"the payload is too short for a push request\"}\n"
    );
}

#[test]
fn what_is_in_use_can_be_looked_at_and_not_changed() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = queue(dir.path(), "loki.write.x", 4);
    let held = open(&path);
    for arguments in [
        &["trim", text(&path), "--before-seq", "3"][..],
        &["repair", text(&path)],
        &["replay", text(&path), "--url", "http://127.0.0.1:1", "--cursor", "one"],
    ] {
        let (_, error, code) = queue_command(arguments);
        assert_eq!(code, 1);
        assert!(
            error.contains("is in use by a running process: stop it first"),
            "{error}"
        );
    }
    append(&held, 1, 2, &push("team", 9));
    assert_eq!(queue_command(&["ls", text(&path)]).2, 0);
    assert_eq!(queue_command(&["verify", text(&path)]).2, 0);
    assert_eq!(queue_command(&["dump", text(&path)]).0.lines().count(), 10);
    held.close().expect("the log closes");

    let (out, error, code) = queue_command(&["trim", text(&path), "--before-seq", "3"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(
        out,
        "one: dropped 1 record with 2 items, 3 records left\ntwo: dropped 2 records with 4 items, 3 records left\n"
    );
    let (out, _, _) = queue_command(&["trim", text(&path), "--older-than", "1h", "--cursor", "one", "--json"]);
    let cursors: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(cursors[0]["dropped"]["records"], 0);
    let (out, _, _) = queue_command(&["trim", text(&path), "--all", "--cursor", "one"]);
    assert_eq!(out, "one: dropped 3 records with 6 items, 0 records left\n");
    assert_eq!(queue_command(&["trim", text(&path)]).2, 1);
    let elsewhere = dir.path().join("none");
    fs::create_dir(&elsewhere).expect("a folder");
    let (_, error, code) = queue_command(&["trim", text(&elsewhere), "--all"]);
    assert_eq!(code, 1);
    assert!(error.contains("is not the folder of a queue"), "{error}");
    assert_eq!(fs::read_dir(&elsewhere).expect("a folder").count(), 0);
}

/// Lines that arrived, with how often.
fn arrived(sink: &LokiSink) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    for entry in sink.entries() {
        *lines
            .entry(String::from_utf8_lossy(&entry.line).into_owned())
            .or_default() += 1;
    }
    lines
}

#[test]
fn replay_sends_each_line_once() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = queue(dir.path(), "loki.write.x", 6);
    let sink = LokiSink::start();
    let url = sink.url();
    let replay = |more: &[&str]| queue_command(&[&["replay", text(&path), "--url", &url], more].concat());
    let (_, error, code) = replay(&[]);
    assert_eq!(code, 1);
    assert!(
        error.contains("several cursors; name one with --cursor: one, two"),
        "{error}"
    );

    // Refused in the middle: what was taken is acknowledged, and the rest comes with the next call.
    sink.set_mode(Mode::reject_containing(400, "line 3 a"));
    let (_, error, code) = replay(&["--cursor", "one"]);
    assert_eq!(code, 1);
    for expected in [
        "record 4 was not taken: ",
        "answers 400 Bad Request",
        "before that 2 records with 4 items went there",
        "3 records are left",
    ] {
        assert!(error.contains(expected), "{expected:?} is not in {error}");
    }
    sink.set_mode(Mode::Ok);
    let (out, error, code) = replay(&["--cursor", "one"]);
    assert_eq!(code, 0, "{error}");
    assert!(
        out.starts_with("3 records with 6 items went from one to http://"),
        "{out}"
    );
    let lines = arrived(&sink);
    assert_eq!(lines.len(), 10, "{lines:?}");
    assert!(lines.values().all(|n| *n == 1), "{lines:?}");
    assert!(sink.entries().iter().all(|entry| &*entry.tenant == "team"));
    let before = sink.totals().requests;
    let (out, _, code) = replay(&["--cursor", "one"]);
    assert_eq!((out.as_str(), code), ("There is nothing to send for one.\n", 0));
    assert_eq!(sink.totals().requests, before);

    // The other cursor is not concerned, and --keep changes nothing, even while the log is in use.
    sink.reset();
    let held = open(&path);
    for _ in 0..2 {
        let (out, error, code) = replay(&["--cursor", "two", "--keep", "--tenant", "other", "--json"]);
        assert_eq!(code, 0, "{error}");
        let told: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!((&told["sent_records"], &told["left_records"]), (&6.into(), &6.into()));
    }
    held.close().expect("the log closes");
    assert_eq!(sink.totals().entries, 24);
    assert!(sink.entries().iter().all(|entry| &*entry.tenant == "other"));
}

#[test]
fn everything_is_sent_if_the_cursors_are_lost() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = queue(dir.path(), "loki.write.x", 3);
    for copy in ["cursors.0", "cursors.1"] {
        fs::write(path.join(copy), b"no").expect("it can be written");
    }
    let (out, _, code) = queue_command(&["verify", text(&path)]);
    assert_eq!(code, 1);
    assert!(out.contains("  the cursors are lost"), "{out}");
    assert!(queue_command(&["ls", text(&path)]).0.contains("the cursors are lost"));
    assert_eq!(queue_command(&["dump", text(&path)]).0.lines().count(), 6);
    let sink = LokiSink::start();
    let url = sink.url();
    let replay = |more: &[&str]| queue_command(&[&["replay", text(&path), "--url", &url], more].concat());
    let (_, error, code) = replay(&[]);
    assert_eq!(code, 1);
    assert!(error.contains("the cursors are lost"), "{error}");
    for more in [&["--cursor", "one", "--keep"][..], &["--cursor", "one"]] {
        sink.reset();
        let (out, error, code) = replay(more);
        assert_eq!(code, 0, "{error}");
        assert!(out.starts_with("3 records with 6 items went"), "{out}");
        assert_eq!(sink.totals().entries, 6);
    }
    assert_eq!(replay(&["--cursor", "one"]).0, "There is nothing to send for one.\n");
}

#[test]
fn dead_letters_are_sent_again() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = letters(dir.path());
    let sink = LokiSink::start();
    let url = sink.url();
    let replay = || queue_command(&["replay", text(&path), "--url", &url]);
    // Together they are refused; one by one the first of them is taken.
    sink.set_mode(Mode::reject_containing(400, "letter 1"));
    let (_, error, code) = replay();
    assert_eq!(code, 1);
    assert!(error.contains("record 2 was not taken"), "{error}");
    assert!(error.contains("2 records are left"), "{error}");
    sink.set_mode(Mode::Ok);
    let (out, error, code) = replay();
    assert_eq!(code, 0, "{error}");
    assert!(out.starts_with("2 records with 2 items went from letters to"), "{out}");
    let entries = sink.entries();
    assert_eq!(arrived(&sink).len(), 3);
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[1].ts, 1_700_000_001_000_000_007);
    assert_eq!(&*entries[1].labels, "{app=\"a\"}");
    assert_eq!(entries[1].metadata, [("k".to_owned(), "v".to_owned())]);
    assert_eq!(replay().0, "There is nothing to send for letters.\n");
    let cursors = Inspect::new(Arc::new(RealDisk), &path).cursors().expect("cursors");
    assert_eq!(cursors[0].depth.records, 0);
}

#[test]
fn looking_at_a_busy_log_finds_no_damage() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("loki.write.x").join("queue");
    let options = Options {
        segment_bytes: 16 << 10,
        durability: wal::Durability::Never,
        ..Options::default()
    };
    let log = Wal::open(Arc::new(RealDisk), Arc::new(host::SystemClock), &path, options).expect("the log opens");
    let reader = log.cursor("one").expect("a cursor");
    let stop = AtomicBool::new(false);
    let written = AtomicU32::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                append(&log, 1, 2, &push("team", n));
                n += 1;
                written.store(n, Ordering::Relaxed);
                // Some wait, so that there are several segments, and old ones go.
                if n > 1000
                    && let Some(record) = reader.next().expect("it can be read")
                {
                    reader.ack(record.entry.seq);
                }
                if n % 100 == 0 {
                    log.maintain().expect("the cursors are saved");
                }
            }
        });
        eventually("old segments go", || written.load(Ordering::Relaxed) > 2000);
        for _ in 0..5 {
            for command in ["ls", "verify", "dump"] {
                let (out, error, code) = queue_command(&[command, text(&path)]);
                if code != 0 || !error.is_empty() {
                    stop.store(true, Ordering::Relaxed);
                    panic!("{command}: {error}{}", &out[..out.len().min(2000)]);
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    log.close().expect("the log closes");
}
