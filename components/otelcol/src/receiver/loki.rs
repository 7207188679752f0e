//! `otelcol.receiver.loki`: entries of Loki as log records of OTLP.

use crate::exporter::loki::ATTRIBUTE_LABELS;
use crate::output::{OutputArgs, Outputs};
use component::prelude::*;
use host::Host;
use otlp_wire::common::AnyValue;
use otlp_wire::logs::LogRecord;
use otlp_wire::write::{Writer, number};
use signals::{Accepting, Entry, Labels, LogBatch, LogStream, Otlp, OtlpBatch, Receiver, Refused, Signal, Sink};

/// `otelcol.receiver.loki` in the catalogue.
pub const COMPONENT: Registration =
    Registration::of::<LokiReceiver>("otelcol.receiver.loki", Stability::GenerallyAvailable);

/// Makes log records of entries and passes them on.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Where log records go.
    #[arg(block)]
    pub output: OutputArgs,
}

/// What others refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// Takes entries.
    #[arg]
    pub receiver: LogsReceiver,
}

/// Makes log records of entries.
pub struct LokiReceiver {
    flow: Arc<Flow>,
}

struct Flow {
    outputs: Outputs,
    host: Host,
}

impl Component for LokiReceiver {
    type Arguments = Arguments;
    type Exports = Exports;

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let flow = Arc::new(Flow {
            outputs: Outputs::new(cx),
            host: cx.host().clone(),
        });
        flow.outputs.set(&args.output);
        cx.export(Exports {
            receiver: LogsReceiver(Some(Receiver {
                owner: cx.id().clone(),
                sink: flow.clone(),
            })),
        });
        Ok(LokiReceiver { flow })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        Ok(Change::new(move || self.flow.outputs.set(&args.output)))
    }
}

/// Attributes of the records of a stream, in front of those that are labels.
fn extra(labels: &Labels) -> Vec<(&'static str, String)> {
    let mut extra = Vec::new();
    if let Some(path) = labels.get("filename") {
        let trimmed = path.trim_end_matches('/');
        let base = match (path.as_str(), trimmed.rsplit('/').next()) {
            ("", _) => ".",
            (_, Some(base)) if !base.is_empty() => base,
            _ => "/",
        };
        extra.push(("log.file.path", path.to_string()));
        extra.push(("log.file.name", base.to_owned()));
    }
    extra
}

fn record(out: &mut Writer, stream: &LogStream, extra: &[(&str, String)], names: &str, entry: &Entry, now: u64) {
    out.message(number::RECORDS, |out| {
        let mut record = LogRecord::default();
        record.time_unix_nano = u64::try_from(entry.timestamp).unwrap_or_default();
        record.observed_time_unix_nano = now;
        record.body = Some(AnyValue::String(&entry.line));
        record.write(out);
        let mut attribute = |name: &str, value: &str| {
            let value = AnyValue::String(value.as_bytes());
            out.attribute(number::LOG_ATTRIBUTES, name.as_bytes(), value);
        };
        extra.iter().for_each(|(name, value)| attribute(name, value));
        stream.labels.iter().for_each(|(name, value)| attribute(name, value));
        if !names.is_empty() {
            attribute(ATTRIBUTE_LABELS, names);
        }
    });
}

impl Flow {
    async fn accept(&self, batch: LogBatch) -> std::result::Result<(), Refused> {
        let records = batch.amount().items;
        let (streams, mut custody) = batch.into_shared_parts();
        let now = u64::try_from(self.host.clock.now()).unwrap_or_default();
        let mut out = Writer::new();
        out.container(number::RESOURCES, |out| {
            out.container(number::SCOPES, |out| {
                for stream in streams.iter() {
                    let names: Vec<&str> = stream.labels.iter().map(|(name, _)| name.as_str()).collect();
                    let (names, extra) = (names.join(","), extra(&stream.labels));
                    for entry in &stream.entries {
                        record(out, stream, &extra, &names, entry, now);
                    }
                }
            });
        });
        drop(streams);
        if records > 0 {
            let payload = Otlp {
                signal: Signal::Logs,
                payload: out.finish().into(),
                records,
                client: None,
            };
            self.outputs.accept(OtlpBatch::derived(payload, &custody)).await?;
        }
        custody.deliver_rest();
        Ok(())
    }
}

impl Sink for Flow {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        Box::pin(async move { Flow::accept(&self, batch).await })
    }
}
