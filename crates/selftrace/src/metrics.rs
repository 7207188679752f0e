//! What is counted.

use promtext::{Counter, RegisterError, Registry};

/// Counters of spans.
pub(crate) struct Metrics {
    /// That ended and were sampled.
    pub(crate) spans: Counter,
    /// That found no room in the queue.
    pub(crate) queue_full: Counter,
    /// That the consumers refused, or did not take before the end.
    pub(crate) refused: Counter,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Result<Self, RegisterError> {
        let spans = registry.counter(
            "invar_tracing_spans_total",
            "Spans of this program that ended and were sampled.",
        )?;
        let dropped = registry.counter_vec(
            "invar_tracing_spans_dropped_total",
            "Spans of this program that did not arrive at the consumers of the tracing block.",
            &["reason"],
        )?;
        Ok(Metrics {
            spans,
            queue_full: dropped.with(&["queue_full"]),
            refused: dropped.with(&["refused"]),
        })
    }
}
