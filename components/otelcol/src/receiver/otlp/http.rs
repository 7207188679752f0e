//! Requests over HTTP.

use super::metrics::Transport;
use super::take::{Fault, Format, Raw, Shared, authenticate, client};
use crate::server::compression::Compression;
use crate::server::cors::Cors;
use crate::server::grpc::{AnswerBody, code, empty};
use bytes::Bytes;
use component::AuthHandler;
use http_body_util::{Either, Full};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use intake::body;
use net::server::{Incoming, Peer};
use net::{HeaderMap, HeaderValue, Method, StatusCode};
use signals::Signal;
use std::time::Duration;
use tokio::time::Instant;

pub(super) type Answer = Response<AnswerBody>;

/// What a server goes by.
pub(super) struct Terms {
    pub(super) auth: AuthHandler,
    pub(super) include_metadata: bool,
    /// Most bytes of a body.
    pub(super) limit: usize,
    pub(super) paths: [(Signal, String); 3],
    /// Values of `Content-Encoding`.
    pub(super) encodings: Vec<String>,
    pub(super) cors: Option<Cors>,
    pub(super) keep_alive: bool,
    /// How long a body may take.
    pub(super) read: Duration,
    /// How long a client waits for its answer.
    pub(super) wait: Duration,
}

fn reply(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(body.into())));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert("content-type", HeaderValue::from_static(kind));
    answer
}

fn text(status: StatusCode, text: &str) -> Answer {
    reply(status, "text/plain; charset=utf-8", text.to_owned())
}

impl Format {
    fn of(headers: &HeaderMap) -> Option<Format> {
        let kind = headers.get("content-type")?.to_str().ok()?;
        let kind = kind.split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            "application/x-protobuf" => Some(Format::Protobuf),
            "application/json" => Some(Format::Json),
            _ => None,
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Format::Protobuf => "application/x-protobuf",
            Format::Json => "application/json",
        }
    }
}

/// Answers a request.
pub(super) async fn answer(shared: &Shared, terms: &Terms, request: Request<Incoming>) -> Answer {
    let (parts, incoming) = request.into_parts();
    if let Some(cors) = &terms.cors
        && let Some(headers) = cors.preflight(&parts.method, &parts.headers)
    {
        let mut answer = empty();
        *answer.status_mut() = StatusCode::NO_CONTENT;
        *answer.headers_mut() = headers;
        return answer;
    }
    let mut answer = route(shared, terms, &parts, incoming).await;
    if let Some(cors) = &terms.cors {
        cors.answer(&parts.headers, answer.headers_mut());
    }
    if !terms.keep_alive && parts.version < hyper::Version::HTTP_2 {
        answer
            .headers_mut()
            .insert("connection", HeaderValue::from_static("close"));
    }
    answer
}

async fn route(shared: &Shared, terms: &Terms, parts: &Parts, mut incoming: Incoming) -> Answer {
    if let Err(fault) = authenticate(&terms.auth, &parts.headers) {
        let mut answer = text(StatusCode::UNAUTHORIZED, &fault.status.message);
        answer
            .headers_mut()
            .insert("www-authenticate", HeaderValue::from_static("Basic, Bearer"));
        return answer;
    }
    let path = parts.uri.path();
    let found = terms
        .paths
        .iter()
        .find(|(signal, known)| known == path && shared.takes(*signal));
    let Some((signal, _)) = found else {
        return text(StatusCode::NOT_FOUND, "404 page not found\n");
    };
    if parts.method != Method::POST {
        let mut answer = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "405 method not allowed, supported: [POST]",
        );
        answer.headers_mut().insert("allow", HeaderValue::from_static("POST"));
        return answer;
    }
    let Some(format) = Format::of(&parts.headers) else {
        let why = "415 unsupported media type, supported: [application/json, application/x-protobuf]";
        return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
    };
    let taken = tokio::time::timeout(terms.wait, take(shared, terms, *signal, format, parts, &mut incoming)).await;
    let outcome = taken.unwrap_or_else(|_| {
        let why = format!(
            "the telemetry was not delivered within {:?}; come back later",
            terms.wait
        );
        Err(Fault::later(why))
    });
    match outcome {
        Ok(()) if format == Format::Json => reply(StatusCode::OK, format.kind(), "{\"partialSuccess\":{}}"),
        Ok(()) => reply(StatusCode::OK, format.kind(), ""),
        Err(fault) => {
            tracing::debug!(
                path,
                code = fault.status.code,
                err = fault.status.message,
                "a request failed"
            );
            let body = match format {
                Format::Protobuf => Bytes::from(fault.status.encode()),
                Format::Json => Bytes::from(fault.status.encode_json()),
            };
            let mut answer = reply(fault.http(), format.kind(), body);
            if let Some(delay) = fault.status.retry_delay {
                answer
                    .headers_mut()
                    .insert("retry-after", HeaderValue::from(delay.as_secs().max(1)));
            }
            answer
        }
    }
}

async fn take(
    shared: &Shared,
    terms: &Terms,
    signal: Signal,
    format: Format,
    parts: &Parts,
    incoming: &mut Incoming,
) -> Result<(), Fault> {
    let encoding = parts
        .headers
        .get("content-encoding")
        .map_or(Ok(""), |value| value.to_str());
    let encoding = encoding.unwrap_or("?").trim().to_ascii_lowercase();
    let plain = encoding.is_empty() || encoding == "identity";
    let compression = Compression::named(&encoding).filter(|_| terms.encodings.contains(&encoding));
    let refused = if compression.is_none() && !plain {
        Some(Fault::new(
            code::INVALID_ARGUMENT,
            format!("unsupported \"Content-Encoding\": {encoding}"),
        ))
    } else {
        None
    };
    let read = match refused {
        Some(fault) => Err(fault),
        None => {
            let length = parts
                .headers
                .get("content-length")
                .and_then(|length| length.to_str().ok()?.parse().ok());
            let read = body::read(
                incoming,
                length,
                terms.limit,
                shared.cx.budget(),
                Instant::now() + terms.read,
            );
            read.await.map_err(|broken| Fault::from_body(broken, terms.limit))
        }
    };
    let (body, permit) = match read {
        Ok(read) => read,
        Err(fault) => {
            // Who waits to be asked for the body has not sent it.
            if !parts.headers.contains_key("expect") {
                body::discard(incoming).await;
            }
            return Err(fault);
        }
    };
    let raw = Raw {
        signal,
        transport: Transport::Http,
        format,
        body,
        compression,
        limit: terms.limit,
        permit,
        client: client(parts.extensions.get::<Peer>(), &parts.headers, terms.include_metadata),
    };
    shared.take(raw).await
}
