//! An exporter between a source of the test and a sink.

use component::{
    AuthHandler, CancellationToken, ContextParts, Instance, OtelConsumer, QueuePolicy, Registration, Services,
    Stability,
};
use host::Host;
use otlp_wire::common::AnyValue;
use otlp_wire::logs::LogRecord;
use otlp_wire::metrics::{Metric, Number, NumberPoint};
use otlp_wire::traces::Span;
use otlp_wire::write::{Writer, number};
use otlp_wire::{Signal, scan};
use promtext::Registry;
use signals::{Amount, Budget, EdgeSnapshot, FanOut, Ledger, Otlp, OtlpBatch, Permit, Refused};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use value::{Capsule, FromValue, Item, Value};

/// Short times, so that tests are.
pub const FAST: &str = "retry_on_failure {\n initial_interval = \"5ms\"\n max_interval = \"40ms\"\n }\n";

pub struct Rig {
    pub source: Arc<FanOut<Otlp>>,
    pub ledger: Ledger,
    pub registry: Registry,
    pub instance: Arc<dyn Instance>,
    id: String,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

pub fn block(name: &str, config: &str) -> value::Body {
    let text = format!("{name} \"test\" {{\n{config}\n}}\n");
    let (file, diagnostics) = syntax::parse("test.alloy", text.as_bytes());
    assert!(diagnostics.is_empty(), "{diagnostics:?}\n{text}");
    eval::unevaluated_body(file.body.blocks().next().unwrap()).body
}

/// What a component exports under a name.
pub fn export<T: FromValue>(instance: &Arc<dyn Instance>, name: &str) -> T {
    match instance.exports() {
        Value::Object(object) => T::from_value(object.get(name).unwrap()).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// A component's surroundings.
pub fn parts(id: &str, ledger: &Ledger, registry: &Registry, data: Option<&Path>) -> ContextParts {
    let policy = QueuePolicy {
        max_bytes: if data.is_some() { 1 << 30 } else { 0 },
        ..QueuePolicy::default()
    };
    ContextParts {
        id: Arc::from(id),
        data_path: data.unwrap_or(Path::new("/nonexistent")).into(),
        host: Host::real(),
        budget: Budget::new(64 << 20),
        ledger: ledger.clone(),
        metrics: registry.clone(),
        services: Services::default().with(Arc::new(policy)),
        stability: Stability::Experimental,
        span: tracing::Span::none(),
        exported: Arc::new(|| {}),
        inspector: None,
    }
}

impl Rig {
    pub fn new(component: &Registration, name: &str, config: &str, data: Option<&Path>) -> Rig {
        Rig::with(component, name, config, data, None)
    }

    /// An exporter whose client has credentials.
    pub fn with(
        component: &Registration,
        name: &str,
        config: &str,
        data: Option<&Path>,
        auth: Option<AuthHandler>,
    ) -> Rig {
        let mut body = block(name, config);
        for item in &mut body.items {
            if let Item::Block { name, body, .. } = item
                && name == "client"
            {
                body.items.extend(auth.clone().map(|auth| Item::Attr {
                    name: "auth".to_owned(),
                    value: Ok(Some(Value::Capsule(Capsule::new(auth)))),
                    place: value::Place(u32::MAX),
                }));
            }
        }
        let (ledger, registry) = (Ledger::default(), Registry::new());
        let id = format!("{name}.test");
        let instance = match component.build(parts(&id, &ledger, &registry, data), &body) {
            Ok(instance) => instance,
            Err(error) => panic!("{error:?}"),
        };
        let input: OtelConsumer = export(&instance, "input");
        let source = FanOut::new(&ledger, "source");
        source.set(input.0.into_iter().collect());
        let stop = CancellationToken::new();
        let run = instance.clone().run(stop.clone());
        Rig {
            source: Arc::new(source),
            ledger,
            registry,
            instance,
            id,
            stop,
            running: tokio::spawn(async move { run.await.unwrap() }),
        }
    }

    /// Offers a batch and waits for its fate.
    pub async fn send(&self, batch: OtlpBatch) -> Result<(), Refused> {
        FanOut::accept(&self.source, batch).await
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }

    /// The edge into the component.
    pub fn edge(&self) -> EdgeSnapshot {
        self.ledger.edge("source", &self.id).snapshot()
    }

    /// The value of a series, by what stands in front of it.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let text = promtext::encode(&self.registry.gather().families, promtext::Format::Text);
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line?.parse().ok()
    }
}

/// Waits for what should happen soon.
pub async fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    while !is() {
        assert!(tokio::time::Instant::now() < patience, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn items(amount: Amount) -> u64 {
    amount.items
}

fn request(service: &str, write: impl FnOnce(&mut Writer)) -> bytes::Bytes {
    let mut out = Writer::new();
    out.container(number::RESOURCES, |out| {
        out.message(number::RESOURCE, |out| {
            out.attribute(
                number::RESOURCE_ATTRIBUTES,
                b"service.name",
                AnyValue::String(service.as_bytes()),
            );
        });
        out.container(number::SCOPES, write);
    });
    out.finish()
}

pub fn batch_of(signal: Signal, request: bytes::Bytes) -> OtlpBatch {
    let records = scan(signal, &request).unwrap().records as u64;
    let payload = Otlp {
        signal,
        payload: request.into(),
        records,
        client: None,
    };
    OtlpBatch::new(payload, Permit::none())
}

/// Records of these names.
pub fn batch(signal: Signal, names: &[&str]) -> OtlpBatch {
    batch_from("api", signal, names)
}

pub fn batch_from(service: &str, signal: Signal, names: &[&str]) -> OtlpBatch {
    let request = request(service, |out| {
        for name in names {
            let name = name.as_bytes();
            out.message(number::RECORDS, |out| match signal {
                Signal::Logs => {
                    let mut record = LogRecord::default();
                    record.time_unix_nano = 1;
                    record.body = Some(AnyValue::String(name));
                    record.write(out);
                }
                Signal::Traces => {
                    let mut span = Span::default();
                    span.name = name;
                    span.trace_id = Some(&[1; 16]);
                    span.span_id = Some(&[2; 8]);
                    span.write(out);
                }
                Signal::Metrics => {
                    let mut metric = Metric::default();
                    metric.name = name;
                    metric.write(out);
                    out.message(number::GAUGE, |out| {
                        out.message(number::POINTS, |out| {
                            let mut point = NumberPoint::default();
                            point.time_unix_nano = 1;
                            point.write(out);
                            out.point_value(Number::Int(1));
                        });
                    });
                }
            });
        }
    });
    batch_of(signal, request)
}
