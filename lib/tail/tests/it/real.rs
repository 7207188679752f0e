//! On the real file system, with real notifications.

use host::{Clock, RealFs, SystemClock};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use tail::{Follower, Options, Registry, Watcher};

fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("it can be opened");
    file.write_all(text.as_bytes()).expect("it can be written");
}

fn lines(follower: &mut Follower) -> Vec<String> {
    let now = SystemClock.now();
    follower.observe(now).expect("it can be looked at");
    let mut lines = Vec::new();
    while let Some(chunk) = follower.next(now).expect("it can be read") {
        lines.extend(chunk.lines().map(|line| String::from_utf8_lossy(&line).into_owned()));
        follower.ack(chunk.generation, chunk.end);
    }
    lines
}

#[test]
fn rename_copytruncate_and_compression() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| dir.path().join(name);
    append(&at("a.log"), "1\n");
    let follow = |state| {
        Follower::new(
            Arc::new(RealFs),
            &Registry::new(),
            at("a.log"),
            Options::default(),
            state,
        )
    };
    let mut follower = follow(None);
    assert_eq!(lines(&mut follower), ["1"]);
    append(&at("a.log"), "2\n");
    fs::rename(at("a.log"), at("a.log.1")).expect("it can be renamed");
    append(&at("a.log"), "3\n");
    fs::rename(at("a.log.1"), at("a.log.2")).expect("it can be renamed");
    fs::rename(at("a.log"), at("a.log.1")).expect("it can be renamed");
    append(&at("a.log"), "4\n");
    assert_eq!(lines(&mut follower), ["2", "3", "4"]);
    append(&at("a.log"), "5\n");
    fs::copy(at("a.log"), at("a.log.0")).expect("it can be copied");
    append(&at("a.log.0"), "");
    fs::OpenOptions::new()
        .write(true)
        .open(at("a.log"))
        .and_then(|file| file.set_len(0))
        .expect("it can be truncated");
    append(&at("a.log"), "6\n7\n8\n9\n");
    assert_eq!(lines(&mut follower), ["5", "6", "7", "8", "9"]);
    let state = follower.state();
    drop(follower);
    append(&at("a.log"), "10\n");
    fs::rename(at("a.log"), at("a.log.1")).expect("it can be renamed");
    let status = std::process::Command::new("gzip").arg("-f").arg(at("a.log.1")).status();
    assert!(status.expect("gzip starts").success());
    append(&at("a.log"), "11\n");
    assert_eq!(lines(&mut follow(state)), ["10", "11"]);
}

#[test]
fn an_unreadable_file_is_an_error_until_it_is_readable() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("a.log");
    fs::create_dir(&path).expect("a folder");
    let mut follower = Follower::new(Arc::new(RealFs), &Registry::new(), &path, Options::default(), None);
    let error = follower.observe(SystemClock.now()).expect_err("a folder is no file");
    assert_eq!(error.to_string(), "not a regular file");
    fs::remove_dir(&path).expect("it can be removed");
    append(&path, "1\n");
    assert_eq!(lines(&mut follower), ["1"]);
}

#[test]
fn behind_a_link_rotated_files_are_found_beside_the_file() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (link, real) = (dir.path().join("pod.log"), dir.path().join("pods"));
    fs::create_dir(&real).expect("a folder");
    append(&real.join("0.log"), "1\n");
    std::os::unix::fs::symlink(real.join("0.log"), &link).expect("a link");
    let follow = |state| Follower::new(Arc::new(RealFs), &Registry::new(), &link, Options::default(), state);
    let mut follower = follow(None);
    assert_eq!(lines(&mut follower), ["1"]);
    let state = follower.state();
    drop(follower);
    append(&real.join("0.log"), "2\n");
    fs::rename(real.join("0.log"), real.join("0.log.20240506-070809")).expect("it can be renamed");
    append(&real.join("0.log"), "3\n");
    assert_eq!(lines(&mut follow(state)), ["2", "3"]);
}

#[test]
fn a_change_behind_a_link_is_signalled() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (link, real) = (dir.path().join("pod.log"), dir.path().join("pods"));
    fs::create_dir(&real).expect("a folder");
    append(&real.join("0.log"), "1\n");
    std::os::unix::fs::symlink(real.join("0.log"), &link).expect("a link");
    let (changed, signal) = mpsc::channel();
    let watcher = Watcher::native();
    let watch = watcher.watch(&link, move || {
        let _ = changed.send(());
    });
    if !watch.is_native() {
        println!("skipped: this system gives no notifications");
        return;
    }
    append(&real.join("0.log"), "2\n");
    signal.recv_timeout(Duration::from_secs(30)).expect("a signal");
}

#[test]
fn a_change_is_signalled() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("a.log");
    let (changed, signal) = mpsc::channel();
    let watcher = Watcher::native();
    let watch = watcher.watch(&path, move || {
        // Nobody listens any more at the end.
        let _ = changed.send(());
    });
    if !watch.is_native() {
        println!("skipped: this system gives no notifications");
        return;
    }
    append(&path, "1\n");
    signal.recv_timeout(Duration::from_secs(30)).expect("a signal");
}
