//! Metrics, with the names that Alloy's dashboards use; those of the server are its own.

use promtext::{Counter, RegisterError, Registry};

pub(super) struct Metrics {
    /// Entries whose clients were told that they have arrived.
    pub(super) written: Counter,
    /// Entries of streams that the rules dropped.
    pub(super) filtered: Counter,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, RegisterError> {
        Ok(Metrics {
            written: registry.counter(
                "loki_source_api_entries_written",
                "Total number of entries written and forwarded.",
            )?,
            filtered: registry.counter(
                "loki_source_api_entries_filtered_total",
                "Total number of entries of streams that relabel_rules dropped.",
            )?,
        })
    }
}
