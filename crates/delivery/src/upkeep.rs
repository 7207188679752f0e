//! What has to be done for the queue on disk from time to time.

use crate::ENDPOINT_REMOVED;
use crate::dead::DeadLetters;
use crate::endpoint::{Endpoint, Environment};
use crate::protocol::Protocol;
use crate::queue::Queue;
use promtext::{Gauge, GaugeVec};
use signals::{Amount, Fate, Ledger};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often: what was delivered since is sent again after a crash.
pub(crate) const UPKEEP: Duration = Duration::from_millis(250);
/// How often at least, also if nothing was delivered.
const AT_LEAST: Duration = Duration::from_secs(1);

/// Saves the queue's cursors, gives up what is too old or for nobody, and counts.
pub(crate) struct Upkeep {
    queue: Arc<Queue>,
    dead: Arc<DeadLetters>,
    ledger: Ledger,
    id: Arc<str>,
    gauges: Gauges,
    /// Losses that are counted, by cursor.
    counted: BTreeMap<String, wal::Fates>,
    clock: Arc<dyn host::Clock>,
    last: Option<Instant>,
}

/// The queue in numbers.
#[derive(Clone)]
pub(crate) struct Gauges {
    disk: Gauge,
    items: GaugeVec,
    bytes: GaugeVec,
    oldest: GaugeVec,
}

impl Gauges {
    /// The families.
    pub(crate) fn new(registry: &promtext::Registry) -> Result<Self, promtext::RegisterError> {
        Ok(Gauges {
            disk: registry.gauge("invar_queue_disk_bytes", "Bytes that the queue takes on disk.")?,
            items: registry.gauge_vec(
                "invar_queue_items",
                "Records that wait in the queue on disk for an endpoint.",
                &["endpoint"],
            )?,
            bytes: registry.gauge_vec(
                "invar_queue_bytes",
                "Decoded bytes of records that wait in the queue on disk for an endpoint.",
                &["endpoint"],
            )?,
            oldest: registry.gauge_vec(
                "invar_queue_oldest_seconds",
                "How long the oldest record has been waiting in the queue on disk for an endpoint; 0 if none waits.",
                &["endpoint"],
            )?,
        })
    }
}

impl Upkeep {
    pub(crate) fn new<P: Protocol>(environment: &Environment<P>) -> Upkeep {
        Upkeep {
            queue: environment.queue.clone(),
            dead: environment.dead.clone(),
            ledger: environment.ledger.clone(),
            id: environment.id.clone(),
            gauges: environment.gauges.clone(),
            counted: BTreeMap::new(),
            clock: environment.host.clock.clone(),
            last: None,
        }
    }

    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// Once around.
    pub(crate) async fn run<P: Protocol>(&mut self, endpoints: Vec<Arc<Endpoint<P>>>) {
        if !self.queue.take_touched() && self.last.is_some_and(|last| last.elapsed() < AT_LEAST) {
            return;
        }
        self.last = Some(Instant::now());
        let all_claimed = endpoints.iter().all(|endpoint| endpoint.backlog().cursor().is_some());
        let queue = self.queue.clone();
        let done = tokio::task::spawn_blocking(move || {
            let stats = queue.maintain()?;
            let orphans = if all_claimed { queue.orphans() } else { Vec::new() };
            Some((stats, orphans))
        });
        let Ok(Some((stats, orphans))) = done.await else { return };
        self.gauges.disk.set(stats.disk_bytes as f64);
        for cursor in &stats.cursors {
            let owner = endpoints
                .iter()
                .find(|endpoint| endpoint.backlog().cursor() == Some(&cursor.name));
            let Some(endpoint) = owner else { continue };
            let counted = self.counted.entry(cursor.name.clone()).or_default();
            endpoint.backlog().count_losses(counted, &cursor.fates);
            let labels = &[endpoint.spec().key.as_str()];
            self.gauges.items.with(labels).set(cursor.depth.items as f64);
            self.gauges.bytes.with(labels).set(cursor.depth.bytes as f64);
            let age = cursor
                .oldest
                .map_or(0, |oldest| self.clock.now().saturating_sub(oldest));
            self.gauges.oldest.with(labels).set(age.max(0) as f64 / 1e9);
        }
        for orphan in orphans {
            let depth = stats.cursors.iter().find(|cursor| cursor.name == orphan);
            let depth = depth.map_or(Amount::default(), |cursor| Amount {
                items: cursor.depth.items,
                bytes: cursor.depth.bytes,
            });
            if depth.items > 0 {
                tracing::error!(
                    endpoint = orphan,
                    entries = depth.items,
                    "the endpoint is gone from the configuration; what was queued for it is given up"
                );
            }
            let edge = self.ledger.edge(&self.id, &format!("{}#{orphan}", self.id));
            if self.queue.account(&orphan) {
                edge.enter(depth);
            }
            edge.settle(Fate::Rejected, ENDPOINT_REMOVED, depth);
            let queue = self.queue.clone();
            // It fails only if the runtime goes away.
            let _ = tokio::task::spawn_blocking(move || queue.remove(&orphan)).await;
        }
    }

    /// Everything has stopped.
    pub(crate) async fn close(&self) {
        let (queue, dead) = (self.queue.clone(), self.dead.clone());
        let closed = tokio::task::spawn_blocking(move || {
            queue.close();
            dead.close();
        });
        // It fails only if the runtime goes away.
        let _ = closed.await;
    }
}
