//! Metrics that mechanisms have in common, with the names of Prometheus.

use promtext::{Counter, CounterVec, Histogram, HistogramVec, RegisterError, Registry};
use std::time::Duration;

/// Metrics of what is refreshed from time to time.
#[derive(Clone)]
pub struct RefreshMetrics {
    failures: Counter,
    durations: Histogram,
}

impl RefreshMetrics {
    pub(crate) fn new(registry: &Registry, mechanism: &str) -> Result<Self, RegisterError> {
        let failures: CounterVec = registry.counter_vec(
            "prometheus_sd_refresh_failures_total",
            "Number of refresh failures for the given SD mechanism.",
            &["mechanism"],
        )?;
        let durations: HistogramVec = registry.histogram_vec(
            "prometheus_sd_refresh_duration_histogram_seconds",
            "The duration of a refresh for the given SD mechanism.",
            &["mechanism"],
            &[0.01, 0.1, 1.0, 10.0],
        )?;
        Ok(RefreshMetrics {
            failures: failures.with(&[mechanism]),
            durations: durations.with(&[mechanism]),
        })
    }

    pub(crate) fn done(&self, took: Duration, ok: bool) {
        self.durations.observe(took.as_secs_f64());
        if !ok {
            self.failures.inc();
        }
    }
}
