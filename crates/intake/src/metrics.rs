//! Metrics of a server, with the names that Alloy's dashboards use.

use promtext::{Gauge, GaugeVec, HistogramVec, RegisterError, Registry};

pub(crate) struct Metrics {
    pub(crate) duration: HistogramVec,
    pub(crate) received: HistogramVec,
    pub(crate) sent: HistogramVec,
    pub(crate) inflight: GaugeVec,
    pub(crate) connections: Gauge,
    pub(crate) connections_limit: Gauge,
}

/// Buckets of sizes, in bytes.
const SIZES: [f64; 8] = [
    1_048_576.0,
    2_621_440.0,
    5_242_880.0,
    10_485_760.0,
    26_214_400.0,
    52_428_800.0,
    104_857_600.0,
    262_144_000.0,
];
/// Buckets of durations, in seconds.
const SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0,
];

impl Metrics {
    /// The metrics, whose names begin with `prefix`.
    pub(crate) fn new(registry: &Registry, prefix: &str) -> Result<Self, RegisterError> {
        let name = |name: &str| format!("{prefix}_{name}");
        let connections = registry.gauge_vec(
            &name("tcp_connections"),
            "Current number of accepted TCP connections.",
            &["protocol"],
        )?;
        let limit = registry.gauge_vec(
            &name("tcp_connections_limit"),
            "The max number of TCP connections that can be accepted (0 means no limit).",
            &["protocol"],
        )?;
        Ok(Metrics {
            duration: registry.histogram_vec(
                &name("request_duration_seconds"),
                "Time (in seconds) spent serving HTTP requests.",
                &["method", "route", "status_code", "ws"],
                &SECONDS,
            )?,
            received: registry.histogram_vec(
                &name("request_message_bytes"),
                "Size (in bytes) of messages received in the request.",
                &["method", "route"],
                &SIZES,
            )?,
            sent: registry.histogram_vec(
                &name("response_message_bytes"),
                "Size (in bytes) of messages sent in response.",
                &["method", "route"],
                &SIZES,
            )?,
            inflight: registry.gauge_vec(
                &name("inflight_requests"),
                "Current number of inflight requests.",
                &["method", "route"],
            )?,
            connections: connections.with(&["http"]),
            connections_limit: limit.with(&["http"]),
        })
    }
}

/// Counts something for as long as it lives.
pub(crate) struct Count(Gauge);

impl Count {
    pub(crate) fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Count(gauge)
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.0.dec();
    }
}
