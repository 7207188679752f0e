//! Requests and their answers, as far as they are alike for all components.

use crate::metrics::{Count, Metrics};
use crate::order::{Place, Queue};
use bytes::Bytes;
use component::CancellationToken;
use http_body_util::Full;
use net::server::{Incoming, Request, Response};
use net::{HeaderValue, StatusCode};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// An answer.
pub type Answer = Response<Full<Bytes>>;

/// After how many seconds a client may come back that was refused for now.
const RETRY_AFTER: &str = "1";

/// Bounds of one server.
#[derive(Clone)]
pub struct Terms {
    /// How long a body may take.
    pub read: Duration,
    /// How long a client waits for its answer.
    pub wait: Duration,
    /// The end of the server's patience with requests that are under way.
    pub cut: CancellationToken,
}

impl Terms {
    /// What `answer` comes to, unless the client has waited for too long or the server's patience ends: then it may come back later.
    /// `what` is not delivered in time.
    pub async fn within(&self, what: &str, answer: impl Future<Output = Answer>) -> Answer {
        let waited = tokio::time::timeout(self.wait, async {
            tokio::select! {
                answer = answer => answer,
                () = self.cut.cancelled() => later(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping; come back later"),
            }
        });
        waited.await.unwrap_or_else(|_| {
            later(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the {what} were not delivered within {:?}; come back later", self.wait),
            )
        })
    }
}

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// The name that metrics have for the route of a path; `None` for one that does not exist.
    fn route(&self, path: &str) -> Option<&'static str>;

    /// Answers a request, whose body takes `size` bytes in the end. `place` is the request's in the order of its connection.
    fn answer(
        &self,
        request: Request<Incoming>,
        terms: Terms,
        place: Place,
        size: &mut usize,
    ) -> impl Future<Output = Answer> + Send;
}

/// What all servers of a component share.
pub(crate) struct Serving<H> {
    pub(crate) id: Arc<str>,
    pub(crate) handler: Arc<H>,
    pub(crate) metrics: Arc<Metrics>,
}

/// An answer in words.
pub fn text(status: StatusCode, text: impl Into<String>) -> Answer {
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
pub fn later(status: StatusCode, why: impl Into<String>) -> Answer {
    let mut answer = text(status, why);
    answer
        .headers_mut()
        .insert("retry-after", HeaderValue::from_static(RETRY_AFTER));
    answer
}

/// The path takes another method only.
pub fn other_method(allowed: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "");
    answer.headers_mut().insert("allow", HeaderValue::from_static(allowed));
    answer
}

impl<H: Handler> Serving<H> {
    /// Answers the requests of one connection.
    pub(crate) fn connection(
        self: &Arc<Self>,
        terms: &Terms,
    ) -> impl Fn(Request<Incoming>) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + use<H> {
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
        let found = self.handler.route(request.uri().path());
        let name = found.unwrap_or("other");
        let _inflight = Count::new(self.metrics.inflight.with(&[method, name]));
        let mut size = 0;
        let answer = match found {
            Some(_) => self.handler.answer(request, terms, place, &mut size).await,
            None => text(StatusCode::NOT_FOUND, "404 page not found"),
        };
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
}
