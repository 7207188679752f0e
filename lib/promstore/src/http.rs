//! The HTTP API.

use crate::eval::{Limits, Query, QueryError};
use crate::params::{Params, invalid};
use crate::store::{Store, WriteError};
use crate::{parse, render};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use prommodel::{Kind, Series};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Size of a form, in bytes.
const MAX_FORM: usize = 1 << 20;

/// The version of Prometheus whose API and semantics these are: Grafana chooses by it what it asks.
const SPEAKS: &str = "3.0.0";

/// Serves `store`: the part of Prometheus' API named in the crate's documentation. No path is outside of `/api/v1/` and `/-/`.
///
/// The API has no authentication, so bind it to loopback or put something in front. Requests that a web page of another
/// origin makes in the user's browser are refused.
pub fn router(store: Arc<Store>) -> Router {
    Router::new()
        .route("/-/ready", get(async || "ready\n"))
        .route("/-/healthy", get(async || "healthy\n"))
        .route("/api/v1/write", post(write))
        .route("/api/v1/query", get(query).post(query))
        .route("/api/v1/query_range", get(query_range).post(query_range))
        .route("/api/v1/series", get(series).post(series))
        .route("/api/v1/labels", get(labels).post(labels))
        .route("/api/v1/label/{name}/values", get(label_values))
        .route("/api/v1/metadata", get(metadata))
        .route("/api/v1/status/buildinfo", get(build_info))
        // There are none of these here, and Grafana asks for them.
        .route(
            "/api/v1/query_exemplars",
            get(async || json(render::success("[]"))).post(async || json(render::success("[]"))),
        )
        .route("/api/v1/rules", get(async || json(render::success(r#"{"groups":[]}"#))))
        .route(
            "/api/v1/alerts",
            get(async || json(render::success(r#"{"alerts":[]}"#))),
        )
        .layer(middleware::from_fn(sameorigin::same_origin))
        .with_state(store)
}

/// An answer other than success.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = render::error(self.kind, &self.message);
        (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        let (status, kind) = if error.bad {
            (StatusCode::BAD_REQUEST, "bad_data")
        } else {
            (StatusCode::UNPROCESSABLE_ENTITY, "execution")
        };
        Refusal {
            status,
            kind,
            message: error.message,
        }
    }
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn plain(status: StatusCode, text: impl ToString) -> Response {
    (status, text.to_string() + "\n").into_response()
}

/// Remote write, 1.0 or 2.0 as the content type says. Errors are plain text, as Prometheus' are.
async fn write(State(store): State<Arc<Store>>, headers: HeaderMap, body: Body) -> Response {
    let text = |name: header::HeaderName| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let content_type = text(header::CONTENT_TYPE);
    if !content_type.starts_with("application/x-protobuf") {
        let what = format!("content type {content_type:?} is not application/x-protobuf");
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, what);
    }
    let encoding = text(header::CONTENT_ENCODING);
    if encoding != "snappy" {
        let what = format!("content encoding {encoding:?} is not snappy");
        return plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, what);
    }
    let second = content_type.contains("io.prometheus.write.v2.Request");
    let limit = store.config().max_push_bytes;
    let too_large = || {
        plain(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body has more than {limit} bytes: send less at once"),
        )
    };
    let body = match axum::body::to_bytes(body, limit).await {
        Ok(body) => body,
        Err(error) if is_too_large(&error) => return too_large(),
        Err(error) => return plain(StatusCode::BAD_REQUEST, format!("the body could not be read: {error}")),
    };
    match snap::raw::decompress_len(&body) {
        Ok(length) if length > limit => return too_large(),
        _ => {}
    }
    let message = match snap::raw::Decoder::new().decompress_vec(&body) {
        Ok(message) => message,
        Err(error) => return plain(StatusCode::BAD_REQUEST, format!("the body is not snappy: {error}")),
    };
    let outcome = if second {
        store.write_v2(&message)
    } else {
        store.write(&message)
    };
    match outcome {
        Ok(samples) => {
            let written = [
                ("x-prometheus-remote-write-samples-written", samples),
                ("x-prometheus-remote-write-histograms-written", 0),
                ("x-prometheus-remote-write-exemplars-written", 0),
            ];
            let mut response = StatusCode::NO_CONTENT.into_response();
            if second {
                let headers = written.map(|(name, count)| (header::HeaderName::from_static(name), count.into()));
                response.headers_mut().extend(headers);
            }
            response
        }
        Err(error @ (WriteError::Request(_) | WriteError::Labels { .. } | WriteError::Samples { .. })) => {
            plain(StatusCode::BAD_REQUEST, error)
        }
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    let mut text = String::new();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text == "length limit exceeded"
}

async fn params(request: Request) -> Result<Params, Refusal> {
    let (parts, body) = request.into_parts();
    let form = axum::body::to_bytes(body, MAX_FORM).await.map_err(|error| {
        QueryError::bad(format!(
            "the form could not be read, or has more than {MAX_FORM} bytes: {error}"
        ))
    })?;
    Ok(Params::new(parts.uri.query(), &form))
}

/// Evaluates on a thread that may be busy for a while.
async fn evaluate(work: impl FnOnce() -> Result<String, QueryError> + Send + 'static) -> Result<Response, Refusal> {
    let outcome = tokio::task::spawn_blocking(work).await.map_err(|error| Refusal {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        kind: "internal",
        message: error.to_string(),
    })?;
    Ok(json(render::success(&outcome?)))
}

fn parsed(params: &Params) -> Result<Query, QueryError> {
    Query::parse(params.get("query").unwrap_or_default()).map_err(|error| invalid("query", &error.message))
}

async fn query(State(store): State<Arc<Store>>, request: Request) -> Result<Response, Refusal> {
    let params = params(request).await?;
    let at = params.time("time")?.unwrap_or(store.now());
    let limit = params.limit()?;
    let query = parsed(&params)?;
    evaluate(move || Ok(render::answer(&query.instant(&store, at)?.limited(limit), at))).await
}

async fn query_range(State(store): State<Arc<Store>>, request: Request) -> Result<Response, Refusal> {
    let params = params(request).await?;
    let (start, end) = (params.required_time("start")?, params.required_time("end")?);
    if end < start {
        return Err(invalid("end", "end timestamp must not be before start time").into());
    }
    let step = params.duration("step")?;
    let limit = params.limit()?;
    let query = parsed(&params)?;
    let limits = Limits { start, end, step };
    evaluate(move || Ok(render::answer(&query.range(&store, limits)?.limited(limit), end))).await
}

/// Series that the parameters ask for.
fn wanted(store: &Store, params: &Params) -> Result<Vec<Series>, Refusal> {
    let start = params.time("start")?.unwrap_or(i64::MIN);
    let end = params.time("end")?.unwrap_or(i64::MAX);
    let selectors = params
        .all("match[]")
        .map(|text| parse::selector(text).map_err(|error| invalid("match[]", &error.message)));
    let selectors = selectors.collect::<Result<Vec<_>, _>>()?;
    Ok(store.series(&selectors, start, end))
}

async fn series(State(store): State<Arc<Store>>, request: Request) -> Result<Response, Refusal> {
    let params = params(request).await?;
    if params.get("match[]").is_none() {
        return Err(QueryError::bad("no match[] parameter provided").into());
    }
    let mut series = wanted(&store, &params)?;
    series.truncate(params.limit()?);
    let mut data = String::new();
    render::list(&mut data, &series, |out, series| render::labels(out, series.labels()));
    Ok(json(render::success(&data)))
}

async fn labels(State(store): State<Arc<Store>>, request: Request) -> Result<Response, Refusal> {
    let params = params(request).await?;
    let series = wanted(&store, &params)?;
    let names: BTreeSet<&str> = series.iter().flat_map(Series::iter).map(|(name, _)| name).collect();
    Ok(json(render::success(&render::texts(
        names.into_iter().take(params.limit()?),
    ))))
}

async fn label_values(
    State(store): State<Arc<Store>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let params = params(request).await?;
    let series = wanted(&store, &params)?;
    let values: BTreeSet<&str> = series.iter().filter_map(|series| series.get(&name)).collect();
    Ok(json(render::success(&render::texts(
        values.into_iter().take(params.limit()?),
    ))))
}

async fn metadata(State(store): State<Arc<Store>>, request: Request) -> Result<Response, Refusal> {
    let params = params(request).await?;
    let families = store.families(params.get("metric"), params.limit()?);
    let mut data = serde_json::Map::new();
    for (name, family) in families {
        let kind = match family.kind {
            Kind::Unknown => "unknown",
            kind => kind.as_str(),
        };
        let about = serde_json::json!([{"type": kind, "help": family.help, "unit": family.unit}]);
        data.insert(name, about);
    }
    Ok(json(render::success(&serde_json::Value::Object(data).to_string())))
}

async fn build_info() -> Response {
    let data = serde_json::json!({
        "version": SPEAKS,
        "revision": "invar",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    });
    json(render::success(&data.to_string()))
}
