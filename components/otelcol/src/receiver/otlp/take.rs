//! From the body of a request to its fate, whatever it came over.

use super::metrics::{Metrics, Transport};
use crate::output::{OutputArgs, Outputs};
use crate::server::compression::{Compression, Failure, decompress};
use crate::server::grpc::code;
use arc_swap::ArcSwap;
use bytes::Bytes;
use component::{AuthHandler, Context, OtelConsumer};
use intake::body::Broken;
use net::server::Peer;
use net::{HeaderMap, StatusCode};
use otlp_wire::response::Status;
use signals::{Client, Otlp, OtlpBatch, Permit, Signal};
use std::sync::Arc;
use std::time::Duration;

/// Bodies from this size on are decoded on a thread where that holds up nothing else, in bytes.
const LARGE: usize = 512 << 10;
/// After which time a client may come back for which there is no memory.
const LATER: Duration = Duration::from_secs(1);

/// What all servers of a component share.
pub(super) struct Shared {
    pub(super) cx: Context<()>,
    pub(super) metrics: Metrics,
    outputs: Outputs,
    takes: ArcSwap<Takes>,
}

/// Which signals go anywhere.
#[derive(Default)]
struct Takes {
    logs: bool,
    metrics: bool,
    traces: bool,
}

/// Why a request fails.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) status: Status,
    /// The status over HTTP, if it does not follow from the other.
    http: Option<StatusCode>,
}

impl Fault {
    pub(super) fn new(code: i32, message: impl Into<String>) -> Fault {
        Fault {
            status: Status {
                code,
                message: message.into(),
                retry_delay: None,
            },
            http: None,
        }
    }

    /// The client may come back with the same request after a while.
    pub(super) fn later(message: impl Into<String>) -> Fault {
        let mut fault = Fault::new(code::UNAVAILABLE, message);
        fault.status.retry_delay = Some(LATER);
        fault
    }

    pub(super) fn over_http(mut self, status: StatusCode) -> Fault {
        self.http = Some(status);
        self
    }

    fn no_room() -> Fault {
        Fault::later("the memory for telemetry on its way is used up; come back later")
    }

    fn too_large(message: String) -> Fault {
        Fault::new(code::RESOURCE_EXHAUSTED, message).over_http(StatusCode::PAYLOAD_TOO_LARGE)
    }

    pub(super) fn from_body(broken: Broken, limit: usize) -> Fault {
        match broken {
            Broken::TooLarge(size) => {
                Fault::too_large(format!("received message larger than max ({size} vs. {limit})"))
            }
            Broken::NoRoom => Fault::no_room(),
            Broken::Late => Fault::later("the request was not complete in time"),
            Broken::Gone(why) => Fault::new(code::INVALID_ARGUMENT, format!("the body could not be read: {why}")),
        }
    }

    /// The status over HTTP.
    pub(super) fn http(&self) -> StatusCode {
        self.http.unwrap_or(match self.status.code {
            // Cancelled, deadline exceeded, aborted, out of range, unavailable, data loss.
            1 | 4 | 10 | 11 | code::UNAVAILABLE | 15 => StatusCode::SERVICE_UNAVAILABLE,
            code::RESOURCE_EXHAUSTED => StatusCode::TOO_MANY_REQUESTS,
            code::INVALID_ARGUMENT => StatusCode::BAD_REQUEST,
            code::UNAUTHENTICATED => StatusCode::UNAUTHORIZED,
            7 => StatusCode::FORBIDDEN,
            code::UNIMPLEMENTED => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        })
    }
}

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Protobuf,
    Json,
}

/// A request that was read and is not decoded yet.
pub(super) struct Raw {
    pub(super) signal: Signal,
    pub(super) transport: Transport,
    pub(super) format: Format,
    pub(super) body: Bytes,
    pub(super) compression: Option<Compression>,
    /// Bytes that it may have after decompression.
    pub(super) limit: usize,
    /// For the body.
    pub(super) permit: Permit,
    pub(super) client: Client,
}

/// Who sends, and whether they may.
pub(super) fn authenticate(auth: &AuthHandler, headers: &HeaderMap) -> Result<(), Fault> {
    let Some(server) = auth.0.as_ref().and_then(|auth| auth.server.as_ref()) else {
        return Ok(());
    };
    let header = |name: &str| {
        headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    server
        .check(&header)
        .map_err(|why| Fault::new(code::UNAUTHENTICATED, why))
}

/// What is known of who sent a request.
pub(super) fn client(peer: Option<&Peer>, headers: &HeaderMap, metadata: bool) -> Client {
    let pairs = headers.iter().filter(|_| metadata);
    let pairs = pairs.map(|(name, value)| {
        (
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    });
    Client {
        address: peer.map(|peer| peer.0),
        metadata: pairs.collect(),
    }
}

impl Shared {
    pub(super) fn new(cx: &Context<()>, outputs: Outputs, metrics: Metrics) -> Shared {
        Shared {
            cx: cx.clone(),
            metrics,
            outputs,
            takes: ArcSwap::default(),
        }
    }

    /// Sets where telemetry goes.
    pub(super) fn set(&self, args: &OutputArgs) {
        self.outputs.set(args);
        let any = |list: &[OtelConsumer]| !OtelConsumer::present(list).is_empty();
        self.takes.store(Arc::new(Takes {
            logs: any(&args.logs),
            metrics: any(&args.metrics),
            traces: any(&args.traces),
        }));
    }

    /// Whether a signal goes anywhere.
    pub(super) fn takes(&self, signal: Signal) -> bool {
        let takes = self.takes.load();
        match signal {
            Signal::Logs => takes.logs,
            Signal::Metrics => takes.metrics,
            Signal::Traces => takes.traces,
        }
    }

    /// Decodes a request and passes it on. Resolves when its records have a fate.
    pub(super) async fn take(&self, raw: Raw) -> Result<(), Fault> {
        let (signal, transport) = (raw.signal, raw.transport);
        let batch = match raw.body.len() < LARGE {
            true => decode(raw)?,
            false => {
                let decoded = tokio::task::spawn_blocking(move || decode(raw)).await;
                decoded.map_err(|error| {
                    Fault::new(code::INTERNAL, format!("the request could not be decoded: {error}"))
                })??
            }
        };
        let records = batch.amount().items;
        if records == 0 {
            return Ok(());
        }
        match self.outputs.accept(batch).await {
            Ok(()) => {
                self.metrics.accepted(signal, transport, records);
                Ok(())
            }
            Err(why) => {
                self.metrics.refused(signal, transport, records);
                match why.is_retryable() {
                    true => Err(Fault::new(code::UNAVAILABLE, why.to_string())),
                    false => Err(Fault::new(code::INTERNAL, why.to_string())),
                }
            }
        }
    }
}

fn decode(raw: Raw) -> Result<OtlpBatch, Fault> {
    let mut permit = raw.permit;
    let body = match raw.compression {
        None => raw.body,
        Some(compression) => match decompress(compression, &raw.body, raw.limit, &mut permit) {
            Ok(body) => body,
            Err(Failure::NoRoom) => return Err(Fault::no_room()),
            Err(Failure::TooLarge) => {
                let limit = raw.limit;
                return Err(Fault::too_large(format!(
                    "received message after decompression larger than max {limit}"
                )));
            }
            Err(Failure::Malformed(error)) => {
                return Err(Fault::new(
                    code::INVALID_ARGUMENT,
                    format!("the body is not what its encoding says: {error}"),
                ));
            }
        },
    };
    let received = match raw.format {
        Format::Protobuf => otlp_wire::receive(raw.signal, body).map_err(|error| error.to_string()),
        Format::Json => {
            // What comes out is no larger than the text; while it is made both are held.
            if !permit.try_grow(body.len() as u64) {
                return Err(Fault::no_room());
            }
            otlp_wire::json::decode(raw.signal, &body).map_err(|error| error.to_string())
        }
    };
    let (request, records) = received.map_err(|why| Fault::new(code::INVALID_ARGUMENT, why))?;
    permit.shrink(request.len() as u64);
    let payload = Otlp {
        signal: raw.signal,
        payload: request.into(),
        records: records as u64,
        client: Some(Arc::new(raw.client)),
    };
    Ok(OtlpBatch::new(payload, permit.awaited()))
}
