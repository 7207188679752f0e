//! A shard: some of the streams of an endpoint, sent in their order by one worker.

use super::endpoint::Endpoint;
use super::metrics::{INGESTER_ERROR, RATE_LIMITED, TenantMetrics};
use super::push::{Outcome, Verdict};
use super::request::{Added, Encoding, Item, Request};
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use net::Backoff;
use signals::Fate;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tracing::Instrument;

/// A request that is not delivered this long after its first attempt began goes to the queue on disk.
pub(super) const SPILL_AFTER: Duration = Duration::from_secs(1);
/// Pause before a request that the queue did not take is offered to it again.
const STORE_AGAIN: Duration = Duration::from_millis(500);
/// Most streams of one request; a record of the queue names them all.
const MOST_STREAMS: usize = 50_000;
/// An endpoint that answers sooner is not asked several things at a time: it is this machine that is slow then.
const FAR: Duration = Duration::from_millis(100);
/// Most requests of one shard that are sent at a time.
const MOST_AT_ONCE: usize = 8;
/// How often someone looks whether a source waits for memory while entries are collected.
const LOOK_AT_BUDGET: Duration = Duration::from_millis(50);
/// Buffers are given back when nothing came for so long.
const IDLE: Duration = Duration::from_secs(5);
/// A server may ask for a pause of at most so long, or of `max_backoff_period` if that is longer.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);
/// How often a refused request may be split to find out which entries are at fault. Enough for dozens of bad ones among thousands.
const MOST_SPLITS: u32 = 512;
/// Least splits, after requests in which even the most did not suffice.
const LEAST_SPLITS: u32 = 8;
/// Requests do not become smaller than so many bytes because a server found one too large.
const LEAST_BATCH: u64 = 16 << 10;

/// What the worker is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// Collect and send.
    Work,
    /// Send what is there without collecting, then end.
    Drain,
    /// End after the attempt that is on its way; someone else takes what is left.
    Leave,
    /// End at once; what is on its way may have arrived or not.
    Abort,
}

/// Where parts wait for the worker, in order.
#[derive(Default)]
pub(super) struct Shard {
    inbox: Mutex<VecDeque<Item>>,
    wake: Notify,
    /// Bytes from the inbox to the answer.
    pending: AtomicU64,
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Item>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a part.
    pub(super) fn push(&self, item: Item) {
        self.pending.fetch_add(item.part.bytes(), Ordering::Relaxed);
        self.lock().push_back(item);
        self.wake.notify_one();
    }

    /// Puts parts in front, in their order.
    pub(super) fn push_front(&self, items: Vec<Item>) {
        let bytes: u64 = items.iter().map(|item| item.part.bytes()).sum();
        self.pending.fetch_add(bytes, Ordering::Relaxed);
        let mut inbox = self.lock();
        for item in items.into_iter().rev() {
            inbox.push_front(item);
        }
    }

    /// Takes everything that waits.
    pub(super) fn take(&self) -> VecDeque<Item> {
        std::mem::take(&mut *self.lock())
    }

    /// Bytes that are not settled yet.
    pub(super) fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }
}

/// Sends what comes to a shard.
pub(super) struct Worker {
    endpoint: Arc<Endpoint>,
    number: usize,
    /// Whether requests that take too long go to the queue on disk.
    spills: bool,
    orders: watch::Receiver<Order>,
    /// One for each tenant, being filled.
    open: Vec<Request>,
    /// Full, in order.
    ready: VecDeque<Request>,
    encoding: Encoding,
    backoff: Backoff,
    tenants: HashMap<Arc<str>, TenantMetrics>,
    max_bytes: u64,
    splits: u32,
    /// How many requests are sent at a time when more are ready.
    width: usize,
    /// An attempt failed.
    troubled: bool,
    /// The longest attempt of the last round.
    longest: Duration,
    /// Those who send at the same time.
    helpers: Vec<Worker>,
}

/// What became of a request.
enum Attempted {
    Settled,
    Refused {
        request: Request,
        outcome: Outcome,
        too_large: bool,
    },
    Leave(Request),
}

impl Worker {
    pub(super) fn new(endpoint: Arc<Endpoint>, number: usize, orders: watch::Receiver<Order>) -> Self {
        let args = &endpoint.spec().args;
        Worker {
            number,
            spills: endpoint.backlog().is_enabled(),
            orders,
            open: Vec::new(),
            ready: VecDeque::new(),
            encoding: Encoding::default(),
            backoff: Backoff::new(args.min_backoff_period.as_std(), args.max_backoff_period.as_std()),
            tenants: HashMap::new(),
            max_bytes: args.batch_size.0,
            splits: MOST_SPLITS,
            width: 1,
            troubled: false,
            longest: Duration::ZERO,
            helpers: Vec::new(),
            endpoint,
        }
    }

    /// A worker without a shard, that sends what is in the queue already.
    pub(super) fn sorter(endpoint: Arc<Endpoint>) -> Self {
        let orders = endpoint.orders();
        let number = endpoint.backlog_slot();
        Worker {
            spills: false,
            ..Worker::new(endpoint, number, orders)
        }
    }

    /// Sends a request in ever smaller pieces, until each entry is delivered or refused. Returns what is left if it is to stop.
    pub(super) async fn sort_out(&mut self, request: Request) -> Vec<Request> {
        self.deliver(request).await
    }

    /// The body of a request; `None` if it is too large for one.
    pub(super) fn body_of(&mut self, request: &Request) -> Option<Bytes> {
        self.encoding.encode(request).ok()
    }

    fn shard(&self) -> &Shard {
        self.endpoint.shard(self.number)
    }

    fn order(&self) -> Order {
        *self.orders.borrow()
    }

    /// Works until it is told to leave, or everything is sent after it was told to drain. Returns what is left, in order.
    pub(super) async fn run(mut self) -> Vec<Item> {
        loop {
            self.pull();
            let order = self.order();
            if order >= Order::Leave {
                return self.leave(Vec::new()).await;
            }
            self.cut(order == Order::Drain);
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

    /// More requests at a time as long as they come faster than an endpoint answers that is far away, fewer if they do not or the endpoint is in trouble.
    fn adapt(&mut self, behind: usize) {
        self.pull();
        let troubled = std::mem::take(&mut self.troubled);
        let far = std::mem::take(&mut self.longest) >= FAR;
        self.width = if troubled || (behind == 0 && self.ready.is_empty()) {
            (self.width / 2).max(1)
        } else if far && self.ready.len() > self.width {
            (self.width * 2).min(MOST_AT_ONCE)
        } else {
            self.width
        };
    }

    /// Sends several requests at a time: their entries are dealt out again by stream, so that no two carry the same one. What is left
    /// if the worker is to leave.
    async fn deliver_wide(&mut self, first: Request) -> Vec<Request> {
        let count = self.width;
        let behind = self.ready.len().min(count - 1);
        let max_streams = self.max_streams();
        let mut lanes: Vec<Vec<Request>> = (0..count).map(|_| Vec::new()).collect();
        for request in std::iter::once(first).chain(self.ready.drain(..behind)) {
            let tenant = request.tenant.clone();
            for mut item in request.into_items() {
                // The low bits have chosen the shard.
                let lane = &mut lanes[((item.stream.hash >> 32) % count as u64) as usize];
                loop {
                    match lane.last_mut() {
                        Some(last) if last.tenant == tenant => match last.add(item, self.max_bytes, max_streams) {
                            Added::All => break,
                            Added::Full(rest) => item = rest,
                        },
                        _ => {}
                    }
                    lane.push(Request::new(tenant.clone(), item.part.arrived));
                }
            }
        }
        while self.helpers.len() < count {
            let helper = Worker::new(self.endpoint.clone(), self.number, self.orders.clone());
            self.helpers.push(helper);
        }
        let flights = self.helpers.iter_mut().zip(lanes).map(|(helper, lane)| async move {
            let mut requests = lane.into_iter();
            let mut left = Vec::new();
            for request in requests.by_ref() {
                left = helper.deliver(request).await;
                if !left.is_empty() {
                    break;
                }
            }
            left.extend(requests);
            left
        });
        // Boxed, because a worker's future would hold itself.
        let flights: Vec<BoxFuture<'_, Vec<Request>>> = flights.map(FutureExt::boxed).collect();
        let left = futures_util::future::join_all(flights).await;
        for helper in &mut self.helpers {
            self.troubled |= std::mem::take(&mut helper.troubled);
            self.longest = self.longest.max(std::mem::take(&mut helper.longest));
            self.max_bytes = self.max_bytes.min(helper.max_bytes);
        }
        left.into_iter().flatten().collect()
    }

    fn max_streams(&self) -> usize {
        self.endpoint.spec().max_streams.unwrap_or(usize::MAX).min(MOST_STREAMS)
    }

    /// Waits until there may be something to do.
    async fn wait(&mut self) {
        let until = match self.open.iter().map(Request::oldest).min() {
            Some(oldest) => {
                let full_age = oldest + self.endpoint.spec().args.batch_wait.as_std();
                if self.endpoint.budget().limit() == u64::MAX {
                    full_age
                } else {
                    full_age.min(Instant::now() + LOOK_AT_BUDGET)
                }
            }
            None => Instant::now() + IDLE,
        };
        let endpoint = self.endpoint.clone();
        tokio::select! {
            () = endpoint.shard(self.number).wake.notified() => {}
            // The sender lives as long as the endpoint.
            _ = self.orders.changed() => {}
            () = tokio::time::sleep_until(until) => {
                if self.open.is_empty() {
                    self.encoding.shrink(0);
                    self.idle().await;
                }
            }
        }
    }

    /// Waits without a timer until something comes.
    async fn idle(&mut self) {
        let endpoint = self.endpoint.clone();
        tokio::select! {
            () = endpoint.shard(self.number).wake.notified() => {}
            _ = self.orders.changed() => {}
        }
    }

    /// Moves what came into requests.
    fn pull(&mut self) {
        let items = self.shard().take();
        let max_streams = self.max_streams();
        for mut item in items {
            let tenant = item
                .stream
                .tenant
                .as_ref()
                .unwrap_or_else(|| self.endpoint.tenant())
                .clone();
            let at = self
                .open
                .iter()
                .position(|request| request.tenant == tenant)
                .unwrap_or_else(|| {
                    self.open.push(Request::new(tenant, item.part.arrived));
                    self.open.len() - 1
                });
            while let Added::Full(rest) = self.open[at].add(item, self.max_bytes, max_streams) {
                let next = Request::new(self.open[at].tenant.clone(), rest.part.arrived);
                self.ready.push_back(std::mem::replace(&mut self.open[at], next));
                item = rest;
            }
            if self.open[at].bytes() >= self.max_bytes {
                self.ready.push_back(self.open.swap_remove(at));
            }
        }
    }

    /// Completes the requests that were collected long enough.
    fn cut(&mut self, drain: bool) {
        let wait = self.endpoint.spec().args.batch_wait.as_std();
        // Whoever waits for memory waits for these entries to go.
        let now = drain || (self.ready.is_empty() && self.endpoint.budget().waiting() > 0);
        let mut at = 0;
        while at < self.open.len() {
            if now || self.open[at].oldest().elapsed() >= wait {
                self.ready.push_back(self.open.swap_remove(at));
            } else {
                at += 1;
            }
        }
    }

    /// Everything that is not sent, in the order of its streams. If nobody comes after it, it goes to the queue.
    async fn leave(mut self, first: Vec<Request>) -> Vec<Item> {
        self.pull();
        let ready = std::mem::take(&mut self.ready);
        let open = std::mem::take(&mut self.open);
        let mut requests: VecDeque<Request> = first.into_iter().chain(ready).chain(open).collect();
        if self.spills && self.order() != Order::Leave {
            while let Some(request) = requests.pop_front() {
                if let Err((request, error)) = self.store(request).await {
                    tracing::error!(
                        endpoint = self.endpoint.name(),
                        error = %error,
                        "the queue on disk does not take entries; their sources keep them"
                    );
                    requests.push_front(request);
                    break;
                }
            }
        }
        let mut items: Vec<Item> = requests.into_iter().flat_map(Request::into_items).collect();
        items.extend(self.endpoint.shard(self.number).take());
        items
    }

    /// Sends to the queue what has to go behind something there: entries of streams that have a backlog, or everything while the
    /// endpoint is down. Gives back the rest; or, as an error, all of it if the worker is to stop.
    async fn sort(&mut self, request: Request) -> Result<Option<Request>, Request> {
        let mut request = Some(request);
        while self.spills
            && let Some(whole) = request.take()
        {
            let endpoint = self.endpoint.clone();
            let backlog = endpoint.backlog();
            let down = backlog.is_down();
            let (late, rest) = if down {
                (Some(whole), None)
            } else {
                whole.partition(|stream| backlog.holds(stream))
            };
            request = rest;
            let Some(late) = late else { break };
            let Err((late, error)) = self.store(late).await else {
                break;
            };
            self.endpoint
                .troubles()
                .store_failed(self.endpoint.name(), &error.to_string());
            // The order forbids to send it before the queue, and the queue does not take it: everything waits.
            let mut whole = late;
            if let Some(rest) = request.take() {
                whole.append(rest);
            }
            self.pause(STORE_AGAIN).await;
            if self.order() > Order::Work {
                return Err(whole);
            }
            if backlog.is_empty() {
                return Ok(Some(whole));
            }
            request = Some(whole);
        }
        Ok(request)
    }

    /// Stores a request, which counts as accepted then.
    async fn store(&mut self, mut request: Request) -> Result<(), (Request, wal::Error)> {
        let body = match self.encode(&mut request) {
            Ok(Some(body)) => body,
            Ok(None) => return Ok(()),
            Err(_) => return Err((request, wal::Error::Invalid("a request is too large"))),
        };
        match self.endpoint.backlog().store(&request, body, None).await {
            Ok(()) => {
                self.stored(request);
                Ok(())
            }
            Err((error, _)) => Err((request, error)),
        }
    }

    fn stored(&self, request: Request) {
        self.settle_pending(request.bytes());
        request.stored();
    }

    fn settle_pending(&self, bytes: u64) {
        if self.number < self.endpoint.backlog_slot() {
            self.shard().pending.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// Sends a request, or stores what must not be sent yet, until all of its entries have their fate; what is left if the worker is to leave.
    async fn deliver(&mut self, request: Request) -> Vec<Request> {
        let mut stack = vec![request];
        let mut splits = self.splits;
        let (mut refused, mut given_up) = (false, false);
        while let Some(request) = stack.pop() {
            // A part of it may have gone to the queue meanwhile.
            let request = match self.sort(request).await {
                Ok(Some(request)) => request,
                Ok(None) => continue,
                Err(request) => {
                    stack.push(request);
                    stack.reverse();
                    return stack;
                }
            };
            let (request, outcome, too_large) = match self.attempt(request).await {
                Attempted::Settled => continue,
                Attempted::Leave(request) => {
                    stack.push(request);
                    stack.reverse();
                    return stack;
                }
                Attempted::Refused {
                    request,
                    outcome,
                    too_large,
                } => (request, outcome, too_large),
            };
            refused = true;
            if too_large && request.entries() > 1 {
                self.send_less(&request);
            } else if request.entries() > 1 && splits > 0 {
                splits -= 1;
            } else {
                given_up |= request.entries() > 1;
                self.bury(request, &outcome).await;
                continue;
            }
            let (first, second) = request.split();
            stack.push(second);
            stack.push(first);
        }
        if given_up {
            // A server that refuses nearly everything is not asked a thousand times for each request.
            self.splits = (self.splits / 2).max(LEAST_SPLITS);
        } else if !refused {
            self.splits = (self.splits * 2).min(MOST_SPLITS);
        }
        Vec::new()
    }

    /// Makes later requests smaller after one was too large.
    fn send_less(&mut self, request: &Request) {
        let less = (request.bytes() / 2).max(LEAST_BATCH);
        if less < self.max_bytes {
            tracing::warn!(
                endpoint = self.endpoint.name(),
                bytes = request.bytes(),
                "the endpoint finds requests too large, smaller ones are sent; set batch_size to its limit"
            );
            self.max_bytes = less;
        }
    }

    /// Sends a request until it is delivered, refused or given up.
    async fn attempt(&mut self, mut request: Request) -> Attempted {
        let bound = self.endpoint.spec().args.max_backoff_retries;
        let bound = bound.and_then(|n| u64::try_from(n).ok()).filter(|&n| n > 0);
        let mut attempts = 0;
        let mut encoded = None;
        let first = Instant::now();
        self.backoff.reset();
        loop {
            let body = match encoded.take() {
                Some(body) if !request.has_unwanted() => body,
                _ => match self.encode(&mut request) {
                    Ok(Some(body)) => body,
                    Ok(None) => return Attempted::Settled,
                    Err(outcome) => {
                        return Attempted::Refused {
                            request,
                            outcome,
                            too_large: true,
                        };
                    }
                },
            };
            attempts += 1;
            if attempts > 1 {
                self.metrics(&request.tenant).batch_retries.inc();
            }
            let started = Instant::now();
            let outcome = match self.push(&request, &body, first).await {
                Pushed::Answer(outcome) => outcome,
                Pushed::Leave => return Attempted::Leave(request),
                Pushed::Stored => {
                    self.stored(request);
                    return Attempted::Settled;
                }
            };
            let status = outcome.status.map(|status| status.as_u16());
            let took = started.elapsed();
            self.longest = self.longest.max(took);
            self.metrics(&request.tenant).attempted(status, took.as_secs_f64());
            let (hold, wait) = match outcome.verdict {
                Verdict::Delivered => {
                    self.delivered(request, body.len() as u64);
                    return Attempted::Settled;
                }
                Verdict::Refused { too_large } => {
                    self.endpoint.troubles().over(self.endpoint.name(), self.number);
                    return Attempted::Refused {
                        request,
                        outcome,
                        too_large,
                    };
                }
                Verdict::Limited => {
                    self.reject(request, RATE_LIMITED, &outcome);
                    return Attempted::Settled;
                }
                Verdict::Later(_) if bound.is_some_and(|bound| attempts >= bound) => {
                    let reason = if status == Some(429) {
                        RATE_LIMITED
                    } else {
                        INGESTER_ERROR
                    };
                    let outcome = Outcome {
                        message: format!("{}; max_backoff_retries = {attempts} is reached", outcome.message),
                        ..outcome
                    };
                    self.reject(request, reason, &outcome);
                    return Attempted::Settled;
                }
                Verdict::Later(wait) => (false, wait),
                Verdict::Hold => (true, None),
            };
            self.troubled = true;
            let pause = pause_after(&mut self.backoff, &self.endpoint, wait);
            let now = self.endpoint.host().clock.now();
            self.endpoint
                .troubles()
                .failed(self.endpoint.name(), self.number, &outcome.message, hold, pause, now);
            if self.spills && first.elapsed() + pause >= SPILL_AFTER {
                match self.endpoint.backlog().store(&request, body.clone(), None).await {
                    Ok(()) => {
                        self.endpoint.backlog().set_down(true);
                        // From here on it is the lane of the queue that tries.
                        self.endpoint
                            .troubles()
                            .moved(self.number, self.endpoint.backlog_slot());
                        self.stored(request);
                        return Attempted::Settled;
                    }
                    Err((error, _)) => self
                        .endpoint
                        .troubles()
                        .store_failed(self.endpoint.name(), &error.to_string()),
                }
            }
            self.pause(pause).await;
            if self.order() >= Order::Leave {
                return Attempted::Leave(request);
            }
            encoded = Some(body);
        }
    }

    /// The body of a request without the entries that nobody waits for any more; `None` if there are no others.
    fn encode(&mut self, request: &mut Request) -> Result<Option<Bytes>, Outcome> {
        let before = request.bytes();
        request.forget_unwanted();
        self.settle_pending(before - request.bytes());
        if request.entries() == 0 {
            return Ok(None);
        }
        let encoded = self.encoding.encode(request);
        let keep = usize::try_from(self.max_bytes).unwrap_or(usize::MAX).saturating_mul(4);
        self.encoding.shrink(keep.max(1));
        match encoded {
            Ok(body) => {
                self.metrics(&request.tenant).request_size.observe(body.len() as f64);
                Ok(Some(body))
            }
            Err(error) => Err(Outcome {
                status: None,
                message: format!("cannot be sent the request: {error}"),
                verdict: Verdict::Refused { too_large: true },
            }),
        }
    }

    /// Sleeps; shorter if the order changes meanwhile.
    async fn pause(&mut self, pause: Duration) {
        let before = self.order();
        tokio::select! {
            _ = self.orders.wait_for(|order| *order > before) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    fn metrics(&mut self, tenant: &Arc<str>) -> &TenantMetrics {
        if !self.tenants.contains_key(tenant) {
            let metrics = self.endpoint.metrics(tenant);
            self.tenants.insert(tenant.clone(), metrics);
        }
        &self.tenants[tenant]
    }

    fn delivered(&mut self, request: Request, size: u64) {
        self.settle_pending(request.bytes());
        let metrics = self.metrics(&request.tenant);
        metrics.sent_bytes.add(size);
        metrics.sent_entries.add(request.entries() as u64);
        request.delivered(|arrived| metrics.latency.observe(arrived.elapsed().as_secs_f64()));
        self.endpoint.troubles().over(self.endpoint.name(), self.number);
    }

    /// The endpoint refuses the entries of a request for what they are: they go to the dead-letter log.
    async fn bury(&mut self, request: Request, outcome: &Outcome) {
        let fate = match self.endpoint.bury(&request, outcome).await {
            Ok(true) => Fate::DeadLettered,
            Ok(false) => Fate::Rejected,
            Err(error) => {
                tracing::error!(
                    endpoint = self.endpoint.name(),
                    error = %error,
                    "refused entries cannot be kept in the dead-letter log"
                );
                Fate::Rejected
            }
        };
        self.end(request, fate, INGESTER_ERROR, outcome);
    }

    fn reject(&mut self, request: Request, reason: &'static str, outcome: &Outcome) {
        self.end(request, Fate::Rejected, reason, outcome);
    }

    fn end(&mut self, request: Request, fate: Fate, reason: &'static str, outcome: &Outcome) {
        self.settle_pending(request.bytes());
        let entries = request.entries() as u64;
        let metrics = self.metrics(&request.tenant);
        metrics.dropped(reason, entries, request.bytes());
        self.endpoint
            .troubles()
            .rejected(self.endpoint.name(), &outcome.message, entries);
        self.endpoint.note(&request, fate, reason, outcome);
        request.rejected(fate, reason);
    }

    /// One attempt. If it takes too long, or a source waits for memory, the request is stored while it goes on.
    async fn push(&mut self, request: &Request, body: &Bytes, first: Instant) -> Pushed {
        let (endpoint, tenant) = (self.endpoint.clone(), request.tenant.clone());
        let sent = body.clone();
        let mut attempt = async move { endpoint.push(&tenant, sent).await }.boxed();
        let mut store_at = first + SPILL_AFTER;
        loop {
            let due = store_at.min(Instant::now() + LOOK_AT_BUDGET);
            tokio::select! {
                outcome = &mut attempt => return Pushed::Answer(outcome),
                _ = self.orders.wait_for(|order| *order == Order::Abort) => return Pushed::Leave,
                () = tokio::time::sleep_until(due), if self.spills => {}
            }
            let now = Instant::now();
            if now < store_at && self.endpoint.budget().waiting() == 0 {
                continue;
            }
            let racing = tokio::spawn(attempt.instrument(self.endpoint.span().clone()));
            match self.endpoint.backlog().store(request, body.clone(), Some(racing)).await {
                Ok(()) => return Pushed::Stored,
                Err((error, racing)) => {
                    self.endpoint
                        .troubles()
                        .store_failed(self.endpoint.name(), &error.to_string());
                    let lost = || Outcome {
                        status: None,
                        message: "was not asked to the end".to_owned(),
                        verdict: Verdict::Later(None),
                    };
                    let Some(racing) = racing else {
                        return Pushed::Answer(lost());
                    };
                    attempt = async move { racing.await.unwrap_or_else(|_| lost()) }.boxed();
                    store_at = Instant::now() + SPILL_AFTER;
                }
            }
        }
    }
}

/// How an attempt went.
enum Pushed {
    Answer(Outcome),
    /// The worker is to stop at once.
    Leave,
    /// The request is in the queue; the attempt goes on.
    Stored,
}

/// How long to wait before the next attempt, which the server may have asked for.
pub(super) fn pause_after(backoff: &mut Backoff, endpoint: &Endpoint, asked: Option<Duration>) -> Duration {
    let random = &*endpoint.host().random;
    let pause = backoff.next(random);
    match asked {
        Some(asked) if !asked.is_zero() => {
            let longest = LONGEST_RETRY_AFTER.max(endpoint.spec().args.max_backoff_period.as_std());
            // Not all at once when the time is over.
            asked.min(longest).mul_f64(1.0 + 0.1 * random.unit())
        }
        _ => pause,
    }
}
