//! The store through its HTTP API, in memory where that is enough and over TCP where it is not.

mod bounds;
mod client;
mod push;
mod query;
mod tail;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use host::ManualClock;
use http_body_util::BodyExt;
use memstore::{Config, Store};
use serde_json::Value;
use tower::ServiceExt;

/// 2023-11-14T22:13:20Z: what the clock of every store here says.
const NOW: i64 = 1_700_000_000_000_000_000;

fn store() -> Arc<Store> {
    store_with(Config::default())
}

fn store_with(config: Config) -> Arc<Store> {
    Arc::new(Store::with_clock(config, Arc::new(ManualClock::at(NOW))))
}

async fn send(store: &Arc<Store>, request: Request<Body>) -> (StatusCode, String) {
    let response = memstore::router(store.clone())
        .oneshot(request)
        .await
        .expect("infallible");
    let status = response.status();
    let body = response.into_body().collect().await.expect("in memory").to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("UTF-8"))
}

async fn get(store: &Arc<Store>, path: &str, params: &[(&str, &str)]) -> (StatusCode, String) {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(params)
        .finish();
    let request = Request::get(format!("/loki/api/v1/{path}?{query}"))
        .body(Body::empty())
        .expect("valid");
    send(store, request).await
}

/// `data` of an answer that must be a success.
async fn data(store: &Arc<Store>, path: &str, params: &[(&str, &str)]) -> Value {
    let (status, body) = get(store, path, params).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let mut answer: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(answer["status"], "success");
    answer["data"].take()
}

fn json_push(body: &str) -> Request<Body> {
    Request::post("/loki/api/v1/push")
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .expect("valid")
}

async fn push_json(store: &Arc<Store>, body: &str) {
    let (status, text) = send(store, json_push(body)).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{text}");
}

/// Pushes lines of one stream, a nanosecond apart from `first` on.
async fn push_lines(store: &Arc<Store>, labels: Value, first: i64, lines: &[&str]) {
    let values: Vec<_> = lines
        .iter()
        .zip(first..)
        .map(|(line, at)| serde_json::json!([at.to_string(), line]))
        .collect();
    push_json(
        store,
        &serde_json::json!({"streams": [{"stream": labels, "values": values}]}).to_string(),
    )
    .await;
}

/// All lines of an answer to a query, in its order.
fn lines(data: &Value) -> Vec<&str> {
    let streams = data["result"].as_array().expect("array");
    let values = streams
        .iter()
        .flat_map(|stream| stream["values"].as_array().expect("array"));
    values.map(|value| value[1].as_str().expect("string")).collect()
}
