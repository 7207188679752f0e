use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;

const SOON: Duration = Duration::from_secs(10);

fn body(lines: &[&str]) -> Vec<u8> {
    let mut encoder = lokipush::Encoder::new();
    encoder.begin_stream("{app=\"api\"}");
    for (i, line) in lines.iter().enumerate() {
        encoder.entry(i as i64, line.as_bytes(), [("k", "v")]);
    }
    let mut compressor = lokipush::Compressor::new();
    compressor.compress(encoder.finish()).expect("small").to_vec()
}

fn send(stream: &mut TcpStream, lines: &[&str]) {
    let body = body(lines);
    write!(
        stream,
        "POST /loki/api/v1/push HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nX-Scope-OrgID: t\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    )
    .expect("write");
    stream.write_all(&body).expect("write");
}

/// Reads one answer without a body, or with one of the length it says; `None` if the connection ends.
fn receive(stream: &mut TcpStream) -> Option<String> {
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => answer.push(byte[0]),
            _ => return None,
        }
    }
    let head = String::from_utf8(answer).expect("ASCII");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .map_or(0, |n| n.parse().expect("number"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("body");
    Some(head + &String::from_utf8(body).expect("UTF-8"))
}

fn connect(sink: &LokiSink) -> TcpStream {
    let stream = TcpStream::connect(sink.addr()).expect("listening");
    stream.set_read_timeout(Some(SOON)).expect("a socket");
    stream
}

/// One push on a connection of its own: the answer's first line.
fn push(sink: &LokiSink, lines: &[&str]) -> Option<String> {
    let mut stream = connect(sink);
    send(&mut stream, lines);
    receive(&mut stream).map(|answer| answer.lines().next().unwrap_or("").to_owned())
}

#[test]
fn keeps_what_it_is_sent() {
    let sink = LokiSink::start();
    let mut stream = connect(&sink);
    for lines in [&["a", "b"][..], &["c"]] {
        send(&mut stream, lines);
        assert!(receive(&mut stream).expect("answer").starts_with("HTTP/1.1 204"));
    }
    sink.wait_for(3, SOON).expect("three");
    assert_eq!(
        sink.lines_by_stream(),
        BTreeMap::from([("{app=\"api\"}".to_owned(), ["a", "b", "c"].map(str::to_owned).to_vec())])
    );
    let entries = sink.entries();
    let expect = Received {
        tenant: "t".into(),
        labels: "{app=\"api\"}".into(),
        ts: 1,
        line: Bytes::from_static(b"b"),
        metadata: vec![("k".into(), "v".into())],
    };
    assert_eq!(entries[1], expect);
    let requests = sink.requests();
    assert_eq!(
        (
            requests.len(),
            requests[0].entries,
            requests[0].status,
            requests[0].stored
        ),
        (2, 2, Some(204), true)
    );
    assert_eq!(requests[0].header("content-type"), Some("application/x-protobuf"));
    sink.reset();
    assert_eq!((sink.entries().len(), sink.totals()), (0, Totals::default()));
    let error = sink.wait_for(1, Duration::from_millis(1)).expect_err("nothing came");
    assert!(error.starts_with("no 1 entries after 1ms"), "{error}");
}

#[test]
fn chunked_json_arrives_too() {
    let sink = LokiSink::start();
    let mut stream = connect(&sink);
    let document = r#"{"streams":[{"stream":{"a":"1"},"values":[["7","x"]]}]}"#;
    let (first, second) = document.split_at(20);
    write!(
        stream,
        "POST /loki/api/v1/push HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\
         Expect: 100-continue\r\n\r\n14\r\n{first}\r\n{:x};x=y\r\n{second}\r\n0\r\nTrailer: z\r\n\r\n",
        second.len()
    )
    .expect("write");
    assert!(receive(&mut stream).expect("answer").starts_with("HTTP/1.1 100"));
    assert!(receive(&mut stream).expect("answer").starts_with("HTTP/1.1 204"));
    assert_eq!(sink.entries()[0].line, "x");
    assert_eq!(&*sink.entries()[0].labels, "{a=\"1\"}");
}

#[test]
fn modes_do_what_they_say() {
    let sink = LokiSink::start();
    let none: Option<String> = None;

    sink.set_mode(Mode::retry_after(429, 7));
    let mut stream = connect(&sink);
    send(&mut stream, &["x"]);
    let answer = receive(&mut stream).expect("answer");
    assert!(
        answer.starts_with("HTTP/1.1 429") && answer.contains("Retry-After: 7\r\n"),
        "{answer}"
    );
    sink.set_mode(Mode::Close);
    assert_eq!(push(&sink, &["x"]), none);
    assert_eq!(sink.totals().entries, 0);

    sink.set_mode(Mode::LoseResponse);
    assert_eq!(push(&sink, &["stored"]), none);
    assert_eq!(sink.totals().entries, 1);

    sink.set_mode(Mode::Slow(Duration::from_millis(50)));
    let start = Instant::now();
    assert_eq!(push(&sink, &["slow"]).as_deref(), Some("HTTP/1.1 204 Said"));
    assert!(start.elapsed() >= Duration::from_millis(50));

    sink.set_mode(Mode::Hang);
    let mut stream = connect(&sink);
    send(&mut stream, &["x"]);
    sink.wait_for_requests(5, SOON).expect("five");
    stream
        .set_read_timeout(Some(Duration::from_millis(50)))
        .expect("a socket");
    assert_eq!(receive(&mut stream), none);

    sink.set_mode(Mode::Refuse);
    TcpStream::connect(sink.addr()).expect_err("closed");
    stream.set_read_timeout(Some(SOON)).expect("a socket");
    assert!(
        !matches!(stream.read(&mut [0]), Ok(1..)),
        "connections are closed as well"
    );

    sink.set_mode(Mode::Ok);
    sink.next_modes([Mode::status(500), Mode::Close]);
    assert_eq!(push(&sink, &["x"]).as_deref(), Some("HTTP/1.1 500 Said"));
    assert_eq!(push(&sink, &["x"]), none);
    assert_eq!(push(&sink, &["last"]).as_deref(), Some("HTTP/1.1 204 Said"));

    let statuses: Vec<_> = sink.requests().iter().map(|r| (r.status, r.stored)).collect();
    let expect = [
        (Some(429), false),
        (None, false),
        (None, true),
        (Some(204), true),
        (None, false),
        (Some(500), false),
        (None, false),
        (Some(204), true),
    ];
    assert_eq!(statuses, expect);
    assert_eq!(sink.lines_by_stream()["{app=\"api\"}"], ["stored", "slow", "last"]);
}

#[test]
fn nonsense_is_answered_and_recorded() {
    let sink = LokiSink::start();
    let mut stream = connect(&sink);
    write!(
        stream,
        "POST /loki/api/v1/push HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{{"
    )
    .expect("write");
    assert!(receive(&mut stream).expect("answer").starts_with("HTTP/1.1 400"));
    assert!(
        sink.requests()[0]
            .error
            .as_deref()
            .expect("error")
            .starts_with("malformed JSON")
    );
    write!(stream, "GET /nothing HTTP/1.1\r\n\r\n").expect("write");
    assert!(receive(&mut stream).expect("answer").starts_with("HTTP/1.1 404"));
    write!(stream, "no HTTP at all\r\n\r\n").expect("write");
    assert_eq!(
        receive(&mut stream).map(|answer| answer.starts_with("HTTP/1.1 404")),
        Some(true)
    );
    // The server goes on.
    assert_eq!(push(&sink, &["x"]).as_deref(), Some("HTTP/1.1 204 Said"));
}

#[tokio::test(start_paused = true)]
async fn waits_beside_paused_time() {
    let sink = LokiSink::start();
    let url = sink.url();
    assert_eq!(url, format!("http://{}/loki/api/v1/push", sink.addr()));
    let addr = sink.addr();
    let client = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(addr).expect("listening");
        send(&mut stream, &["a", "b"]);
        receive(&mut stream)
    });
    sink.reached(2).await;
    assert!(client.join().expect("no panic").is_some());
}

#[test]
fn counts_as_a_process_would() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    // Ends with the process, as it does in one of its own.
    std::thread::spawn(move || serve_listener(listener, CountOnly { decode_every: 2 }));
    let mut stream = TcpStream::connect(addr).expect("listening");
    for _ in 0..3 {
        send(&mut stream, &["ab", "c"]);
        assert!(receive(&mut stream).expect("answer").starts_with("HTTP/1.1 204"));
    }
    write!(stream, "GET /stats HTTP/1.1\r\n\r\n").expect("write");
    let stats = receive(&mut stream).expect("answer");
    let (_, stats) = stats.split_once("\r\n\r\n").expect("body");
    let bytes = 3 * body(&["ab", "c"]).len();
    let expect = serde_json::json!({
        "requests": 3, "stored_requests": 3, "body_bytes": bytes, "decoded_requests": 2, "entries": 4, "line_bytes": 6,
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(stats).expect("JSON"), expect);
    let busy = serve_blocking(addr, CountOnly { decode_every: 1 }).expect_err("the port is taken");
    assert_eq!(busy.kind(), io::ErrorKind::AddrInUse);

    let sink = LokiSink::start_counting(CountOnly { decode_every: 1 });
    push(&sink, &["abc"]);
    sink.wait_for(1, SOON).expect("one");
    assert_eq!(
        (sink.totals().line_bytes, sink.entries().len(), sink.requests().len()),
        (3, 0, 0)
    );
}

#[test]
fn a_watched_sink_shows_what_it_stores_and_keeps_nothing() {
    let seen: Arc<Mutex<Vec<(String, bool)>>> = Arc::default();
    let shown = seen.clone();
    let sink = LokiSink::start_watching(Box::new(move |entry| {
        assert_eq!(entry.labels, b"{app=\"api\"}");
        let line = String::from_utf8_lossy(entry.line).into_owned();
        shown.lock().unwrap().push((line, entry.answered));
    }));
    let push = |lines: &[&str]| {
        let mut stream = TcpStream::connect(sink.addr()).expect("connect");
        send(&mut stream, lines);
        receive(&mut stream)
    };
    assert!(push(&["a", "b"]).is_some_and(|answer| answer.contains(" 204 ")));
    sink.next_modes([Mode::status(500), Mode::LoseResponse]);
    assert!(push(&["c"]).is_some_and(|answer| answer.contains(" 500 ")));
    assert!(push(&["d"]).is_none());
    sink.set_mode(Mode::reject_containing(400, "bad"));
    assert!(push(&["e", "a bad one"]).is_some_and(|answer| answer.contains(" 400 ")));
    assert!(push(&["f"]).is_some_and(|answer| answer.contains(" 204 ")));
    let text = |line: &str, answered| (line.to_owned(), answered);
    assert_eq!(
        *seen.lock().unwrap(),
        [text("a", true), text("b", true), text("d", false), text("f", true)]
    );
    assert_eq!(sink.totals().entries, 4);
    assert!(sink.entries().is_empty() && sink.requests().is_empty());
}
