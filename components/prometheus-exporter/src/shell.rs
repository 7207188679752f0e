//! What all exporters have in common.

use component::{Context, EXPORTER_ADDRESS, Exported, Exporter, Exporters, HostName, Target};
use signals::Labels;
use std::sync::Arc;
use value::Block;

/// What others may refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// The targets under which `prometheus.scrape` finds the metrics.
    #[arg]
    pub targets: Vec<Target>,
}

/// The target of an exporter: `name` is what comes after `prometheus.exporter.`, `instance` what it is about.
pub(crate) fn target(cx: &Context<Exports>, name: &str, instance: &str) -> Target {
    let job = format!("integrations/{name}");
    let path = Exporters::path(cx.id());
    let name = format!("prometheus.exporter.{name}");
    Target::from(Labels::from_pairs([
        ("__address__", EXPORTER_ADDRESS),
        ("__scheme__", "http"),
        ("__metrics_path__", &path),
        ("job", &job),
        ("instance", instance),
        ("__meta_component_name", &name),
        ("__meta_component_id", cx.id()),
    ]))
}

/// The name of this machine, as the instance of exporters that are about it: `$HOSTNAME`, or what the system says.
pub(crate) fn machine(cx: &Context<Exports>) -> String {
    match std::env::var("HOSTNAME") {
        Ok(name) if !name.is_empty() => name,
        _ => cx
            .service::<HostName>()
            .map_or_else(|| "localhost".to_owned(), |name| name.0.clone()),
    }
}

/// Makes an exporter known until the result is dropped. In a program without exporters nobody asks.
pub(crate) fn register(cx: &Context<Exports>, exporter: Arc<dyn Exporter>) -> Option<Exported> {
    Some(cx.service::<Exporters>()?.register(cx.id(), exporter))
}
