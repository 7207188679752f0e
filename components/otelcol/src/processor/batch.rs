//! `otelcol.processor.batch`

mod shard;

use crate::debug_metrics::DebugMetricsArgs;
use crate::lock;
use crate::output::{self, Exports, OutputArgs, Outputs};
use arc_swap::ArcSwap;
use component::prelude::*;
use promtext::{Counter, Gauge, Histogram, RegisterError};
use shard::Shard;
use signals::{Accepting, Client, Otlp, OtlpBatch, Refused, Signal, Sink};
use std::collections::HashMap;
use std::sync::Mutex;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use value::{GoDuration, Invalid};

/// The component.
pub const COMPONENT: Registration = Registration::of::<Batch>("otelcol.processor.batch", Stability::GenerallyAvailable);

/// Puts telemetry of several requests together.
///
/// A sender is answered when everything that it sent was delivered, in whichever batches. If a batch is refused for now it is offered again, in order, for
/// some seconds; then its senders are told to send again. If it is refused for good what each sender has in it is offered on its own, so
/// that one of them does not spoil the telemetry of the others.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = Arguments::validate)]
pub struct Arguments {
    /// How long telemetry waits for more of it; 0 not to wait.
    #[arg(default = GoDuration::millis(200))]
    pub timeout: GoDuration,
    /// Number of log records, data points or spans for which there is no more waiting; 0 not to wait.
    #[arg(default = 2000)]
    pub send_batch_size: u32,
    /// Most of them in a batch; larger ones are cut. 0 for any number.
    #[arg(default = 3000)]
    pub send_batch_max_size: u32,
    /// Metadata of requests by which batches are kept apart.
    #[arg(default)]
    pub metadata_keys: Vec<String>,
    /// How many combinations of metadata there may be; 0 for any number.
    #[arg(default = 1000)]
    pub metadata_cardinality_limit: u32,
    /// Metrics about the component itself.
    #[arg(block, default)]
    pub debug_metrics: DebugMetricsArgs,
    /// Where telemetry goes.
    #[arg(block)]
    pub output: OutputArgs,
}

impl Arguments {
    fn validate(&self) -> Result<(), Invalid> {
        if self.send_batch_max_size > 0 && self.send_batch_max_size < self.send_batch_size {
            let error = Error::about("send_batch_max_size", "must be 0, or not less than \"send_batch_size\"");
            return Err(error.with("send_batch_size").into());
        }
        let mut keys: Vec<String> = self.metadata_keys.iter().map(|key| key.to_lowercase()).collect();
        keys.sort();
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::about("metadata_keys", format!("{:?} is there twice", pair[0])).into()),
            None => Ok(()),
        }
    }
}

/// An `otelcol.processor.batch`.
pub struct Batch {
    shared: Arc<Shared>,
}

/// Values by which batches are kept apart: of each key all that a request has.
type Combination = Vec<Vec<String>>;

struct Shared {
    span: tracing::Span,
    outputs: Outputs,
    settings: ArcSwap<Arguments>,
    metrics: Metrics,
    shards: Mutex<Shards>,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Shards {
    by_key: HashMap<(Signal, Combination), Arc<Shard>>,
    closed: bool,
}

struct Metrics {
    size: Histogram,
    bytes: Histogram,
    by_size: Counter,
    by_time: Counter,
    combinations: Gauge,
}

impl Metrics {
    fn new(cx: &Context<Exports>) -> Result<Metrics, RegisterError> {
        const SIZES: [f64; 14] = [
            10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2000.0, 3000.0, 5000.0, 10000.0, 100000.0,
        ];
        const BYTES: [f64; 12] = [
            10.0, 100.0, 1000.0, 5000.0, 10000.0, 50000.0, 100000.0, 500000.0, 1000000.0, 2000000.0, 5000000.0,
            10000000.0,
        ];
        let (id, registry) = (crate::metric_id("batch", cx.id()), cx.metrics());
        let name = |name: &str| format!("otelcol_processor_batch_{name}");
        let labels = &["processor"];
        let histogram = |short: &str, help: &str, bounds: &[f64]| {
            Ok::<_, RegisterError>(registry.histogram_vec(&name(short), help, labels, bounds)?.with(&[&id]))
        };
        let counter = |short: &str, help: &str| {
            Ok::<_, RegisterError>(registry.counter_vec(&name(short), help, labels)?.with(&[&id]))
        };
        Ok(Metrics {
            size: histogram("batch_send_size", "Number of units in the batch.", &SIZES)?,
            bytes: histogram(
                "batch_send_size_bytes",
                "Number of bytes in batch that was sent.",
                &BYTES,
            )?,
            by_size: counter(
                "batch_size_trigger_send_total",
                "Number of times the batch was sent due to a size trigger.",
            )?,
            by_time: counter(
                "timeout_trigger_send_total",
                "Number of times the batch was sent due to a timeout trigger.",
            )?,
            combinations: registry
                .gauge_vec(
                    &name("metadata_cardinality"),
                    "Number of distinct metadata value combinations being processed.",
                    labels,
                )?
                .with(&[&id]),
        })
    }
}

impl Shared {
    /// Where telemetry of a client is put together.
    fn shard(self: &Arc<Self>, signal: Signal, client: Option<&Arc<Client>>) -> Result<Arc<Shard>, Refused> {
        let settings = self.settings.load();
        let keys = settings.metadata_keys.iter().map(|key| key.to_lowercase());
        let values = |key: &String| {
            let pairs = client.into_iter().flat_map(|client| &client.metadata);
            pairs
                .filter(|(name, _)| name == key)
                .map(|(_, value)| value.clone())
                .collect::<Vec<_>>()
        };
        let keys: Vec<String> = keys.collect();
        let combination: Combination = keys.iter().map(values).collect();
        let mut shards = lock(&self.shards);
        if shards.closed {
            return Err(Refused::retry("the component is stopping"));
        }
        if let Some(shard) = shards.by_key.get(&(signal, combination.clone())) {
            return Ok(shard.clone());
        }
        let limit = settings.metadata_cardinality_limit as usize;
        if !keys.is_empty() && limit > 0 {
            let mut known = shards.by_key.keys();
            let new = known.all(|(_, known)| *known != combination);
            if new && distinct(&shards) >= limit {
                return Err(Refused::retry("too many batcher metadata-value combinations"));
            }
        }
        let pairs = keys.into_iter().zip(&combination);
        let metadata: Vec<(String, String)> = pairs
            .flat_map(|(key, values)| values.iter().map(move |value| (key.clone(), value.clone())))
            .collect();
        let client = (!metadata.is_empty()).then(|| {
            Arc::new(Client {
                address: None,
                metadata,
            })
        });
        let shard = Arc::new(Shard::new(signal, client));
        shards.by_key.insert((signal, combination), shard.clone());
        self.metrics.combinations.set(distinct(&shards) as f64);
        self.tasks
            .spawn(shard.clone().run(self.clone()).instrument(self.span.clone()));
        Ok(shard)
    }

    /// Lets all shards end, with what they have.
    fn close(&self, for_good: bool) {
        let mut shards = lock(&self.shards);
        shards.closed |= for_good;
        for (_, shard) in shards.by_key.drain() {
            shard.close();
        }
        self.metrics.combinations.set(0.0);
    }
}

/// How many combinations there are, whatever the signal.
fn distinct(shards: &Shards) -> usize {
    let combinations: std::collections::HashSet<&Combination> =
        shards.by_key.keys().map(|(_, combination)| combination).collect();
    combinations.len()
}

impl Sink<Otlp> for Shared {
    fn accept(self: Arc<Self>, batch: OtlpBatch) -> Accepting {
        Box::pin(async move {
            if batch.amount().items == 0 {
                return Ok(());
            }
            let (payload, custody) = batch.into_parts();
            loop {
                let shard = self.shard(payload.signal, payload.client.as_ref())?;
                // A shard that was closed meanwhile is not found again.
                if let Some(input) = shard.offer(&self, &payload, &custody) {
                    return input.settle(custody).await;
                }
            }
        })
    }
}

impl Component for Batch {
    type Arguments = Arguments;
    type Exports = Exports;

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let shared = Arc::new(Shared {
            span: cx.span().clone(),
            outputs: Outputs::new(cx),
            metrics: Metrics::new(cx).map_err(|error| Error::caused("cannot register metrics", error))?,
            settings: ArcSwap::from_pointee(args.clone()),
            shards: Mutex::default(),
            tasks: TaskTracker::new(),
        });
        shared.outputs.set(&args.output);
        cx.export(output::input(cx, shared.clone()));
        Ok(Batch { shared })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        self.shared.close(true);
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        Ok(Change::new(move || {
            self.shared.outputs.set(&args.output);
            let other_keys = self.shared.settings.load().metadata_keys != args.metadata_keys;
            self.shared.settings.store(Arc::new(args));
            if other_keys {
                self.shared.close(false);
            }
        }))
    }
}
