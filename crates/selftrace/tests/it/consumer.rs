//! A consumer that keeps what it is sent, and a tracer that sends to it.

use component::OtelConsumer;
use host::{Host, ManualClock, SeededRandom};
use otlp_wire::common::AnyValue;
use promtext::Registry;
use selftrace::{Tracer, TracerParts, TracingArgs};
use signals::{Accepting, Budget, Ledger, Otlp, OtlpBatch, Receiver, Refused, Signal, Sink};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// When everything happens, in nanoseconds.
pub const NOW: i64 = 1_700_000_000_000_000_000;

/// A span as it arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Got {
    pub trace: [u8; 16],
    pub id: [u8; 8],
    pub parent: Option<[u8; 8]>,
    pub state: String,
    pub flags: u32,
    pub name: String,
    pub kind: i32,
    pub start: u64,
    pub end: u64,
    pub attributes: BTreeMap<String, String>,
    /// Code and message.
    pub status: (i32, String),
}

#[derive(Default)]
pub struct Consumer {
    pub spans: Mutex<Vec<Got>>,
    /// Attributes of the resource of the last batch.
    pub resource: Mutex<BTreeMap<String, String>>,
    pub batches: AtomicUsize,
    /// Whether it refuses everything for now.
    pub down: AtomicBool,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn attributes(attributes: otlp_wire::common::Attributes<'_>) -> BTreeMap<String, String> {
    let shown = |value: AnyValue<'_>| match value {
        AnyValue::String(value) => text(value),
        AnyValue::Int(value) => value.to_string(),
        AnyValue::Bool(value) => value.to_string(),
        AnyValue::Double(value) => format!("{value:?}"),
        other => panic!("unexpected {other:?}"),
    };
    attributes
        .iter()
        .map(|pair| (text(pair.key), shown(pair.value())))
        .collect()
}

impl Sink<Otlp> for Consumer {
    fn accept(self: Arc<Self>, batch: OtlpBatch) -> Accepting {
        Box::pin(async move {
            if self.down.load(Ordering::SeqCst) {
                return Err(Refused::retry("down"));
            }
            let (otlp, mut custody) = batch.into_parts();
            assert_eq!(otlp.signal, Signal::Traces);
            let bytes = otlp.payload.to_bytes();
            assert_eq!(
                otlp_wire::scan(Signal::Traces, &bytes).unwrap().records as u64,
                otlp.records
            );
            self.batches.fetch_add(1, Ordering::SeqCst);
            for resource in otlp_wire::traces::resources(&bytes) {
                *self.resource.lock().unwrap() = attributes(resource.resource.unwrap().attributes());
                for scope in resource.scopes() {
                    assert_eq!(scope.scope.unwrap().name, b"invar");
                    let got = scope.spans().map(|span| Got {
                        trace: *span.trace_id.unwrap(),
                        id: *span.span_id.unwrap(),
                        parent: span.parent_span_id.copied(),
                        state: text(span.trace_state),
                        flags: span.flags,
                        name: text(span.name),
                        kind: span.kind,
                        start: span.start_time_unix_nano,
                        end: span.end_time_unix_nano,
                        attributes: attributes(span.attributes()),
                        status: span
                            .status
                            .map_or((0, String::new()), |status| (status.code, text(status.message))),
                    });
                    self.spans.lock().unwrap().extend(got);
                }
            }
            custody.deliver_rest();
            Ok(())
        })
    }
}

pub struct World {
    pub tracer: Tracer,
    pub consumer: Arc<Consumer>,
    pub metrics: Registry,
    pub stop: CancellationToken,
    pub running: tokio::task::JoinHandle<()>,
}

impl World {
    pub fn new() -> World {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let metrics = Registry::new();
        let host = Host {
            clock: Arc::new(ManualClock::at(NOW)),
            random: Arc::new(SeededRandom::new(7)),
            ..Host::real()
        };
        let tracer = Tracer::new(TracerParts {
            host: &host,
            ledger: &Ledger::default(),
            budget: &Budget::unlimited(),
            metrics: &metrics,
            version: "v1.2.3",
        })
        .unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (tracer, stop) = (tracer.clone(), stop.clone());
            async move { tracer.run(stop).await }
        });
        World {
            tracer,
            consumer: Arc::default(),
            metrics,
            stop,
            running,
        }
    }

    /// Applies the block, with the consumer as `write_to`.
    pub fn configure(&self, args: TracingArgs) {
        let receiver = Receiver {
            owner: "otelcol.exporter.test".into(),
            sink: self.consumer.clone() as Arc<dyn Sink<Otlp>>,
        };
        let args = TracingArgs {
            write_to: vec![OtelConsumer(Some(receiver))],
            ..args
        };
        self.tracer.policy().prepare(args).unwrap().apply();
    }

    /// Stops; gives all spans that arrived.
    pub async fn spans(self) -> Vec<Got> {
        self.stop.cancel();
        self.running.await.unwrap();
        self.consumer.spans.lock().unwrap().clone()
    }

    pub fn metric(&self, name: &str) -> f64 {
        let text = promtext::encode(&self.metrics.gather().families, promtext::Format::Text);
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }
}
