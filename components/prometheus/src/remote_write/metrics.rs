//! Metrics, with the names of Prometheus' remote storage.

use super::args::EndpointArgs;
use super::protocol::Write;
use super::selection::List;
use delivery::{Meter, Request};
use promtext::{Counter, CounterVec, Gauge, GaugeVec, Histogram, HistogramVec, RegisterError, Registry};
use signals::Metrics as Samples;
use std::sync::Arc;

/// Reasons why samples are dropped that are not refused.
const REASONS: [&str; 4] = [
    "too_old",
    "dropped_series",
    "unintentionally_dropped_series",
    "nhcb_in_rw1_not_supported",
];

/// What samples, histograms and exemplars are called.
const KINDS: [&str; 3] = ["samples", "histograms", "exemplars"];

/// The families.
pub(super) struct Metrics {
    sent: [CounterVec; 3],
    failed: [CounterVec; 3],
    retried: [CounterVec; 3],
    dropped: [CounterVec; 3],
    came: [Counter; 3],
    highest_in: Gauge,
    highest: GaugeVec,
    highest_sent: GaugeVec,
    bytes: CounterVec,
    metadata: CounterVec,
    metadata_failed: CounterVec,
    metadata_bytes: CounterVec,
    duration: HistogramVec,
    shards: [GaugeVec; 6],
    appended: Counter,
    exemplars_appended: Counter,
}

/// The series of one endpoint.
#[derive(Clone)]
pub(super) struct EndpointMeter(Arc<Inner>);

struct Inner {
    sent: [Counter; 3],
    failed: [Counter; 3],
    retried: [Counter; 3],
    dropped: [[Counter; 4]; 3],
    highest: Gauge,
    highest_sent: Gauge,
    bytes: Counter,
    metadata: Counter,
    metadata_failed: Counter,
    metadata_bytes: Counter,
    duration: Histogram,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Result<Arc<Self>, RegisterError> {
        let name = |rest: &str| format!("prometheus_remote_storage_{rest}");
        let labels = &["remote_name", "url"];
        let of = |what: &str, help: &str, labels: &[&str]| -> Result<[CounterVec; 3], RegisterError> {
            let one = |kind: &str| {
                let (name, help) = (
                    name(&format!("{kind}_{what}")),
                    format!("Total number of {kind} {help}"),
                );
                registry.counter_vec(&name, &help, labels)
            };
            Ok([one(KINDS[0])?, one(KINDS[1])?, one(KINDS[2])?])
        };
        let counter = |rest: &str, help: &str| registry.counter_vec(&name(rest), help, labels);
        let gauge = |rest: &str, help: &str| registry.gauge_vec(&name(rest), help, labels);
        let came = |kind: &str| {
            let help = format!("{kind} in to remote storage, compare to {kind} out for queue managers.");
            registry.counter(&name(&format!("{kind}_in_total")), &help)
        };
        Ok(Arc::new(Metrics {
            sent: of("total", "sent to remote storage.", labels)?,
            failed: of("failed_total", "which failed on send to remote storage, non-recoverable errors.", labels)?,
            retried: of("retried_total", "which failed on send to remote storage but were retried because the send error was recoverable.", labels)?,
            dropped: of("dropped_total", "which were dropped after being read and before being sent.", &["remote_name", "url", "reason"])?,
            came: [came(KINDS[0])?, came(KINDS[1])?, came(KINDS[2])?],
            highest_in: registry.gauge(
                &name("highest_timestamp_in_seconds"),
                "Highest timestamp that has come into the remote storage via the Appender interface, in seconds since epoch.",
            )?,
            highest: gauge("queue_highest_timestamp_seconds", "Highest timestamp that was enqueued, in seconds since epoch.")?,
            highest_sent: gauge(
                "queue_highest_sent_timestamp_seconds",
                "Timestamp from a sample that was sent, the highest of all, in seconds since epoch.",
            )?,
            bytes: counter("bytes_total", "The total number of bytes of data (not metadata) sent by the queue after compression.")?,
            metadata: counter("metadata_total", "Total number of metadata entries sent to remote storage.")?,
            metadata_failed: counter("metadata_failed_total", "Total number of metadata entries which failed on send to remote storage.")?,
            metadata_bytes: counter("metadata_bytes_total", "The total number of bytes of metadata sent by the queue after compression.")?,
            duration: registry.histogram_vec(
                &name("sent_batch_duration_seconds"),
                "Duration of send calls to the remote storage.",
                labels,
                &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 120.0, 300.0],
            )?,
            shards: [
                gauge("shards", "The number of shards used for parallel sending to the remote storage.")?,
                gauge("shards_max", "The maximum number of shards that the queue is allowed to run.")?,
                gauge("shards_min", "The minimum number of shards that the queue is allowed to run.")?,
                gauge("shards_desired", "The number of shards that the queues shard calculation wants to run.")?,
                gauge("shard_capacity", "The capacity of each shard of the queue used for parallel sending to the remote storage.")?,
                gauge("max_samples_per_send", "The maximum number of samples to be sent, in a single request, to the remote storage.")?,
            ],
            appended: registry.counter(
                "prometheus_remote_write_wal_samples_appended_total",
                "Total number of samples that were accepted.",
            )?,
            exemplars_appended: registry.counter(
                "prometheus_remote_write_wal_exemplars_appended_total",
                "Total number of exemplars that were accepted.",
            )?,
        }))
    }

    /// The series of an endpoint. They exist from now on.
    pub(super) fn endpoint(&self, name: &str, args: &EndpointArgs) -> EndpointMeter {
        let url = args.public_url();
        let labels = &[name, url.as_str()];
        let queue = &args.queue_config;
        let values = [
            queue.min_shards,
            queue.max_shards,
            queue.min_shards,
            queue.min_shards,
            queue.capacity,
            queue.max_samples_per_send,
        ];
        for (gauge, value) in self.shards.iter().zip(values) {
            gauge.with(labels).set(value as f64);
        }
        let of = |vecs: &[CounterVec; 3]| -> [Counter; 3] { std::array::from_fn(|kind| vecs[kind].with(labels)) };
        EndpointMeter(Arc::new(Inner {
            sent: of(&self.sent),
            failed: of(&self.failed),
            retried: of(&self.retried),
            dropped: std::array::from_fn(|kind| {
                std::array::from_fn(|reason| self.dropped[kind].with(&[name, &url, REASONS[reason]]))
            }),
            highest: self.highest.with(labels),
            highest_sent: self.highest_sent.with(labels),
            bytes: self.bytes.with(labels),
            metadata: self.metadata.with(labels),
            metadata_failed: self.metadata_failed.with(labels),
            metadata_bytes: self.metadata_bytes.with(labels),
            duration: self.duration.with(labels),
        }))
    }

    /// Counts what came, whatever endpoints there are.
    pub(super) fn came(&self, list: List, count: u64, samples: &Samples) {
        self.came[list.kind()].add(count);
        match list {
            List::Exemplars => self.exemplars_appended.add(count),
            _ => self.appended.add(count),
        }
        raise(&self.highest_in, latest(list, samples));
    }
}

/// The latest time of a list, in seconds since the Unix epoch.
fn latest(list: List, samples: &Samples) -> f64 {
    let latest = match list {
        List::Samples => samples.samples.iter().map(|one| one.timestamp).max(),
        List::Runs => samples.runs.latest(),
        List::Histograms => samples.histograms.iter().map(|one| one.timestamp).max(),
        List::Exemplars => None,
    };
    latest.unwrap_or_default() as f64 / 1000.0
}

/// Raises a gauge. Two at a time may leave the lower of their values for a moment.
fn raise(gauge: &Gauge, value: f64) {
    if value > gauge.get() {
        gauge.set(value);
    }
}

impl EndpointMeter {
    /// These go to the endpoint, as far as nothing keeps them away.
    pub(super) fn came(&self, list: List, samples: &Samples) {
        raise(&self.0.highest, latest(list, samples));
    }

    pub(super) fn dropped_by_rules(&self, list: List, count: u64) {
        self.0.dropped[list.kind()][1].add(count);
    }

    pub(super) fn too_old(&self, list: List, count: u64) {
        self.0.dropped[list.kind()][0].add(count);
    }

    pub(super) fn custom_buckets(&self) {
        self.0.dropped[List::Histograms.kind()][3].inc();
    }

    /// Families were sent, or not.
    pub(super) fn families(&self, count: u64, bytes: u64, sent: bool) {
        if sent {
            self.0.metadata.add(count);
            self.0.metadata_bytes.add(bytes);
        } else {
            self.0.metadata_failed.add(count);
        }
    }

    /// Counts entries by kind; those of a request that is not at hand are samples, as nearly all of them are.
    fn by_kind(counters: &[Counter; 3], entries: u64, request: Option<&Request<Write>>) {
        let Some(request) = request else {
            counters[0].add(entries);
            return;
        };
        let mut others = 0;
        for (_, slices) in request.groups() {
            for slice in slices.filter(|slice| !slice.selection.list.is_values()) {
                let list = slice.selection.list.kind();
                let count = <Write as delivery::Protocol>::count(slice).items;
                counters[list].add(count);
                others += count;
            }
        }
        counters[0].add(entries.saturating_sub(others));
    }
}

impl Meter<Write> for EndpointMeter {
    fn attempted(&self, _: Option<u16>, seconds: f64) {
        self.0.duration.observe(seconds);
    }

    fn retried(&self) {
        self.0.retried[0].inc();
    }

    fn delivered(&self, entries: u64, body_bytes: u64, request: Option<&Request<Write>>) {
        self.0.bytes.add(body_bytes);
        EndpointMeter::by_kind(&self.0.sent, entries, request);
        if let Some(request) = request {
            let mut latest = i64::MIN;
            for (_, slices) in request.groups() {
                for slice in slices.filter(|slice| slice.selection.list.is_values()) {
                    // The last one of a slice is among the latest: a scrape has one time.
                    if let Some(last) = slice.range.end.checked_sub(1) {
                        latest = latest.max(slice.selection.time(slice.payload, last));
                    }
                }
            }
            if latest > 0 {
                raise(&self.0.highest_sent, latest as f64 / 1000.0);
            }
        }
    }

    fn dropped(&self, _: &str, entries: u64, _: u64, request: Option<&Request<Write>>) {
        EndpointMeter::by_kind(&self.0.failed, entries, request);
    }

    fn request_size(&self, _: u64) {}

    fn latency(&self, _: f64) {}
}
