//! Metrics, with the names that Alloy's dashboards use.

use promtext::{Counter, Gauge, GaugeVec, HistogramVec, RegisterError, Registry};

pub(super) struct Metrics {
    /// Entries whose clients were told that they have arrived.
    pub(super) written: Counter,
    /// Entries of streams that the rules dropped.
    pub(super) filtered: Counter,
    pub(super) duration: HistogramVec,
    pub(super) received: HistogramVec,
    pub(super) sent: HistogramVec,
    pub(super) inflight: GaugeVec,
    pub(super) connections: Gauge,
    pub(super) connections_limit: Gauge,
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
    pub(super) fn new(registry: &Registry) -> Result<Self, RegisterError> {
        let connections = registry.gauge_vec(
            "loki_source_api_tcp_connections",
            "Current number of accepted TCP connections.",
            &["protocol"],
        )?;
        let limit = registry.gauge_vec(
            "loki_source_api_tcp_connections_limit",
            "The max number of TCP connections that can be accepted (0 means no limit).",
            &["protocol"],
        )?;
        Ok(Metrics {
            written: registry.counter(
                "loki_source_api_entries_written",
                "Total number of entries written and forwarded.",
            )?,
            filtered: registry.counter(
                "loki_source_api_entries_filtered_total",
                "Total number of entries of streams that relabel_rules dropped.",
            )?,
            duration: registry.histogram_vec(
                "loki_source_api_request_duration_seconds",
                "Time (in seconds) spent serving HTTP requests.",
                &["method", "route", "status_code", "ws"],
                &SECONDS,
            )?,
            received: registry.histogram_vec(
                "loki_source_api_request_message_bytes",
                "Size (in bytes) of messages received in the request.",
                &["method", "route"],
                &SIZES,
            )?,
            sent: registry.histogram_vec(
                "loki_source_api_response_message_bytes",
                "Size (in bytes) of messages sent in response.",
                &["method", "route"],
                &SIZES,
            )?,
            inflight: registry.gauge_vec(
                "loki_source_api_inflight_requests",
                "Current number of inflight requests.",
                &["method", "route"],
            )?,
            connections: connections.with(&["http"]),
            connections_limit: limit.with(&["http"]),
        })
    }
}

/// Counts something for as long as it lives.
pub(super) struct Count(Gauge);

impl Count {
    pub(super) fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Count(gauge)
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.0.dec();
    }
}
