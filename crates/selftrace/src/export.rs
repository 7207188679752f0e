//! Spans on their way to `write_to`.

use crate::metrics::Metrics;
use crate::span::{Attribute, Finished};
use otlp_wire::common::{AnyValue, Scope};
use otlp_wire::traces::{Span, Status};
use otlp_wire::write::{Writer, number};
use signals::{Budget, Courier, FanOut, Ledger, Otlp, OtlpBatch, Receiver, Signal};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What the program is called in its traces, and in questions about them: as Alloy is, so that dashboards go on working.
pub(crate) const SERVICE: &str = "alloy";
/// Id under which the program appears as a sender in the ledger.
const OWNER: &str = "tracing";
/// Spans that may wait.
const MAX_WAITING: usize = 2048;
/// Spans in one batch.
const MAX_BATCH: usize = 512;
/// How long a span may wait for others.
const DELAY: Duration = Duration::from_secs(5);
/// Batches on the way at once.
const WINDOW: usize = 2;
/// How long spans may take to arrive after everything was told to stop.
const DRAIN: Duration = Duration::from_secs(1);

/// W3C's flag for a trace that is kept; OTLP's for "it is known whether the parent is remote", and "it is".
const SAMPLED: u32 = 1;
const KNOWN_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
/// OTLP's status of a span that failed.
const ERROR: i32 = 2;

pub(crate) struct Exporter {
    out: Arc<FanOut<Otlp>>,
    budget: Budget,
    metrics: Metrics,
    version: String,
    queue: Mutex<VecDeque<Finished>>,
    /// There is a first span, or enough of them.
    wake: Notify,
}

impl Exporter {
    pub(crate) fn new(ledger: &Ledger, budget: Budget, metrics: Metrics, version: &str) -> Self {
        Exporter {
            out: Arc::new(FanOut::new(ledger, OWNER)),
            budget,
            metrics,
            version: version.to_owned(),
            queue: Mutex::default(),
            wake: Notify::new(),
        }
    }

    pub(crate) fn set(&self, receivers: Vec<Receiver<Otlp>>) {
        self.out.set(receivers);
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Finished>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a span, or counts that there is no room. Never waits.
    pub(crate) fn push(&self, span: Finished) {
        self.metrics.spans.inc();
        let mut queue = self.queue();
        if queue.len() >= MAX_WAITING {
            self.metrics.queue_full.inc();
            return;
        }
        queue.push_back(span);
        let waiting = queue.len();
        drop(queue);
        if waiting == 1 || waiting == MAX_BATCH {
            self.wake.notify_one();
        }
    }

    /// Sends spans until `stop`, then for a moment what is left.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        let mut courier: Courier<u64, Otlp> = Courier::new(self.out.clone(), WINDOW);
        let mut deadline: Option<Instant> = None;
        let mut due: Option<Instant> = None;
        let mut on_the_way = 0;
        loop {
            while courier.has_room() {
                let Some((batch, count)) = self.take(&mut due, deadline.is_some()) else {
                    break;
                };
                on_the_way += count;
                courier.send(batch, count).await;
            }
            if deadline.is_some() && courier.is_empty() {
                break;
            }
            let end = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => stop.cancelled().await,
                }
            };
            // While there is no room, a batch that lands is what is waited for.
            let due_now = due.filter(|_| courier.has_room());
            let ripe = async {
                match due_now {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                landed = courier.landed(), if !courier.is_empty() => {
                    on_the_way -= landed.tag;
                    if landed.outcome.is_err() {
                        self.metrics.refused.add(landed.tag);
                    }
                }
                () = self.wake.notified() => {}
                () = ripe => {}
                () = end => match deadline {
                    Some(_) => break,
                    None => deadline = Some(Instant::now() + DRAIN),
                },
            }
        }
        let left = on_the_way + self.queue().len() as u64;
        self.metrics.refused.add(left);
    }
}

impl Exporter {
    /// The next batch, if there are enough spans or the oldest has waited long enough; `all`: if there are any. `due` is when that will be.
    fn take(&self, due: &mut Option<Instant>, all: bool) -> Option<(OtlpBatch, u64)> {
        let mut queue = self.queue();
        if queue.is_empty() {
            *due = None;
            return None;
        }
        let now = Instant::now();
        let ripe = *due.get_or_insert(now + DELAY) <= now;
        if !(ripe || all || queue.len() >= MAX_BATCH) {
            return None;
        }
        let count = queue.len().min(MAX_BATCH);
        let spans: Vec<Finished> = queue.drain(..count).collect();
        drop(queue);
        *due = None;
        let records = spans.len() as u64;
        let payload = Otlp {
            signal: Signal::Traces,
            payload: encode(&spans, &self.version).into(),
            records,
            client: None,
        };
        // What waits here is bounded by the queue and the window; waiting for room could wait for itself.
        let permit = self.budget.force(payload.payload.len() as u64);
        Some((OtlpBatch::new(payload, permit), records))
    }
}

fn encode(spans: &[Finished], version: &str) -> bytes::Bytes {
    let resource = [
        ("service.name", SERVICE),
        ("service.version", version),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.name", "invar"),
        ("telemetry.sdk.version", version),
    ];
    let mut out = Writer::new();
    out.container(number::RESOURCES, |out| {
        out.message(number::RESOURCE, |out| {
            for (name, value) in resource {
                let value = AnyValue::String(value.as_bytes());
                out.attribute(number::RESOURCE_ATTRIBUTES, name.as_bytes(), value);
            }
        });
        out.container(number::SCOPES, |out| {
            out.message(number::SCOPE, |out| {
                let mut scope = Scope::default();
                scope.name = b"invar";
                scope.version = version.as_bytes();
                scope.write(out);
            });
            for span in spans {
                out.message(number::RECORDS, |out| write(out, span));
            }
        });
    });
    out.finish()
}

fn write(out: &mut Writer, Finished { context, told }: &Finished) {
    let start = u64::try_from(told.start).unwrap_or_default();
    let mut span = Span::default();
    span.trace_id = Some(&context.trace_id);
    span.span_id = Some(&context.span_id);
    span.parent_span_id = told.parent.as_ref();
    span.trace_state = context.state.as_bytes();
    span.flags = SAMPLED | KNOWN_REMOTE;
    if told.remote_parent && told.parent.is_some() {
        span.flags |= IS_REMOTE;
    }
    span.name = told.name.as_bytes();
    span.kind = told.kind as i32;
    span.start_time_unix_nano = start;
    span.end_time_unix_nano = start.saturating_add(told.nanos);
    if let Some(message) = &told.failure {
        let mut status = Status::default();
        status.code = ERROR;
        status.message = message.as_bytes();
        span.status = Some(status);
    }
    span.write(out);
    for (name, value) in &told.attributes {
        let value = match value {
            Attribute::Text(text) => AnyValue::String(text.as_bytes()),
            Attribute::Int(number) => AnyValue::Int(*number),
            Attribute::Bool(truth) => AnyValue::Bool(*truth),
        };
        out.attribute(number::SPAN_ATTRIBUTES, name.as_bytes(), value);
    }
}
