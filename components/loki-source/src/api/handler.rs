//! Requests and their answers.

use super::decode::{self, Decoded, Head, Settings, Stamps, Wrong};
use super::metrics::Metrics;
use arc_swap::ArcSwap;
use bytes::Bytes;
use component::Context;
use intake::body::{self, Broken};
use intake::{Answer, Handler, Place, Terms, later, text};
use net::server::{Incoming, Request};
use net::{HeaderMap, Method, StatusCode};
use signals::{FanOut, LogBatch};
use smol_str::SmolStr;
use std::sync::Arc;
use std::task::Poll;
use tokio::time::Instant;

/// Bodies from this size on are decoded on a thread where that holds up nothing else, in bytes.
const LARGE: usize = 512 << 10;

/// What all servers of a component share.
pub(super) struct Shared {
    pub(super) cx: Context<()>,
    pub(super) out: FanOut,
    pub(super) settings: ArcSwap<Settings>,
    pub(super) metrics: Metrics,
    pub(super) stamps: Stamps,
}

/// What clients may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Push,
    Raw,
    Ready,
}

/// Route by path, with the name that metrics have for it.
fn route(path: &str) -> Option<(Route, &'static str)> {
    Some(match path {
        "/loki/api/v1/push" => (Route::Push, "loki_api_v1_push"),
        "/api/v1/push" => (Route::Push, "api_v1_push"),
        "/loki/api/v1/raw" => (Route::Raw, "loki_api_v1_raw"),
        "/api/v1/raw" => (Route::Raw, "api_v1_raw"),
        "/ready" => (Route::Ready, "ready"),
        _ => return None,
    })
}

fn refuse(wrong: Wrong) -> Answer {
    match wrong {
        Wrong::TooLarge(why) => text(StatusCode::PAYLOAD_TOO_LARGE, why),
        Wrong::Malformed(why) => text(StatusCode::BAD_REQUEST, why),
        Wrong::Defect(why) => text(StatusCode::INTERNAL_SERVER_ERROR, why),
        Wrong::NoRoom => later(
            StatusCode::TOO_MANY_REQUESTS,
            "the memory for records on their way is used up; come back later",
        ),
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Wrong> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(Wrong::Malformed(format!(
            "header {name:?} has characters that are not ASCII"
        ))),
    }
}

fn head(headers: &HeaderMap) -> Result<Head, Wrong> {
    Ok(Head {
        content_type: header(headers, "content-type")?.map(str::to_owned),
        content_encoding: header(headers, "content-encoding")?.map(str::to_owned),
        tenant: header(headers, "x-scope-orgid")?
            .filter(|tenant| !tenant.is_empty())
            .map(SmolStr::new),
    })
}

impl Handler for Shared {
    fn route(&self, path: &str) -> Option<&'static str> {
        route(path).map(|(_, name)| name)
    }

    async fn answer(&self, request: Request<Incoming>, terms: Terms, place: Place, size: &mut usize) -> Answer {
        let Some((route, _)) = route(request.uri().path()) else {
            return text(StatusCode::NOT_FOUND, "404 page not found");
        };
        match route {
            Route::Ready if request.method() != Method::GET => return intake::other_method("GET"),
            Route::Push | Route::Raw if request.method() != Method::POST => return intake::other_method("POST"),
            Route::Ready => return text(StatusCode::OK, "ready"),
            Route::Push | Route::Raw => {}
        }
        terms
            .within("lines", self.take(request, route, &terms, place, size))
            .await
    }
}

impl Shared {
    /// Reads a request and passes it on.
    async fn take(
        &self,
        request: Request<Incoming>,
        route: Route,
        terms: &Terms,
        mut place: Place,
        size: &mut usize,
    ) -> Answer {
        let settings = self.settings.load_full();
        let (parts, mut incoming) = request.into_parts();
        let head = match head(&parts.headers) {
            Ok(head) => head,
            Err(wrong) => return refuse(wrong),
        };
        let length = parts
            .headers
            .get("content-length")
            .and_then(|length| length.to_str().ok()?.parse().ok());
        let (budget, deadline) = (self.cx.budget(), Instant::now() + terms.read);
        let (body, permit) = match body::read(&mut incoming, length, settings.max_bytes, budget, deadline).await {
            Ok(read) => read,
            Err(Broken::Late) => {
                // Clients give up on most statuses below 500.
                return later(
                    StatusCode::SERVICE_UNAVAILABLE,
                    format!("the request was not complete within {:?}", terms.read),
                );
            }
            Err(Broken::Gone(why)) => {
                return text(StatusCode::BAD_REQUEST, format!("the body could not be read: {why}"));
            }
            Err(broken) => {
                // Who waits to be asked for the body has not sent it.
                if !parts.headers.contains_key("expect") {
                    body::discard(&mut incoming).await;
                }
                return refuse(match broken {
                    Broken::TooLarge(size) => Wrong::from(lokipush::Error::TooLarge {
                        what: "body",
                        size,
                        limit: settings.max_bytes,
                    }),
                    _ => Wrong::NoRoom,
                });
            }
        };
        *size = body.len();
        let decoded = match self.decode(route, body, head, settings, permit).await {
            Ok(decoded) => decoded,
            Err(wrong) => return refuse(wrong),
        };
        let Decoded {
            streams,
            entries,
            filtered,
            permit,
        } = decoded;
        // What the next request of this connection brings comes after this.
        place.turn().await;
        if !streams.is_empty() {
            let mut accepting = Box::pin(self.out.accept(LogBatch::new(streams, permit.awaited())));
            let outcome = match futures_util::poll!(&mut accepting) {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => {
                    drop(place);
                    accepting.await
                }
            };
            match outcome {
                Ok(()) => {}
                Err(why) if why.is_retryable() => {
                    return later(StatusCode::SERVICE_UNAVAILABLE, format!("not now: {why}"));
                }
                // Sending it again would not help, and clients do not on this status.
                Err(why) => return text(StatusCode::UNPROCESSABLE_ENTITY, format!("refused for good: {why}")),
            }
        }
        self.metrics.written.add(entries);
        self.metrics.filtered.add(filtered);
        text(StatusCode::NO_CONTENT, "")
    }

    async fn decode(
        &self,
        route: Route,
        body: Bytes,
        head: Head,
        settings: Arc<Settings>,
        permit: signals::Permit,
    ) -> Result<Decoded, Wrong> {
        let large = body.len() >= LARGE;
        let now = self.cx.host().clock.now();
        let stamps = self.stamps.clone();
        let decode = move || match route {
            Route::Raw => decode::raw(body, &settings, &stamps, now, permit),
            _ => decode::push(body, head, &settings, &stamps, now, permit),
        };
        if !large {
            return decode();
        }
        match tokio::task::spawn_blocking(decode).await {
            Ok(outcome) => outcome,
            Err(error) => Err(Wrong::Defect(format!("the request could not be decoded: {error}"))),
        }
    }
}
