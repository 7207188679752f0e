//! The store through its HTTP API, and beside a real Prometheus.

mod api;
mod bounds;
mod language;
mod peer;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use host::ManualClock;
use http_body_util::BodyExt;
use promstore::{Config, Store};
use serde_json::Value;
use std::sync::Arc;
use tower::ServiceExt;

/// 2023-11-14T22:13:20Z in milliseconds: what the clock of every store here says at first.
const NOW: i64 = 1_700_000_000_000;

fn store() -> Arc<Store> {
    store_with(Config::default()).0
}

fn store_with(config: Config) -> (Arc<Store>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(NOW * 1_000_000));
    (Arc::new(Store::with_clock(config, clock.clone())), clock)
}

async fn send(store: &Arc<Store>, request: Request<Body>) -> (StatusCode, String) {
    let response = promstore::router(store.clone())
        .oneshot(request)
        .await
        .expect("routers do not fail");
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("UTF-8"))
}

/// Status and body of a GET; parameters are encoded here.
async fn get(store: &Arc<Store>, path: &str, parameters: &[(&str, &str)]) -> (StatusCode, String) {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    let request = Request::get(format!("{path}?{query}")).body(Body::empty());
    send(store, request.expect("a request")).await
}

/// `data` of the answer to a GET that succeeds.
async fn data(store: &Arc<Store>, path: &str, parameters: &[(&str, &str)]) -> Value {
    let (status, body) = get(store, path, parameters).await;
    assert_eq!(status, StatusCode::OK, "{path} {parameters:?}: {body}");
    let answer: Value = serde_json::from_str(&body).expect("the answer is JSON");
    assert_eq!(answer["status"], "success");
    answer["data"].clone()
}

/// A store with a counter `c` and a gauge `g` of two instances, a sample every 15 s up to now, for ten minutes.
fn filled() -> Arc<Store> {
    let store = store();
    for i in 0..=40i64 {
        let at = NOW - 600_000 + i * 15_000;
        for (instance, slope) in [("a", 3.0), ("b", 5.0)] {
            let labels = |name| [("__name__", name), ("instance", instance), ("job", "api")];
            store.append(&labels("c"), at, i as f64 * slope).expect("it fits");
            store.append(&labels("g"), at, slope).expect("it fits");
        }
    }
    store
}
