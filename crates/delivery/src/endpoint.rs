//! One destination.

use crate::backlog::Backlog;
use crate::dead::{self, DeadLetters};
use crate::protocol::{Meter, Protocol, StreamKey};
use crate::queue::Queue;
use crate::request::{Item, Request};
use crate::shard::{Order, Shard};
use crate::spec::{Spec, Target};
use crate::transport::{Outcome, Transport};
use crate::trouble::Troubles;
use crate::upkeep::Gauges;
use crate::worker::Worker;
use crate::{ENDPOINT_REMOVED, QUEUE_IS_FULL};
use host::Host;
use net::Body;
use signals::{Amount, Budget, Due, Edge, Fate, Ledger};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument;

/// What endpoints share.
pub(crate) struct Environment<P: Protocol> {
    pub(crate) host: Host,
    pub(crate) budget: Budget,
    pub(crate) metrics: Arc<P::Metrics>,
    pub(crate) span: tracing::Span,
    /// Id of the component.
    pub(crate) id: Arc<str>,
    pub(crate) ledger: Ledger,
    pub(crate) queue: Arc<Queue>,
    pub(crate) dead: Arc<DeadLetters>,
    pub(crate) gauges: Gauges,
    /// When an example of a refused entry is wanted.
    pub(crate) due: Due,
}

/// A destination with its shards. Its configuration never changes: another one makes another endpoint, which takes over what
/// is left.
pub(crate) struct Endpoint<P: Protocol> {
    target: Arc<Target<P>>,
    transport: Arc<dyn Transport>,
    shards: Vec<Shard<P>>,
    orders: watch::Sender<Order>,
    troubles: Troubles,
    edge: Arc<Edge>,
    backlog: Arc<Backlog>,
    environment: Arc<Environment<P>>,
}

impl<P: Protocol> Endpoint<P> {
    /// An endpoint. Nothing is sent yet.
    pub(crate) fn new(target: Target<P>, transport: Arc<dyn Transport>, environment: Arc<Environment<P>>) -> Arc<Self> {
        let count = target.spec.shards.max(1);
        let edge = environment
            .ledger
            .edge(&environment.id, &format!("{}#{}", environment.id, target.spec.key));
        Arc::new(Endpoint {
            backlog: Backlog::new(environment.queue.clone(), edge.clone()),
            edge,
            target: Arc::new(target),
            shards: (0..count).map(|_| Shard::default()).collect(),
            orders: watch::Sender::new(Order::Work),
            // One more for the lane of the queue.
            troubles: Troubles::new(count + 1, P::WORDS.entries),
            transport,
            environment,
        })
    }

    pub(crate) fn target(&self) -> &Arc<Target<P>> {
        &self.target
    }

    pub(crate) fn spec(&self) -> &Spec {
        &self.target.spec
    }

    /// Name in messages.
    pub(crate) fn title(&self) -> &str {
        &self.spec().title
    }

    /// Tenant of entries that name none.
    pub(crate) fn tenant(&self) -> &Arc<str> {
        &self.spec().tenant
    }

    pub(crate) fn host(&self) -> &Host {
        &self.environment.host
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.environment.budget
    }

    pub(crate) fn span(&self) -> &tracing::Span {
        &self.environment.span
    }

    pub(crate) fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    /// The way to it in the ledger.
    pub(crate) fn edge(&self) -> &Arc<Edge> {
        &self.edge
    }

    /// What it has in the queue on disk.
    pub(crate) fn backlog(&self) -> &Arc<Backlog> {
        &self.backlog
    }

    /// Number of the queue's lane among those who have troubles: the shards come before it.
    pub(crate) fn backlog_slot(&self) -> usize {
        self.shards.len()
    }

    /// What the workers are told.
    pub(crate) fn orders(&self) -> watch::Receiver<Order> {
        self.orders.subscribe()
    }

    /// Keeps the entries of a request in the dead-letter log; false if there is none.
    pub(crate) async fn bury(&self, request: &Request<P>, outcome: &Outcome) -> Result<bool, wal::Error> {
        let dead = self.environment.dead.clone();
        if !dead.is_enabled() {
            return Ok(false);
        }
        let now = self.host().clock.now();
        let letters = dead::letters(request, &self.spec().key, outcome, now);
        match tokio::task::spawn_blocking(move || dead.keep(&letters)).await {
            Ok(kept) => kept.map(|()| true),
            Err(_) => Err(wal::Error::Closed),
        }
    }

    /// Keeps an example of entries that the endpoint will never have, if one is wanted.
    pub(crate) fn note(&self, request: &Request<P>, fate: Fate, reason: &str, outcome: &Outcome) {
        let now = self.host().clock.now();
        let environment = &self.environment;
        if !environment.due.take(now) {
            return;
        }
        let Some(entry) = request.each_entry().next() else {
            return;
        };
        let (labels, line) = P::example(entry);
        environment.ledger.examples().note(
            now,
            &environment.id,
            fate,
            &Arc::from(reason),
            &Arc::from(""),
            &labels,
            &line,
            &format!("endpoint {:?} {}", self.title(), outcome.message),
        );
    }

    pub(crate) fn shard(&self, number: usize) -> &Shard<P> {
        &self.shards[number]
    }

    /// What is on its way from the intake to the endpoint or the queue on disk.
    pub(crate) fn pending(&self) -> Amount {
        let mut pending = Amount::default();
        for shard in &self.shards {
            pending += shard.pending();
        }
        pending
    }

    pub(crate) fn meter(&self, tenant: &str) -> P::Meter {
        P::meter(&self.environment.metrics, &self.target, P::label(tenant))
    }

    fn shard_of(&self, item: &Item<P>) -> usize {
        (item.stream.hash() % self.shards.len() as u64) as usize
    }

    fn tenant_of<'a>(&'a self, item: &'a Item<P>) -> &'a Arc<str> {
        item.stream.tenant().unwrap_or(self.tenant())
    }

    /// One attempt to push.
    pub(crate) async fn push(&self, tenant: &str, body: Body) -> Outcome {
        self.transport.push(tenant, body).await
    }

    /// Takes a part, behind all that it has of the same stream.
    pub(crate) fn take(&self, item: Item<P>) {
        let shard = &self.shards[self.shard_of(&item)];
        let spec = self.spec();
        if !spec.block_on_overflow {
            let held = shard.pending().bytes;
            // An empty shard takes anything, or a large part would never pass.
            if held > 0 && held + item.part.bytes() > spec.capacity {
                let entries = item.part.len();
                self.meter(self.tenant_of(&item))
                    .dropped(QUEUE_IS_FULL, entries, item.part.bytes(), None);
                self.troubles.rejected(
                    self.title(),
                    "is slow, its queue is full and block_on_overflow is false",
                    entries,
                );
                item.part.rejected(Fate::Rejected, QUEUE_IS_FULL);
                return;
            }
        }
        // Whoever waits for memory waits for what is collected to go.
        shard.push(item, || self.budget().waiting() > 0);
    }

    /// Changes the order of the workers.
    pub(crate) fn order(&self, order: Order) {
        self.orders.send_replace(order);
    }

    /// Sends what comes, first of all `inherited`, until it is ordered to stop. Returns what is left, by stream in order.
    /// `predecessor` is the cursor of the endpoint whose place it takes, `all` are the keys of all endpoints.
    pub(crate) async fn work(
        self: Arc<Self>,
        inherited: Vec<Item<P>>,
        predecessor: Option<String>,
        all: Vec<String>,
    ) -> Vec<Item<P>> {
        self.backlog.start(&self.spec().key, predecessor.as_deref(), all).await;
        let mut by_shard: BTreeMap<usize, Vec<Item<P>>> = BTreeMap::new();
        for mut item in inherited {
            item.part.hand_over(&self.edge);
            let number = self.shard_of(&item);
            by_shard.entry(number).or_default().push(item);
        }
        for (number, items) in by_shard {
            self.shards[number].push_front(items);
        }
        let mut workers = JoinSet::new();
        for number in 0..self.shards.len() {
            let worker = Worker::new(self.clone(), number, self.orders.subscribe());
            workers.spawn(worker.run().instrument(self.span().clone()));
        }
        if self.backlog.is_enabled() {
            let lane = self.backlog.clone().run(self.clone());
            workers.spawn(
                async move {
                    lane.await;
                    Vec::new()
                }
                .instrument(self.span().clone()),
            );
        }
        let mut left = Vec::new();
        while let Some(ended) = workers.join_next().await {
            match ended {
                Ok(items) => left.extend(items),
                // A worker that panicked has handed back what it held.
                Err(error) => tracing::error!(endpoint = self.title(), error = %error, "a worker ended"),
            }
        }
        left
    }

    /// Takes what waits in the shards; without workers nobody would.
    pub(crate) fn clear(&self) -> Vec<Item<P>> {
        self.shards.iter().flat_map(Shard::take).collect()
    }

    /// Gives up what is left for an endpoint that the configuration does not have any more.
    pub(crate) fn give_up(&self, items: Vec<Item<P>>) {
        if items.is_empty() {
            return;
        }
        let mut entries = 0;
        for item in items {
            let meter = self.meter(self.tenant_of(&item));
            meter.dropped(ENDPOINT_REMOVED, item.part.len(), item.part.bytes(), None);
            entries += item.part.len();
            item.part.rejected(Fate::Rejected, ENDPOINT_REMOVED);
        }
        self.troubles.rejected(
            self.title(),
            "is gone from the configuration and did not take them in time",
            entries,
        );
    }

    /// How long delivery goes on when it is to stop.
    pub(crate) fn drain_timeout(&self) -> Duration {
        self.spec().drain_timeout
    }
}
