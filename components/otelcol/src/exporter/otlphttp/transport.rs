//! One request over HTTP, and what its answer means.

use super::args::Arguments;
use crate::export::{Context, Packed, context_keys};
use bytes::Bytes;
use component::{BoxFuture, Result};
use delivery::{Body, HttpSettings, HttpTransport, Outcome, Transport, Verdict};
use host::Host;
use net::{HeaderMap, HeaderValue, StatusCode};
use otlp_wire::response::PartialSuccess;
use signals::Signal;
use std::time::Duration;

/// Bytes of an answer that are read: what it says of records that were thrown away stands in it.
const ANSWER: usize = 64 << 10;
/// An attempt without a limit.
const NO_LIMIT: Duration = Duration::from_secs(24 * 3600);
const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// The ways to one endpoint: one for each signal that has an address.
pub(super) struct HttpEndpoint {
    logs: Option<HttpTransport>,
    metrics: Option<HttpTransport>,
    traces: Option<HttpTransport>,
    /// Whether who the records came from has a part in the credentials.
    by_client: bool,
}

impl HttpEndpoint {
    pub(super) fn new(args: &Arguments, host: &Host) -> Result<HttpEndpoint> {
        let http = args.client.http();
        let title = args.host();
        let timeout = args.client.timeout.as_std();
        let transport = |signal: Signal| {
            let url = args.url(signal);
            if url.is_empty() {
                return Ok(None);
            }
            let settings = HttpSettings {
                timeout: if timeout.is_zero() { NO_LIMIT } else { timeout },
                tls: args.client.tls.extras(),
                verdict,
                judge: Some(judge),
                unpack: Some(unpack),
                answer_limit: ANSWER,
                auth: args.client.auth.0.as_ref().and_then(|auth| auth.client.clone()),
                ..HttpSettings::new(&title, &url, &http, &args.client.headers)
            };
            HttpTransport::new(&settings, host).map(Some)
        };
        Ok(HttpEndpoint {
            logs: transport(Signal::Logs)?,
            metrics: transport(Signal::Metrics)?,
            traces: transport(Signal::Traces)?,
            by_client: !context_keys(&args.client.auth).is_empty(),
        })
    }
}

impl HttpEndpoint {
    async fn attempt(&self, tenant: &str, body: Body) -> Outcome {
        let context = match Context::of(tenant) {
            Ok(context) => context,
            Err(outcome) => return outcome,
        };
        let way = match context.signal {
            Signal::Logs => &self.logs,
            Signal::Metrics => &self.metrics,
            Signal::Traces => &self.traces,
        };
        let Some(way) = way else {
            let name = context.signal.name();
            return Outcome {
                status: None,
                message: format!("cannot be sent {name}: set endpoint or {name}_endpoint"),
                verdict: Verdict::Hold,
            };
        };
        let mut outcome = way.attempt("", &context.metadata, body).await;
        if self.by_client && matches!(outcome.status, Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)) {
            // One client that may not must not hold the others up.
            outcome.verdict = Verdict::Denied;
        }
        outcome
    }
}

impl Transport for HttpEndpoint {
    fn push<'a>(&'a self, tenant: &'a str, body: Body) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(tenant, body))
    }
}

/// Takes a body apart into headers and what is sent.
fn unpack(body: Body) -> (HeaderMap, Body) {
    let packed = Packed::open(body);
    let mut headers = HeaderMap::new();
    let kind = if packed.json { JSON } else { PROTOBUF };
    headers.insert("content-type", HeaderValue::from_static(kind));
    let coding = packed.compression.name();
    if !coding.is_empty() {
        headers.insert("content-encoding", HeaderValue::from_static(coding));
    }
    (headers, packed.content)
}

/// What a status means. OTLP: only 429, 502, 503 and 504 are to be tried again.
fn verdict(status: StatusCode) -> Verdict {
    match status.as_u16() {
        200..300 => Verdict::Delivered,
        429 | 502 | 503 | 504 => Verdict::Later(None),
        // Who asks is not known or may not, or the address is wrong: nothing is the matter with the records.
        300..=399 | 401 | 403..=405 | 407 => Verdict::Hold,
        413 => Verdict::Refused { too_large: true },
        _ => Verdict::Refused { too_large: false },
    }
}

/// What the body of a success says.
fn judge(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Option<Outcome> {
    let kind = headers
        .get("content-type")
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let read = match kind.split(';').next().unwrap_or_default().trim() {
        PROTOBUF => PartialSuccess::decode(body).unwrap_or_default(),
        JSON => partial_success_of(body),
        _ => None,
    }?;
    if read.rejected <= 0 {
        tracing::warn!(
            message = read.message,
            "the endpoint has a warning about a request that it took"
        );
        return None;
    }
    Some(Outcome {
        status: Some(status),
        message: format!("has thrown {} records away: {}", read.rejected, read.message),
        verdict: Verdict::Partly {
            rejected: read.rejected.unsigned_abs(),
        },
    })
}

/// The same in JSON.
fn partial_success_of(body: &[u8]) -> Option<PartialSuccess> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let partial = answer.get("partialSuccess").or_else(|| answer.get("partial_success"))?;
    let names = [
        "rejectedLogRecords",
        "rejectedDataPoints",
        "rejectedSpans",
        "rejected_log_records",
        "rejected_data_points",
        "rejected_spans",
    ];
    let number = |value: &serde_json::Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
    let rejected = names.iter().find_map(|name| partial.get(name).and_then(number));
    let message = partial.get("errorMessage").or_else(|| partial.get("error_message"));
    let message = message.and_then(|message| message.as_str()).unwrap_or_default();
    let read = PartialSuccess {
        rejected: rejected.unwrap_or_default(),
        message: message.to_owned(),
    };
    Some(read).filter(|read| *read != PartialSuccess::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_verdict() {
        let of = |status| verdict(StatusCode::from_u16(status).unwrap());
        for status in [429, 502, 503, 504] {
            assert_eq!(of(status), Verdict::Later(None), "{status}");
        }
        for status in [302, 401, 403, 404, 405] {
            assert_eq!(of(status), Verdict::Hold, "{status}");
        }
        for status in [400, 408, 422, 500, 501] {
            assert_eq!(of(status), Verdict::Refused { too_large: false }, "{status}");
        }
        assert_eq!(of(200), Verdict::Delivered);
    }

    #[test]
    fn partial_success_is_read_in_both_encodings() {
        let said = PartialSuccess {
            rejected: 3,
            message: "too old".to_owned(),
        };
        let answer = |kind: &str, body: Bytes| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", kind.parse().unwrap());
            judge(StatusCode::OK, &headers, &body).map(|outcome| (outcome.verdict, outcome.message))
        };
        let expected = Some((
            Verdict::Partly { rejected: 3 },
            "has thrown 3 records away: too old".to_owned(),
        ));
        assert_eq!(answer(PROTOBUF, said.encode().into()), expected);
        for signal in Signal::ALL {
            let text = said.encode_json(signal).into_bytes();
            assert_eq!(answer("application/json; charset=utf-8", text.into()), expected);
        }
        assert_eq!(answer(JSON, Bytes::from_static(b"{}")), None);
        assert_eq!(answer(PROTOBUF, Bytes::new()), None);
        assert_eq!(answer("text/html", Bytes::from_static(b"<p>")), None);
    }
}
