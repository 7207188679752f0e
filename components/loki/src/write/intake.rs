//! Where batches come in.

use super::endpoint::Endpoint;
use super::request::Item;
use super::streams::{Stream, StreamCache};
use super::supervisor::Command;
use super::ticket::{Offer, Ticket, size};
use signals::{Accepting, Labels, LogBatch, Refused, Sink};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::Instant;

/// The sink that the component exports. It stays the same while endpoints come and go.
pub(super) struct Intake {
    /// Held for reading while a batch is handed out, so that a change comes either before or after a batch.
    topology: RwLock<Topology>,
}

struct Topology {
    endpoints: Vec<Arc<Endpoint>>,
    streams: Mutex<StreamCache>,
    closed: bool,
}

impl Topology {
    fn stream(&self, labels: &Labels) -> Arc<Stream> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).get(labels)
    }
}

impl Intake {
    pub(super) fn new(endpoints: Vec<Arc<Endpoint>>, external_labels: BTreeMap<String, String>) -> Self {
        Intake {
            topology: RwLock::new(Topology {
                endpoints,
                streams: Mutex::new(StreamCache::new(external_labels)),
                closed: false,
            }),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Topology> {
        self.topology.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Topology> {
        self.topology.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The endpoints of the configuration.
    pub(super) fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.read().endpoints.clone()
    }

    /// Replaces the endpoints. The answer says who takes over from whom.
    pub(super) fn replace(
        &self,
        endpoints: Vec<Arc<Endpoint>>,
        external_labels: BTreeMap<String, String>,
    ) -> Vec<Command> {
        let mut topology = self.write();
        let before = std::mem::replace(&mut topology.endpoints, endpoints.clone());
        topology.streams = Mutex::new(StreamCache::new(external_labels));
        drop(topology);
        changes(before, endpoints)
    }

    /// From now on batches are refused.
    pub(super) fn close(&self) {
        self.write().closed = true;
    }

    /// Hands a batch out to all endpoints, without waiting: this is where it takes its place in the order.
    fn take(&self, batch: LogBatch) -> Result<Offer, Refused> {
        let topology = self.read();
        if topology.closed {
            return Err(Refused::retry("the component is stopping"));
        }
        let (streams, custody) = batch.into_shared_parts();
        let (ticket, offer) = Ticket::new(streams.clone(), custody);
        let now = Instant::now();
        for (number, stream) in streams.iter().enumerate() {
            if stream.entries.is_empty() {
                continue;
            }
            let known = topology.stream(&stream.labels);
            let bytes = stream.entries.iter().map(size).sum();
            for endpoint in &topology.endpoints {
                endpoint.take(Item {
                    stream: known.clone(),
                    part: ticket.part(number, bytes, now, endpoint.edge()),
                });
            }
        }
        ticket.complete();
        Ok(offer)
    }
}

impl signals::Cache for Intake {
    fn shrink(&self) {
        self.read()
            .streams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl Sink for Intake {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        Box::pin(async move {
            let offer = self.take(batch)?;
            offer.settled().await
        })
    }
}

/// From one list of endpoints to another: a new endpoint takes over from the old one of the same name or address, or else from
/// one that goes without a successor, so that what waits keeps its order and reaches a destination.
fn changes(before: Vec<Arc<Endpoint>>, after: Vec<Arc<Endpoint>>) -> Vec<Command> {
    let stays = |one: &Arc<Endpoint>, others: &[Arc<Endpoint>]| others.iter().any(|other| Arc::ptr_eq(one, other));
    let mut leaving: Vec<Arc<Endpoint>> = before.iter().filter(|old| !stays(old, &after)).cloned().collect();
    let new: Vec<Arc<Endpoint>> = after.into_iter().filter(|one| !stays(one, &before)).collect();
    let mut predecessors: Vec<Vec<Arc<Endpoint>>> = vec![Vec::new(); new.len()];
    let same_name = |old: &Endpoint, new: &Endpoint| {
        !new.spec().args.name.is_empty() && old.spec().args.name == new.spec().args.name
    };
    let same_url = |old: &Endpoint, new: &Endpoint| old.spec().args.url == new.spec().args.url;
    let rules: [&dyn Fn(&Endpoint, &Endpoint) -> bool; 3] = [&same_name, &same_url, &|_, _| true];
    for rule in rules {
        for (successor, predecessors) in new.iter().zip(&mut predecessors) {
            if predecessors.is_empty()
                && let Some(at) = leaving.iter().position(|old| rule(old, successor))
            {
                predecessors.push(leaving.remove(at));
            }
        }
    }
    let starts = new
        .into_iter()
        .zip(predecessors)
        .map(|(endpoint, before)| Command::Start { endpoint, before });
    starts
        .chain(leaving.into_iter().map(|endpoint| Command::Remove { endpoint }))
        .collect()
}
