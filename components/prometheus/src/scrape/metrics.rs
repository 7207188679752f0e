//! Metrics of the component, with the names of Alloy and of Prometheus' scrape manager.

use promtext::{Counter, Gauge, Histogram, RegisterError, Registry};
use std::sync::Arc;

pub(super) struct Metrics {
    pub(super) targets: Gauge,
    pub(super) moved: Counter,
    pub(super) forwarded: Counter,
    pub(super) latency: Histogram,
    pub(super) pool_targets: Gauge,
    pub(super) pool_limit: Gauge,
    pub(super) symbols: Gauge,
    pub(super) syncs: Counter,
    pub(super) sync_failures: Counter,
    pub(super) reloads: Counter,
    pub(super) over_target_limit: Counter,
    pub(super) over_body_limit: Counter,
    pub(super) over_sample_limit: Counter,
    pub(super) over_bucket_limit: Counter,
    pub(super) over_label_limits: Counter,
    pub(super) duplicates: Counter,
    pub(super) out_of_bounds: Counter,
    pub(super) duration: Histogram,
    pub(super) interval: Histogram,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Result<Arc<Self>, RegisterError> {
        let seconds = [
            0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
        ];
        let counter = |name: &str, help: &str| registry.counter(name, help);
        let gauge = |name: &str, help: &str| registry.gauge(name, help);
        // Series of upstream's that never have another value here, and that dashboards know.
        gauge(
            "prometheus_target_scrape_pools_total",
            "Total number of scrape pool creation attempts.",
        )?
        .set(1.0);
        counter(
            "prometheus_target_scrape_pools_failed_total",
            "Total number of scrape pool creations that failed.",
        )?;
        counter(
            "prometheus_target_scrape_pool_reloads_failed_total",
            "Total number of failed scrape pool reloads.",
        )?;
        counter(
            "prometheus_target_scrapes_cache_flush_forced_total",
            "How many times a scrape cache was flushed due to getting big while scrapes are failing.",
        )?;
        counter(
            "prometheus_target_scrapes_sample_out_of_order_total",
            "Total number of samples rejected due to not being out of the expected order.",
        )?;
        counter(
            "prometheus_target_scrapes_exemplar_out_of_order_total",
            "Total number of exemplar rejected due to not being out of the expected order.",
        )?;
        Ok(Arc::new(Metrics {
            targets: gauge(
                "prometheus_scrape_targets_gauge",
                "Number of targets this component is configured to scrape",
            )?,
            moved: counter(
                "prometheus_scrape_targets_moved_total",
                "Number of targets that have moved from this cluster node to another one",
            )?,
            forwarded: counter(
                "prometheus_forwarded_samples_total",
                "Total number of samples sent to downstream components.",
            )?,
            latency: registry.histogram(
                "prometheus_fanout_latency",
                "Write latency for sending to direct and indirect components",
                &seconds,
            )?,
            pool_targets: gauge(
                "prometheus_target_scrape_pool_targets",
                "Current number of targets in this scrape pool.",
            )?,
            pool_limit: gauge(
                "prometheus_target_scrape_pool_target_limit",
                "Maximum number of targets allowed in this scrape pool.",
            )?,
            symbols: gauge(
                "prometheus_target_scrape_pool_symboltable_items",
                "Current number of series that are known of the targets.",
            )?,
            syncs: counter(
                "prometheus_target_scrape_pool_sync_total",
                "Total number of syncs that were executed on a scrape pool.",
            )?,
            sync_failures: counter(
                "prometheus_target_sync_failed_total",
                "Total number of target sync failures.",
            )?,
            reloads: counter(
                "prometheus_target_scrape_pool_reloads_total",
                "Total number of scrape pool reloads.",
            )?,
            over_target_limit: counter(
                "prometheus_target_scrape_pool_exceeded_target_limit_total",
                "Total number of times scrape pools hit the target limit, during sync or config reload.",
            )?,
            over_body_limit: counter(
                "prometheus_target_scrapes_exceeded_body_size_limit_total",
                "Total number of scrapes that hit the body size limit",
            )?,
            over_sample_limit: counter(
                "prometheus_target_scrapes_exceeded_sample_limit_total",
                "Total number of scrapes that hit the sample limit and were rejected.",
            )?,
            over_bucket_limit: counter(
                "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total",
                "Total number of scrapes that hit the native histogram bucket limit and were rejected.",
            )?,
            over_label_limits: counter(
                "prometheus_target_scrape_pool_exceeded_label_limits_total",
                "Total number of times scrape pools hit the label limits, during sync or config reload.",
            )?,
            duplicates: counter(
                "prometheus_target_scrapes_sample_duplicate_timestamp_total",
                "Total number of samples rejected due to duplicate timestamps but different values.",
            )?,
            out_of_bounds: counter(
                "prometheus_target_scrapes_sample_out_of_bounds_total",
                "Total number of samples rejected due to timestamp falling outside of the time bounds.",
            )?,
            duration: registry.histogram(
                "prometheus_target_scrape_duration_seconds",
                "Duration of a scrape in seconds.",
                &seconds,
            )?,
            interval: registry.histogram(
                "prometheus_target_interval_length_histogram_seconds",
                "Actual intervals between scrapes as a histogram.",
                &[0.01, 0.1, 1.0, 10.0, 15.0, 30.0, 60.0, 120.0, 600.0],
            )?,
        }))
    }
}
