//! `invar try`: finds, shows, stores, stops.

use crate::support::{Answer, PATIENCE, binary, eventually, invar, request, request_with, texts};
use serde_json::Value as Json;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A running `invar try`, and what it has shown so far.
struct Trying {
    child: Child,
    shown: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    started: Instant,
    /// When the first line was on the screen.
    first: Arc<Mutex<Option<Instant>>>,
    /// Where its temporary folder is.
    temp: tempfile::TempDir,
}

impl Trying {
    fn start(arguments: &[&str]) -> Trying {
        let temp = tempfile::tempdir().expect("a temporary folder");
        let started = Instant::now();
        let mut child = Command::new(binary())
            .arg("try")
            .args(arguments)
            .env("TMPDIR", temp.path())
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut out = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let shown = Arc::new(Mutex::new(String::new()));
        let first = Arc::new(Mutex::new(None));
        let reader = std::thread::spawn({
            let (shown, first) = (shown.clone(), first.clone());
            move || {
                let mut line = Vec::new();
                while out.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                    first.lock().expect("nobody panics").get_or_insert_with(Instant::now);
                    let text = std::str::from_utf8(&line).expect("the screen gets text").to_owned();
                    shown.lock().expect("nobody panics").push_str(&text);
                    line.clear();
                }
            }
        });
        Trying {
            child,
            shown,
            reader: Some(reader),
            started,
            first,
            temp,
        }
    }

    fn shown(&self) -> String {
        self.shown.lock().expect("nobody panics").clone()
    }

    /// Waits until the screen has this text.
    fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.shown().contains(text) {
            assert!(
                Instant::now() < deadline,
                "{text:?} is not on the screen:\n{}",
                self.shown()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The port that the header names.
    fn port(&self) -> u16 {
        self.wait_for("stop Ctrl-C");
        let shown = self.shown();
        let (_, after) = shown
            .split_once("page http://127.0.0.1:")
            .expect("the header names the page");
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("the page has a port")
    }

    fn get(&self, path: &str) -> Answer {
        request(self.port(), "GET", path).expect("the store answers")
    }

    /// The lines that the store has, sorted.
    fn stored(&self) -> Vec<String> {
        // {job=~".+"}
        let answer = self.get("/loki/api/v1/query_range?limit=5000&query=%7Bjob%3D~%22.%2B%22%7D");
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answer: Json = serde_json::from_str(&answer.body).expect("the answer is JSON");
        let streams = answer["data"]["result"].as_array().expect("streams are a list");
        let entries = streams
            .iter()
            .flat_map(|stream| stream["values"].as_array().expect("values are a list"));
        let mut lines: Vec<String> = entries
            .map(|entry| entry[1].as_str().expect("a line is text").to_owned())
            .collect();
        lines.sort();
        lines
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        assert!(status.expect("kill starts").success());
    }

    /// Waits for its end: what it has shown, what it complained about, the exit code.
    fn end(mut self) -> (String, String, i32) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the process can be waited for") {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end:\n{}", self.shown());
            std::thread::sleep(Duration::from_millis(10));
        };
        self.reader
            .take()
            .expect("it ends once")
            .join()
            .expect("the reader does not panic");
        let mut errors = String::new();
        self.child
            .stderr
            .take()
            .expect("standard error is piped")
            .read_to_string(&mut errors)
            .expect("it is text");
        let left: Vec<_> = fs::read_dir(self.temp.path()).expect("it is there").collect();
        assert!(left.is_empty(), "temporary files are left: {left:?}");
        (self.shown(), errors, status.code().unwrap_or(-1))
    }
}

impl Drop for Trying {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("the file can be opened");
    file.write_all(text.as_bytes()).expect("the file can be written");
}

fn logs() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let pattern = dir
        .path()
        .join("*.log")
        .to_str()
        .expect("a temporary path is text")
        .to_owned();
    (dir, pattern)
}

#[test]
fn it_shows_and_stores_lines_from_before_and_from_now_on() {
    let (dir, pattern) = logs();
    let path = dir.path().join("app.log");
    let before: String = (0..30).map(|i| format!("level=WARNING before {i:02}\n")).collect();
    append(&path, &before);
    let trying = Trying::start(&["--path", &pattern, "--listen", "127.0.0.1:0", "--for", "3s"]);
    trying.wait_for("before 29");
    append(&path, "an ERROR now\n\x1b[2Jclear\n");
    append(&dir.path().join("new.log"), "");
    trying.wait_for("clear");
    // Only the last lines of what was there: the others are in the file.
    let mut expect: Vec<String> = (20..30).map(|i| format!("level=WARNING before {i:02}")).collect();
    expect.extend(["\x1b[2Jclear".to_owned(), "an ERROR now".to_owned()]);
    expect.sort();
    assert_eq!(trying.stored(), expect);
    assert_eq!(trying.get("/").status, 200);
    let first = trying.first.lock().expect("nobody panics").expect("there are lines");
    let waited = first - trying.started;
    assert!(waited < Duration::from_secs(5), "the first line took {waited:?}");

    let (shown, errors, code) = trying.end();
    assert_eq!((errors.as_str(), code), ("", 0), "{shown}");
    assert!(
        shown.starts_with("Invar follows 1 log file of this machine.\n"),
        "{shown}"
    );
    assert!(
        shown.contains(&format!("invar try --print-config --path '{pattern}'")),
        "{shown}"
    );
    assert!(!shown.contains("before 19"), "{shown}");
    assert!(shown.contains("warn  level=WARNING before 20\n"), "{shown}");
    assert!(shown.contains("error an ERROR now\n"), "{shown}");
    assert!(shown.contains("-     \\x1b[2Jclear\n"), "{shown}");
    assert!(
        shown.ends_with("Invar has stopped: 12 lines shown, 12 delivered.\n"),
        "{shown}"
    );
}

#[test]
fn it_reads_whole_files_if_it_is_told_to_and_stops_at_a_signal() {
    for signal in ["INT", "TERM", "HUP"] {
        let (dir, pattern) = logs();
        let lines: String = (0..300).map(|i| format!("line {i:03}\n")).collect();
        append(&dir.path().join("app.log"), &lines);
        let trying = Trying::start(&["--path", &pattern, "--listen", "127.0.0.1:0", "--from-beginning"]);
        trying.wait_for("line 299");
        eventually("300 lines are stored", || trying.stored().len() == 300);
        trying.signal(signal);
        let (shown, errors, code) = trying.end();
        assert_eq!((errors.as_str(), code), ("", 0), "{shown}");
        let order: Vec<&str> = shown
            .lines()
            .filter_map(|line| line.split_once(" line "))
            .map(|(_, number)| number)
            .collect();
        assert_eq!(
            order,
            (0..300).map(|i| format!("{i:03}")).collect::<Vec<_>>(),
            "{signal}"
        );
        assert!(
            shown.ends_with("Invar has stopped: 300 lines shown, 300 delivered.\n"),
            "{shown}"
        );
    }
}

/// Serves `/metrics` on a free port until the process ends: a counter that goes up by 10 each time.
fn exposing() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = listener.local_addr().expect("it is bound").to_string();
    std::thread::spawn(move || {
        let mut count = 1000;
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.expect("somebody connects"));
            let mut line = String::new();
            // The head ends with an empty line.
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            count += 10;
            let body = format!(
                "# HELP shop_orders_total Orders.\n# TYPE shop_orders_total counter\nshop_orders_total{{kind=\"new\"}} {count}\n"
            );
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            // Who asked may be gone.
            let _ = reader.get_mut().write_all((head + &body).as_bytes());
        }
    });
    address
}

/// The elements of an answer of Prometheus' API.
fn elements(trying: &Trying, path: &str) -> Vec<Json> {
    let answer = trying.get(path);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer: Json = serde_json::from_str(&answer.body).expect("the answer is JSON");
    answer["data"]["result"].as_array().expect("a list").clone()
}

#[test]
fn it_keeps_samples_and_spans() {
    let (dir, pattern) = logs();
    append(&dir.path().join("app.log"), "one\n");
    let address = exposing();
    let arguments = ["--path", &pattern, "--metrics", &address, "--listen", "127.0.0.1:0"];
    let trying = Trying::start(&arguments);
    trying.wait_for("stop Ctrl-C");
    let shown = trying.shown();
    assert!(
        shown.contains(&format!("  metrics this machine, http://{address}/metrics\n")),
        "{shown}"
    );

    let id = "0af7651916cd43dd8448eb211c80319c";
    let span = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{id}","spanId":"00f067aa0ba902b7","name":"GET /cart"}}]}}]}}]}}"#
    );
    let (_, after) = shown
        .split_once("over HTTP to http://127.0.0.1:")
        .expect("the header names OTLP");
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    let otlp = digits.parse().expect("it has a port");
    eventually("OTLP is taken", || request(otlp, "GET", "/").is_some());
    let pushed = request_with(otlp, "POST", "/v1/traces", "application/json", &span);
    assert_eq!(pushed.status, 200, "{}", pushed.body);
    let log = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"NOW","body":{"stringValue":"over OTLP"}}]}]}]}"#;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("it is after 1970")
        .as_nanos();
    let log = log.replace("NOW", &now.to_string());
    let pushed = request_with(otlp, "POST", "/v1/logs", "application/json", &log);
    assert_eq!(pushed.status, 200, "{}", pushed.body);
    let point = format!(r#"{{"asInt":"7","timeUnixNano":"{now}"}}"#);
    let metric = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"otlp.depth","gauge":{{"dataPoints":[{point}]}}}}]}}]}}]}}"#
    );
    let pushed = request_with(otlp, "POST", "/v1/metrics", "application/json", &metric);
    assert_eq!(pushed.status, 200, "{}", pushed.body);
    eventually("the trace is stored", || {
        let trace = trying.get(&format!("/api/traces/{id}"));
        trace.status == 200 && trace.body.contains("GET /cart")
    });
    eventually("the gauge is stored", || {
        !elements(&trying, "/api/v1/query?query=otlp_depth").is_empty()
    });
    trying.wait_for("over OTLP");

    eventually("the counter has a rate", || {
        // rate(shop_orders_total{kind="new"}[1m])
        let found = elements(
            &trying,
            "/api/v1/query?query=rate(shop_orders_total%7Bkind%3D%22new%22%7D%5B1m%5D)",
        );
        let rate = found
            .first()
            .and_then(|sample| sample["value"][1].as_str()?.parse::<f64>().ok());
        rate.is_some_and(|rate| rate > 0.0)
    });
    let up = elements(&trying, "/api/v1/query?query=up%7Bjob!~%22integrations.*%22%7D");
    assert_eq!(
        (up.len(), &up[0]["metric"]["instance"]),
        (1, &Json::from(address.as_str())),
        "{up:?}"
    );
    eventually("the machine has metrics", || {
        !elements(&trying, "/api/v1/query?query=node_uname_info").is_empty()
    });
    eventually("what the counter means is known", || {
        let metadata = trying.get("/api/v1/metadata?metric=shop_orders_total");
        metadata.body.contains("\"type\":\"counter\",\"help\":\"Orders.\"")
    });
    // Logs are where they were.
    assert_eq!(trying.stored(), ["one"]);

    trying.signal("TERM");
    let (shown, errors, code) = trying.end();
    assert_eq!((errors.as_str(), code), ("", 0), "{shown}");
}

#[test]
fn it_ends_well_when_nobody_reads() {
    let (dir, pattern) = logs();
    append(&dir.path().join("app.log"), "one\n");
    let mut child = Command::new(binary())
        .args(["try", "--path", &pattern, "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut first = String::new();
    BufReader::new(child.stdout.take().expect("standard output is piped"))
        .read_line(&mut first)
        .expect("there is a header");
    assert_eq!(first, "Invar follows 1 log file of this machine.\n");
    eventually("the program sees that nobody reads", || {
        append(&dir.path().join("app.log"), "more\n");
        child.try_wait().expect("the process can be waited for").is_some()
    });
    let output = child.wait_with_output().expect("it has ended");
    assert_eq!(
        (String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()),
        ("", Some(0))
    );
}

#[test]
fn it_prints_the_configuration_that_it_would_run() {
    let (dir, pattern) = logs();
    append(
        &dir.path().join("app.log"),
        "2026-01-02T03:04:05.000000001Z stdout F hello\n",
    );
    let (config, errors, code) = texts(&invar(&["try", "--print-config", "--path", &pattern], ""));
    assert_eq!((errors.as_str(), code), ("", 0));
    assert!(config.contains(&format!("__path__ = \"{pattern}\"")), "{config}");
    assert!(config.contains("stage.cri { }"), "{config}");
    let path = dir.path().join("try.alloy");
    fs::write(&path, &config).expect("it can be written");
    let name = path.to_str().expect("a temporary path is text");
    assert_eq!(
        texts(&invar(&["fmt", "-t", name], "")),
        (String::new(), String::new(), 0)
    );
    assert_eq!(
        texts(&invar(&["validate", name], "")),
        (String::new(), String::new(), 0)
    );

    // Whatever this machine has, there is a configuration for it.
    let (config, errors, code) = texts(&invar(&["try", "--print-config"], ""));
    if code == 0 {
        fs::write(&path, &config).expect("it can be written");
        assert_eq!(
            texts(&invar(&["validate", name], "")),
            (String::new(), String::new(), 0),
            "{config}"
        );
    } else {
        assert!(errors.contains("use sudo"), "{errors}");
    }
}

#[test]
fn it_finds_levels_and_containers() {
    let (dir, _) = logs();
    let pod = dir.path().join("pods/shop_web-1_0af/web");
    fs::create_dir_all(&pod).expect("folders can be made");
    append(
        &pod.join("0.log"),
        "2026-01-02T03:04:05.000000001Z stdout P a line in\n2026-01-02T03:04:05.000000002Z stdout F  two pieces\n\
         2026-01-02T03:04:06Z stderr F {\"msg\":\"no error\",\"level\":\"Info\"}\n",
    );
    let docker = dir.path().join("0af-json.log");
    append(
        &docker,
        "{\"log\":\"[crit] from docker\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-02T03:04:07Z\"}\n",
    );
    let pods = dir.path().join("pods/*/*/*.log");
    let trying = Trying::start(&[
        "--path",
        pods.to_str().expect("a temporary path is text"),
        "--path",
        docker.to_str().expect("a temporary path is text"),
        "--listen",
        "127.0.0.1:0",
    ]);
    trying.wait_for("from docker");
    trying.wait_for("no error");
    let labels = |name: &str| {
        let answer = trying.get(&format!("/loki/api/v1/label/{name}/values"));
        let answer: Json = serde_json::from_str(&answer.body).expect("the answer is JSON");
        answer["data"].to_string()
    };
    assert_eq!(labels("level"), r#"["critical","info"]"#);
    assert_eq!(
        (labels("namespace"), labels("pod"), labels("container")),
        (r#"["shop"]"#.into(), r#"["web-1"]"#.into(), r#"["web"]"#.into())
    );
    assert_eq!(labels("stream"), r#"["stderr","stdout"]"#);
    trying.signal("TERM");
    let (shown, errors, code) = trying.end();
    assert_eq!((errors.as_str(), code), ("", 0), "{shown}");
    assert!(
        shown.contains("03:04:05 web/0.log                -     a line in two pieces\n"),
        "{shown}"
    );
    assert!(shown.contains("critical [crit] from docker\n"), "{shown}");
}

#[test]
fn it_says_what_to_do_if_it_cannot_start() {
    let (dir, pattern) = logs();
    let (_, errors, code) = texts(&invar(&["try", "--path", &pattern], ""));
    assert!(
        errors.starts_with("Error: no file matches --path") && errors.contains("**"),
        "{errors}"
    );
    assert_eq!(code, 1);
    let (_, errors, code) = texts(&invar(&["try", "--path", "/[", "--print-config"], ""));
    assert!(errors.starts_with("Error: --path \"/[\": "), "{errors}");
    assert_eq!(code, 1);

    let (_, errors, code) = texts(&invar(&["try", "--metrics", "nonsense", "--print-config"], ""));
    assert!(errors.starts_with("Error: --metrics \"nonsense\": "), "{errors}");
    assert_eq!(code, 1);

    append(&dir.path().join("app.log"), "one\n");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let address = taken.local_addr().expect("it is bound").to_string();
    let (out, errors, code) = texts(&invar(&["try", "--path", &pattern, "--listen", &address], ""));
    assert_eq!((out.as_str(), code), ("", 1));
    assert!(
        errors.contains(&format!("cannot listen on {address}")) && errors.contains("--listen"),
        "{errors}"
    );
}
