//! `invar top` against a running program.

use crate::pipeline::config;
use crate::support::{PATIENCE, Running, eventually, invar, texts};
use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;
use testkit::loki_sink::LokiSink;

fn start(dir: &std::path::Path) -> (Running, LokiSink, String) {
    let sink = LokiSink::start();
    let lines: String = (0..200).map(|n| format!("signal {n}\n")).collect();
    fs::write(dir.join("app.log"), lines).expect("the log can be written");
    let running = Running::start(dir, &config(dir, "app.log", &sink.url()), &[]);
    eventually("delivery", || sink.totals().entries == 200);
    let addr = format!("http://127.0.0.1:{}", running.port());
    (running, sink, addr)
}

#[test]
fn one_look_as_json_and_as_text() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (running, _sink, addr) = start(dir.path());
    let ask = |arguments: &[&str]| {
        let mut all = vec!["top", "--addr", &addr, "--interval", "100ms"];
        all.extend(arguments);
        texts(&invar(&all, ""))
    };

    let (out, error, code) = ask(&["--json", "--sort", "id"]);
    assert_eq!((error.as_str(), code), ("", 0));
    let json: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert!(
        json["intervalSeconds"].as_f64().is_some_and(|seconds| seconds > 0.0),
        "{out}"
    );
    assert!(json["budget"]["limit"].as_u64().is_some_and(|limit| limit > 0), "{out}");
    let components = json["components"].as_array().expect("a list");
    let ids: Vec<&str> = components
        .iter()
        .filter_map(|component| component["id"].as_str())
        .collect();
    assert!(ids.contains(&"loki.write.local") && ids.is_sorted(), "{ids:?}");
    assert!(components[0]["in"]["itemsPerSecond"].is_number(), "{out}");
    assert_eq!(components[0]["health"], "healthy");

    // Standard output is no terminal here, as with --once.
    let (out, error, code) = ask(&["--filter", "loki.process"]);
    assert_eq!((error.as_str(), code), ("", 0));
    assert!(out.contains("loki.process.filter healthy"), "{out}");
    assert!(!out.contains("loki.write.local healthy"), "{out}");
    assert!(out.contains("none unhealthy"), "{out}");

    assert_eq!(running.stop(), 0);
    let (_, error, code) = ask(&["--once"]);
    assert_eq!(code, 1);
    assert!(error.contains("no Invar answers at"), "{error}");
}

/// `invar top` on a terminal of its own, which util-linux' `script` makes.
struct Screen {
    child: Child,
    news: Receiver<Vec<u8>>,
    seen: String,
}

impl Screen {
    fn start(addr: &str) -> Screen {
        let command = format!(
            "stty rows 24 cols 80; exec {} top --addr {addr} --interval 100ms",
            crate::support::binary()
        );
        let mut child = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script starts");
        let mut out = child.stdout.take().expect("standard output is piped");
        let (sender, news) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = out.read(&mut chunk) {
                if sender.send(chunk[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Screen {
            child,
            news,
            seen: String::new(),
        }
    }

    /// Waits until something was written since the last wait. Only cells that change are written, so that what is waited for should
    /// not have been there in part.
    fn wait_for(&mut self, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.seen.contains(wanted) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.news.recv_timeout(left) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => panic!("no {wanted:?}: {error}: {:?}", self.seen),
            }
        }
        self.seen.clear();
    }

    fn press(&mut self, keys: &str) {
        let stdin = self.child.stdin.as_mut().expect("standard input is piped");
        stdin.write_all(keys.as_bytes()).expect("the keys are taken");
        stdin.flush().expect("the keys are taken");
    }
}

/// What gives the screen back as it was.
const LEAVE: &str = "\u{1b}[?1049l";

#[test]
fn the_screen_takes_keys_and_is_given_back() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (running, _sink, addr) = start(dir.path());
    let mut screen = Screen::start(&addr);
    screen.wait_for("loki.write.local");
    screen.press("?");
    screen.wait_for("Ctrl-C");
    screen.press("?");
    screen.wait_for("COMPONENT");
    screen.press("/write");
    screen.wait_for("Enter keeps");
    screen.press("\r");
    screen.wait_for("(1 of");
    assert_eq!(running.stop(), 0);
    screen.wait_for("NO ANSWER");
    screen.press("q");
    screen.wait_for(LEAVE);
    assert!(screen.child.wait().expect("it ends").success());
}

#[test]
fn a_signal_gives_the_screen_back() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (_running, _sink, addr) = start(dir.path());
    let mut screen = Screen::start(&addr);
    screen.wait_for("loki.write.local");
    // Control-C is a key here, as the terminal is in raw mode.
    screen.press("\u{3}");
    screen.wait_for(LEAVE);
    assert!(screen.child.wait().expect("it ends").success());
}
