//! Spans.

use crate::context::SpanContext;
use crate::tracer::Tracer;
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};
use std::borrow::Cow;
use std::future::Future;
use tokio::time::Instant;

tokio::task_local! {
    /// What the task is working on.
    pub(crate) static CURRENT: Option<SpanContext>;
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A number.
    Int(i64),
    /// A truth value.
    Bool(bool),
}

macro_rules! from {
    ($($type:ty => |$value:ident| $attribute:expr),* $(,)?) => {
        $(impl From<$type> for Attribute {
            fn from($value: $type) -> Self {
                $attribute
            }
        })*
    };
}

from! {
    &str => |text| Attribute::Text(text.to_owned()),
    String => |text| Attribute::Text(text),
    i64 => |number| Attribute::Int(number),
    u16 => |number| Attribute::Int(number.into()),
    bool => |truth| Attribute::Bool(truth),
}

/// What a span was for, as OTLP numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// What is told of a span that is sampled.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: Kind,
    pub(crate) parent: Option<[u8; 8]>,
    /// Whether the parent is another process's.
    pub(crate) remote_parent: bool,
    /// Nanoseconds since the Unix epoch.
    pub(crate) start: i64,
    pub(crate) nanos: u64,
    pub(crate) attributes: Vec<(&'static str, Attribute)>,
    /// Why it failed, if it did.
    pub(crate) failure: Option<String>,
}

/// A span that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) context: SpanContext,
    pub(crate) told: Told,
}

/// A span that has not ended.
pub(crate) struct Live {
    tracer: Tracer,
    context: SpanContext,
    since: Instant,
    /// Nothing if it is not sampled.
    told: Option<Box<Told>>,
}

impl Live {
    pub(crate) fn new(tracer: Tracer, context: SpanContext, told: Option<Box<Told>>) -> Self {
        Live {
            tracer,
            context,
            since: Instant::now(),
            told,
        }
    }
}

/// Work inside of this program. Ends when it is dropped.
#[must_use = "a span lasts as long as it is held"]
pub struct Span(pub(crate) Option<Live>);

impl Span {
    /// A span that is nothing.
    pub fn none() -> Self {
        Span(None)
    }

    /// The same span with an attribute.
    pub fn attr(mut self, name: &'static str, value: impl Into<Attribute>) -> Self {
        self.set(name, value);
        self
    }

    /// Adds an attribute.
    pub fn set(&mut self, name: &'static str, value: impl Into<Attribute>) {
        if let Some(told) = self.told() {
            told.attributes.push((name, value.into()));
        }
    }

    /// The work failed; the message is for people, and holds no secret.
    pub fn fail(&mut self, message: impl std::fmt::Display) {
        if let Some(told) = self.told() {
            told.failure = Some(message.to_string());
        }
    }

    /// A part of this work.
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Span {
        self.below(name.into(), Kind::Internal)
    }

    /// A part of this work that another process does.
    pub fn request(&self, name: impl Into<Cow<'static, str>>) -> Span {
        self.below(name.into(), Kind::Client)
    }

    fn below(&self, name: Cow<'static, str>, kind: Kind) -> Span {
        match &self.0 {
            Some(live) => live.tracer.below(&live.context, name, kind),
            None => Span(None),
        }
    }

    /// Its ids; nothing without `write_to`.
    pub fn context(&self) -> Option<&SpanContext> {
        self.0.as_ref().map(|live| &live.context)
    }

    /// The header `traceparent` of a request that is part of this work; nothing if the configuration does not want it sent.
    pub fn traceparent(&self) -> Option<HeaderValue> {
        let live = self.0.as_ref()?;
        live.tracer.sends_traceparent().then(|| live.context.traceparent())
    }

    /// Does a part of this work: spans of [`Tracer::span`] in it are below this one.
    pub async fn scope<F: Future>(&self, work: F) -> F::Output {
        CURRENT.scope(self.context().cloned(), work).await
    }

    /// Ends it.
    pub fn end(self) {}

    pub(crate) fn told(&mut self) -> Option<&mut Told> {
        self.0.as_mut()?.told.as_deref_mut()
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let Some(live) = self.0.take() else { return };
        let Some(mut told) = live.told else { return };
        told.nanos = u64::try_from(live.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        live.tracer.finish(Finished {
            context: live.context,
            told: *told,
        });
    }
}

/// A request to the HTTP server. One that is dropped before its [`end`](RequestSpan::end) was given up.
#[must_use = "a span lasts as long as it is held"]
pub struct RequestSpan(pub(crate) Span);

/// Methods that HTTP knows (RFC 9110 and RFC 5789); others are not told, since a client may make up many.
fn known(method: &Method) -> bool {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::CONNECT,
        Method::OPTIONS,
        Method::TRACE,
        Method::PATCH,
    ];
    known.contains(method)
}

impl RequestSpan {
    /// What the method is called in names and attributes.
    pub(crate) fn method(method: &Method) -> &str {
        if known(method) { method.as_str() } else { "_OTHER" }
    }

    /// The span, for [`Span::child`] and the like.
    pub fn span(&self) -> &Span {
        &self.0
    }

    /// Answers the request: spans of [`Tracer::span`] in it are below this one.
    pub async fn scope<F: Future>(&self, work: F) -> F::Output {
        self.0.scope(work).await
    }

    /// Ends it. `route` is the pattern that the path matched, empty if none did.
    pub fn end(mut self, route: &str, status: StatusCode) {
        if let Some(told) = self.0.told() {
            if !route.is_empty() {
                told.name = format!("{} {route}", told.name).into();
                told.attributes.push(("http.route", route.into()));
            }
            told.attributes
                .push(("http.response.status_code", status.as_u16().into()));
            told.failure = status.is_server_error().then(String::new);
        }
    }
}
