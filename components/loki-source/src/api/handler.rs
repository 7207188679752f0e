//! Requests and their answers.

use super::body::{self, Broken};
use super::decode::{self, Decoded, Head, Settings, Stamps, Wrong};
use super::metrics::{Count, Metrics};
use super::order::{Place, Queue};
use arc_swap::ArcSwap;
use bytes::Bytes;
use component::{CancellationToken, Context};
use http_body_util::Full;
use net::server::{Incoming, Request, Response};
use net::{HeaderMap, HeaderValue, Method, StatusCode};
use signals::{FanOut, LogBatch};
use smol_str::SmolStr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;

pub(super) type Answer = Response<Full<Bytes>>;

/// Bodies from this size on are decoded on a thread where that holds up nothing else, in bytes.
const LARGE: usize = 512 << 10;
/// After how many seconds a client may come back that was refused for now.
const RETRY_AFTER: &str = "1";

/// What all servers of a component share.
pub(super) struct Shared {
    pub(super) cx: Context<()>,
    pub(super) out: FanOut,
    pub(super) settings: ArcSwap<Settings>,
    pub(super) metrics: Metrics,
    pub(super) stamps: Stamps,
}

/// Bounds of one server.
#[derive(Clone)]
pub(super) struct Terms {
    /// How long a body may take.
    pub(super) read: Duration,
    /// How long a client waits for its answer.
    pub(super) wait: Duration,
    /// The end of the server's patience with requests that are under way.
    pub(super) cut: CancellationToken,
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

fn text(status: StatusCode, text: impl Into<String>) -> Answer {
    let mut text = text.into();
    if !text.is_empty() {
        text.push('\n');
    }
    let empty = text.is_empty();
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    if !empty {
        let kind = HeaderValue::from_static("text/plain; charset=utf-8");
        answer.headers_mut().insert("content-type", kind);
    }
    answer
}

/// The client may come back with the same request.
fn later(status: StatusCode, why: impl Into<String>) -> Answer {
    let mut answer = text(status, why);
    answer
        .headers_mut()
        .insert("retry-after", HeaderValue::from_static(RETRY_AFTER));
    answer
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

impl Shared {
    /// Answers the requests of one connection.
    pub(super) fn connection(
        self: &Arc<Self>,
        terms: &Terms,
    ) -> impl Fn(Request<Incoming>) -> std::pin::Pin<Box<dyn Future<Output = Answer> + Send>> + Send + use<> {
        let counted = Count::new(self.metrics.connections.clone());
        let (shared, terms, queue) = (self.clone(), terms.clone(), Queue::default());
        move |request| {
            let _ = &counted;
            let place = queue.place();
            Box::pin(shared.clone().measure(request, terms.clone(), place))
        }
    }

    async fn measure(self: Arc<Self>, request: Request<Incoming>, terms: Terms, place: Place) -> Answer {
        let started = Instant::now();
        let method = request.method().clone();
        // Methods are words that clients make up.
        let method = match method.as_str() {
            known @ ("GET" | "POST" | "PUT" | "HEAD" | "DELETE" | "OPTIONS" | "PATCH") => known,
            _ => "other",
        };
        let found = route(request.uri().path());
        let name = found.map_or("other", |(_, name)| name);
        let _inflight = Count::new(self.metrics.inflight.with(&[method, name]));
        let mut size = 0;
        let answer = self.answer(request, found.map(|(route, _)| route), terms, place, &mut size);
        let answer = answer.await;
        let status = answer.status().as_str().to_owned();
        self.metrics.received.with(&[method, name]).observe(size as f64);
        let sent = hyper::body::Body::size_hint(answer.body()).exact().unwrap_or_default();
        self.metrics.sent.with(&[method, name]).observe(sent as f64);
        self.metrics
            .duration
            .with(&[method, name, &status, "false"])
            .observe(started.elapsed().as_secs_f64());
        answer
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        route: Option<Route>,
        terms: Terms,
        place: Place,
        size: &mut usize,
    ) -> Answer {
        let Some(route) = route else {
            return text(StatusCode::NOT_FOUND, "404 page not found");
        };
        let allowed = match route {
            Route::Ready => Method::GET,
            Route::Push | Route::Raw => Method::POST,
        };
        if request.method() != allowed {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "");
            let allow = HeaderValue::from_str(allowed.as_str()).expect("a method is a token");
            answer.headers_mut().insert("allow", allow);
            return answer;
        }
        if route == Route::Ready {
            return text(StatusCode::OK, "ready");
        }
        let waited = tokio::time::timeout(terms.wait, async {
            tokio::select! {
                answer = self.take(request, route, &terms, place, size) => answer,
                () = terms.cut.cancelled() => later(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping; come back later"),
            }
        });
        waited.await.unwrap_or_else(|_| {
            later(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the lines were not delivered within {:?}; come back later", terms.wait),
            )
        })
    }

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
            Err(Broken::Wrong(wrong)) => {
                // Who waits to be asked for the body has not sent it.
                if !parts.headers.contains_key("expect") {
                    body::discard(&mut incoming).await;
                }
                return refuse(wrong);
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
            let mut accepting = Box::pin(self.out.accept(LogBatch::new(streams, permit)));
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
