//! Calls over gRPC.

use super::metrics::Transport;
use super::take::{Fault, Format, Raw, Shared, authenticate, client};
use crate::server::compression::Compression;
use crate::server::grpc::{self, Answer, PREFIX, Wrong, code};
use component::AuthHandler;
use hyper::Request;
use intake::body;
use net::Method;
use net::server::{Incoming, Peer};
use signals::Signal;
use std::time::Duration;
use tokio::time::Instant;

/// How long a message may take to come in.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a server goes by.
pub(super) struct Terms {
    pub(super) auth: AuthHandler,
    pub(super) include_metadata: bool,
    /// Most bytes of a message.
    pub(super) limit: usize,
}

/// The signal and the service of a path.
fn route(path: &str) -> Option<(Signal, &'static str)> {
    let signal = Signal::ALL.into_iter().find(|signal| signal.grpc_path() == path)?;
    let (service, _) = signal.grpc_path().trim_start_matches('/').split_once('/')?;
    Some((signal, service))
}

/// Answers a call.
pub(super) async fn answer(shared: &Shared, terms: &Terms, request: Request<Incoming>) -> Answer {
    let started = Instant::now();
    let (parts, mut incoming) = request.into_parts();
    let kind = parts
        .headers
        .get("content-type")
        .map_or(&b""[..], |kind| kind.as_bytes());
    if parts.method != Method::POST || !kind.starts_with(b"application/grpc") {
        let mut answer = grpc::empty();
        *answer.status_mut() = net::StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return answer;
    }
    let path = parts.uri.path();
    let found = route(path).filter(|(signal, _)| shared.takes(*signal));
    let outcome = match found {
        Some((signal, _)) => call(shared, terms, signal, &parts, &mut incoming).await,
        None => {
            let service = path
                .trim_start_matches('/')
                .rsplit_once('/')
                .map_or(path, |(service, _)| service);
            Err(Fault::new(code::UNIMPLEMENTED, format!("unknown service {service}")))
        }
    };
    let status = outcome.as_ref().err().map_or(0, |fault| fault.status.code);
    if let Some((_, service)) = found {
        let calls = shared
            .metrics
            .calls
            .with(&[&status.to_string(), "Export", service, "grpc"]);
        calls.observe(started.elapsed().as_secs_f64() * 1000.0);
    }
    match outcome {
        // A response without a partial success has no fields.
        Ok(()) => grpc::success(&[]),
        Err(fault) => {
            tracing::debug!(
                path,
                code = fault.status.code,
                err = fault.status.message,
                "a call failed"
            );
            grpc::failure(&fault.status)
        }
    }
}

async fn call(
    shared: &Shared,
    terms: &Terms,
    signal: Signal,
    parts: &hyper::http::request::Parts,
    incoming: &mut Incoming,
) -> Result<(), Fault> {
    authenticate(&terms.auth, &parts.headers)?;
    let encoding = parts
        .headers
        .get("grpc-encoding")
        .map_or(Ok("identity"), |value| value.to_str());
    let encoding = encoding.unwrap_or("?");
    let compression =
        Compression::named(encoding).filter(|_| ["gzip", "zstd", "snappy", "x-snappy-framed"].contains(&encoding));
    if compression.is_none() && encoding != "identity" {
        let why = format!("grpc: Decompressor is not installed for grpc-encoding {encoding:?}");
        return Err(Fault::new(code::UNIMPLEMENTED, why));
    }
    let deadline = Instant::now() + PATIENCE;
    let limit = terms.limit;
    let length = parts
        .headers
        .get("content-length")
        .and_then(|length| length.to_str().ok()?.parse().ok());
    let read = body::read_told(
        incoming,
        length,
        grpc::length,
        limit.saturating_add(PREFIX),
        shared.cx.budget(),
        deadline,
    )
    .await;
    let (body, permit) = read.map_err(|broken| Fault::from_body(broken, limit))?;
    let (message, compression) = grpc::message(&body, compression, limit).map_err(|wrong| match wrong {
        Wrong::Framing => Fault::new(code::INTERNAL, "the message is cut off, or the call has more than one"),
        Wrong::NotSaid => Fault::new(
            code::INTERNAL,
            "the message is compressed, but there is no grpc-encoding",
        ),
        Wrong::TooLarge(size) => Fault::from_body(body::Broken::TooLarge(size), limit),
    })?;
    let raw = Raw {
        signal,
        transport: Transport::Grpc,
        format: Format::Protobuf,
        body: message,
        compression,
        limit,
        permit,
        client: client(parts.extensions.get::<Peer>(), &parts.headers, terms.include_metadata),
    };
    drop(body);
    shared.take(raw).await
}
