//! Clients that are slow on purpose, servers that are slow for a reason, and the end of what has none.

use super::raw::{DATA, GOAWAY, HEADERS, LONG, PING, Raw, say};
use super::{echoing, is_well, reads};
use crate::support::{Server, client, component};
use axum::body::Body;
use axum::http::{Request, Response};
use component::{BoxFuture, HealthState, Inspector};
use services::http::{Handler, Limits, Parts};
use signals::{Accepting, Entry, FanOut, Labels, LogBatch, LogStream, Permit, Receiver, Sink};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

fn impatient() -> Limits {
    Limits {
        patience: Duration::from_millis(200),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_not_waited_for() {
    let server = Server::with("/", impatient()).await;
    for start in ["G", "GET /-/ready HTTP/1.1\r\nHost: x\r\nSlow: "] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        let drip = async {
            while stream.write_all(b"E").await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LONG, drip).await.expect("the server closes it");
    }
    is_well(&server).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = Server::of("/", impatient(), None, reads()).await;
    for length in [
        "Content-Length: 100\r\n\r\nx",
        "Transfer-Encoding: chunked\r\n\r\n64\r\nx",
    ] {
        let request = format!("POST /graphql HTTP/1.1\r\nHost: x\r\n{length}");
        let answer = say(server.address, request.as_bytes()).await;
        assert!(
            answer.ends_with("broken: the body of the request takes too long"),
            "{answer}"
        );
    }
    // Nobody waits for a body that no handler reads.
    let request = b"POST /-/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx";
    let answer = say(server.address, request).await;
    assert!(answer.ends_with("config reloaded\n"), "{answer}");
}

struct Takes;

impl Sink for Takes {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        let (_, mut custody) = batch.into_parts();
        custody.deliver_rest();
        Box::pin(std::future::ready(Ok(())))
    }
}

fn pipeline(server: &Server) -> FanOut {
    let out = FanOut::new(&server.ledger, "a.b");
    let sink = Arc::new(Takes);
    out.set(vec![Receiver {
        owner: "c.d".into(),
        sink,
    }]);
    out
}

async fn send(out: &FanOut, line: &str, count: usize) {
    let entries = (0..count).map(|_| Entry::new(1, line.to_owned())).collect();
    let labels = Labels::empty();
    out.accept(LogBatch::new(vec![LogStream { labels, entries }], Permit::none()))
        .await
        .unwrap();
}

/// A stream that shows stages too: whether it is open is known then.
const TAP: &str = "/api/v0/invar/tap?beforeAfter=true";

async fn until_looking(server: &Server, looks: bool) {
    let change = async {
        while server.live.active("a.b") != looks {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, change).await.unwrap_or_else(|_| panic!("never {looks}"));
}

#[tokio::test]
async fn what_a_reader_of_a_stream_does_not_take_is_counted_not_kept() {
    let server = Server::start().await;
    let out = pipeline(&server);
    let mut reader = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET {TAP} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    reader.write_all(request.as_bytes()).await.unwrap();
    until_looking(&server, true).await;
    // 200 MB pass while nobody reads.
    let line = "x".repeat(1000);
    let mut sent = 0;
    for _ in 0..400 {
        send(&out, &line, 500).await;
        sent += 500;
        tokio::task::yield_now().await;
    }
    let (mut text, mut shown, mut missed) = (Vec::new(), 0, 0);
    let reading = async {
        while shown + missed < sent {
            let read = timeout(Duration::from_millis(200), reader.read_buf(&mut text)).await;
            if read.is_err() {
                // What was missed is told with the next record.
                send(&out, &line, 1).await;
                sent += 1;
                continue;
            }
            let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            let rest = text.split_off(whole);
            for line in text.split(|&byte| byte == b'\n') {
                match serde_json::from_slice::<serde_json::Value>(line) {
                    Ok(record) if record["missed"].is_u64() => missed += record["missed"].as_u64().unwrap(),
                    Ok(record) if record["line"].is_string() => shown += 1,
                    // Sizes of chunks, and the head.
                    _ => {}
                }
            }
            text = rest;
        }
    };
    timeout(LONG, reading).await.expect("all is shown or counted");
    assert_eq!(shown + missed, sent);
    assert!(
        missed > 150_000,
        "{missed} of {sent}: the rest was kept for a reader that did not come"
    );
}

#[tokio::test]
async fn a_reader_that_goes_is_noticed_though_nothing_passes() {
    let server = Server::start().await;
    let _out = pipeline(&server);
    let two = client(|builder| builder.http2_prior_knowledge());
    for client in [&server.client, &two] {
        let stream = client.get(server.url(TAP)).send().await.unwrap();
        until_looking(&server, true).await;
        drop(stream);
        until_looking(&server, false).await;
    }
}

#[tokio::test]
async fn a_reader_that_never_reads_is_cut_off() {
    let server = Server::with("/", impatient()).await;
    let out = pipeline(&server);
    let line = "x".repeat(1000);
    let mut reader = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET {TAP} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    reader.write_all(request.as_bytes()).await.unwrap();
    until_looking(&server, true).await;
    let flood = async {
        while server.live.active("a.b") {
            send(&out, &line, 100).await;
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, flood).await.expect("it is let go");
    // The same where the connection moves, but not the stream: a window of HTTP/2 that stays shut.
    let mut raw = Raw::connect(server.address, 0).await;
    raw.get(1, TAP).await;
    until_looking(&server, true).await;
    let flood = async {
        while server.live.active("a.b") {
            send(&out, &line, 1).await;
            let _ = timeout(Duration::from_millis(1), raw.next()).await;
        }
    };
    timeout(LONG, flood).await.expect("it is let go");
    is_well(&server).await;
}

#[tokio::test]
async fn answers_of_http_2_that_nobody_takes_are_not_kept() {
    let server = Server::with("/", impatient()).await;
    let gauges = server.metrics.gauge_vec("wide", "Much text.", &["n"]).unwrap();
    for i in 0..200 {
        gauges.with(&[&format!("{i}{}", "x".repeat(1000))]).set(1.0);
    }
    for (window, path) in [(0, "/metrics"), (70_000, "/metrics"), (0, "/-/ready"), (3, "/-/ready")] {
        let mut raw = Raw::connect(server.address, window).await;
        raw.get(1, path).await;
        let frames = raw.rest().await;
        assert!(frames.iter().any(|frame| frame.kind == HEADERS), "{path}");
        let data = frames.iter().filter(|frame| frame.kind == DATA);
        assert!(
            data.map(|frame| frame.payload.len()).sum::<usize>() <= window as usize,
            "{path}"
        );
        assert!(!frames.iter().any(|frame| frame.ends()), "{path}");
    }
    // Who reads slowly, but reads, gets everything.
    let mut raw = Raw::connect(server.address, 0).await;
    raw.get(1, "/metrics").await;
    let mut read = 0;
    loop {
        let frame = timeout(Duration::from_millis(50), raw.next()).await;
        match frame {
            Ok(Some(frame)) if frame.kind == DATA => {
                read += frame.payload.len();
                if frame.ends() {
                    break;
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => panic!("cut off after {read} bytes"),
            Err(_) => {
                for stream in [0, 1] {
                    let more = super::frame(8, 0, stream, &20_000_u32.to_be_bytes());
                    raw.stream.write_all(&more).await.unwrap();
                }
            }
        }
    }
    assert!(read > 200_000, "{read}");
}

#[tokio::test]
async fn a_connection_of_http_2_on_which_nothing_is_asked_is_closed() {
    let server = Server::with("/", impatient()).await;
    for asks in [false, true] {
        let mut raw = Raw::connect(server.address, 65_535).await;
        if asks {
            raw.get(1, "/-/ready").await;
        }
        // Pings are answered, which shows that somebody is there, but not that they need anything.
        let frames = raw.rest().await;
        assert!(
            frames.iter().any(|frame| frame.kind == GOAWAY && frame.code() == 0),
            "{frames:?}"
        );
        assert_eq!(frames.iter().any(|frame| frame.ends()), asks);
        assert!(frames.iter().all(|frame| frame.kind != PING || frame.flags != 0));
    }
}

/// Says nothing for long, as one does who measures for a minute.
struct Silent;

impl Handler for Silent {
    fn answer(&self, rest: String, _: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        Box::pin(async move {
            let pause = Duration::from_secs(2);
            if rest == "body" {
                let parts = futures_util::stream::unfold(0, move |number| async move {
                    sleep(pause).await;
                    (number < 2).then(|| (Ok::<_, std::convert::Infallible>("part "), number + 1))
                });
                return Response::new(Body::from_stream(parts));
            }
            sleep(pause).await;
            Response::new(Body::from("measured"))
        })
    }
}

#[tokio::test]
async fn a_server_that_works_on_an_answer_is_not_cut_off() {
    let parts = Parts {
        profiles: Some(Arc::new(Silent)),
        ..Parts::default()
    };
    let server = Server::of("/", impatient(), None, parts).await;
    let two = client(|builder| builder.http2_prior_knowledge());
    for client in [&server.client, &two] {
        let ask = async |path: &str| client.get(server.url(path)).send().await.unwrap().text().await.unwrap();
        let (whole, body) = tokio::join!(ask("/debug/pprof/profile"), ask("/debug/pprof/body"));
        assert_eq!((whole.as_str(), body.as_str()), ("measured", "part part "));
    }
}

/// Keeps the messages of warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn Debug) {
                self.0.push_str(&format!("{field}={value:?} "));
            }
        }
        if *event.metadata().level() <= tracing::Level::WARN {
            let mut text = Text(String::new());
            event.record(&mut text);
            self.0.lock().unwrap().push(text.0);
        }
    }
}

#[tokio::test]
async fn streams_and_those_who_keep_silent_do_not_delay_the_end() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(warnings.clone()));
    let limits = Limits {
        drain: LONG,
        ..Limits::default()
    };
    let server = echoing(limits).await;
    server
        .controller
        .components
        .lock()
        .unwrap()
        .push(component("a.b", "", HealthState::Healthy));
    let two = client(|builder| builder.http2_prior_knowledge());
    let mut streams = Vec::new();
    for path in [
        "/api/v0/invar/tap",
        "/api/v0/web/debug/a.b",
        "/api/v0/web/graph?window=60",
        "/api/v0/web/graph/m.x?window=60",
    ] {
        for client in [&server.client, &two] {
            let stream = client.get(server.url(path)).send().await.unwrap();
            assert_eq!(stream.status(), 200, "{path}");
            streams.push(stream);
        }
    }
    // Some say nothing, some a part of a request, some were answered before.
    let mut silent = Vec::new();
    for start in [
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: ",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(start.as_bytes()).await.unwrap();
        silent.push(stream);
    }
    is_well(&server).await;
    let begun = Instant::now();
    server.stop.cancel();
    for stream in streams {
        timeout(LONG, stream.text())
            .await
            .unwrap()
            .expect("a stream ends as it should");
    }
    timeout(LONG, server.task)
        .await
        .expect("it ends long before answers are cut off")
        .unwrap()
        .unwrap();
    assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
    let warnings = warnings.0.lock().unwrap();
    assert!(!warnings.iter().any(|text| text.contains("cut off")), "{warnings:?}");
}
