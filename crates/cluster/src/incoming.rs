//! Requests of other members.

use crate::copies::Told;
use crate::handover::{MAX_REQUEST, Question};
use crate::publisher::{MAX_BYTES, MAX_POSITIONS};
use crate::service::{CLUSTER_HEADER, CONTENT_TYPE, HANDOVER_PATH, MESSAGE_PATH, POSITIONS_PATH, Shared};
use axum::body::{Body, to_bytes};
use axum::http::header::CONTENT_TYPE as TYPE;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long the body of a request may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn answer(shared: Arc<Shared>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    if head.version != Version::HTTP_2 {
        return text(StatusCode::HTTP_VERSION_NOT_SUPPORTED, "HTTP/2 is needed");
    }
    if head.method != Method::POST {
        return text(StatusCode::METHOD_NOT_ALLOWED, "POST is needed");
    }
    let (content_type, limit) = match head.uri.path() {
        MESSAGE_PATH => (CONTENT_TYPE, gossip::MAX_PACKET),
        HANDOVER_PATH => ("application/json", MAX_REQUEST),
        POSITIONS_PATH => ("application/json", MAX_BYTES),
        _ => return text(StatusCode::NOT_FOUND, "404 page not found"),
    };
    if !is(&head.headers, content_type) {
        return text(
            StatusCode::BAD_REQUEST,
            &format!("the content type must be {content_type}"),
        );
    }
    let cluster = head.headers.get(CLUSTER_HEADER).map(|name| name.as_bytes());
    if cluster.unwrap_or_default() != shared.cluster.as_bytes() {
        return text(StatusCode::FORBIDDEN, "this is a member of another cluster");
    }
    let body = match timeout(PATIENCE, to_bytes(body, limit)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or broken"),
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body takes too long"),
    };
    match head.uri.path() {
        MESSAGE_PATH => packet(&shared, body),
        POSITIONS_PATH => positions(&shared, &body),
        _ => hand_over(shared, &body).await,
    }
}

fn packet(shared: &Shared, data: Bytes) -> Response<Body> {
    shared.metrics.rx_packets.inc();
    shared.metrics.rx_bytes.add(data.len() as u64);
    match shared.receive(data) {
        true => empty(StatusCode::NO_CONTENT),
        false => text(StatusCode::SERVICE_UNAVAILABLE, "too many packets wait"),
    }
}

/// Keeps what another member tells of its positions.
fn positions(shared: &Shared, body: &[u8]) -> Response<Body> {
    let told: Vec<Told> = match serde_json::from_slice(body) {
        Ok(told) => told,
        Err(error) => return text(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    if told.len() > MAX_POSITIONS {
        return text(StatusCode::PAYLOAD_TOO_LARGE, "there are too many positions");
    }
    let seen = shared.seen.load();
    let mut own = false;
    for one in told {
        match shared.is_owner(one.hash) {
            true => own = true,
            false => {
                let owner = seen.owner_name(one.hash);
                shared.copies.keep(one, owner);
            }
        }
    }
    match own {
        true => text(StatusCode::CONFLICT, "a key belongs to this member as far as it knows"),
        false => empty(StatusCode::NO_CONTENT),
    }
}

async fn hand_over(shared: Arc<Shared>, body: &[u8]) -> Response<Body> {
    let question: Question = match serde_json::from_slice(body) {
        Ok(question) => question,
        Err(error) => return text(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    if shared.is_owner(question.hash) {
        return text(
            StatusCode::CONFLICT,
            "the key belongs to this member as far as it knows",
        );
    }
    let Some(source) = shared.offers.get(&question.component) else {
        return text(StatusCode::NOT_FOUND, "no component here knows the key");
    };
    // It is finished even if whoever asks gives up.
    let taken = tokio::spawn(async move { source.take(&question.key).await }).await;
    match taken {
        Ok(Some(position)) => {
            let mut response = Response::new(Body::from(position));
            let json = axum::http::HeaderValue::from_static("application/json");
            response.headers_mut().insert(TYPE, json);
            response
        }
        Ok(None) => text(StatusCode::NOT_FOUND, "no component here knows the key"),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "the component failed"),
    }
}

fn is(headers: &HeaderMap, wanted: &str) -> bool {
    let given = headers.get(TYPE).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| given.split(';').next().unwrap_or_default().trim() == wanted)
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn text(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{message}\n")));
    *response.status_mut() = status;
    let plain = axum::http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(TYPE, plain);
    response
}
