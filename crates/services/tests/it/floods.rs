//! Floods of requests, clients that are slow on purpose, and requests that lie.

pub mod raw;
mod slow;

use crate::support::{Server, client, component};
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use component::{BoxFuture, HealthState};
use raw::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, LONG, RESET, Raw, field, fields, frame, get, say,
};
use reqwest::Version;
use services::http::{Handler, Limits, Parts};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Answers with the size of the body, or why it could not be read.
struct Reads;

impl Handler for Reads {
    fn answer(&self, _: String, request: Request<Body>) -> BoxFuture<'static, Response<Body>> {
        Box::pin(async {
            let text = match to_bytes(request.into_body(), usize::MAX).await {
                Ok(body) => format!("{} bytes", body.len()),
                Err(error) => format!("broken: {error}"),
            };
            Response::new(Body::from(text))
        })
    }
}

fn reads() -> Parts {
    Parts {
        graphql: Some(Arc::new(Reads)),
        cluster: Some(Arc::new(Reads)),
        ..Parts::default()
    }
}

/// Whose `/api/v0/component/with.handler/…` answers with what follows.
async fn echoing(limits: Limits) -> Server {
    let server = Server::of("/", limits, None, reads()).await;
    let echo = component("with.handler", "", HealthState::Healthy);
    server.controller.components.lock().unwrap().push(echo);
    server
}

async fn is_well(server: &Server) {
    let answer = timeout(LONG, server.get("/-/ready")).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "Alloy is ready.\n");
}

#[tokio::test]
async fn thousands_of_requests_over_few_connections_are_answered_in_order() {
    let server = echoing(Limits::default()).await;
    let mut clients = JoinSet::new();
    for number in 0..4 {
        let address = server.address;
        clients.spawn(async move {
            let mut requests = String::new();
            for request in 0..1000 {
                let close = if request == 999 { "Connection: close\r\n" } else { "" };
                let path = format!("/api/v0/component/with.handler/{number}/{request}/");
                requests.push_str(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n{close}\r\n"));
            }
            let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
            let asking = tokio::spawn(async move {
                to.write_all(requests.as_bytes()).await.unwrap();
                to
            });
            let mut answers = String::new();
            timeout(LONG, from.read_to_string(&mut answers)).await.unwrap().unwrap();
            asking.await.unwrap();
            let mut rest = answers.as_str();
            for request in 0..1000 {
                let own = format!("GET /{number}/{request}/");
                let at = rest.find(&own).unwrap_or_else(|| panic!("no {own}"));
                assert_eq!(rest[..at].matches("HTTP/1.1 200 OK").count(), 1, "{own}");
                rest = &rest[at + own.len()..];
            }
            assert_eq!(rest, "");
        });
    }
    let two = client(|builder| builder.http2_prior_knowledge());
    for request in 0..1000 {
        let asked = two.get(server.url(&format!("/api/v0/component/with.handler/{request}")));
        clients.spawn(async move {
            let answer = asked.send().await.unwrap();
            assert_eq!(answer.version(), Version::HTTP_2);
            assert!(answer.text().await.unwrap().ends_with(&format!("/{request}")));
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn more_clients_than_seats_are_all_served_each_with_its_own_answer() {
    let server = echoing(Limits {
        connections: 3,
        ..Limits::default()
    })
    .await;
    let mut clients = JoinSet::new();
    for number in 0..100 {
        let address = server.address;
        clients.spawn(async move {
            let (status, answer) = get(address, &format!("/api/v0/component/with.handler/{number}")).await;
            assert_eq!(status, 200);
            assert!(answer.ends_with(&format!("\r\n\r\nGET /{number}")), "{answer}");
        });
    }
    while let Some(done) = clients.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn a_flood_of_streams_that_are_reset_ends_the_connection() {
    let server = Server::start().await;
    let mut raw = Raw::connect(server.address, 65_535).await;
    let mut flood = Vec::new();
    for number in 0..10_000_u32 {
        let stream = 2 * number + 1;
        flood.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields("/-/reload")));
        flood.extend(frame(RESET, 0, stream, &[0, 0, 0, 8]));
    }
    let to = &mut raw.stream;
    let _ = timeout(LONG, to.write_all(&flood)).await.unwrap();
    let frames = raw.rest().await;
    // What is still unread when a connection is closed may take the last words of the server with it.
    if let Some(last) = frames.iter().find(|frame| frame.kind == GOAWAY) {
        assert_eq!(last.code(), 11, "ENHANCE_YOUR_CALM");
    }
    let reloads = server.controller.reloads.load(Ordering::SeqCst);
    assert!(reloads < 1000, "{reloads}");
    is_well(&server).await;
}

#[tokio::test]
async fn streams_beyond_the_limit_are_refused_and_open_ones_are_counted() {
    let server = Server::start().await;
    let mut raw = Raw::connect(server.address, 65_535).await;
    for number in 0..150_u32 {
        raw.get(2 * number + 1, "/api/v0/web/graph?window=60").await;
    }
    let (mut open, mut refused) = (0, 0);
    while open + refused < 150 {
        match raw.next().await.expect("the connection stays") {
            frame if frame.kind == HEADERS => open += 1,
            frame if frame.kind == RESET => {
                assert_eq!(frame.code(), 7, "REFUSED_STREAM");
                refused += 1;
            }
            _ => {}
        }
    }
    assert_eq!((open, refused), (128, 22));
    // Each of them looks at every record, so there are not more of them over other connections either.
    for path in ["/api/v0/invar/tap", "/api/v0/web/graph"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), 503);
        let text = "128 streams are open, and no more are served at once; close one of them\n";
        assert_eq!(answer.text().await.unwrap(), text);
    }
    is_well(&server).await;
    drop(raw);
    let freed = async {
        while server.get("/api/v0/invar/tap").await.status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, freed).await.expect("closed streams free their seats");
}

#[tokio::test]
async fn heads_of_http_2_that_do_not_end_or_grow_too_large_are_refused() {
    let server = Server::start().await;
    let large = "x".repeat(16_000);
    // Larger than the limit of 64 KiB, one after the other and by a table.
    let mut plain = fields("/-/ready");
    let mut packed = fields("/-/ready");
    for number in 0..8 {
        plain.extend(field(&format!("x-{number}"), &large, false));
    }
    packed.extend(field("x-large", &"x".repeat(3000), true));
    packed.extend([0xbe; 15_000].iter());
    for block in [plain, packed] {
        let mut raw = Raw::connect(server.address, 65_535).await;
        let mut pieces = block.chunks(16_000).peekable();
        let mut kind = HEADERS;
        while let Some(piece) = pieces.next() {
            let end = if pieces.peek().is_none() { END_HEADERS } else { 0 };
            let first = if kind == HEADERS { END_STREAM } else { 0 };
            let _ = raw.stream.write_all(&frame(kind, end | first, 1, piece)).await;
            kind = CONTINUATION;
        }
        let mut status = Vec::new();
        while let Some(frame) = raw.next().await {
            if frame.kind == HEADERS {
                status = frame.payload;
            }
            if matches!(frame.kind, HEADERS | RESET | GOAWAY) {
                break;
            }
        }
        // The first field is the status: not that of the table for 200.
        assert_ne!(status.first(), Some(&0x88), "{status:x?}");
    }
    // A head that never ends.
    for piece in [&large[..], ""] {
        let mut raw = Raw::connect(server.address, 65_535).await;
        raw.stream
            .write_all(&frame(HEADERS, END_STREAM, 1, &fields("/-/ready")))
            .await
            .unwrap();
        let more = frame(CONTINUATION, 0, 1, piece.as_bytes());
        let flood = async {
            let mut written = 0_u64;
            while written < 256 << 20 && raw.stream.write_all(&more).await.is_ok() {
                written += more.len() as u64;
            }
            written
        };
        let written = timeout(LONG, flood)
            .await
            .expect("the server does not wait for the end");
        assert!(written < 64 << 20, "{written}");
    }
    is_well(&server).await;
}

#[tokio::test]
async fn heads_of_http_1_have_limits() {
    let server = Server::start().await;
    let lines = |count: usize| (0..count).map(|n| format!("X-{n}: 1\r\n")).collect::<String>();
    for (count, expected) in [(50, "200"), (500, "431")] {
        let head = format!(
            "GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n",
            lines(count)
        );
        let answer = say(server.address, head.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {expected} ")),
            "{count}: {answer}"
        );
    }
    let (status, _) = get(server.address, &format!("/{}", "a".repeat(30_000))).await;
    assert_eq!(status, 200, "a long path is a page");
    let (status, _) = get(server.address, &format!("/{}", "a".repeat(200_000))).await;
    assert!([0, 414, 431].contains(&status), "{status}");
    // Each part of a path may be where the id of a component ends, but not of any path.
    let (status, _) = get(server.address, &format!("/api/v0/component/{}", "a/".repeat(15_000))).await;
    assert_eq!(status, 404);
    let lookups = server.controller.lookups.load(Ordering::SeqCst);
    assert!((1..=100).contains(&lookups), "{lookups}");
    is_well(&server).await;
}

/// Paths with an open part, and everything that may be put there.
#[tokio::test]
async fn no_path_leads_out_of_anywhere() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.js"), "hunter2").unwrap();
    let web = outside.path().join("web");
    std::fs::create_dir_all(web.join("src")).unwrap();
    std::fs::write(web.join("index.html"), "<p>{{prefix}}").unwrap();
    std::fs::write(web.join("src/main.js"), "inside").unwrap();
    std::fs::write(web.join("private.js"), "hunter2").unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret.js"), web.join("src/link.js")).unwrap();
    let dir = ui::Dir::new(&web).unwrap();
    let bases = [
        "/assets/",
        "/assets/src/",
        "/api/v0/component/",
        "/api/v0/component/with.handler/",
        "/api/v0/web/components/",
        "/api/v0/web/modules/",
        "/api/v0/web/remotecfg/components/",
        "/api/v0/web/remotecfg/modules/",
        "/api/v0/web/debug/",
        "/api/v0/invar/components/",
        "/api/v1/ckit/transport/",
        "/debug/pprof/",
        "/-/",
        "/",
    ];
    let absolute = format!("/{}", outside.path().join("secret.js").display());
    let opens = [
        "../secret.js",
        "../../secret.js",
        "src/../../secret.js",
        "..%2fsecret.js",
        "%2e%2e/secret.js",
        "%2e%2e%2fsecret.js",
        "%2E%2E%5Csecret.js",
        "..%5csecret.js",
        "..%c0%afsecret.js",
        "%252e%252e%252fsecret.js",
        "....//secret.js",
        "src/./main.js/../../../secret.js",
        "src/link.js",
        "link.js",
        "private.js",
        "../private.js",
        "src/main.js%00.js",
        "%00",
        "main.js%00",
        "%ff",
        "%f0%28%8c%28",
        "%",
        "%zz",
        "..",
        "%2e%2e",
        ".",
        "",
        &absolute,
        "remotecfg/../with.handler",
    ];
    for dir in [None, Some(dir)] {
        let edited = dir.is_some();
        let server = Server::of("/", Limits::default(), dir, reads()).await;
        let echo = component("with.handler", "", HealthState::Healthy);
        server.controller.components.lock().unwrap().push(echo);
        if edited {
            assert!(get(server.address, "/assets/src/main.js").await.1.ends_with("inside"));
        }
        for base in bases {
            for open in opens {
                for after in ["", "/components"] {
                    let path = format!("{base}{open}{after}");
                    let (status, answer) = get(server.address, &path).await;
                    assert!((200..500).contains(&status), "{path}: {answer}");
                    assert!(!answer.contains("hunter2"), "{path}: {answer}");
                    let invalid = ["%ff", "%f0", "%zz", "%c0"].iter().any(|escape| open.contains(escape));
                    if invalid || open == "%" {
                        assert_eq!(status, 400, "{path}: {answer}");
                    }
                }
            }
        }
        is_well(&server).await;
    }
}

#[tokio::test]
async fn bodies_that_are_too_large_are_not_read() {
    let server = echoing(Limits {
        body: 1000,
        ..Limits::default()
    })
    .await;
    let routes = [
        ("GET", "/-/healthy"),
        ("GET", "/-/ready"),
        ("POST", "/-/reload"),
        ("GET", "/metrics"),
        ("POST", "/api/v0/component/with.handler/x"),
        ("GET", "/api/v0/invar/ledger"),
        ("GET", "/api/v0/invar/tap"),
        ("POST", "/api/v1/ckit/transport/message"),
        ("GET", "/api/v0/web/components"),
        ("GET", "/api/v0/web/graph"),
        ("POST", "/graphql"),
        ("GET", "/"),
    ];
    for (method, path) in routes {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n");
        // Who says how much it is gets an answer before it is sent.
        let known = format!("{head}Content-Length: 1001\r\n\r\n");
        let answer = say(server.address, known.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{method} {path}: {answer}");
        assert!(
            answer.ends_with("\r\n\r\nthe body of the request has more than 1000 bytes\n"),
            "{answer}"
        );
        // Of who does not, not all is read.
        if path.ends_with("tap") || path.ends_with("graph") {
            continue;
        }
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let unknown = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
        stream.write_all(unknown.as_bytes()).await.unwrap();
        let chunk = [format!("{:x}\r\n", 64 << 10).as_bytes(), &[b'x'; 64 << 10], b"\r\n"].concat();
        let flood = async {
            let mut written = 0_u64;
            while written < 256 << 20 && stream.write_all(&chunk).await.is_ok() {
                written += chunk.len() as u64;
            }
            written
        };
        let written = timeout(LONG, flood).await.expect("an end");
        assert!(written < 64 << 20, "{method} {path}: {written}");
    }
    assert_eq!(
        server.controller.reloads.load(Ordering::SeqCst),
        1,
        "who says no size is heard"
    );
    let fits = say(
        server.address,
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nabcd",
    );
    assert!(fits.await.ends_with("4 bytes"));
    // The same over HTTP/2, whose length is only known when it ends.
    let two = client(|builder| builder.http2_prior_knowledge());
    let large = two.post(server.url("/graphql")).body(vec![b'x'; 1001]).send();
    assert_eq!(large.await.unwrap().status(), 413);
    let mut raw = Raw::connect(server.address, 65_535).await;
    let mut post = fields("/graphql");
    post[0] = 0x83;
    let mut request = frame(HEADERS, END_HEADERS, 1, &post);
    request.extend(frame(DATA, END_STREAM, 1, &[b'x'; 1001]));
    raw.stream.write_all(&request).await.unwrap();
    loop {
        let frame = raw.next().await.unwrap();
        if frame.kind == DATA {
            let text = String::from_utf8(frame.payload).unwrap();
            assert!(text.starts_with("broken: "), "{text}");
            break;
        }
    }
}

/// Two readers of one stream of bytes must not see different requests in it.
#[tokio::test]
async fn requests_are_not_smuggled() {
    let server = echoing(Limits::default()).await;
    let hidden = "POST /-/reload HTTP/1.1\r\nHost: x\r\n\r\n";
    let ask = async |headers: &str, body: &str| {
        let request = format!("POST /graphql HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{body}{hidden}");
        say(server.address, request.as_bytes()).await
    };
    // Both lengths: the chunks are what counts (RFC 9112, 6.3), and nothing after them is believed.
    for headers in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
    ] {
        let answer = ask(headers, "0\r\n\r\n").await;
        let one = answer.matches("HTTP/1.1 ").count() == 1;
        assert!(
            one && (answer.ends_with("\r\n\r\n0 bytes") || answer.starts_with("HTTP/1.1 400 ")),
            "{answer}"
        );
    }
    for headers in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 99999999999999999999999",
        "Content-Length : 5",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding : chunked",
        "X: y\r\n Content-Length: 5",
    ] {
        let answer = ask(headers, "0\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{headers}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers}: {answer}");
    }
    for chunks in [
        "5;x\r\nhello\r\nzz\r\n",
        "-1\r\n",
        "fffffffffffffffff\r\n",
        "5\r\nhelloX0\r\n\r\n",
    ] {
        let answer = ask("Transfer-Encoding: chunked", chunks).await;
        assert!(!answer.contains("config reloaded"), "{chunks:?}: {answer}");
    }
    let old = format!("POST /graphql HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}");
    let answer = say(server.address, old.as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.0 400 ") || answer.starts_with("HTTP/1.1 400 "),
        "{answer}"
    );
    assert_eq!(server.controller.reloads.load(Ordering::SeqCst), 0);
    is_well(&server).await;
}
