//! Requests and their answers.

use super::args::Version;
use super::decode::{self, Decoded, LIMIT, Settings, Wrong};
use arc_swap::ArcSwap;
use bytes::Bytes;
use component::Context;
use futures_util::poll;
use intake::body::{self, Broken};
use intake::{Answer, Handler, Place, Terms, later, text};
use net::server::{Incoming, Request};
use net::{HeaderMap, HeaderValue, Method, StatusCode};
use prommodel::Table;
use promtext::{Counter, Histogram};
use signals::{FanOut, MetricBatch, Metrics, Permit};
use std::sync::Arc;
use std::task::Poll;
use tokio::time::Instant;

/// Where samples are pushed.
const PATH: &str = "/api/v1/metrics/write";
/// Bodies from this size on are decoded on a thread where that holds up nothing else, in bytes.
const LARGE: usize = 256 << 10;

/// What all servers of a component share.
pub(super) struct Shared {
    pub(super) cx: Context<()>,
    pub(super) out: FanOut<Metrics>,
    pub(super) settings: ArcSwap<Settings>,
    pub(super) table: Table,
    pub(super) forwarded: Counter,
    pub(super) latency: Histogram,
    pub(super) invalid_labels: Counter,
}

/// How many records of each kind were passed on.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    samples: usize,
    histograms: usize,
    exemplars: usize,
}

impl Written {
    fn of(metrics: &Metrics) -> Written {
        Written {
            samples: metrics.samples.len(),
            histograms: metrics.histograms.len(),
            exemplars: metrics.exemplars.len(),
        }
    }

    /// The answer with the headers that say so.
    fn told(self, mut answer: Answer) -> Answer {
        for (name, count) in [
            ("x-prometheus-remote-write-samples-written", self.samples),
            ("x-prometheus-remote-write-histograms-written", self.histograms),
            ("x-prometheus-remote-write-exemplars-written", self.exemplars),
        ] {
            answer.headers_mut().insert(name, HeaderValue::from(count));
        }
        answer
    }
}

/// The version of a request, if it is one that is taken.
fn version(headers: &HeaderMap, accepted: &[Version]) -> Result<Version, String> {
    let header = |name: &str| match headers.get(name) {
        Some(value) => value.to_str().map_err(|_| format!("header {name:?} is not ASCII")),
        None => Ok(""),
    };
    let content_type = header("content-type")?;
    let mut parts = content_type.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    if !["", "application/x-protobuf"].contains(&kind) {
        return Err(format!(
            "Content-Type {content_type:?} is not \"application/x-protobuf\""
        ));
    }
    let mut version = Version::V1;
    for part in parts {
        if let Some(message) = part.strip_prefix("proto=") {
            version = Version::of(message).ok_or_else(|| format!("message {message:?} is not known"))?;
        }
    }
    if !accepted.contains(&version) {
        return Err(format!(
            "message \"{version}\" is not accepted here; see \"accepted_remote_write_protobuf_messages\""
        ));
    }
    match header("content-encoding")? {
        "" | "snappy" => Ok(version),
        other => Err(format!("Content-Encoding {other:?} is not \"snappy\"")),
    }
}

fn no_room() -> Answer {
    later(
        StatusCode::SERVICE_UNAVAILABLE,
        "the memory for records on their way is used up; come back later",
    )
}

impl Handler for Shared {
    fn route(&self, path: &str) -> Option<&'static str> {
        (path == PATH).then_some("api_v1_metrics_write")
    }

    async fn answer(&self, request: Request<Incoming>, terms: Terms, place: Place, size: &mut usize) -> Answer {
        if request.method() != Method::POST {
            return intake::other_method("POST");
        }
        let mut written = Written::default();
        let answer = terms.within("samples", self.take(request, &terms, place, size, &mut written));
        let answer = answer.await;
        written.told(answer)
    }
}

impl Shared {
    /// Reads a request and passes it on.
    async fn take(
        &self,
        request: Request<Incoming>,
        terms: &Terms,
        mut place: Place,
        size: &mut usize,
        written: &mut Written,
    ) -> Answer {
        let settings = self.settings.load_full();
        let (parts, mut incoming) = request.into_parts();
        // Who waits to be asked for the body has not sent it.
        let waits = parts.headers.contains_key("expect");
        let version = match version(&parts.headers, &settings.accepted) {
            Ok(version) => version,
            Err(why) => {
                if !waits {
                    body::discard(&mut incoming).await;
                }
                return text(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
            }
        };
        let length = parts.headers.get("content-length");
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let (budget, deadline) = (self.cx.budget(), Instant::now() + terms.read);
        let (body, permit) = match body::read(&mut incoming, length, LIMIT, budget, deadline).await {
            Ok(read) => read,
            Err(Broken::Late) => {
                let message = format!("the request was not complete within {:?}", terms.read);
                return later(StatusCode::SERVICE_UNAVAILABLE, message);
            }
            Err(Broken::Gone(why)) => {
                return text(StatusCode::BAD_REQUEST, format!("the body could not be read: {why}"));
            }
            Err(broken @ (Broken::TooLarge(_) | Broken::NoRoom)) => {
                if !waits {
                    body::discard(&mut incoming).await;
                }
                return match broken {
                    Broken::TooLarge(_) => {
                        let message = format!("the body may have {LIMIT} bytes");
                        text(StatusCode::PAYLOAD_TOO_LARGE, message)
                    }
                    _ => no_room(),
                };
            }
        };
        *size = body.len();
        let decoded = match self.decode(body, version, settings, permit).await {
            Ok(decoded) => decoded,
            Err(Wrong::NoRoom) => return no_room(),
            Err(Wrong::Malformed(why)) => return text(StatusCode::BAD_REQUEST, why),
            Err(Wrong::Defect(why)) => return text(StatusCode::INTERNAL_SERVER_ERROR, why),
        };
        self.invalid_labels.add(decoded.invalid_labels);
        // What the next request of this connection brings comes after this.
        place.turn().await;
        let passed = Written::of(&decoded.metrics);
        if !decoded.metrics.is_empty() {
            let started = Instant::now();
            let mut accepting = Box::pin(
                self.out
                    .accept(MetricBatch::new(decoded.metrics, decoded.permit.awaited())),
            );
            let outcome = match poll!(&mut accepting) {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => {
                    drop(place);
                    accepting.await
                }
            };
            self.latency.observe(started.elapsed().as_secs_f64());
            match outcome {
                Ok(()) => self.forwarded.add(passed.samples as u64),
                Err(why) if why.is_retryable() => {
                    return later(StatusCode::SERVICE_UNAVAILABLE, format!("not now: {why}"));
                }
                // Sending it again would not help, and clients do not on this status.
                Err(why) => return text(StatusCode::BAD_REQUEST, format!("refused for good: {why}")),
            }
        }
        // Upstream leaves them at zero for 1.0, whose senders do not ask.
        if version == Version::V2 {
            *written = passed;
        }
        match decoded.why {
            None => text(StatusCode::NO_CONTENT, ""),
            Some(why) => {
                let rejected = decoded.rejected;
                let message = format!("{rejected} series or samples are invalid and were left out; the first: {why}");
                text(StatusCode::BAD_REQUEST, message)
            }
        }
    }

    async fn decode(
        &self,
        body: Bytes,
        version: Version,
        settings: Arc<Settings>,
        permit: Permit,
    ) -> Result<Decoded, Wrong> {
        let large = body.len() >= LARGE;
        let (table, now) = (self.table.clone(), self.cx.host().clock.now() / 1_000_000);
        let decode = move || decode::decode(&body, version, &settings, &table, now, permit);
        if !large {
            return decode();
        }
        match tokio::task::spawn_blocking(decode).await {
            Ok(outcome) => outcome,
            Err(error) => Err(Wrong::Defect(format!("the request could not be decoded: {error}"))),
        }
    }
}
