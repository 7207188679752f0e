//! Keeps the workers of all endpoints running, and sees to it that they end in order.

use crate::endpoint::Endpoint;
use crate::intake::Intake;
use crate::protocol::Protocol;
use crate::request::Item;
use crate::shard::Order;
use crate::upkeep::{UPKEEP, Upkeep};
use component::CancellationToken;
use futures_util::future::join_all;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

/// A change of the endpoints.
pub(crate) enum Command<P: Protocol> {
    /// A new endpoint starts, with what is left of those before it.
    Start {
        /// The new one.
        endpoint: Arc<Endpoint<P>>,
        /// Those whose place it takes.
        before: Vec<Arc<Endpoint<P>>>,
    },
    /// An endpoint goes and has no successor.
    Remove {
        /// The one that goes.
        endpoint: Arc<Endpoint<P>>,
    },
}

/// The workers of an endpoint. Dropping it ends them at once and hands back what they hold.
struct Task<P: Protocol> {
    endpoint: Arc<Endpoint<P>>,
    /// Endpoints that may still be on their last attempt.
    before: Vec<Arc<Endpoint<P>>>,
    handle: AbortOnDropHandle<Vec<Item<P>>>,
}

impl<P: Protocol> Task<P> {
    /// What is left when the workers have ended.
    async fn ended(&mut self) -> Vec<Item<P>> {
        let mut left = (&mut self.handle).await.unwrap_or_default();
        left.extend(self.endpoint.clear());
        left
    }

    /// Sends what is there for at most the drain time. Returns what is left then.
    async fn drain(&mut self) -> Vec<Item<P>> {
        self.endpoint.order(Order::Drain);
        if let Ok(left) = tokio::time::timeout(self.endpoint.drain_timeout(), self.ended()).await {
            return left;
        }
        for endpoint in self.before.iter().chain([&self.endpoint]) {
            endpoint.order(Order::Abort);
        }
        self.ended().await
    }
}

impl<P: Protocol> Drop for Task<P> {
    fn drop(&mut self) {
        self.endpoint.clear();
    }
}

/// Follows changes of the endpoints.
pub(crate) struct Supervisor<P: Protocol> {
    intake: Arc<Intake<P>>,
    upkeep: Upkeep,
    tasks: Vec<Task<P>>,
    /// Endpoints without a successor that still send what they have.
    farewells: Vec<AbortOnDropHandle<()>>,
}

impl<P: Protocol> Supervisor<P> {
    pub(crate) fn new(intake: Arc<Intake<P>>, upkeep: Upkeep) -> Self {
        Supervisor {
            intake,
            upkeep,
            tasks: Vec::new(),
            farewells: Vec::new(),
        }
    }

    /// Follows commands until `stop`; then sends what is there within each endpoint's drain time and hands the rest back.
    pub(crate) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command<P>>, stop: CancellationToken) {
        let queue = self.upkeep.queue().clone();
        let mut tick = tokio::time::interval(UPKEEP);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                Some(command) = commands.recv() => self.follow(command),
                () = stop.cancelled() => break,
                // Until the queue is opened nothing has to be done for it, and nobody wakes up.
                () = queue.opened(), if !queue.is_open() => {}
                _ = tick.tick(), if queue.is_open() => self.upkeep.run(self.intake.endpoints()).await,
            }
        }
        self.intake.close();
        // A change that came at the same time: its endpoints take over, to drain as well.
        while let Ok(command) = commands.try_recv() {
            self.follow(command);
        }
        join_all(self.tasks.iter_mut().map(Task::drain)).await;
        join_all(&mut self.farewells).await;
        self.upkeep.close().await;
    }

    fn follow(&mut self, command: Command<P>) {
        self.farewells.retain(|farewell| !farewell.is_finished());
        match command {
            Command::Start { endpoint, before } => {
                let mut predecessors: Vec<Task<P>> = before.iter().filter_map(|old| self.take(old)).collect();
                for predecessor in &predecessors {
                    predecessor.endpoint.order(Order::Leave);
                }
                let successor = endpoint.clone();
                let queue = self.upkeep.queue().clone();
                let all = self
                    .intake
                    .endpoints()
                    .iter()
                    .map(|one| one.spec().key.clone())
                    .collect();
                let work = async move {
                    let mut inherited = Vec::new();
                    for predecessor in &mut predecessors {
                        inherited.extend(predecessor.ended().await);
                    }
                    let cursor = predecessors
                        .first()
                        .and_then(|before| before.endpoint.backlog().cursor())
                        .map(str::to_owned);
                    for before in &predecessors {
                        queue.release(&before.endpoint.spec().key);
                    }
                    drop(predecessors);
                    successor.work(inherited, cursor, all).await
                };
                let handle = AbortOnDropHandle::new(tokio::spawn(work.instrument(endpoint.span().clone())));
                self.tasks.push(Task {
                    endpoint,
                    before,
                    handle,
                });
            }
            Command::Remove { endpoint } => {
                if let Some(mut task) = self.take(&endpoint) {
                    let span = endpoint.span().clone();
                    let queue = self.upkeep.queue().clone();
                    let farewell = async move {
                        let left = task.drain().await;
                        endpoint.give_up(left);
                        // What it has in the queue is given up by the next upkeep, unless another endpoint claims it.
                        queue.release(&endpoint.spec().key);
                    };
                    self.farewells
                        .push(AbortOnDropHandle::new(tokio::spawn(farewell.instrument(span))));
                }
            }
        }
    }

    fn take(&mut self, endpoint: &Arc<Endpoint<P>>) -> Option<Task<P>> {
        let at = self
            .tasks
            .iter()
            .position(|task| Arc::ptr_eq(&task.endpoint, endpoint))?;
        Some(self.tasks.swap_remove(at))
    }
}

impl<P: Protocol> Drop for Supervisor<P> {
    /// If `run` is cancelled, nobody would send what still comes.
    fn drop(&mut self) {
        self.intake.close();
    }
}
