//! `prometheus.exporter.self`: the program's own metrics.

use crate::shell::{self, Exports};
use component::prelude::*;
use component::{Exporter, ProcessMetrics};
use promtext::Family;

/// `prometheus.exporter.self` in the catalogue.
pub const COMPONENT: Registration =
    Registration::of::<Myself>("prometheus.exporter.self", Stability::GenerallyAvailable);

/// Exposes the metrics of this program, those of all its components among them.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {}

/// A `prometheus.exporter.self`.
pub struct Myself {
    cx: Context<Exports>,
    metrics: Arc<Metrics>,
}

struct Metrics(Option<Arc<ProcessMetrics>>);

impl Exporter for Metrics {
    fn gather(&self, _: &[(String, String)]) -> std::result::Result<Vec<Family>, String> {
        let metrics = self.0.as_ref().ok_or("this program has no metrics")?;
        Ok(metrics.0.gather().families)
    }
}

impl Component for Myself {
    type Arguments = Arguments;
    type Exports = Exports;

    fn build(cx: &Context<Exports>, _: Arguments) -> Result<Self> {
        cx.export(Exports {
            targets: vec![shell::target(cx, "self", &shell::machine(cx))],
        });
        Ok(Myself {
            cx: cx.clone(),
            metrics: Arc::new(Metrics(cx.service())),
        })
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let _exported = shell::register(&self.cx, self.metrics.clone());
        stop.cancelled().await;
        Ok(())
    }

    fn update(self: Arc<Self>, _: Arguments) -> Result<Change> {
        Ok(Change::new(|| {}))
    }
}
