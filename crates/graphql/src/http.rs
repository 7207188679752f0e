//! GraphQL over HTTP: GET with parameters, POST with JSON, OPTIONS. 200 for everything that was executed, with errors or without; 422 for a
//! document that is wrong or holds no operation; 400 for a request that cannot be read; 405, 408 and 413 for another method, a body that comes
//! too slowly, and one that is too large. Whether Alloy's server uses the same statuses was not checked: clients look at `errors`.

use crate::Graph;
use crate::schema::{Context, Schema};
use axum::body::{Body, to_bytes};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use juniper::http::GraphQLRequest;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Most bytes of a request's body.
const BODY_LIMIT: usize = 1 << 20;
/// Most bytes of a query.
const QUERY_LIMIT: usize = 64 << 10;
/// How long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// Why a request is not executed.
struct Refusal(StatusCode, String);

/// The answer to a request.
pub(crate) async fn answer(schema: &Schema, graph: &Arc<Graph>, request: Request<Body>) -> Response<Body> {
    if request.method() == Method::OPTIONS {
        let mut response = Response::new(Body::empty());
        let methods = HeaderValue::from_static("OPTIONS, GET, POST");
        response.headers_mut().insert(ALLOW, methods);
        return response;
    }
    let asked = match read(request).await {
        Ok(asked) => asked,
        Err(Refusal(status, message)) => return refusal(status, &message),
    };
    let answer = asked.execute(schema, &Context::new(graph.clone())).await;
    let status = if answer.is_ok() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    match serde_json::to_vec(&answer) {
        Ok(json) => document(status, json),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn read(request: Request<Body>) -> Result<GraphQLRequest, Refusal> {
    let bad = |message: String| Refusal(StatusCode::BAD_REQUEST, message);
    let asked = match *request.method() {
        Method::GET | Method::HEAD => parameters(request.uri().query().unwrap_or_default()).map_err(bad)?,
        Method::POST => {
            if !is_json(request.headers()) {
                return Err(bad(
                    "transport not supported: POST wants content-type: application/json".to_owned(),
                ));
            }
            let body = to_bytes(request.into_body(), BODY_LIMIT);
            let body = match tokio::time::timeout(BODY_PATIENCE, body).await {
                Ok(body) => body.map_err(|error| {
                    let message = format!("the body could not be read, or has more than {BODY_LIMIT} bytes: {error}");
                    Refusal(StatusCode::PAYLOAD_TOO_LARGE, message)
                })?,
                Err(_) => {
                    let message = "the body takes too long".to_owned();
                    return Err(Refusal(StatusCode::REQUEST_TIMEOUT, message));
                }
            };
            serde_json::from_slice(&body)
                .map_err(|error| bad(format!("json request body could not be decoded: {error}")))?
        }
        _ => return Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "use GET or POST".to_owned())),
    };
    if asked.query.trim().is_empty() {
        return Err(Refusal(
            StatusCode::UNPROCESSABLE_ENTITY,
            "no operation provided".to_owned(),
        ));
    }
    if asked.query.len() > QUERY_LIMIT {
        let message = format!("the query has more than {QUERY_LIMIT} bytes");
        return Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    Ok(asked)
}

/// `query`, `operationName` and `variables` of a query string; the last is JSON.
fn parameters(query: &str) -> Result<GraphQLRequest, String> {
    let (mut text, mut name, mut variables) = (String::new(), None, None);
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "query" => text = value.into_owned(),
            "operationName" if !value.is_empty() => name = Some(value.into_owned()),
            "variables" if !value.is_empty() => {
                let decoded = serde_json::from_str(&value);
                variables = Some(decoded.map_err(|error| format!("variables could not be decoded: {error}"))?);
            }
            _ => {}
        }
    }
    Ok(GraphQLRequest::new(text, name, variables))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    let json = json!({"errors": [{"message": message}]});
    document(status, json.to_string().into_bytes())
}

fn document(status: StatusCode, json: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
