//! Metrics, with the names that Alloy's dashboards use.

use promtext::{Counter, Gauge, RegisterError, Registry};

pub(super) struct Metrics {
    pub(super) processed: Counter,
    pub(super) written: Counter,
    pub(super) hits: Counter,
    pub(super) misses: Counter,
    pub(super) size: Gauge,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, RegisterError> {
        Ok(Metrics {
            processed: registry.counter("loki_relabel_entries_processed", "Number of log entries processed.")?,
            written: registry.counter("loki_relabel_entries_written", "Number of log entries forwarded.")?,
            hits: registry.counter(
                "loki_relabel_cache_hits",
                "Number of log entries whose label set was remembered.",
            )?,
            misses: registry.counter(
                "loki_relabel_cache_misses",
                "Number of log entries whose label set was not remembered.",
            )?,
            size: registry.gauge("loki_relabel_cache_size", "Number of label sets that are remembered.")?,
        })
    }
}
