//! Metrics, with the names that Alloy's dashboards use.

use super::push::Push;
use delivery::{Meter, QUEUE_IS_FULL, RATE_LIMITED, Request};
use promtext::{Counter, CounterVec, Histogram, HistogramVec, RegisterError, Registry, exponential_buckets};
use std::sync::Arc;

/// The endpoint refused entries for good.
pub(super) const INGESTER_ERROR: &str = "ingester_error";

/// Reasons that have a series from the beginning; the two that never count are there because dashboards know them.
const REASONS: [&str; 5] = [
    INGESTER_ERROR,
    RATE_LIMITED,
    "stream_limited",
    "line_too_long",
    QUEUE_IS_FULL,
];

/// The families.
pub(super) struct Metrics {
    sent_bytes: CounterVec,
    sent_entries: CounterVec,
    batch_retries: CounterVec,
    dropped_bytes: CounterVec,
    dropped_entries: CounterVec,
    request_size: HistogramVec,
    request_duration: HistogramVec,
    latency: HistogramVec,
}

/// The series of one endpoint and tenant.
pub(super) struct TenantMetrics {
    metrics: Arc<Metrics>,
    host: String,
    tenant: String,
    sent_bytes: Counter,
    sent_entries: Counter,
    batch_retries: Counter,
    request_size: Histogram,
    latency: Histogram,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Result<Arc<Self>, RegisterError> {
        let labels = &["host", "tenant"];
        let seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        Ok(Arc::new(Metrics {
            sent_bytes: registry.counter_vec("loki_write_sent_bytes_total", "Number of bytes sent.", labels)?,
            sent_entries: registry.counter_vec(
                "loki_write_sent_entries_total",
                "Number of log entries sent to the ingester.",
                labels,
            )?,
            batch_retries: registry.counter_vec(
                "loki_write_batch_retries_total",
                "Number of times a request had to be sent again.",
                labels,
            )?,
            dropped_bytes: registry.counter_vec(
                "loki_write_dropped_bytes_total",
                "Number of bytes that were given up.",
                &["host", "tenant", "reason"],
            )?,
            dropped_entries: registry.counter_vec(
                "loki_write_dropped_entries_total",
                "Number of log entries that were given up.",
                &["host", "tenant", "reason"],
            )?,
            request_size: registry.histogram_vec(
                "loki_write_request_size_bytes",
                "Size of encoded requests in bytes.",
                labels,
                &exponential_buckets(1024.0, 4.0, 8),
            )?,
            request_duration: registry.histogram_vec(
                "loki_write_request_duration_seconds",
                "Duration of requests in seconds, by the status of the answer; -1 if there was none.",
                &["status_code", "host", "tenant"],
                &seconds,
            )?,
            latency: registry.histogram_vec(
                "loki_write_entry_propagation_latency_seconds",
                "Time in seconds from when entries came to when they were delivered or given up; one observation for entries \
                 that came together.",
                labels,
                &exponential_buckets(0.05, 2.0, 14),
            )?,
        }))
    }

    /// The series of an endpoint, by its host, and a tenant. They exist from now on.
    pub(super) fn tenant(self: &Arc<Self>, host: &str, tenant: &str) -> TenantMetrics {
        for reason in REASONS {
            self.dropped_bytes.with(&[host, tenant, reason]);
            self.dropped_entries.with(&[host, tenant, reason]);
        }
        let labels = &[host, tenant];
        TenantMetrics {
            metrics: self.clone(),
            host: host.to_owned(),
            tenant: tenant.to_owned(),
            sent_bytes: self.sent_bytes.with(labels),
            sent_entries: self.sent_entries.with(labels),
            batch_retries: self.batch_retries.with(labels),
            request_size: self.request_size.with(labels),
            latency: self.latency.with(labels),
        }
    }
}

impl Meter<Push> for TenantMetrics {
    fn attempted(&self, status: Option<u16>, seconds: f64) {
        let status = status.map_or_else(|| "-1".to_owned(), |status| status.to_string());
        self.metrics
            .request_duration
            .with(&[&status, &self.host, &self.tenant])
            .observe(seconds);
    }

    fn retried(&self) {
        self.batch_retries.inc();
    }

    fn delivered(&self, entries: u64, body_bytes: u64, _: Option<&Request<Push>>) {
        self.sent_bytes.add(body_bytes);
        self.sent_entries.add(entries);
    }

    fn dropped(&self, reason: &str, entries: u64, bytes: u64, _: Option<&Request<Push>>) {
        let labels = &[self.host.as_str(), &self.tenant, reason];
        self.metrics.dropped_entries.with(labels).add(entries);
        self.metrics.dropped_bytes.with(labels).add(bytes);
    }

    fn request_size(&self, bytes: u64) {
        self.request_size.observe(bytes as f64);
    }

    fn latency(&self, seconds: f64) {
        self.latency.observe(seconds);
    }
}
