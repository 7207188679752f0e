//! Lines that are pushed to `loki.source.api`, through `loki.relabel`, to Loki.

use crate::support::{PATIENCE, Running, eventually, free_port, invar, texts};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use testkit::loki_sink::LokiSink;

fn config(dir: &Path, port: u16, url: &str, version: &str) -> PathBuf {
    let path = dir.join("config.alloy");
    let text = format!(
        r#"
loki.source.api "push" {{
	http {{
		listen_address = "127.0.0.1"
		listen_port    = {port}
	}}
	labels        = {{ version = "{version}" }}
	relabel_rules = loki.relabel.early.rules
	forward_to    = [loki.relabel.names.receiver]
}}

loki.relabel "early" {{
	rule {{
		source_labels = ["app"]
		regex         = "chatter"
		action        = "drop"
	}}
	forward_to = []
}}

loki.relabel "names" {{
	rule {{
		source_labels = ["app"]
		regex         = "noise"
		action        = "drop"
	}}
	rule {{
		source_labels = ["app"]
		target_label  = "job"
		replacement   = "team/$1"
	}}
	rule {{
		regex  = "app|pod"
		action = "labeldrop"
	}}
	forward_to = [loki.write.local.receiver]
}}

loki.write "local" {{
	endpoint {{
		url        = "{url}"
		batch_wait = "50ms"
	}}
}}
"#
    );
    fs::write(&path, text).expect("the configuration can be written");
    path
}

/// Pushes lines as JSON on a connection of its own; the status of the answer.
fn push(port: u16, app: &str, pod: &str, lines: &[String]) -> u16 {
    let values: Vec<String> = lines.iter().map(|line| format!("[\"1\",{line:?}]")).collect();
    let body = format!(
        "{{\"streams\":[{{\"stream\":{{\"app\":{app:?},\"pod\":{pod:?}}},\"values\":[{}]}}]}}",
        values.join(",")
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the port is open");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    let head = format!(
        "POST /loki/api/v1/push HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream
        .write_all((head + &body).as_bytes())
        .expect("the request goes out");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no status: {answer:?}"))
}

#[test]
fn every_pushed_line_arrives_once_also_through_a_reload() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sink = LokiSink::start();
    let port = free_port();
    let running = Running::start(dir.path(), &config(dir.path(), port, &sink.url(), "one"), &[]);
    let clients: Vec<_> = (0..4)
        .map(|client| {
            std::thread::spawn(move || {
                for n in 0..30 {
                    let lines: Vec<String> = (0..20).map(|line| format!("{client}-{n}-{line}")).collect();
                    assert_eq!(push(port, "api", &format!("pod-{client}"), &lines), 204);
                    assert_eq!(push(port, "noise", "x", &lines), 204);
                    assert_eq!(push(port, "chatter", "x", &lines), 204);
                }
            })
        })
        .collect();
    eventually("some lines arrive", || sink.totals().entries >= 200);
    config(dir.path(), port, &sink.url(), "two");
    let reloaded = running.post("/-/reload").expect("an answer");
    assert_eq!(reloaded.status, 200, "{}", reloaded.body);
    for client in clients {
        client.join().expect("every push succeeds");
    }
    // A success means that it has arrived already.
    let mut times = BTreeMap::new();
    for entry in sink.entries() {
        assert!(
            entry.labels.starts_with("{job=\"team/api\", version=\""),
            "{}",
            entry.labels
        );
        *times
            .entry(String::from_utf8_lossy(&entry.line).into_owned())
            .or_insert(0) += 1;
    }
    assert_eq!(times.len(), 4 * 30 * 20);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    assert_eq!(push(port, "api", "p", &["late".to_owned()]), 204);
    let last = sink.entries().pop().expect("it has arrived");
    assert_eq!(&*last.labels, "{job=\"team/api\", version=\"two\"}");
    let names = [("component_id", "loki.relabel.names")];
    assert_eq!(running.metric("loki_source_api_entries_written", &[]), Some(4801.0));
    assert_eq!(
        running.metric("loki_source_api_entries_filtered_total", &[]),
        Some(2400.0)
    );
    assert_eq!(running.metric("loki_relabel_entries_processed", &names), Some(4801.0));
    assert_eq!(running.metric("loki_relabel_entries_written", &names), Some(2401.0));
    assert_eq!(running.stop(), 0);
}

/// The peer is the program itself: its `loki.write` pushes what its `loki.source.api` takes.
#[test]
fn nothing_is_lost_when_the_receiver_is_killed_between_two_writers() {
    let (near, far) = (
        tempfile::tempdir().expect("a temporary folder"),
        tempfile::tempdir().expect("a temporary folder"),
    );
    let sink = LokiSink::start();
    let port = free_port();
    let receiver = far.path().join("config.alloy");
    let text = format!(
        r#"
loki.source.api "push" {{
	http {{
		listen_address = "127.0.0.1"
		listen_port    = {port}
	}}
	use_incoming_timestamp = true
	forward_to             = [loki.write.out.receiver]
}}

loki.write "out" {{
	endpoint {{
		url        = "{}"
		batch_wait = "20ms"
	}}
}}
"#,
        sink.url()
    );
    fs::write(&receiver, text).expect("the configuration can be written");
    let log = near.path().join("app.log");
    let lines: Vec<String> = (0..20_000).map(|n| format!("line {n}")).collect();
    fs::write(&log, lines.join("\n") + "\n").expect("the log can be written");
    let sender = near.path().join("config.alloy");
    let text = format!(
        r#"
loki.source.file "app" {{
	targets    = [{{"__path__" = "{}", "job" = "app"}}]
	forward_to = [loki.write.near.receiver]
}}

loki.write "near" {{
	endpoint {{
		url                = "http://127.0.0.1:{port}/loki/api/v1/push"
		batch_wait         = "20ms"
		batch_size         = "8KiB"
		max_backoff_period = "1s"
	}}
}}
"#,
        log.display()
    );
    fs::write(&sender, text).expect("the configuration can be written");
    let first = Running::start(far.path(), &receiver, &[]);
    let sending = Running::start(near.path(), &sender, &[]);
    eventually("some lines arrive", || sink.totals().entries >= 2000);
    first.kill();
    let second = Running::start(far.path(), &receiver, &[]);
    let arrived = || {
        let mut times = BTreeMap::new();
        for entry in sink.entries() {
            *times.entry(entry.line.to_vec()).or_insert(0_u32) += 1;
        }
        times
    };
    eventually("all lines arrive", || arrived().len() == lines.len());
    // What comes twice was on its way when the receiver was killed: one request, of 8 KiB of lines of up to 10 bytes.
    let twice: u32 = arrived().values().map(|times| times - 1).sum();
    assert!(twice <= 1000, "{twice} repeated");
    assert_eq!(sending.stop(), 0);
    assert_eq!(second.stop(), 0);
}

#[test]
fn a_port_in_use_is_an_error_that_names_component_and_address() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback has ports");
    let port = taken.local_addr().expect("it is bound").port();
    let config = config(dir.path(), port, "http://127.0.0.1:1/", "one");
    let output = invar(
        &[
            "run",
            &config.display().to_string(),
            &format!("--storage.path={}", dir.path().join("state").display()),
            &format!("--server.http.listen-addr=127.0.0.1:{}", free_port()),
        ],
        "",
    );
    let (_, log, code) = texts(&output);
    assert_ne!(code, 0);
    let expect = format!("loki.source.api.push cannot listen on \"127.0.0.1:{port}\": address already in use");
    assert!(
        log.contains(&expect) || log.contains(&expect.replace('"', "\\\"")),
        "{log}"
    );
}

#[test]
fn a_relabel_component_is_tried_on_standard_input() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let config = config(dir.path(), 0, "http://127.0.0.1:1/", "one");
    let arguments = [
        "process",
        &config.display().to_string(),
        "--component",
        "loki.relabel.names",
    ];
    let input = "{\"line\": \"a\", \"labels\": {\"app\": \"api\", \"pod\": \"1\"}, \"timestamp\": \"2024-01-02T03:04:05Z\"}\n\
                 {\"line\": \"b\", \"labels\": {\"app\": \"noise\"}}\n";
    let (out, log, code) = texts(&invar(&arguments, input));
    assert_eq!(code, 0, "{log}");
    assert_eq!(
        out,
        "{\"line\":\"a\",\"labels\":{\"job\":\"team/api\"},\"timestamp\":\"2024-01-02T03:04:05Z\"}\n\
         {\"dropped\":true,\"reason\":\"relabel\"}\n"
    );
}
