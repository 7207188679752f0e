//! `otelcol.exporter.loki`: log records of OTLP as entries of Loki.

mod convert;
mod logfmt;

pub(crate) use convert::ATTRIBUTE_LABELS;

use crate::exporter::prometheus::{UNSUPPORTED, filter};
use crate::output::{Exports, input};
use component::prelude::*;
use convert::Around;
use host::Host;
use promtext::Counter;
use signals::{Accepting, Entry, FanOut, Labels, LogBatch, LogStream, Logs, Otlp, OtlpBatch, Refused, Signal, Sink};
use std::collections::HashMap;

/// `otelcol.exporter.loki` in the catalogue.
pub const COMPONENT: Registration = Registration::of::<Loki>("otelcol.exporter.loki", Stability::GenerallyAvailable);

/// Makes entries of log records and forwards them.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Where entries go: each receiver gets all of them.
    #[arg]
    pub forward_to: Vec<LogsReceiver>,
}

/// Makes entries of log records.
pub struct Loki {
    flow: Arc<Flow>,
}

struct Flow {
    out: FanOut<Logs>,
    host: Host,
    total: Counter,
    failed: Counter,
    processed: Counter,
}

impl Component for Loki {
    type Arguments = Arguments;
    type Exports = Exports;

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let counter = |name: &str, help: &str| {
            cx.metrics()
                .counter(name, help)
                .map_err(|error| Error::caused("cannot register metrics", error))
        };
        let flow = Arc::new(Flow {
            total: counter(
                "otelcol_exporter_loki_entries_total",
                "Total number of log entries passed through the converter",
            )?,
            failed: counter(
                "otelcol_exporter_loki_entries_failed",
                "Total number of log entries failed to convert",
            )?,
            processed: counter(
                "otelcol_exporter_loki_entries_processed",
                "Total number of log entries successfully converted",
            )?,
            out: cx.fan_out(),
            host: cx.host().clone(),
        });
        flow.out.set(LogsReceiver::present(&args.forward_to));
        cx.export(input(cx, flow.clone()));
        Ok(Loki { flow })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        Ok(Change::new(move || {
            self.flow.out.set(LogsReceiver::present(&args.forward_to));
        }))
    }
}

impl Flow {
    /// The entries of a request by label set, and how many records have none.
    fn convert(&self, request: &[u8], streams: &mut Streams) -> u64 {
        let mut failed = 0;
        for resource in otlp_wire::logs::resources(request) {
            for scope in resource.scopes() {
                let around = Around {
                    resource: resource.resource,
                    scope: scope.scope,
                };
                for record in scope.records() {
                    match convert::entry(around, &record) {
                        Some((labels, line)) => {
                            let time = match (record.time_unix_nano, record.observed_time_unix_nano) {
                                (0, 0) => self.host.clock.now(),
                                (0, seen) => seen as i64,
                                (time, _) => time as i64,
                            };
                            streams.push(labels, Entry::new(time, line));
                        }
                        None => failed += 1,
                    }
                }
            }
        }
        failed
    }

    async fn accept(&self, batch: OtlpBatch) -> std::result::Result<(), Refused> {
        let whole = batch.amount();
        let (payload, mut custody) = batch.into_shared_parts();
        if payload.signal != Signal::Logs {
            return Err(Refused::permanent(UNSUPPORTED, "telemetry type is not supported"));
        }
        let mut streams = Streams::default();
        let requests = payload.payload.segments().iter();
        let failed: u64 = requests.map(|request| self.convert(request, &mut streams)).sum();
        drop(payload);
        if !streams.list.is_empty() {
            self.out.accept(LogBatch::derived(streams.list, &custody)).await?;
        }
        self.total.add(whole.items);
        self.failed.add(failed);
        self.processed.add(whole.items - failed.min(whole.items));
        filter(&mut custody, "conversion_failed", failed, whole);
        custody.deliver_rest();
        Ok(())
    }
}

/// Entries by label set.
#[derive(Default)]
struct Streams {
    list: Logs,
    places: HashMap<Labels, usize>,
}

impl Streams {
    fn push(&mut self, labels: Labels, entry: Entry) {
        let place = *self.places.entry(labels.clone()).or_insert_with(|| {
            self.list.push(LogStream {
                labels,
                entries: Vec::new(),
            });
            self.list.len() - 1
        });
        self.list[place].entries.push(entry);
    }
}

impl Sink<Otlp> for Flow {
    fn accept(self: Arc<Self>, batch: OtlpBatch) -> Accepting {
        Box::pin(async move { Flow::accept(&self, batch).await })
    }
}
