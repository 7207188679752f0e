//! The HTTP API.

use crate::search::{Filter, Summary};
use crate::store::{Store, TraceId};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use otlp_wire::response::PartialSuccess;
use otlp_wire::{Signal, json};
use serde_json::json;
use std::io::Read;
use std::sync::Arc;

/// Traces of a search that does not say how many, as in Tempo.
const DEFAULT_LIMIT: usize = 20;
/// Traces of one search.
const MOST: usize = 1000;

const PROTOBUF: &str = "application/protobuf";

/// Serves `store`: the part of Tempo's API named in the crate's documentation. All paths are `/v1/traces` or below `/api/` and none of them below `/api/v1/`.
///
/// A trace is OTLP: JSON, or protobuf for a client whose `Accept` names it, which is what Grafana does.
///
/// The API has no authentication, so bind it to loopback or put something in front. Requests that a web page of another
/// origin makes in the user's browser are refused.
pub fn router(store: Arc<Store>) -> Router {
    Router::new()
        .route("/v1/traces", post(push))
        .route("/api/echo", get(async || "echo"))
        .route("/api/status/buildinfo", get(build_info))
        .route("/api/traces/{id}", get(trace))
        .route("/api/v2/traces/{id}", get(trace_v2))
        .route("/api/search", get(search))
        // What there is to choose from is not kept.
        .route("/api/search/tags", get(async || as_json(json!({"tagNames": ["service.name", "name"]}))))
        .route("/api/v2/search/tags", get(async || {
            as_json(json!({"scopes": [{"name": "resource", "tags": ["service.name"]}, {"name": "intrinsic", "tags": ["name"]}]}))
        }))
        .route("/api/search/tag/{tag}/values", get(async || as_json(json!({"tagValues": []}))))
        .route("/api/v2/search/tag/{tag}/values", get(async || as_json(json!({"tagValues": []}))))
        .layer(middleware::from_fn(sameorigin::same_origin))
        .with_state(store)
}

fn as_json(value: serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn plain(status: StatusCode, text: impl ToString) -> Response {
    (status, text.to_string() + "\n").into_response()
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// OTLP over HTTP: protobuf or JSON, answered in kind.
async fn push(State(store): State<Arc<Store>>, headers: HeaderMap, body: Body) -> Response {
    let limit = store.config().max_push_bytes;
    let body = match axum::body::to_bytes(body, limit).await {
        Ok(body) => body,
        Err(error) => {
            let what = format!("the body could not be read, or has more than {limit} bytes: {error}");
            return plain(StatusCode::BAD_REQUEST, what);
        }
    };
    let body = match text(&headers, header::CONTENT_ENCODING) {
        "" | "identity" => body,
        "gzip" => match unzip(&body, limit) {
            Ok(body) => body,
            Err(what) => return plain(StatusCode::BAD_REQUEST, what),
        },
        other => {
            let what = format!("content encoding {other:?} is neither gzip nor identity");
            return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, what);
        }
    };
    let content_type = text(&headers, header::CONTENT_TYPE)
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let (is_json, request) = match content_type {
        "application/json" => match json::decode(Signal::Traces, &body) {
            Ok((request, _)) => (true, request),
            Err(error) => return plain(StatusCode::BAD_REQUEST, error),
        },
        "application/x-protobuf" | PROTOBUF => (false, body),
        other => {
            let what = format!("content type {other:?} is neither application/x-protobuf nor application/json");
            return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, what);
        }
    };
    let pushed = match store.push(request) {
        Ok(pushed) => pushed,
        Err(error) => return plain(StatusCode::BAD_REQUEST, error),
    };
    let partial = (pushed.rejected > 0).then(|| PartialSuccess {
        rejected: i64::try_from(pushed.rejected).unwrap_or(i64::MAX),
        message: "spans without a trace id".to_owned(),
    });
    if is_json {
        let body = partial.map_or_else(|| "{}".to_owned(), |partial| partial.encode_json(Signal::Traces));
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    } else {
        let body = partial.map(|partial| partial.encode()).unwrap_or_default();
        ([(header::CONTENT_TYPE, "application/x-protobuf")], body).into_response()
    }
}

fn unzip(body: &[u8], limit: usize) -> Result<Bytes, String> {
    let mut out = Vec::new();
    let read = flate2::read::GzDecoder::new(body)
        .take(limit as u64 + 1)
        .read_to_end(&mut out);
    match read {
        Ok(length) if length > limit => Err(format!("the body has more than {limit} bytes: send less at once")),
        Ok(_) => Ok(out.into()),
        Err(error) => Err(format!("the body is not gzip: {error}")),
    }
}

/// Up to 32 hexadecimal digits; zeros in front may be left out.
fn parse_id(text: &str) -> Option<TraceId> {
    if text.is_empty() || text.len() > 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u128::from_str_radix(text, 16).ok()?;
    Some(number.to_be_bytes())
}

fn hex(id: &TraceId) -> String {
    format!("{:032x}", u128::from_be_bytes(*id))
}

/// An answer other than success. Tempo's errors are plain text.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        plain(self.0, self.1)
    }
}

fn find(store: &Store, id: &str) -> Result<Bytes, Refusal> {
    let parsed = parse_id(id).ok_or_else(|| {
        let what = format!("{id:?} is no trace id: up to 32 hexadecimal digits are");
        Refusal(StatusCode::BAD_REQUEST, what)
    })?;
    let found = store.trace(&parsed);
    found.ok_or_else(|| Refusal(StatusCode::NOT_FOUND, format!("trace {id} not found")))
}

fn wants_protobuf(headers: &HeaderMap) -> bool {
    text(headers, header::ACCEPT).contains(PROTOBUF)
}

/// `Trace`: its one field is that of an OTLP request; in JSON it is called `batches`.
async fn trace(State(store): State<Arc<Store>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let request = match find(&store, &id) {
        Ok(request) => request,
        Err(refusal) => return refusal.into_response(),
    };
    if wants_protobuf(&headers) {
        return ([(header::CONTENT_TYPE, PROTOBUF)], request).into_response();
    }
    let body = json::encode(Signal::Traces, &request);
    let list = body.strip_prefix(br#"{"resourceSpans":"#).unwrap_or(b"[]}");
    let body = [br#"{"batches":"#, list].concat();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// `TraceByIDResponse`: field 1 is the trace.
async fn trace_v2(State(store): State<Arc<Store>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let request = match find(&store, &id) {
        Ok(request) => request,
        Err(refusal) => return refusal.into_response(),
    };
    if wants_protobuf(&headers) {
        let mut out = otlp_wire::write::Writer::new();
        out.bytes(1, &request);
        return ([(header::CONTENT_TYPE, PROTOBUF)], out.finish()).into_response();
    }
    let body = [br#"{"trace":"#, &json::encode(Signal::Traces, &request)[..], b"}"].concat();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn search(State(store): State<Arc<Store>>, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let query = query.unwrap_or_default();
    let parameters: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let get = |name: &str| {
        let found = parameters.iter().find(|(n, v)| n == name && !v.is_empty());
        found.map(|(_, value)| value.as_str())
    };
    let filter = match (get("q"), get("tags")) {
        (Some(query), _) => Filter::parse(query),
        (None, tags) => Filter::parse_tags(tags.unwrap_or_default()),
    };
    let filter = filter.map_err(|error| Refusal(StatusCode::BAD_REQUEST, error.to_string()))?;
    let number = |name: &str, default: u64| match get(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| {
            let what = format!("parameter {name:?}: {text:?} is no whole number");
            Refusal(StatusCode::BAD_REQUEST, what)
        }),
    };
    // Times are whole seconds.
    let (start, end) = (number("start", 0)?, number("end", u64::MAX)?);
    let limit = number("limit", DEFAULT_LIMIT as u64)?;
    let nanos = |seconds: u64| seconds.saturating_mul(1_000_000_000);
    let limit = usize::try_from(limit).unwrap_or(MOST).min(MOST);
    let found = store.search(&filter, nanos(start), nanos(end), limit);
    let traces: Vec<serde_json::Value> = found.iter().map(summary).collect();
    let inspected = found.len();
    Ok(as_json(
        json!({"traces": traces, "metrics": {"inspectedTraces": inspected}}),
    ))
}

fn summary(summary: &Summary) -> serde_json::Value {
    let name = if summary.name.is_empty() {
        "<root span not yet received>"
    } else {
        &summary.name
    };
    json!({
        "traceID": hex(&summary.id),
        "rootServiceName": summary.service,
        "rootTraceName": name,
        "startTimeUnixNano": summary.start.to_string(),
        "durationMs": summary.end.saturating_sub(summary.start) / 1_000_000,
    })
}

async fn build_info() -> Response {
    as_json(json!({
        "version": "2.6.0",
        "revision": "invar",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }))
}
