//! Sends what comes to a shard: this page collects, the ones below it send.

mod attempt;
mod deliver;
mod late;
mod wide;

pub(crate) use attempt::{pause_after, too_late};

use crate::endpoint::Endpoint;
use crate::protocol::{Protocol, StreamKey};
use crate::request::{Added, Item, Limits, Request};
use crate::shard::{Order, Patience, Shard};
use bytes::Bytes;
use net::{Backoff, Body};
use signals::Amount;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Most streams of one request; a record of the queue names them all.
const MOST_STREAMS: usize = 50_000;
/// How often someone looks whether a source waits for memory while a request is on its way.
const LOOK_AT_BUDGET: Duration = Duration::from_millis(50);
/// How often someone looks whether entries that are collected are waited for; the budget says so as well when it happens.
const LOOK_AT_OPEN: Duration = Duration::from_millis(500);
/// Buffers are given back when nothing came for so long.
const IDLE: Duration = Duration::from_secs(5);

/// Sends what comes to a shard.
pub(crate) struct Worker<P: Protocol> {
    endpoint: Arc<Endpoint<P>>,
    number: usize,
    /// Whether requests that take too long go to the queue on disk.
    spills: bool,
    orders: watch::Receiver<Order>,
    /// One for each tenant, being filled.
    open: Vec<Request<P>>,
    /// Full, in order.
    ready: VecDeque<Request<P>>,
    encoding: P::Encoding,
    backoff: Backoff,
    /// By the label of the tenant.
    meters: HashMap<Arc<str>, P::Meter>,
    limits: Limits,
    splits: u32,
    /// How many requests are sent at a time when more are ready.
    width: usize,
    /// An attempt failed.
    troubled: bool,
    /// The longest attempt of the last round.
    longest: Duration,
    /// Those who send at the same time.
    helpers: Vec<Worker<P>>,
}

impl<P: Protocol> Worker<P> {
    pub(crate) fn new(endpoint: Arc<Endpoint<P>>, number: usize, orders: watch::Receiver<Order>) -> Self {
        let spec = endpoint.spec();
        Worker {
            number,
            spills: endpoint.backlog().is_enabled(),
            orders,
            open: Vec::new(),
            ready: VecDeque::new(),
            encoding: P::Encoding::default(),
            backoff: Backoff::new(spec.min_backoff, spec.max_backoff),
            meters: HashMap::new(),
            limits: Limits {
                bytes: spec.batch_bytes,
                entries: spec.batch_entries.max(1),
                streams: spec.max_streams.unwrap_or(usize::MAX).min(MOST_STREAMS),
                enough: spec.enough,
            },
            splits: deliver::MOST_SPLITS,
            width: 1,
            troubled: false,
            longest: Duration::ZERO,
            helpers: Vec::new(),
            endpoint,
        }
    }

    /// A worker without a shard, that sends what is in the queue already.
    pub(crate) fn sorter(endpoint: Arc<Endpoint<P>>) -> Self {
        let orders = endpoint.orders();
        let number = endpoint.backlog_slot();
        Worker {
            spills: false,
            ..Worker::new(endpoint, number, orders)
        }
    }

    /// Sends a request in ever smaller pieces, until each entry is delivered or refused. Returns what is left if it is to stop.
    pub(crate) async fn sort_out(&mut self, request: Request<P>) -> Vec<Request<P>> {
        self.deliver(request).await
    }

    /// The body of a request; `None` if it is too large for one.
    pub(crate) fn body_of(&mut self, request: &Request<P>) -> Option<Bytes> {
        let body = P::encode(self.endpoint.target(), &mut self.encoding, request);
        body.map(Body::into_bytes).ok()
    }

    fn shard(&self) -> &Shard<P> {
        self.endpoint.shard(self.number)
    }

    fn order(&self) -> Order {
        *self.orders.borrow()
    }

    /// Works until it is told to leave, or everything is sent after it was told to drain. Returns what is left, in order.
    pub(crate) async fn run(mut self) -> Vec<Item<P>> {
        loop {
            self.pull();
            let order = self.order();
            if order >= Order::Leave {
                return self.leave(Vec::new()).await;
            }
            self.cut(order == Order::Drain);
            self.store_awaited().await;
            if let Some(request) = self.ready.pop_front() {
                let behind = self.ready.len();
                let left = if self.width > 1 && behind > 0 {
                    self.deliver_wide(request).await
                } else {
                    self.deliver(request).await
                };
                self.adapt(behind);
                if !left.is_empty() {
                    return self.leave(left).await;
                }
            } else if order == Order::Drain {
                return self.leave(Vec::new()).await;
            } else {
                self.wait().await;
            }
        }
    }

    /// Waits until there may be something to do. While requests are being filled, that is not each time that something comes.
    async fn wait(&mut self) {
        let endpoint = self.endpoint.clone();
        let budget = endpoint.budget();
        let pressed = budget.pressed();
        tokio::pin!(pressed);
        // What happens from here on is not missed; what happened before is looked at now.
        pressed.as_mut().enable();
        self.open.iter_mut().for_each(Request::look);
        let wait = endpoint.spec().batch_wait;
        let until = match self.open.iter().map(|request| request.due(wait)).min() {
            Some(_) if budget.waiting() > 0 => return,
            Some(full_age) if budget.limit() == u64::MAX => full_age,
            Some(full_age) => full_age.min(Instant::now() + LOOK_AT_OPEN),
            None => Instant::now() + IDLE,
        };
        if let Some(patience) = self.patience()
            && !endpoint.shard(self.number).be_patient(patience)
        {
            return;
        }
        tokio::select! {
            () = endpoint.shard(self.number).woken() => {}
            // The sender lives as long as the endpoint.
            _ = self.orders.changed() => {}
            () = pressed, if !self.open.is_empty() => {}
            () = tokio::time::sleep_until(until) => {
                if self.open.is_empty() {
                    P::shrink_encoding(&mut self.encoding, 0);
                    self.idle().await;
                }
            }
        }
    }

    /// What may come before one of the requests that are being filled has to be sent; `None` if there are none.
    fn patience(&self) -> Option<Patience> {
        let each = self.open.iter().map(|request| request.patience(self.limits));
        each.reduce(|one, other| Patience {
            amount: Amount {
                items: one.amount.items.min(other.amount.items),
                bytes: one.amount.bytes.min(other.amount.bytes),
            },
            parts: one.parts.min(other.parts),
        })
    }

    /// Waits without a timer until something comes.
    async fn idle(&mut self) {
        let endpoint = self.endpoint.clone();
        tokio::select! {
            () = endpoint.shard(self.number).woken() => {}
            _ = self.orders.changed() => {}
        }
    }

    /// Moves what came into requests.
    fn pull(&mut self) {
        let items = self.shard().take();
        for mut item in items {
            let tenant = item.stream.tenant().unwrap_or_else(|| self.endpoint.tenant()).clone();
            let at = self
                .open
                .iter()
                .position(|request| request.tenant == tenant)
                .unwrap_or_else(|| {
                    self.open.push(Request::new(tenant, item.part.arrived));
                    self.open.len() - 1
                });
            while let Added::Full(rest) = self.open[at].add(item, self.limits) {
                let next = Request::new(self.open[at].tenant.clone(), rest.part.arrived);
                self.ready.push_back(std::mem::replace(&mut self.open[at], next));
                item = rest;
            }
            if self.open[at].is_full(self.limits) {
                self.ready.push_back(self.open.swap_remove(at));
            }
        }
    }

    /// Completes the requests that were collected long enough.
    fn cut(&mut self, drain: bool) {
        let wait = self.endpoint.spec().batch_wait;
        // Whoever waits for memory waits for these entries to go.
        let now = drain || (self.ready.is_empty() && self.endpoint.budget().waiting() > 0);
        let mut at = 0;
        while at < self.open.len() {
            if now || self.open[at].due(wait) <= Instant::now() {
                self.ready.push_back(self.open.swap_remove(at));
            } else {
                at += 1;
            }
        }
    }

    /// Everything that is not sent, in the order of its streams. If nobody comes after it, it goes to the queue.
    async fn leave(mut self, first: Vec<Request<P>>) -> Vec<Item<P>> {
        self.pull();
        let ready = std::mem::take(&mut self.ready);
        let open = std::mem::take(&mut self.open);
        let mut requests: VecDeque<Request<P>> = first.into_iter().chain(ready).chain(open).collect();
        if self.spills && self.order() != Order::Leave {
            while let Some(request) = requests.pop_front() {
                if let Err((request, error)) = self.store(request).await {
                    tracing::error!(
                        endpoint = self.endpoint.title(),
                        error = %error,
                        "the queue on disk does not take entries; their sources keep them"
                    );
                    requests.push_front(request);
                    break;
                }
            }
        }
        let mut items: Vec<Item<P>> = requests.into_iter().flat_map(Request::into_items).collect();
        items.extend(self.endpoint.shard(self.number).take());
        items
    }
}
