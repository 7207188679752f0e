//! Metrics, with the names that the Collector gives them.

use super::context::signal_of;
use super::protocol::Otlps;
use delivery::{Meter, Request, Sender};
use promtext::{Collector, Counter, Desc, Family, Kind, Label, RegisterError, Registry};
use signals::Signal;
use std::sync::{Arc, Weak};

/// The series of one exporter.
pub(crate) struct Metrics {
    /// Value of the label `exporter`.
    name: String,
    logs: SignalMetrics,
    points: SignalMetrics,
    spans: SignalMetrics,
}

/// The series of one signal.
#[derive(Clone)]
pub(crate) struct SignalMetrics {
    sent: Counter,
    failed: Counter,
}

impl Metrics {
    /// `kind` is the Collector's name of the component's type, `id` the global id.
    pub(crate) fn new(registry: &Registry, kind: &str, id: &str) -> Result<Arc<Self>, RegisterError> {
        let name = format!("{kind}/{}", id.replace(['.', '/'], "_"));
        let series = |what: &str, people: &str| {
            let counter = |verb: &str, help: &str| {
                let name_of = format!("otelcol_exporter_{verb}_{what}_total");
                let counters = registry.counter_vec(&name_of, &format!("Number of {people} {help}"), &["exporter"])?;
                Ok(counters.with(&[&name]))
            };
            counter(
                "enqueue_failed",
                "failed to be added to the sending queue: none, since senders wait.",
            )?;
            Ok(SignalMetrics {
                sent: counter("sent", "successfully sent to destination.")?,
                failed: counter("send_failed", "in failed attempts to send to destination.")?,
            })
        };
        Ok(Arc::new(Metrics {
            logs: series("log_records", "log records")?,
            points: series("metric_points", "metric points")?,
            spans: series("spans", "spans")?,
            name,
        }))
    }

    /// Those of a signal, by its name.
    pub(super) fn of(&self, name: &str) -> SignalMetrics {
        match signal_of(name) {
            Signal::Logs => self.logs.clone(),
            Signal::Metrics => self.points.clone(),
            Signal::Traces => self.spans.clone(),
        }
    }
}

impl Meter<Otlps> for SignalMetrics {
    fn attempted(&self, _: Option<u16>, _: f64) {}

    fn retried(&self) {}

    fn delivered(&self, entries: u64, _: u64, _: Option<&Request<Otlps>>) {
        self.sent.add(entries);
    }

    fn dropped(&self, _: &str, entries: u64, _: u64, _: Option<&Request<Otlps>>) {
        self.failed.add(entries);
    }

    fn request_size(&self, _: u64) {}

    fn latency(&self, _: f64) {}
}

/// What waits in an exporter, and how much it could be by the configuration.
pub(crate) struct QueueMetrics {
    sender: Weak<Sender<Otlps>>,
    exporter: Arc<str>,
    capacity: i64,
}

const SIZE: &str = "otelcol_exporter_queue_size";
const CAPACITY: &str = "otelcol_exporter_queue_capacity";

impl QueueMetrics {
    /// Registers the metrics of an exporter's queue.
    pub(crate) fn register(
        registry: &Registry,
        metrics: &Metrics,
        sender: &Arc<Sender<Otlps>>,
        capacity: i64,
    ) -> Result<(), RegisterError> {
        let collector = QueueMetrics {
            sender: Arc::downgrade(sender),
            exporter: Arc::from(metrics.name.as_str()),
            capacity,
        };
        registry.register(Arc::new(collector))?.forever();
        Ok(())
    }
}

impl Collector for QueueMetrics {
    fn describe(&self) -> Vec<Desc> {
        Vec::new()
    }

    fn collect(&self, families: &mut Vec<Family>) {
        let Some(sender) = self.sender.upgrade() else {
            return;
        };
        let waiting: u64 = sender.pending().iter().map(|(_, amount)| amount.items).sum();
        let labels = || -> Vec<Label> { vec![(Arc::from("exporter"), self.exporter.clone())] };
        let mut size = Family::new(
            SIZE,
            "Log records, data points and spans that are on their way and not in the queue on disk.",
            Kind::Gauge,
        );
        size.push(labels(), waiting as f64);
        let help = "Fixed capacity of the retry queue, as the configuration has it. It does not bound the queue.";
        let mut capacity = Family::new(CAPACITY, help, Kind::Gauge);
        capacity.push(labels(), self.capacity as f64);
        families.extend([size, capacity]);
    }
}
