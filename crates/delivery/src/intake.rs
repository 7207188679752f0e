//! Where batches come in.

use crate::endpoint::Endpoint;
use crate::protocol::Protocol;
use crate::request::Item;
use crate::spec::Target;
use crate::supervisor::Command;
use crate::ticket::{Offer, Ticket};
use signals::{Accepting, Batch, Refused, Sink};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::Instant;

/// The sink that the component exports. It stays the same while endpoints come and go.
pub(crate) struct Intake<P: Protocol> {
    /// Held for reading while a batch is handed out, so that a change comes either before or after a batch.
    topology: RwLock<Topology<P>>,
}

struct Topology<P: Protocol> {
    endpoints: Vec<Arc<Endpoint<P>>>,
    /// Theirs, in the same order.
    targets: Vec<Arc<Target<P>>>,
    protocol: P,
    closed: bool,
}

fn targets<P: Protocol>(endpoints: &[Arc<Endpoint<P>>]) -> Vec<Arc<Target<P>>> {
    endpoints.iter().map(|endpoint| endpoint.target().clone()).collect()
}

impl<P: Protocol> Intake<P> {
    pub(crate) fn new(endpoints: Vec<Arc<Endpoint<P>>>, protocol: P) -> Self {
        Intake {
            topology: RwLock::new(Topology {
                targets: targets(&endpoints),
                endpoints,
                protocol,
                closed: false,
            }),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Topology<P>> {
        self.topology.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Topology<P>> {
        self.topology.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The endpoints of the configuration.
    pub(crate) fn endpoints(&self) -> Vec<Arc<Endpoint<P>>> {
        self.read().endpoints.clone()
    }

    /// Replaces the endpoints. The answer says who takes over from whom.
    pub(crate) fn replace(&self, endpoints: Vec<Arc<Endpoint<P>>>, protocol: P) -> Vec<Command<P>> {
        let mut topology = self.write();
        let before = std::mem::replace(&mut topology.endpoints, endpoints.clone());
        topology.targets = targets(&endpoints);
        topology.protocol = protocol;
        drop(topology);
        changes(before, endpoints)
    }

    /// From now on batches are refused.
    pub(crate) fn close(&self) {
        self.write().closed = true;
    }

    /// Hands a batch out to all endpoints, without waiting: this is where it takes its place in the order.
    fn take(&self, batch: Batch<P::Payload>) -> Result<Offer<P>, Refused> {
        let topology = self.read();
        if topology.closed {
            return Err(Refused::retry("the component is stopping"));
        }
        topology.protocol.admit(batch.payload(), &topology.targets)?;
        let (payload, custody) = batch.into_shared_parts();
        let payload = P::arrange(payload);
        for endpoint in &topology.endpoints {
            endpoint.edge().show(&*payload);
        }
        let (ticket, mut offer) = Ticket::new(payload.clone(), custody);
        let now = Instant::now();
        let filtered = topology.protocol.cut(&payload, &topology.targets, |number, piece| {
            if piece.amount.items > 0 {
                let endpoint = &topology.endpoints[number];
                let (stream, part) = ticket.part(piece, now, endpoint.edge());
                endpoint.take(Item { stream, part });
            }
        });
        offer.filtered(filtered);
        ticket.complete();
        Ok(offer)
    }
}

impl<P: Protocol> signals::Cache for Intake<P> {
    fn shrink(&self) {
        self.read().protocol.shrink();
    }
}

impl<P: Protocol> Sink<P::Payload> for Intake<P> {
    fn accept(self: Arc<Self>, batch: Batch<P::Payload>) -> Accepting {
        Box::pin(async move {
            let offer = self.take(batch)?;
            offer.settled().await
        })
    }
}

/// From one list of endpoints to another: a new endpoint takes over from the old one of the same name or address, or else from
/// one that goes without a successor, so that what waits keeps its order and reaches a destination.
fn changes<P: Protocol>(before: Vec<Arc<Endpoint<P>>>, after: Vec<Arc<Endpoint<P>>>) -> Vec<Command<P>> {
    let stays =
        |one: &Arc<Endpoint<P>>, others: &[Arc<Endpoint<P>>]| others.iter().any(|other| Arc::ptr_eq(one, other));
    let mut leaving: Vec<Arc<Endpoint<P>>> = before.iter().filter(|old| !stays(old, &after)).cloned().collect();
    let new: Vec<Arc<Endpoint<P>>> = after.into_iter().filter(|one| !stays(one, &before)).collect();
    let mut predecessors: Vec<Vec<Arc<Endpoint<P>>>> = vec![Vec::new(); new.len()];
    let same_name =
        |old: &Endpoint<P>, new: &Endpoint<P>| !new.spec().name.is_empty() && old.spec().name == new.spec().name;
    let same_address = |old: &Endpoint<P>, new: &Endpoint<P>| old.spec().address == new.spec().address;
    let rules: [&dyn Fn(&Endpoint<P>, &Endpoint<P>) -> bool; 3] = [&same_name, &same_address, &|_, _| true];
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
