//! Protocols, limits, and the end.

use crate::support::{Server, client};
use reqwest::{StatusCode, Version};
use services::http::{Http, HttpOptions, Limits};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

fn options(listen: &str) -> HttpOptions {
    HttpOptions {
        listen: listen.to_owned(),
        ui_dir: None,
        ui_prefix: "/".to_owned(),
        limits: Limits::default(),
    }
}

#[test]
fn an_address_that_cannot_be_taken_is_an_early_error() {
    let first = Http::bind(options("127.0.0.1:0")).unwrap();
    let taken = first.address().to_string();
    let error = |listen: &str| {
        Http::bind(options(listen))
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    assert_eq!(
        error(&taken),
        format!(
            "cannot listen on \"{taken}\": address already in use; stop the other process or pass --server.http.listen-addr"
        )
    );
    for wrong in ["127.0.0.1", "127.0.0.1:99999", ":x", "", "203.0.113.7:0"] {
        let error = error(wrong);
        assert!(error.starts_with(&format!("cannot listen on {wrong:?}: ")), "{error}");
        assert!(error.ends_with("--server.http.listen-addr"), "{error}");
    }
    assert_ne!(Http::bind(options(":0")).unwrap().address().port(), 0);
}

#[tokio::test]
async fn one_port_speaks_http_1_and_http_2() {
    let server = Server::start().await;
    let one = server.get("/-/ready").await;
    assert_eq!((one.version(), one.status()), (Version::HTTP_11, StatusCode::OK));
    let two = client(|builder| builder.http2_prior_knowledge())
        .get(server.url("/-/ready"))
        .send()
        .await
        .unwrap();
    assert_eq!((two.version(), two.status()), (Version::HTTP_2, StatusCode::OK));
    let head = client(|builder| builder.http2_prior_knowledge())
        .head(server.url("/"))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (head.status(), head.text().await.unwrap().as_str()),
        (StatusCode::OK, "")
    );
}

fn impatient() -> Limits {
    Limits {
        patience: Duration::from_millis(200),
        head: 16 << 10,
        ..Limits::default()
    }
}

/// What the server says to some bytes until it closes the connection.
async fn until_closed(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer))
        .await
        .expect("the server closes it");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn clients_that_keep_the_server_waiting_are_let_go() {
    let server = Server::with("/", impatient()).await;
    for opening in [
        &b""[..],
        b"PRI * HT",
        b"G",
        b"GET /-/ready HTTP/1.1\r\nHost: x\r\nSlow: ",
    ] {
        let answer = until_closed(&server, opening).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    // An idle connection gets its answer first.
    let answer = until_closed(&server, b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("Alloy is ready.\n"),
        "{answer}"
    );
    assert_eq!(server.get("/-/ready").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go() {
    let server = Server::with("/", impatient()).await;
    let gauges = server.metrics.gauge_vec("wide", "Much text.", &["n"]).unwrap();
    for i in 0..2000 {
        gauges.with(&[&format!("{i}{}", "x".repeat(1000))]).set(1.0);
    }
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..20 {
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer))
        .await
        .expect("the server closes it");
    assert!(answer.len() < 20 * 2_000_000, "{}", answer.len());
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = Server::with("/", impatient()).await;
    let large = format!(
        "GET /-/ready HTTP/1.1\r\nHost: x\r\nLarge: {}\r\n\r\n",
        "x".repeat(64 << 10)
    );
    let answer = until_closed(&server, large.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_eq!(server.get("/-/ready").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_seat() {
    let server = Server::with(
        "/",
        Limits {
            connections: 2,
            ..Limits::default()
        },
    )
    .await;
    let holders = [
        TcpStream::connect(server.address).await.unwrap(),
        TcpStream::connect(server.address).await.unwrap(),
    ];
    tokio::time::sleep(Duration::from_millis(100)).await;
    let waiting = tokio::spawn(server.client.get(server.url("/-/ready")).send());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    drop(holders);
    let response = timeout(Duration::from_secs(5), waiting)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_frees_the_port() {
    let server = Server::start().await;
    assert_eq!(server.get("/-/ready").await.status(), StatusCode::OK);
    let begun = Instant::now();
    server.stop.cancel();
    server.task.await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(Http::bind(options(&server.address.to_string())).is_ok());
}
