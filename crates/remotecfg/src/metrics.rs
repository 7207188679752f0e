//! Metrics, as upstream names them.

use promtext::{Counter, Gauge, GaugeVec, Histogram, RegisterError, Registry};

/// Upper bounds of durations, in seconds.
const BOUNDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

pub(crate) struct Metrics {
    hash: GaugeVec,
    pub(crate) attempts: Counter,
    failures: Counter,
    successful: Gauge,
    pub(crate) not_modified: Gauge,
    success_time: Gauge,
    pub(crate) duration: Histogram,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Result<Self, RegisterError> {
        Ok(Metrics {
            hash: registry.gauge_vec(
                "remotecfg_hash",
                "Hash of the currently active remote configuration.",
                &["hash"],
            )?,
            attempts: registry.counter("remotecfg_load_attempts_total", "Attempts to load remote configuration")?,
            failures: registry.counter("remotecfg_load_failures_total", "Remote configuration load failures")?,
            successful: registry.gauge("remotecfg_last_load_successful", "Remote config loaded successfully")?,
            not_modified: registry.gauge(
                "remotecfg_last_load_not_modified",
                "Remote config not modified since last fetch",
            )?,
            success_time: registry.gauge(
                "remotecfg_last_load_success_timestamp_seconds",
                "Timestamp of the last successful remote configuration load",
            )?,
            duration: registry.histogram(
                "remotecfg_request_duration_seconds",
                "Duration of remote configuration requests.",
                BOUNDS,
            )?,
        })
    }

    /// The configuration of a hash runs since `now`, nanoseconds since the Unix epoch.
    pub(crate) fn loaded(&self, hash: &str, now: i64) {
        self.runs(Some(hash));
        self.good();
        // A float holds microseconds of our time exactly enough.
        self.success_time.set(now as f64 / 1e9);
    }

    /// What the server has runs.
    pub(crate) fn good(&self) {
        self.successful.set(1.0);
    }

    /// Nothing could be fetched or loaded.
    pub(crate) fn failed(&self) {
        self.failures.inc();
        self.successful.set(0.0);
    }

    /// What runs, whether that is good or bad.
    pub(crate) fn runs(&self, hash: Option<&str>) {
        self.hash.retain(|values, _| Some(&*values[0]) == hash);
        if let Some(hash) = hash {
            self.hash.with(&[hash]).set(1.0);
        }
    }
}
