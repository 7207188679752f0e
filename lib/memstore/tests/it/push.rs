//! What can be pushed, and what is said about what cannot.

use std::io::Write;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use memstore::Config;
use serde_json::json;

use crate::{NOW, data, json_push, push_json, push_lines, send, store, store_with};

fn protobuf() -> Vec<u8> {
    let mut encoder = lokipush::Encoder::new();
    encoder.begin_stream(r#"{b="2", a="1"}"#);
    encoder.plain_entry(NOW - 2, b"first");
    encoder.entry(NOW - 1, b"sec\xffond", [("trace_id", "t1")]);
    let mut compressor = lokipush::Compressor::new();
    compressor.compress(encoder.finish()).expect("small").to_vec()
}

#[tokio::test]
async fn protobuf_json_and_gzip_arrive_alike() {
    let document = json!({"streams": [{"stream": {"a": "1", "b": "2"}, "values": [
        [(NOW - 2).to_string(), "first"], [(NOW - 1).to_string(), "sec\u{fffd}ond", {"trace_id": "t1"}],
    ]}]});
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(document.to_string().as_bytes()).unwrap();
    let bodies = [
        ("application/x-protobuf", "snappy", protobuf()),
        ("application/x-protobuf", "", protobuf()),
        ("application/json", "", document.to_string().into_bytes()),
        ("application/json; charset=utf-8", "gzip", gzip.finish().unwrap()),
    ];
    for (kind, encoding, body) in bodies {
        let store = store();
        let mut request = Request::post("/loki/api/v1/push").header("content-type", kind);
        if !encoding.is_empty() {
            request = request.header("content-encoding", encoding);
        }
        let (status, text) = send(&store, request.body(Body::from(body)).unwrap()).await;
        assert_eq!((status, &text[..]), (StatusCode::NO_CONTENT, ""), "{kind} {encoding}");
        let data = data(
            &store,
            "query_range",
            &[("query", r#"{a="1"}"#), ("direction", "forward")],
        )
        .await;
        let expect = json!({"resultType": "streams", "stats": {}, "result": [{
            "stream": {"a": "1", "b": "2"},
            "values": [[(NOW - 2).to_string(), "first"], [(NOW - 1).to_string(), "sec\u{fffd}ond", {"trace_id": "t1"}]],
        }]});
        assert_eq!(data, expect, "{kind} {encoding}");
    }
}

#[tokio::test]
async fn bad_pushes_are_refused_with_a_reason_and_leave_nothing() {
    let store = store_with(Config {
        max_bytes: 1 << 20,
        max_push_bytes: 700_000,
        ..Config::default()
    });
    let values = r#""values":[["1","x"]]"#;
    let long = format!(
        r#"{{"streams":[{{"stream":{{"a":"1"}},"values":[["1","{}"]]}}]}}"#,
        "x".repeat(600_000)
    );
    for (body, expect) in [
        (
            "{",
            "malformed JSON push request: EOF while parsing an object at line 1 column 1",
        ),
        (
            r#"{"streams":[{"stream":{"a":1}}]}"#,
            "malformed JSON push request: invalid type: integer `1`, expected a string at line 1 column 28",
        ),
        (
            &format!(r#"{{"streams":[{{"stream":{{"a":"1"}},{values}}},{{"stream":{{}},{values}}}]}}"#),
            r#"stream "{}" has no labels: at least one with a value is required"#,
        ),
        (
            &format!(r#"{{"streams":[{{"stream":{{"a":""}},{values}}}]}}"#),
            r#"stream "{a=""}" has no labels: at least one with a value is required"#,
        ),
        (
            &long,
            r#"stream "{a="1"}": an entry of 600000 bytes does not fit, the limit is 524288"#,
        ),
    ] {
        let (status, text) = send(&store, json_push(body)).await;
        assert_eq!((status, text.trim_end()), (StatusCode::BAD_REQUEST, expect));
    }

    let protobuf = |body: Vec<u8>| {
        let request = Request::post("/loki/api/v1/push").header("content-type", "application/x-protobuf");
        request.body(Body::from(body)).unwrap()
    };
    let mut encoder = lokipush::Encoder::new();
    encoder.begin_stream("{a=}");
    encoder.plain_entry(1, b"x");
    let mut compressor = lokipush::Compressor::new();
    let bad_labels = compressor.compress(encoder.finish()).expect("small").to_vec();
    for (body, expect) in [
        (b"hello".to_vec(), "the body is not a snappy block"),
        (
            compressor.compress(b"\x0a\xff").unwrap().to_vec(),
            "malformed protobuf at byte 2: a number is cut off",
        ),
        (
            bad_labels,
            r#"stream "{a=}": invalid labels at byte 3: the value of label "a" must be a quoted string, found "}""#,
        ),
    ] {
        let (status, text) = send(&store, protobuf(body)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(text.starts_with(expect), "{text}");
    }

    let no_type = Request::post("/loki/api/v1/push").body(Body::from("{}")).unwrap();
    let (status, text) = send(&store, no_type).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.starts_with("the Content-Type header is missing"), "{text}");
    let (status, text) = send(&store, json_push(&"x".repeat(700_001))).await;
    assert_eq!(
        (status, text.trim_end()),
        (
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body has more than 700000 bytes: send smaller batches"
        )
    );
    // 10 MiB of zeros in half a MiB
    let (status, text) = send(
        &store,
        protobuf(compressor.compress(&vec![0; 10 << 20]).unwrap().to_vec()),
    )
    .await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{text}");
    let (status, _) = send(&store, Request::get("/loki/api/v1/push").body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);

    assert_eq!(store.state().entries, 0);
    assert_eq!(store.state().bytes, 0);
}

#[tokio::test]
async fn nothing_to_store_is_fine() {
    let store = store();
    push_json(&store, "{}").await;
    push_json(&store, r#"{"streams":[{"stream":{"a":"1"},"values":[]}]}"#).await;
    assert_eq!(store.state().streams, 0);
}

#[tokio::test]
async fn a_repeated_entry_is_stored_once() {
    let store = store();
    let document = |entries: &str| format!(r#"{{"streams":[{{"stream":{{"a":"1"}},"values":[{entries}]}}]}}"#);
    push_json(
        &store,
        &document(r#"["1","x"],["1","x"],["1","y"],["1","x"],["2","x"]"#),
    )
    .await;
    push_json(&store, &document(r#"["2","x"],["2","x",{"k":"v"}]"#)).await;
    let state = store.state();
    assert_eq!(
        (state.entries, state.duplicate_entries, state.received_entries),
        (5, 2, 5)
    );
    let data = data(
        &store,
        "query_range",
        &[("query", r#"{a="1"}"#), ("start", "0"), ("direction", "forward")],
    )
    .await;
    assert_eq!(crate::lines(&data), ["x", "y", "x", "x", "x"]);
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let store = store();
    push_lines(&store, json!({"a": "1"}), NOW - 10, &["anonymous"]).await;
    let mut request = json_push(&format!(
        r#"{{"streams":[{{"stream":{{"a":"1"}},"values":[["{}","theirs"]]}}]}}"#,
        NOW - 5
    ));
    request.headers_mut().insert("x-scope-orgid", "team-a".parse().unwrap());
    assert_eq!(send(&store, request).await.0, StatusCode::NO_CONTENT);
    assert_eq!(store.state().tenants, 2);

    let own = data(&store, "query_range", &[("query", r#"{a="1"}"#)]).await;
    assert_eq!(crate::lines(&own), ["anonymous"]);
    let uri = "/loki/api/v1/query_range?query=%7Ba%3D%221%22%7D";
    let theirs = Request::get(uri)
        .header("x-scope-orgid", "team-a")
        .body(Body::empty())
        .unwrap();
    let (_, body) = send(&store, theirs).await;
    assert!(body.contains("theirs") && !body.contains("anonymous"), "{body}");
    let other = Request::get("/loki/api/v1/labels")
        .header("x-scope-orgid", "team-b")
        .body(Body::empty())
        .unwrap();
    assert_eq!(send(&store, other).await.1, r#"{"status":"success","data":[]}"#);
    let long = Request::get(uri)
        .header("x-scope-orgid", "x".repeat(151))
        .body(Body::empty())
        .unwrap();
    assert_eq!(send(&store, long).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn pages_of_other_origins_get_nothing() {
    let store = store();
    let request = |origin: &str| {
        let request = Request::get("/loki/api/v1/labels")
            .header("host", "127.0.0.1:3100")
            .header("origin", origin);
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(send(&store, request("http://127.0.0.1:3100")).await.0, StatusCode::OK);
    for origin in ["http://evil.example", "http://127.0.0.1:3101", "null"] {
        let (status, _) = send(&store, request(origin)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{origin}");
    }
}
