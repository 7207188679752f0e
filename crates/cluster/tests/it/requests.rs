//! Requests that are not as they should be.

use crate::node::{Extra, Member, options, until};
use axum::body::Body;
use axum::http::{Request, Version};
use cluster::{HANDOVER_PATH, MESSAGE_PATH, POSITIONS_PATH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PACKET: &str = "application/x.invar-gossip";
const JSON: &str = "application/json";

#[tokio::test]
async fn each_mistake_has_its_answer() {
    let mut named = options("a");
    named.name = "mine".to_owned();
    let member = Member::start(named, &Extra::default()).await;
    let question = r#"{"component": "c", "key": "k", "hash": 7}"#.as_bytes();
    let large = vec![0; gossip::MAX_PACKET + 1];
    let position = r#"{"component": "c", "key": "k", "hash": 7, "publisher": "b", "generation": 1, "counter": 1, "value": {"at": 3}}"#;
    let one = format!("[{position}]");
    let many = format!("[{}]", vec![position; 257].join(","));
    let long = format!("[{}]", position.replace('3', &"3".repeat(1 << 20)));
    for (version, method, path, content_type, cluster, body, expected) in [
        (Version::HTTP_11, "POST", MESSAGE_PATH, PACKET, "mine", &b"x"[..], 505),
        (Version::HTTP_2, "GET", MESSAGE_PATH, PACKET, "mine", b"x", 405),
        (
            Version::HTTP_2,
            "POST",
            "/api/v1/ckit/transport/stream",
            PACKET,
            "mine",
            b"x",
            404,
        ),
        (
            Version::HTTP_2,
            "POST",
            MESSAGE_PATH,
            "application/x.ckit",
            "mine",
            b"x",
            400,
        ),
        (Version::HTTP_2, "POST", MESSAGE_PATH, "", "mine", b"x", 400),
        (Version::HTTP_2, "POST", MESSAGE_PATH, PACKET, "other", b"x", 403),
        (Version::HTTP_2, "POST", MESSAGE_PATH, PACKET, "", b"x", 403),
        (Version::HTTP_2, "POST", MESSAGE_PATH, PACKET, "mine", &large, 413),
        // What is in it is the affair of the state machine.
        (Version::HTTP_2, "POST", MESSAGE_PATH, PACKET, "mine", b"x", 204),
        (Version::HTTP_2, "POST", HANDOVER_PATH, PACKET, "mine", question, 400),
        (Version::HTTP_2, "POST", HANDOVER_PATH, JSON, "", question, 403),
        (Version::HTTP_2, "POST", HANDOVER_PATH, JSON, "mine", b"{}", 400),
        (
            Version::HTTP_2,
            "POST",
            HANDOVER_PATH,
            "application/json; charset=utf-8",
            "mine",
            question,
            404,
        ),
        (Version::HTTP_2, "POST", HANDOVER_PATH, JSON, "mine", &large, 413),
        (
            Version::HTTP_11,
            "POST",
            POSITIONS_PATH,
            JSON,
            "mine",
            one.as_bytes(),
            505,
        ),
        (
            Version::HTTP_2,
            "POST",
            POSITIONS_PATH,
            PACKET,
            "mine",
            one.as_bytes(),
            400,
        ),
        (
            Version::HTTP_2,
            "POST",
            POSITIONS_PATH,
            JSON,
            "other",
            one.as_bytes(),
            403,
        ),
        (
            Version::HTTP_2,
            "POST",
            POSITIONS_PATH,
            JSON,
            "mine",
            position.as_bytes(),
            400,
        ),
        (
            Version::HTTP_2,
            "POST",
            POSITIONS_PATH,
            JSON,
            "mine",
            many.as_bytes(),
            413,
        ),
        (
            Version::HTTP_2,
            "POST",
            POSITIONS_PATH,
            JSON,
            "mine",
            long.as_bytes(),
            413,
        ),
        (Version::HTTP_2, "POST", POSITIONS_PATH, JSON, "mine", b"[]", 204),
        (
            Version::HTTP_2,
            "POST",
            POSITIONS_PATH,
            JSON,
            "mine",
            one.as_bytes(),
            204,
        ),
    ] {
        let mut request = Request::builder().version(version).method(method).uri(path);
        for (name, value) in [("content-type", content_type), ("x-invar-cluster", cluster)] {
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        let status = member.service.answer(request).await.status().as_u16();
        assert_eq!(status, expected, "{version:?} {method} {path} {content_type} {cluster}");
    }
}

#[tokio::test]
async fn what_is_its_own_is_not_handed_over() {
    let member = Member::start(options("a"), &Extra::default()).await;
    let send = async |path: &str, body: &str| {
        let request = Request::builder().version(Version::HTTP_2).method("POST").uri(path);
        let request = request.header("content-type", JSON);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        member.service.answer(request).await.status().as_u16()
    };
    let ask = r#"{"component": "c", "key": "k", "hash": 7}"#;
    let tell =
        r#"[{"component": "c", "key": "k", "hash": 7, "publisher": "b", "generation": 1, "counter": 1, "value": 3}]"#;
    assert_eq!(send(HANDOVER_PATH, ask).await, 404, "a viewer has nothing of its own");
    member.service.participate();
    until("it takes part", || member.sees() == ["a participant"]).await;
    assert_eq!(send(HANDOVER_PATH, ask).await, 409);
    assert_eq!(send(POSITIONS_PATH, tell).await, 409);
}

#[tokio::test]
async fn http_1_is_refused_over_the_network_too() {
    let member = Member::start(options("a"), &Extra::default()).await;
    let mut stream = tokio::net::TcpStream::connect(member.address).await.unwrap();
    let request = format!(
        "POST {MESSAGE_PATH} HTTP/1.1\r\nhost: a\r\ncontent-type: {PACKET}\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 505 "), "{answer}");
}
