//! Who makes spans, and by which rules.

use crate::args::TracingArgs;
use crate::context::SpanContext;
use crate::export::Exporter;
use crate::metrics::Metrics;
use crate::remote::Remote;
use crate::sampler::Sampler;
use crate::span::{CURRENT, Finished, Kind, Live, RequestSpan, Span, Told};
use arc_swap::ArcSwap;
use component::{Change, OtelConsumer};
use host::Host;
use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue};
use promtext::{RegisterError, Registry};
use signals::{Budget, Ledger};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// What a [`Tracer`] works with.
pub struct TracerParts<'a> {
    /// Time, and randomness for ids.
    pub host: &'a Host,
    /// The process's ledger.
    pub ledger: &'a Ledger,
    /// The process's memory budget.
    pub budget: &'a Budget,
    /// The process's metrics.
    pub metrics: &'a Registry,
    /// Version of the program.
    pub version: &'a str,
}

/// Makes spans. Clones share everything.
#[derive(Clone)]
pub struct Tracer(Arc<Shared>);

struct Shared {
    /// Whether anybody takes spans.
    active: AtomicBool,
    policy: ArcSwap<Policy>,
    changed: Notify,
    exporter: Exporter,
    host: Host,
}

/// What the block says.
struct Policy {
    sampler: ArcSwap<Sampler>,
    send_traceparent: bool,
    remote: Option<Remote>,
}

/// Characters of a path that are told.
const MAX_PATH: usize = 1024;

impl Tracer {
    /// A tracer that makes nothing until a block says so.
    ///
    /// # Errors
    /// Its metrics are there already.
    pub fn new(parts: TracerParts<'_>) -> Result<Tracer, RegisterError> {
        let metrics = Metrics::new(parts.metrics)?;
        let policy = Policy {
            sampler: ArcSwap::from_pointee(Sampler::fraction(0.0)),
            send_traceparent: false,
            remote: None,
        };
        Ok(Tracer(Arc::new(Shared {
            active: AtomicBool::new(false),
            policy: ArcSwap::from_pointee(policy),
            changed: Notify::new(),
            exporter: Exporter::new(parts.ledger, parts.budget.clone(), metrics, parts.version),
            host: parts.host.clone(),
        })))
    }

    /// A handle that applies the `tracing` block.
    pub fn policy(&self) -> TracingPolicy {
        TracingPolicy(self.clone())
    }

    /// Begins the span of a request to the HTTP server, below that of who sent it.
    pub fn start_request(&self, headers: &HeaderMap, method: &Method, path: &str) -> RequestSpan {
        if !self.0.active.load(Ordering::Relaxed) {
            return RequestSpan(Span::none());
        }
        let parent = SpanContext::from_headers(headers);
        let method = RequestSpan::method(method);
        // Clients choose it, and whether it is kept.
        let path: String = path.chars().take(MAX_PATH).collect();
        let mut span = self.begin(parent.as_ref(), true, Kind::Server, format!("{method} {path}").into());
        if let Some(told) = span.told() {
            // Until it is known which route it takes.
            told.name = method.to_owned().into();
            told.attributes.push(("http.request.method", method.into()));
            told.attributes.push(("url.path", path.into()));
            // Until it ends otherwise.
            told.failure = Some("given up before it was answered".to_owned());
        }
        RequestSpan(span)
    }

    /// Begins a span below the one whose scope this is in ([`Span::scope`]); a new trace if there is none.
    pub fn span(&self, name: impl Into<Cow<'static, str>>) -> Span {
        if !self.0.active.load(Ordering::Relaxed) {
            return Span::none();
        }
        let parent = CURRENT.try_with(Clone::clone).ok().flatten();
        self.begin(parent.as_ref(), false, Kind::Internal, name.into())
    }

    /// The header `traceparent` for a request on behalf of the span whose scope this is in; nothing if there is none or the configuration does not
    /// want it sent.
    pub fn traceparent(&self) -> Option<HeaderValue> {
        if !self.sends_traceparent() {
            return None;
        }
        let context = CURRENT.try_with(Clone::clone).ok().flatten()?;
        Some(context.traceparent())
    }

    /// Sends spans and asks for strategies until `stop`; then sends what is left, for a second.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::join!(self.0.exporter.run(&stop), self.follow(&stop));
    }

    pub(crate) fn sends_traceparent(&self) -> bool {
        self.0.active.load(Ordering::Relaxed) && self.0.policy.load().send_traceparent
    }

    pub(crate) fn below(&self, parent: &SpanContext, name: Cow<'static, str>, kind: Kind) -> Span {
        self.begin(Some(parent), false, kind, name)
    }

    pub(crate) fn finish(&self, span: Finished) {
        self.0.exporter.push(span);
    }

    /// Who has a parent does as the parent does; of the others the sampler decides.
    fn begin(&self, parent: Option<&SpanContext>, remote_parent: bool, kind: Kind, name: Cow<'static, str>) -> Span {
        let span_id = self.id().to_be_bytes();
        let context = match parent {
            Some(parent) => SpanContext {
                span_id,
                ..parent.clone()
            },
            None => {
                let mut trace_id = [0; 16];
                trace_id[..8].copy_from_slice(&self.id().to_be_bytes());
                trace_id[8..].copy_from_slice(&self.id().to_be_bytes());
                SpanContext {
                    trace_id,
                    span_id,
                    sampled: self.0.policy.load().sampler.load().keeps(&trace_id, &name),
                    state: String::new(),
                }
            }
        };
        let told = context.sampled.then(|| {
            Box::new(Told {
                name,
                kind,
                parent: parent.map(|parent| parent.span_id),
                remote_parent,
                start: self.0.host.clock.now(),
                nanos: 0,
                attributes: Vec::new(),
                failure: None,
            })
        });
        Span(Some(Live::new(self.clone(), context, told)))
    }

    /// 64 random bits, not all of them zero.
    fn id(&self) -> u64 {
        self.0.host.random.next_u64().max(1)
    }

    async fn follow(&self, stop: &CancellationToken) {
        loop {
            let policy = self.0.policy.load_full();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.0.changed.notified() => {}
                () = policy.follow() => {}
            }
        }
    }
}

impl Policy {
    /// Asks for a strategy again and again; waits for ever if nobody is to be asked.
    async fn follow(&self) {
        let Some(remote) = &self.remote else {
            return std::future::pending().await;
        };
        let mut last = None;
        let mut failing = false;
        loop {
            match remote.ask().await {
                Ok(strategy) => {
                    failing = false;
                    // What limits have earned counts on.
                    if last.as_ref() != Some(&strategy) {
                        self.sampler.store(Arc::new(Sampler::of(&strategy, remote.operations)));
                        last = Some(strategy);
                    }
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(
                            service = "tracing",
                            err = error,
                            "no sampling strategy from sampler.jaeger_remote; the last one holds"
                        );
                    }
                }
            }
            tokio::time::sleep(remote.every).await;
        }
    }
}

/// Applies the `tracing` block to a tracer.
#[derive(Clone)]
pub struct TracingPolicy(Tracer);

impl TracingPolicy {
    /// Checks the block. The change holds for spans that begin after it.
    pub fn prepare(&self, args: TracingArgs) -> component::Result<Change> {
        let asked = args.sampler.as_ref().and_then(|sampler| sampler.jaeger_remote.as_ref());
        let fs = &self.0.0.host.fs;
        let remote = asked.map(|args| Remote::new(args, fs.clone())).transpose()?;
        let receivers = OtelConsumer::present(&args.write_to);
        let active = !receivers.is_empty();
        let policy = Policy {
            sampler: ArcSwap::from_pointee(Sampler::fraction(args.sampling_fraction)),
            send_traceparent: args.send_traceparent,
            // Nobody is asked about spans that nobody takes.
            remote: remote.filter(|_| active),
        };
        let tracer = self.0.clone();
        Ok(Change::new(move || {
            let shared = &tracer.0;
            shared.policy.store(Arc::new(policy));
            shared.exporter.set(receivers);
            shared.active.store(active, Ordering::Relaxed);
            shared.changed.notify_one();
        }))
    }
}
