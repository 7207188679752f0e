//! Following: over a WebSocket, and within the process.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::client::{exchange, receive, serve, websocket};
use crate::{NOW, push_lines, store};

fn push(addr: std::net::SocketAddr, labels: Value, at: i64, line: &str) {
    let body = json!({"streams": [{"stream": labels, "values": [[at.to_string(), line]]}]}).to_string();
    let answer = exchange(
        addr,
        "POST /loki/api/v1/push HTTP/1.1\r\nContent-Type: application/json",
        body.as_bytes(),
    );
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

#[test]
fn a_tail_gives_what_is_there_and_then_what_comes() {
    let addr = serve(store());
    push(addr, json!({"app": "api"}), NOW - 3, "old error");
    push(addr, json!({"app": "api"}), NOW - 2, "older news");
    push(addr, json!({"app": "api"}), NOW - 1, "last error");
    let query = "%7Bapp%3D%22api%22%7D%20%7C%3D%20%22error%22";
    let mut tail = websocket(addr, &format!("/loki/api/v1/tail?query={query}")).expect("upgrade");
    let at = |n: i64| n.to_string();
    let expect = json!({"streams": [{"stream": {"app": "api"}, "values": [[at(NOW - 3), "old error"], [at(NOW - 1), "last error"]]}]});
    assert_eq!(receive(&mut tail), Some(expect));

    push(addr, json!({"app": "web"}), NOW, "error elsewhere");
    push(addr, json!({"app": "api"}), NOW, "nothing");
    push(addr, json!({"app": "api"}), NOW + 1, "new error");
    let expect = json!({"streams": [{"stream": {"app": "api"}, "values": [[at(NOW + 1), "new error"]]}]});
    assert_eq!(receive(&mut tail), Some(expect));

    // A second one, only what is new.
    let mut quick = websocket(addr, &format!("/loki/api/v1/tail?query={query}&start={}", NOW + 100)).expect("upgrade");
    push(addr, json!({"app": "api"}), NOW + 2, "error for both");
    for socket in [&mut tail, &mut quick] {
        let message = receive(socket).expect("text");
        assert_eq!(message["streams"][0]["values"][0][1], "error for both");
    }
}

#[test]
fn a_tail_that_cannot_work_is_refused() {
    let addr = serve(store());
    for path in ["tail", "tail?query=nonsense", "tail?query=%7Ba%3D%22b%22%7D&limit=0"] {
        let head = websocket(addr, &format!("/loki/api/v1/{path}")).expect_err("refused");
        assert!(head.starts_with("HTTP/1.1 400"), "{path}: {head}");
    }
}

#[test]
fn queries_work_over_tcp() {
    let addr = serve(store());
    push(addr, json!({"app": "api"}), NOW - 3, "hello");
    let answer = exchange(
        addr,
        "GET /loki/api/v1/query_range?query=%7Bapp%3D%22api%22%7D HTTP/1.1",
        b"",
    );
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("\"hello\""),
        "{answer}"
    );
}

#[tokio::test]
async fn subscriptions_within_the_process() {
    let store = store();
    let mut all = store.subscribe(None, None).expect("valid");
    let mut errors = store.subscribe(Some(""), Some(r#"{a="1"} |= "error""#)).expect("valid");
    let mut other = store.subscribe(Some("other"), None).expect("valid");
    assert!(store.subscribe(None, Some("nonsense")).is_err());
    assert_eq!(all.try_recv(), None);

    let waiting = tokio::spawn(async move {
        let batch = all.recv().await.expect("the store lives");
        (batch, all)
    });
    tokio::task::yield_now().await;
    push_lines(&store, json!({"a": "1"}), NOW, &["fine", "error", "fine", "error"]).await;
    let (batch, mut all) = waiting.await.expect("no panic");
    let lines: Vec<&[u8]> = batch.entries.iter().map(|e| &e.line[..]).collect();
    assert_eq!(lines, [&b"fine"[..], b"error", b"fine", b"error"]);
    let batch = errors.try_recv().expect("two");
    assert_eq!(batch.entries.len(), 2);
    assert_eq!(batch.entries[0].labels[..], [("a".to_owned(), "1".to_owned())]);
    assert_eq!(other.try_recv(), None);

    let store = Arc::into_inner(store).expect("the only one");
    drop(store);
    assert_eq!(all.recv().await, None);
    assert_eq!(errors.recv().await, None);
}

#[tokio::test]
async fn a_slow_subscriber_is_told_what_it_missed() {
    let store = store();
    let mut slow = store.subscribe(None, None).expect("valid");
    let line = "x".repeat(1 << 20);
    for i in 0..6 {
        push_lines(&store, json!({"a": "1"}), NOW + i, &[&line]).await;
    }
    let batch = slow.recv().await.expect("the store lives");
    assert_eq!((batch.entries.len(), batch.dropped), (4, 2));
    let dropped: Vec<i64> = batch.dropped_first.iter().map(|(_, at)| *at).collect();
    assert_eq!(dropped, [NOW + 4, NOW + 5]);
    // And goes on.
    push_lines(&store, json!({"a": "1"}), NOW + 9, &["small"]).await;
    let batch = slow.recv().await.expect("the store lives");
    assert_eq!((batch.entries.len(), batch.dropped), (1, 0));
}
