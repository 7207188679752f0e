//! The store through its HTTP API.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use bytes::Bytes;
use host::ManualClock;
use http_body_util::BodyExt;
use otlp_wire::{Signal, json};
use serde_json::{Value, json};
use spanstore::{Config, Store};
use std::io::Write;
use std::sync::Arc;
use tower::ServiceExt;

const NOW: i64 = 1_700_000_000_000_000_000;
const A: &str = "0af7651916cd43dd8448eb211c80319c";
const B: &str = "00000000000000000000000000000b0b";

fn store(config: Config) -> (Arc<Store>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(NOW));
    (Arc::new(Store::with_clock(config, clock.clone())), clock)
}

fn span(trace: &str, id: &str, parent: &str, name: &str, start: i64, end: i64) -> Value {
    json!({
        "traceId": trace, "spanId": id, "parentSpanId": parent, "name": name,
        "startTimeUnixNano": (NOW + start).to_string(), "endTimeUnixNano": (NOW + end).to_string(),
        "attributes": [{"key": "of", "value": {"stringValue": name}}],
    })
}

/// Two traces in two services.
fn request() -> Value {
    let resource = |service: &str| json!({"attributes": [{"key": "service.name", "value": {"stringValue": service}}]});
    json!({"resourceSpans": [
        {"resource": resource("shop"), "scopeSpans": [{"scope": {"name": "lib", "version": "1"}, "spans": [
            span(A, "00f067aa0ba902b7", "", "GET /cart", 0, 9_000_000),
            span(B, "00f067aa0ba902b8", "0000000000000001", "poll", 1_000_000_000, 1_001_000_000),
            span(A, "00f067aa0ba902b9", "00f067aa0ba902b7", "query", 1_000_000, 2_000_000),
        ], "schemaUrl": "https://example/scope"}], "schemaUrl": "https://example/resource"},
        {"resource": resource("stock"), "scopeSpans": [{"spans": [
            span(A, "00f067aa0ba902ba", "00f067aa0ba902b9", "lookup", 1_500_000, 1_600_000),
        ]}]},
    ]})
}

async fn send(store: &Arc<Store>, request: Request<Body>) -> (StatusCode, Bytes) {
    let response = spanstore::router(store.clone())
        .oneshot(request)
        .await
        .expect("routers do not fail");
    let status = response.status();
    (status, response.into_body().collect().await.expect("a body").to_bytes())
}

async fn get(store: &Arc<Store>, path: &str, accept: &str) -> (StatusCode, Bytes) {
    let request = Request::get(path).header("accept", accept).body(Body::empty());
    send(store, request.expect("a request")).await
}

async fn get_json(store: &Arc<Store>, path: &str) -> Value {
    let (status, body) = get(store, path, "*/*").await;
    assert_eq!(status, StatusCode::OK, "{path}: {body:?}");
    serde_json::from_slice(&body).expect("the answer is JSON")
}

async fn push(store: &Arc<Store>, kind: &str, encoding: &str, body: impl Into<Body>) -> (StatusCode, Bytes) {
    let request = Request::post("/v1/traces")
        .header("content-type", kind)
        .header("content-encoding", encoding)
        .body(body.into());
    send(store, request.expect("a request")).await
}

#[tokio::test]
async fn a_trace_is_found_by_its_id() {
    let (store, _) = store(Config::default());
    let (status, body) = push(&store, "application/json", "", request().to_string()).await;
    assert_eq!((status, &body[..]), (StatusCode::OK, &b"{}"[..]));

    let trace = get_json(&store, &format!("/api/traces/{A}")).await;
    let mut expect = request();
    expect["resourceSpans"][0]["scopeSpans"][0]["spans"]
        .as_array_mut()
        .expect("a list")
        .remove(1);
    let text = serde_json::to_vec(&expect).expect("JSON");
    let (expect_bytes, _) = json::decode(Signal::Traces, &text).expect("it is OTLP");
    let expect: Value = serde_json::from_slice(&json::encode(Signal::Traces, &expect_bytes)).expect("JSON");
    assert_eq!(trace["batches"], expect["resourceSpans"]);
    let second = get_json(&store, &format!("/api/v2/traces/{A}")).await;
    assert_eq!(second["trace"], expect);

    let (status, body) = get(&store, &format!("/api/traces/{A}"), "application/protobuf").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        json::encode(Signal::Traces, &body),
        json::encode(Signal::Traces, &expect_bytes)
    );
    let (_, wrapped) = get(&store, &format!("/api/v2/traces/{A}"), "application/protobuf").await;
    assert_eq!((wrapped[0], wrapped.ends_with(&body)), (0x0a, true));

    // Zeros in front may be left out.
    assert_eq!(get(&store, "/api/traces/B0B", "").await.0, StatusCode::OK);
    assert_eq!(get(&store, "/api/traces/1", "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(get(&store, "/api/traces/+1", "").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(get(&store, "/api/echo", "").await.1, "echo");
}

#[tokio::test]
async fn traces_are_found_by_what_they_have() {
    let (store, _) = store(Config::default());
    let text = request().to_string();
    push(&store, "application/json", "", text).await;
    let search = async |query: &str| {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let answer = get_json(&store, &format!("/api/search?q={query}")).await;
        let traces = answer["traces"].as_array().expect("a list").iter();
        traces
            .map(|trace| trace["traceID"].as_str().expect("an id").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(search("{}").await, [B, A]);
    assert_eq!(search("{ resource.service.name = \"stock\" }").await, [A]);
    assert_eq!(search("{ name = \"poll\" && .of = \"poll\" }").await, [B]);
    // One span has to meet all conditions.
    assert!(
        search("{ name = \"lookup\" && resource.service.name = \"shop\" }")
            .await
            .is_empty()
    );
    let all = get_json(&store, "/api/search?limit=10&start=1699999999&end=1700000000").await;
    assert_eq!(
        all["traces"],
        json!([{
            "traceID": A, "rootServiceName": "shop", "rootTraceName": "GET /cart",
            "startTimeUnixNano": NOW.to_string(), "durationMs": 9,
        }])
    );
    assert_eq!(
        get_json(&store, "/api/search?tags=service.name%3Dstock").await["traces"][0]["traceID"],
        A
    );
    let (status, body) = get(&store, "/api/search?q=%7Bduration%3E1s%7D", "").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        String::from_utf8_lossy(&body).contains("point Grafana at a Tempo"),
        "{body:?}"
    );
}

#[tokio::test]
async fn requests_are_taken_in_every_form_and_refused_with_a_reason() {
    let (store, _) = store(Config::default());
    let text = request().to_string();
    let (protobuf, _) = json::decode(Signal::Traces, text.as_bytes()).expect("it is OTLP");
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zip.write_all(&protobuf).expect("memory can be written");
    let zipped = zip.finish().expect("memory can be written");
    let kind = "application/x-protobuf";
    assert_eq!(push(&store, kind, "gzip", zipped).await, (StatusCode::OK, Bytes::new()));
    assert_eq!(store.state().spans, 4);
    assert_eq!(push(&store, kind, "gzip", "x").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(
        push(&store, kind, "br", "x").await.0,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    assert_eq!(
        push(&store, "text/plain", "", "x").await.0,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    assert_eq!(push(&store, kind, "", "\u{ff}\u{ff}").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(
        push(&store, "application/json", "", "{").await.0,
        StatusCode::BAD_REQUEST
    );
    let nameless = json!({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "x"}]}]}]}).to_string();
    let (status, body) = push(&store, "application/json", "", nameless).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        String::from_utf8_lossy(&body).contains("\"rejectedSpans\":\"1\""),
        "{body:?}"
    );
}

#[tokio::test]
async fn what_is_old_or_too_much_is_forgotten() {
    let (store, clock) = store(Config {
        max_bytes: 1 << 20,
        ..Config::default()
    });
    let one = |number: u32| {
        let span = span(&format!("{number:032x}"), "00f067aa0ba902b7", "", "x", 0, 1);
        let text = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
        json::decode(Signal::Traces, text.as_bytes()).expect("it is OTLP").0
    };
    for number in 1..=5000 {
        store.push(one(number)).expect("it is a request");
        assert!(store.state().bytes <= 1 << 20);
    }
    let state = store.state();
    assert_eq!(state.spans + state.dropped_spans, 5000);
    assert!(
        state.traces > 1000 && store.trace(&5000u128.to_be_bytes()).is_some(),
        "{state:?}"
    );
    clock.advance(600_000_000_000);
    store.push(one(9999)).expect("it is a request");
    clock.advance(600_000_000_000);
    assert_eq!(store.state().traces, 1);
    clock.advance(600_000_000_000);
    let state = store.state();
    assert_eq!((state.traces, state.spans, state.bytes), (0, 0, 0));
}
