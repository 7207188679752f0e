//! The HTTP API.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use lokipush::Limits;

use crate::params::Params;
use crate::query::{Query, QueryError};
use crate::render::{self, Metadata};
use crate::selector::Selector;
use crate::store::Store;
use crate::tail;

/// Entries of an answer, if the client does not say.
const DEFAULT_LIMIT: usize = 100;
/// Size of a form, in bytes.
const MAX_FORM: usize = 1 << 20;
/// Length of a tenant's name, in bytes, as in Loki.
const MAX_TENANT: usize = 150;

const PAGE: &str = include_str!("page.html");

/// Serves `store`: the part of Loki's API named in the crate's documentation, and a page at `/`.
///
/// The API has no authentication, so bind it to loopback or put something in front. Requests that a web page of another
/// origin makes in the user's browser are refused.
pub fn router(store: Arc<Store>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/ready", get(async || "ready\n"))
        .route("/api/v1/state", get(state))
        .route("/loki/api/v1/push", post(push))
        .route("/loki/api/v1/query_range", get(query_range).post(query_range))
        .route("/loki/api/v1/query", get(query).post(query))
        .route("/loki/api/v1/labels", get(labels).post(labels))
        .route("/loki/api/v1/label/{name}/values", get(label_values))
        .route("/loki/api/v1/series", get(series).post(series))
        .route("/loki/api/v1/tail", get(follow))
        .layer(middleware::from_fn(sameorigin::same_origin))
        .with_state(store)
}

/// An answer other than 200. Loki's errors are plain text.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, self.1 + "\n").into_response()
    }
}

impl Refusal {
    fn bad(text: impl ToString) -> Self {
        Refusal(StatusCode::BAD_REQUEST, text.to_string())
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        Refusal::bad(error)
    }
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=UTF-8")], body).into_response()
}

async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        // Everything is in the page; nothing is loaded from elsewhere, not even by a line that tries to.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, PAGE).into_response()
}

async fn state(State(store): State<Arc<Store>>) -> Response {
    json(render::state(store.state()))
}

fn tenant(headers: &HeaderMap) -> Result<String, Refusal> {
    let Some(value) = headers.get("x-scope-orgid") else {
        return Ok(String::new());
    };
    match value.to_str() {
        Ok(tenant) if tenant.len() <= MAX_TENANT => Ok(tenant.to_owned()),
        _ => Err(Refusal::bad(format!(
            "X-Scope-OrgID must be at most {MAX_TENANT} printable ASCII characters"
        ))),
    }
}

fn text_header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("(not ASCII)"))
}

async fn read(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        // The error of a body that breaks off and of one that is too large differ only in what caused them.
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        let mut text = error.to_string();
        while let Some(error) = cause {
            text = error.to_string();
            cause = error.source();
        }
        if text == "length limit exceeded" {
            let text = format!("the body has more than {limit} bytes: send smaller batches");
            return Refusal(StatusCode::PAYLOAD_TOO_LARGE, text);
        }
        Refusal::bad(format!("the body could not be read: {text}"))
    })
}

async fn push(State(store): State<Arc<Store>>, headers: HeaderMap, body: Body) -> Result<StatusCode, Refusal> {
    let tenant = tenant(&headers)?;
    let limits = Limits {
        max_bytes: store.config().max_push_bytes,
        ..Limits::default()
    };
    let refuse = |error: lokipush::Error| {
        let status = if error.is_too_large() {
            StatusCode::PAYLOAD_TOO_LARGE
        } else {
            StatusCode::BAD_REQUEST
        };
        Refusal(status, error.to_string())
    };
    let body = read(body, limits.max_bytes).await?;
    let content_type = text_header(&headers, header::CONTENT_TYPE);
    let encoding = text_header(&headers, header::CONTENT_ENCODING);
    let body = lokipush::Body::open(body, content_type, encoding, limits).map_err(refuse)?;
    let request = body.decode(limits).map_err(refuse)?;
    store.push(&tenant, &request).map_err(Refusal::bad)?;
    Ok(StatusCode::NO_CONTENT)
}

/// What every query has: the tenant, the parameters and the way in which metadata is shown.
struct Asked {
    tenant: String,
    params: Params,
    style: Metadata,
}

impl Asked {
    async fn read(request: Request) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let form = read(body, MAX_FORM).await?;
        Self::new(&parts.headers, parts.uri.query(), &form)
    }

    fn new(headers: &HeaderMap, query: Option<&str>, form: &[u8]) -> Result<Self, Refusal> {
        let flags = headers
            .get("x-loki-response-encoding-flags")
            .and_then(|flags| flags.to_str().ok());
        let categorized = flags.is_some_and(|flags| flags.split(',').any(|flag| flag.trim() == "categorize-labels"));
        Ok(Asked {
            tenant: tenant(headers)?,
            params: Params::new(query, form),
            style: if categorized {
                Metadata::Categorized
            } else {
                Metadata::Plain
            },
        })
    }
}

async fn query_range(State(store): State<Arc<Store>>, request: Request) -> Result<Response, Refusal> {
    let Asked { tenant, params, style } = Asked::read(request).await?;
    let mut query = Query::new(params.required("query")?)?;
    (query.start, query.end) = params.span(store.clock.now())?;
    answer(&store, &tenant, &params, style, query)
}

/// The last hour before `time`, for what selects logs.
async fn query(State(store): State<Arc<Store>>, request: Request) -> Result<Response, Refusal> {
    let Asked { tenant, params, style } = Asked::read(request).await?;
    let text = params.required("query")?;
    let now = store.clock.now();
    let time = params.time("time")?.unwrap_or(now);
    // With this Grafana asks whether a data source works.
    if text.split_whitespace().collect::<String>() == "vector(1)+vector(1)" {
        let sample = serde_json::json!({"metric": {}, "value": [time / 1_000_000_000, "2"]});
        let data = serde_json::json!({"resultType": "vector", "result": [sample], "stats": {}});
        return Ok(json(render::success(data)));
    }
    let mut query = Query::new(text)?;
    query.start = time.saturating_sub(crate::params::HOUR);
    query.end = time.saturating_add(1);
    answer(&store, &tenant, &params, style, query)
}

fn answer(
    store: &Store,
    tenant: &str,
    params: &Params,
    style: Metadata,
    mut query: Query,
) -> Result<Response, Refusal> {
    query.limit = params.limit(DEFAULT_LIMIT, store.config().max_query_entries)?;
    query.direction = params.direction()?;
    Ok(json(render::streams(&store.query(tenant, &query), style)))
}

/// Label sets that the parameters ask for: `start` and `end` or the whole store, and those that a selector takes.
fn series_of(store: &Store, asked: &Asked, selectors: &str) -> Result<Vec<Arc<lokipush::Labels>>, Refusal> {
    let Asked { tenant, params, .. } = asked;
    let start = params.time("start")?.unwrap_or(i64::MIN);
    let end = params.time("end")?.unwrap_or(i64::MAX);
    let selectors = params.all(selectors).map(Selector::parse);
    let selectors = selectors.collect::<Result<Vec<_>, _>>()?;
    Ok(store.series(tenant, &selectors, start, end).into_iter().collect())
}

async fn labels(State(store): State<Arc<Store>>, request: Request) -> Result<Response, Refusal> {
    let asked = Asked::read(request).await?;
    let series = series_of(&store, &asked, "query")?;
    let names: std::collections::BTreeSet<&str> = series
        .iter()
        .flat_map(|l| l.iter())
        .map(|(name, _)| &name[..])
        .collect();
    Ok(json(render::success(names.into_iter().collect())))
}

async fn label_values(
    State(store): State<Arc<Store>>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let asked = Asked::read(request).await?;
    let series = series_of(&store, &asked, "query")?;
    let pairs = series.iter().flat_map(|l| l.iter());
    let values: std::collections::BTreeSet<&str> = pairs.filter(|(n, _)| *n == name).map(|(_, v)| &v[..]).collect();
    Ok(json(render::success(values.into_iter().collect())))
}

async fn series(State(store): State<Arc<Store>>, request: Request) -> Result<Response, Refusal> {
    let asked = Asked::read(request).await?;
    let series = series_of(&store, &asked, "match[]")?;
    Ok(json(render::success(
        series.iter().map(|labels| render::labels(labels)).collect(),
    )))
}

async fn follow(
    State(store): State<Arc<Store>>,
    headers: HeaderMap,
    uri: axum::http::Uri,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    let Asked { tenant, params, style } = Asked::new(&headers, uri.query(), b"")?;
    Ok(tail::start(&store, tenant, &params, style, upgrade)?)
}
