//! One destination.

use super::args::EndpointArgs;
use super::backlog::Backlog;
use super::dead::{self, DeadLetters};
use super::metrics::{ENDPOINT_REMOVED, Metrics, QUEUE_IS_FULL, TenantMetrics};
use super::push::{self, Outcome, Pusher};
use super::queue::Queue;
use super::request::{Item, Request};
use super::shard::{Order, Shard, Worker};
use super::trouble::Troubles;
use super::upkeep::Gauges;
use bytes::Bytes;
use component::Result;
use host::Host;
use signals::{Budget, Due, Edge, Fate, Labels, Ledger};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::Instrument;

/// What endpoints share.
pub(super) struct Environment {
    pub(super) host: Host,
    pub(super) budget: Budget,
    pub(super) metrics: Arc<Metrics>,
    pub(super) span: tracing::Span,
    /// Id of the component.
    pub(super) id: Arc<str>,
    pub(super) ledger: Ledger,
    pub(super) queue: Arc<Queue>,
    pub(super) dead: Arc<DeadLetters>,
    pub(super) gauges: Gauges,
    /// What answers in place of a server.
    #[cfg(test)]
    pub(super) script: Option<super::simulation::Script>,
    /// When an example of a refused entry is wanted.
    pub(super) due: Due,
}

/// The configuration of an endpoint.
#[derive(Clone, PartialEq)]
pub(super) struct Spec {
    pub(super) args: EndpointArgs,
    /// Most streams of a request.
    pub(super) max_streams: Option<usize>,
    /// What the endpoint is called in the queue, in the ledger and to people who look at them: unlike any other of the component.
    pub(super) key: String,
}

/// A destination with its shards. Its configuration never changes: another one makes another endpoint, which takes over what
/// is left.
pub(super) struct Endpoint {
    spec: Spec,
    name: String,
    host: String,
    tenant: Arc<str>,
    pusher: Pusher,
    shards: Vec<Shard>,
    orders: watch::Sender<Order>,
    troubles: Troubles,
    edge: Arc<Edge>,
    backlog: Arc<Backlog>,
    environment: Arc<Environment>,
}

impl Endpoint {
    /// An endpoint. Nothing is sent yet.
    pub(super) fn new(spec: Spec, environment: Arc<Environment>) -> Result<Arc<Self>> {
        let pusher = Pusher::new(&spec.args, &environment.host)?;
        let count = usize::try_from(spec.args.queue_config.min_shards).unwrap_or(1).max(1);
        let edge = environment
            .ledger
            .edge(&environment.id, &format!("{}#{}", environment.id, spec.key));
        Ok(Arc::new(Endpoint {
            backlog: Backlog::new(environment.queue.clone(), edge.clone()),
            edge,
            name: push::name(&spec.args),
            host: pusher.host(),
            tenant: Arc::from(spec.args.tenant_id.as_str()),
            shards: (0..count).map(|_| Shard::default()).collect(),
            orders: watch::Sender::new(Order::Work),
            // One more for the lane of the queue.
            troubles: Troubles::new(count + 1),
            pusher,
            spec,
            environment,
        }))
    }

    pub(super) fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Name in messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Tenant of entries that name none.
    pub(super) fn tenant(&self) -> &Arc<str> {
        &self.tenant
    }

    pub(super) fn host(&self) -> &Host {
        &self.environment.host
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.environment.budget
    }

    pub(super) fn span(&self) -> &tracing::Span {
        &self.environment.span
    }

    pub(super) fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    /// The way to it in the ledger.
    pub(super) fn edge(&self) -> &Arc<Edge> {
        &self.edge
    }

    /// What it has in the queue on disk.
    pub(super) fn backlog(&self) -> &Arc<Backlog> {
        &self.backlog
    }

    /// Number of the queue's lane among those who have troubles: the shards come before it.
    pub(super) fn backlog_slot(&self) -> usize {
        self.shards.len()
    }

    /// What the workers are told.
    pub(super) fn orders(&self) -> watch::Receiver<Order> {
        self.orders.subscribe()
    }

    /// Keeps the entries of a request in the dead-letter log; false if there is none.
    pub(super) async fn bury(&self, request: &Request, outcome: &Outcome) -> Result<bool, wal::Error> {
        let dead = self.environment.dead.clone();
        if !dead.is_enabled() {
            return Ok(false);
        }
        let now = self.host().clock.now();
        let letters = dead::letters(request, &self.spec.key, outcome, now);
        match tokio::task::spawn_blocking(move || dead.keep(&letters)).await {
            Ok(kept) => kept.map(|()| true),
            Err(_) => Err(wal::Error::Closed),
        }
    }

    /// Keeps an example of entries that the endpoint will never have, if one is wanted.
    pub(super) fn note(&self, request: &Request, fate: Fate, reason: &str, outcome: &Outcome) {
        let now = self.host().clock.now();
        let environment = &self.environment;
        if !environment.due.take(now) {
            return;
        }
        let mut first = true;
        request.each_entry(|stream, entry| {
            if !std::mem::take(&mut first) {
                return;
            }
            let labels = lokipush::labels::parse(stream.as_bytes()).unwrap_or_default();
            environment.ledger.examples().note(
                now,
                &environment.id,
                fate,
                &Arc::from(reason),
                &Arc::from(""),
                &Labels::from_pairs(labels),
                &entry.line,
                &format!("endpoint {:?} {}", self.name, outcome.message),
            );
        });
    }

    pub(super) fn shard(&self, number: usize) -> &Shard {
        &self.shards[number]
    }

    pub(super) fn metrics(&self, tenant: &str) -> TenantMetrics {
        self.environment.metrics.tenant(&self.host, tenant)
    }

    fn shard_of(&self, item: &Item) -> &Shard {
        &self.shards[(item.stream.hash % self.shards.len() as u64) as usize]
    }

    /// One attempt to push.
    pub(super) async fn push(&self, tenant: &str, body: Bytes) -> Outcome {
        #[cfg(test)]
        if let Some(script) = &self.environment.script {
            return script(&self.spec.key, body).await;
        }
        self.pusher.push(tenant, body, &*self.environment.host.clock).await
    }

    /// Takes a part, behind all that it has of the same stream.
    pub(super) fn take(&self, item: Item) {
        let shard = self.shard_of(&item);
        let queue = &self.spec.args.queue_config;
        if !queue.block_on_overflow {
            let held = shard.pending();
            // An empty shard takes anything, or a large part would never pass.
            if held > 0 && held + item.part.bytes() > queue.capacity.0 {
                let (entries, bytes) = (item.part.len() as u64, item.part.bytes());
                self.metrics(item.stream.tenant.as_ref().unwrap_or(&self.tenant))
                    .dropped(QUEUE_IS_FULL, entries, bytes);
                self.troubles.rejected(
                    &self.name,
                    "is slow, its queue is full and block_on_overflow is false",
                    entries,
                );
                item.part.rejected(Fate::Rejected, QUEUE_IS_FULL);
                return;
            }
        }
        shard.push(item);
    }

    /// Changes the order of the workers.
    pub(super) fn order(&self, order: Order) {
        self.orders.send_replace(order);
    }

    /// Sends what comes, first of all `inherited`, until it is ordered to stop. Returns what is left, by stream in order.
    /// `predecessor` is the cursor of the endpoint whose place it takes, `all` are the keys of all endpoints.
    pub(super) async fn work(
        self: Arc<Self>,
        inherited: Vec<Item>,
        predecessor: Option<String>,
        all: Vec<String>,
    ) -> Vec<Item> {
        self.backlog.start(&self.spec.key, predecessor.as_deref(), all).await;
        let mut by_shard: BTreeMap<usize, Vec<Item>> = BTreeMap::new();
        for mut item in inherited {
            item.part.hand_over(&self.edge);
            let number = (item.stream.hash % self.shards.len() as u64) as usize;
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
                Err(error) => tracing::error!(endpoint = self.name(), error = %error, "a worker ended"),
            }
        }
        left
    }

    /// Takes what waits in the shards; without workers nobody would.
    pub(super) fn clear(&self) -> Vec<Item> {
        self.shards.iter().flat_map(Shard::take).collect()
    }

    /// Gives up what is left for an endpoint that the configuration does not have any more.
    pub(super) fn give_up(&self, items: Vec<Item>) {
        if items.is_empty() {
            return;
        }
        let mut entries = 0;
        for item in items {
            let metrics = self.metrics(item.stream.tenant.as_ref().unwrap_or(&self.tenant));
            metrics.dropped(ENDPOINT_REMOVED, item.part.len() as u64, item.part.bytes());
            entries += item.part.len() as u64;
            item.part.rejected(Fate::Rejected, ENDPOINT_REMOVED);
        }
        self.troubles.rejected(
            &self.name,
            "is gone from the configuration and did not take them in time",
            entries,
        );
    }

    /// How long delivery goes on when it is to stop.
    pub(super) fn drain_timeout(&self) -> Duration {
        self.spec.args.queue_config.drain_timeout.as_std()
    }
}
