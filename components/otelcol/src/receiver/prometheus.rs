//! `otelcol.receiver.prometheus`: samples of Prometheus as metrics of OTLP.

mod collect;
mod compose;
mod families;

use crate::debug_metrics::DebugMetricsArgs;
use crate::exporter::prometheus::filter;
use crate::output::{OutputArgs, Outputs};
use collect::Collected;
use component::prelude::*;
use families::Families;
use signals::{Accepting, MetricBatch, Metrics, Otlp, OtlpBatch, Receiver, Refused, Signal, Sink};
use std::sync::{Mutex, PoisonError};

/// `otelcol.receiver.prometheus` in the catalogue.
pub const COMPONENT: Registration =
    Registration::of::<PrometheusReceiver>("otelcol.receiver.prometheus", Stability::GenerallyAvailable);

/// Makes metrics of samples and passes them on.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Where metrics go.
    #[arg(block)]
    pub output: OutputArgs,
    /// What metrics tell about the component.
    #[arg(block, default)]
    pub debug_metrics: DebugMetricsArgs,
}

/// What others refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// Takes samples.
    #[arg]
    pub receiver: MetricsReceiver,
}

/// Makes metrics of samples.
pub struct PrometheusReceiver {
    flow: Arc<Flow>,
}

struct Flow {
    outputs: Outputs,
    families: Mutex<Families>,
}

impl Component for PrometheusReceiver {
    type Arguments = Arguments;
    type Exports = Exports;

    fn caveats(_: &Arguments) -> Vec<Caveat> {
        vec![Caveat::drops(
            "drops gauge histograms, and histograms and summaries without a count",
        )]
    }

    fn build(cx: &Context<Exports>, args: Arguments) -> Result<Self> {
        let flow = Arc::new(Flow {
            outputs: Outputs::new(cx),
            families: Mutex::default(),
        });
        flow.outputs.set(&args.output);
        cx.export(Exports {
            receiver: MetricsReceiver(Some(Receiver {
                owner: cx.id().clone(),
                sink: flow.clone(),
            })),
        });
        Ok(PrometheusReceiver { flow })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, args: Arguments) -> Result<Change> {
        Ok(Change::new(move || self.flow.outputs.set(&args.output)))
    }
}

impl Flow {
    async fn accept(&self, batch: MetricBatch) -> std::result::Result<(), Refused> {
        let whole = batch.amount();
        let (metrics, mut custody) = batch.into_shared_parts();
        let (composed, infos, homeless) = {
            let mut families = self.families.lock().unwrap_or_else(PoisonError::into_inner);
            families.learn(&metrics.families);
            let collected = Collected::new(&metrics, &families);
            (compose::compose(&collected), collected.infos, collected.homeless)
        };
        drop(metrics);
        if composed.points > 0 {
            let payload = Otlp {
                signal: Signal::Metrics,
                payload: composed.request.finish().into(),
                records: composed.points,
                client: None,
            };
            self.outputs.accept(OtlpBatch::derived(payload, &custody)).await?;
        } else {
            // What they say has nobody to say it of.
            filter(&mut custody, "info_without_metrics", infos, whole);
        }
        for (rule, count) in composed.dropped {
            filter(&mut custody, rule, count, whole);
        }
        filter(&mut custody, "exemplar_without_sample", homeless, whole);
        custody.deliver_rest();
        Ok(())
    }
}

impl Sink<Metrics> for Flow {
    fn accept(self: Arc<Self>, batch: MetricBatch) -> Accepting {
        Box::pin(async move { Flow::accept(&self, batch).await })
    }
}
