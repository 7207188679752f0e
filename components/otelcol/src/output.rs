//! Where components of the family send to, by signal.

use component::{Context, OtelConsumer};
use signals::{Accepting, FanOut, Otlp, OtlpBatch, Receiver, Refused, Signal, Sink};
use std::sync::Arc;
use value::Block;

/// Where telemetry goes, by signal.
#[derive(Block, Clone, Debug, Default, PartialEq)]
pub struct OutputArgs {
    /// Consumers of logs.
    #[arg(default)]
    pub logs: Vec<OtelConsumer>,
    /// Consumers of metrics.
    #[arg(default)]
    pub metrics: Vec<OtelConsumer>,
    /// Consumers of traces.
    #[arg(default)]
    pub traces: Vec<OtelConsumer>,
}

/// What an `output` block becomes: a fan-out for each signal.
pub(crate) struct Outputs {
    logs: FanOut<Otlp>,
    metrics: FanOut<Otlp>,
    traces: FanOut<Otlp>,
}

impl Outputs {
    /// Outputs without receivers yet.
    pub(crate) fn new<E: Block>(cx: &Context<E>) -> Outputs {
        Outputs {
            logs: cx.fan_out(),
            metrics: cx.fan_out(),
            traces: cx.fan_out(),
        }
    }

    /// Replaces the receivers. Batches that are on their way go where they were going.
    pub(crate) fn set(&self, args: &OutputArgs) {
        self.logs.set(OtelConsumer::present(&args.logs));
        self.metrics.set(OtelConsumer::present(&args.metrics));
        self.traces.set(OtelConsumer::present(&args.traces));
    }

    /// The fan-out of a signal.
    pub(crate) fn of(&self, signal: Signal) -> &FanOut<Otlp> {
        match signal {
            Signal::Logs => &self.logs,
            Signal::Metrics => &self.metrics,
            Signal::Traces => &self.traces,
        }
    }

    /// Offers a batch to the receivers of its signal; see [`Sink::accept`] for what it means.
    pub(crate) async fn accept(&self, batch: OtlpBatch) -> Result<(), Refused> {
        self.of(batch.payload().signal).accept(batch).await
    }
}

impl Sink<Otlp> for Outputs {
    fn accept(self: Arc<Self>, batch: OtlpBatch) -> Accepting {
        Box::pin(async move { Outputs::accept(&self, batch).await })
    }
}

/// What a component exports that takes telemetry.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// Takes telemetry.
    #[arg]
    pub input: OtelConsumer,
}

/// The exports of a component that takes telemetry with `sink`.
pub(crate) fn input(cx: &Context<Exports>, sink: Arc<dyn Sink<Otlp>>) -> Exports {
    Exports {
        input: OtelConsumer(Some(Receiver {
            owner: cx.id().clone(),
            sink,
        })),
    }
}
