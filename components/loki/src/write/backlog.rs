//! What one endpoint has in the queue on disk, and the lane that sends it.
//!
//! A request that is not delivered within [`SPILL_AFTER`](super::shard::SPILL_AFTER) is appended to the queue and accepted from there. From then on what comes of
//! the same streams goes behind it into the queue, so that the order within a stream is kept; other streams go straight to the
//! endpoint as before. The lane sends the records of the queue, several at a time as long as the endpoint keeps up, never two of one
//! stream at once.

use super::endpoint::Endpoint;
use super::metrics::RATE_LIMITED;
use super::push::{Outcome, Verdict};
use super::queue::{Parts, Queue, Stored, open_payload};
use super::request::Request;
use super::shard::{Order, Worker, pause_after};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use hashbrown::{HashMap, HashSet};
use net::Backoff;
use signals::{Amount, Edge, Fate};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use wal::{Reader, Record};

/// Most requests from the queue that are sent at a time.
const MOST: usize = 8;
/// Pause after the queue could not be read.
const TROUBLE: Duration = Duration::from_secs(2);
/// Reason under which entries are counted whose record cannot be read as a request.
const UNREADABLE: &str = "unreadable";

/// The backlog of an endpoint.
pub(super) struct Backlog {
    queue: Arc<Queue>,
    edge: Arc<Edge>,
    cursor: OnceLock<String>,
    state: Mutex<State>,
    wake: Notify,
    /// Held while a request is stored whose attempt still runs, until that is noted.
    gate: tokio::sync::Mutex<()>,
    /// The endpoint did not take what was sent last.
    down: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Streams that have records in the queue, and how many.
    streams: HashMap<u64, u32>,
    /// Attempts that were on their way when their request was stored, by the record's number.
    racing: HashMap<u64, JoinHandle<Outcome>>,
    /// Requests that are being stored.
    storing: usize,
    /// Requests that were stored.
    stored: u64,
}

impl Backlog {
    pub(super) fn new(queue: Arc<Queue>, edge: Arc<Edge>) -> Arc<Backlog> {
        Arc::new(Backlog {
            queue,
            edge,
            cursor: OnceLock::new(),
            state: Mutex::default(),
            wake: Notify::new(),
            gate: tokio::sync::Mutex::new(()),
            down: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether requests can be stored.
    pub(super) fn is_enabled(&self) -> bool {
        self.queue.is_enabled()
    }

    /// The cursor, once [`start`](Backlog::start) was called.
    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.get().map(String::as_str)
    }

    /// Whether a stream has something in the queue.
    pub(super) fn holds(&self, stream: u64) -> bool {
        self.lock().streams.contains_key(&stream)
    }

    /// Whether nothing is in the queue.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().streams.is_empty()
    }

    /// Whether the endpoint did not take what was sent last, so that nothing else need be tried.
    pub(super) fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    /// The endpoint did not take a request, or takes them again.
    pub(super) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    /// Learns what is in the queue. Called once, before anything is stored.
    pub(super) async fn start(self: &Arc<Self>, own: &str, predecessor: Option<&str>, all: Vec<String>) {
        if !self.is_enabled() {
            return;
        }
        if !self.queue.exists() {
            // Nothing is read, so no thread is needed for it.
            let _ = self.cursor.set(self.queue.claim(own, predecessor, &all));
            return;
        }
        let backlog = self.clone();
        let (own, predecessor) = (own.to_owned(), predecessor.map(str::to_owned));
        blocking(move || {
            let cursor = backlog.queue.claim(&own, predecessor.as_deref(), &all);
            let _ = backlog.cursor.set(cursor.clone());
            if !backlog.queue.exists() {
                return;
            }
            let reader = match backlog.queue.reader(&cursor) {
                Ok(reader) => reader,
                Err(error) => {
                    tracing::error!(endpoint = own, error = %error, "the queue on disk cannot be read; what it holds waits there");
                    return;
                }
            };
            let mut amount = Amount::default();
            let mut streams: HashMap<u64, u32> = HashMap::new();
            let walked = reader.backlog(0, |entry| {
                amount += Amount {
                    items: u64::from(entry.items),
                    bytes: entry.bytes,
                };
                for key in &entry.keys {
                    *streams.entry(*key).or_default() += 1;
                }
                true
            });
            if let Err(error) = walked {
                tracing::error!(endpoint = own, error = %error, "a part of the queue on disk cannot be read");
            }
            if backlog.queue.account(&cursor) {
                backlog.edge.enter(amount);
            }
            if amount.items > 0 {
                tracing::info!(endpoint = own, entries = amount.items, "entries that wait in the queue on disk are sent");
            }
            backlog.lock().streams = streams;
        })
        .await;
        self.wake.notify_one();
    }

    /// Stores a request whose body is at hand; `racing` is an attempt to send it that still runs.
    pub(super) async fn store(
        &self,
        request: &Request,
        body: Bytes,
        racing: Option<JoinHandle<Outcome>>,
    ) -> Result<(), (wal::Error, Option<JoinHandle<Outcome>>)> {
        let Some(cursor) = self.cursor.get().cloned() else {
            return Err((wal::Error::Closed, racing));
        };
        let gate = match racing {
            Some(_) => Some(self.gate.lock().await),
            None => None,
        };
        let keys: Vec<u64> = request.streams().collect::<HashSet<u64>>().into_iter().collect();
        let storing = self.storing(&keys);
        let (queue, tenant) = (self.queue.clone(), request.tenant.clone());
        let (entries, bytes) = (request.entries(), request.bytes());
        let kept = keys.clone();
        let stored = blocking(move || {
            queue.account(&cursor);
            queue.append(
                &cursor,
                &Stored {
                    keys: &keys,
                    entries,
                    bytes,
                    tenant: &tenant,
                    body: &body,
                },
            )
        })
        .await;
        let result = match stored {
            Ok(number) => {
                if let Some(racing) = racing {
                    self.lock().racing.insert(number, racing);
                }
                Ok(())
            }
            Err(error) => {
                self.forget(&kept);
                Err((error, racing))
            }
        };
        if result.is_ok() {
            self.lock().stored += 1;
        }
        drop(storing);
        drop(gate);
        self.wake.notify_one();
        result
    }

    fn storing(&self, keys: &[u64]) -> Storing<'_> {
        let mut state = self.lock();
        state.storing += 1;
        for key in keys {
            *state.streams.entry(*key).or_default() += 1;
        }
        Storing(self)
    }

    /// The last record whose attempt is on its way.
    fn last_racing(&self) -> Option<u64> {
        self.lock().racing.keys().max().copied()
    }

    fn stored(&self) -> u64 {
        self.lock().stored
    }

    /// Nothing is left to read, and nothing was stored since `stored` was asked for: what the streams still count went without being
    /// read, because it was too old or damaged.
    fn drained(&self, stored: u64) {
        let mut state = self.lock();
        if state.storing == 0 && state.stored == stored {
            state.streams.clear();
            drop(state);
            self.set_down(false);
        }
    }

    fn forget(&self, keys: &[u64]) {
        let mut state = self.lock();
        for key in keys {
            if let Some(count) = state.streams.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    state.streams.remove(key);
                }
            }
        }
    }

    /// Counts what left the queue without being sent: too old, trimmed, damaged. `before` is what was counted so far.
    pub(super) fn count_losses(&self, before: &mut wal::Fates, now: &wal::Fates) {
        let pairs = [
            ("age", before.expired_age, now.expired_age),
            ("size", before.expired_size, now.expired_size),
            ("queue_full", before.trimmed, now.trimmed),
            ("damaged", before.damaged, now.damaged),
        ];
        for (reason, before, now) in pairs {
            let lost = Amount {
                items: now.items.saturating_sub(before.items),
                bytes: now.bytes.saturating_sub(before.bytes),
            };
            self.edge.settle(Fate::Expired, reason, lost);
        }
        *before = *now;
    }

    /// Sends what is in the queue until it is ordered to stop. What is not sent stays there.
    pub(super) async fn run(self: Arc<Self>, endpoint: Arc<Endpoint>) {
        let mut orders = endpoint.orders();
        while self.is_empty() {
            tokio::select! {
                () = self.wake.notified() => {}
                _ = orders.wait_for(|order| *order >= Order::Drain) => return,
            }
        }
        let (queue, cursor) = (self.queue.clone(), self.cursor.get().cloned().unwrap_or_default());
        let reader = loop {
            let (queue, cursor) = (queue.clone(), cursor.clone());
            match blocking(move || queue.reader(&cursor).map(|reader| (reader, queue.take_parts(&cursor)))).await {
                Ok(reader) => break reader,
                Err(error) => {
                    tracing::error!(endpoint = endpoint.name(), error = %error, "the queue on disk cannot be read")
                }
            }
            tokio::select! {
                () = tokio::time::sleep(TROUBLE) => {}
                _ = orders.wait_for(|order| *order >= Order::Drain) => return,
            }
        };
        Lane::new(self, endpoint, cursor, reader, orders).run().await;
    }
}

/// While a request is being stored.
struct Storing<'a>(&'a Backlog);

impl Drop for Storing<'_> {
    fn drop(&mut self) {
        self.0.lock().storing -= 1;
    }
}

/// Runs what blocks on a thread for that. Fails only if it panics, and then so does this.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going away; nobody is left to be told.
            Err(_) => std::future::pending().await,
        },
    }
}

/// A record that was read and is not settled.
struct Slot {
    record: Record,
    tenant: Arc<str>,
    body: Bytes,
    flying: bool,
    attempts: u64,
    /// Some of its entries were settled one by one before it was interrupted: bodies of the others.
    rest: Option<Vec<Bytes>>,
}

/// What became of an attempt.
enum Landed {
    Answer(Outcome),
    /// All of its entries have their fate, one by one.
    Sorted,
    /// Some of them have; these bodies are left.
    Broken(Vec<Bytes>),
}

struct Lane {
    backlog: Arc<Backlog>,
    endpoint: Arc<Endpoint>,
    reader: Reader,
    orders: watch::Receiver<Order>,
    window: VecDeque<Slot>,
    flights: FuturesUnordered<BoxFuture<'static, (u64, Landed, Instant)>>,
    /// How many requests may be on their way: one more after as many successes, half after a failure.
    width: f64,
    backoff: Backoff,
    paused_until: Option<Instant>,
    /// The reader may have more.
    more: bool,
    cursor: String,
    /// Records whose entries are settled one by one.
    sorting: HashSet<u64>,
    /// What an earlier lane has left of such records.
    parts: Parts,
    /// It was before the start of the program.
    earlier: bool,
}

impl Lane {
    fn new(
        backlog: Arc<Backlog>,
        endpoint: Arc<Endpoint>,
        cursor: String,
        (reader, (parts, earlier)): (Reader, (Parts, bool)),
        orders: watch::Receiver<Order>,
    ) -> Lane {
        let args = &endpoint.spec().args;
        Lane {
            backoff: Backoff::new(args.min_backoff_period.as_std(), args.max_backoff_period.as_std()),
            backlog,
            reader,
            orders,
            window: VecDeque::new(),
            flights: FuturesUnordered::new(),
            width: 1.0,
            paused_until: None,
            more: true,
            cursor,
            sorting: HashSet::new(),
            parts,
            earlier,
            endpoint,
        }
    }

    fn order(&self) -> Order {
        *self.orders.borrow()
    }

    async fn run(mut self) {
        loop {
            match self.order() {
                Order::Work => {
                    self.fill(None).await;
                    self.launch(false);
                }
                Order::Drain | Order::Leave => {
                    // Nothing new is begun, but what becomes of attempts that are on their way is waited for.
                    if let Some(last) = self.backlog.last_racing() {
                        self.fill(Some(last)).await;
                        self.launch(true);
                    }
                }
                Order::Abort => {}
            }
            if self.order() == Order::Abort || (self.order() > Order::Work && self.flights.is_empty()) {
                return self.end().await;
            }
            let pause = self.paused_until;
            let paused = async {
                match pause {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                Some((number, landed, started)) = self.flights.next() => self.landed(number, landed, started).await,
                () = self.backlog.wake.notified() => self.more = true,
                () = paused => self.paused_until = None,
                _ = self.orders.changed() => {}
            }
        }
    }

    /// Ends; those entries of interrupted records are noted that are left.
    async fn end(mut self) {
        if self.order() == Order::Abort {
            // What sorts out a record stops by itself and tells what is left.
            while !self.sorting.is_empty()
                && let Ok(Some((number, landed, started))) =
                    tokio::time::timeout(Duration::from_secs(1), self.flights.next()).await
            {
                self.landed(number, landed, started).await;
            }
        }
        let parts: Parts = self
            .window
            .iter_mut()
            .filter_map(|slot| Some((slot.record.entry.seq, slot.rest.take()?)))
            .collect();
        if !parts.is_empty() {
            let (queue, cursor) = (self.backlog.queue.clone(), self.cursor.clone());
            blocking(move || queue.save_parts(&cursor, parts)).await;
        }
    }

    /// What an earlier lane has left of a record.
    fn rest_of(&mut self, record: &Record, tenant: &Arc<str>) -> Option<Vec<Bytes>> {
        let rest = self.parts.remove(&record.entry.seq)?;
        if self.earlier {
            // The whole record came into the ledger with the start, but some of its entries had their fate before.
            let mut left = Amount::default();
            for body in &rest {
                if let Ok((request, offer)) = Request::decode(body, tenant, &self.backlog.edge) {
                    left += Amount {
                        items: request.entries() as u64,
                        bytes: request.bytes(),
                    };
                    request.stored();
                    drop(offer);
                }
            }
            self.backlog.edge.deliver(amount(record) - left);
        }
        Some(rest)
    }

    /// Whether more is to be read: as many records as may be sent at a time, and one more; or all up to `until`.
    fn wants(&self, until: Option<u64>) -> bool {
        match until {
            Some(until) => self.window.back().is_none_or(|last| last.record.entry.seq < until),
            None => self.window.len() <= self.width as usize,
        }
    }

    async fn fill(&mut self, until: Option<u64>) {
        while self.more && self.wants(until) && self.order() != Order::Abort {
            // A record whose attempt still runs is noted before it is read.
            let gate = self.backlog.gate.lock().await;
            let stored = self.backlog.stored();
            let reader = self.reader.clone();
            let next = blocking(move || reader.next()).await;
            drop(gate);
            match next {
                Ok(Some(record)) => {
                    match open_payload(&record.payload).filter(|_| record.entry.kind == super::queue::PUSH) {
                        Some((tenant, body)) => {
                            let rest = self.rest_of(&record, &tenant);
                            self.window.push_back(Slot {
                                rest,
                                record,
                                tenant,
                                body,
                                flying: false,
                                attempts: 0,
                            });
                        }
                        None => {
                            tracing::error!(
                                seq = record.entry.seq,
                                "a record of the queue is not a request and is passed over"
                            );
                            self.settled(&record, |edge, amount| edge.settle(Fate::Rejected, UNREADABLE, amount))
                                .await;
                        }
                    }
                }
                Ok(None) => {
                    self.more = false;
                    if self.window.is_empty() {
                        self.backlog.drained(stored);
                    }
                }
                Err(error) => {
                    tracing::error!(endpoint = self.endpoint.name(), error = %error, "the queue on disk cannot be read");
                    self.paused_until = Some(Instant::now() + TROUBLE);
                    return;
                }
            }
        }
    }

    /// Sends the records that no earlier one of the same stream stands before.
    ///
    /// `racing`: only those that are on their way already.
    fn launch(&mut self, racing: bool) {
        if self.paused_until.is_some() && !racing {
            return;
        }
        let mut broken = Vec::new();
        let mut before: HashSet<u64> = HashSet::new();
        for (at, slot) in self.window.iter_mut().enumerate() {
            if racing && !self.backlog.lock().racing.contains_key(&slot.record.entry.seq) {
                continue;
            }
            let free = !slot.flying && slot.record.entry.keys.iter().all(|key| !before.contains(key));
            before.extend(&slot.record.entry.keys);
            if !free || (self.flights.len() >= self.width as usize && !racing) {
                continue;
            }
            slot.flying = true;
            slot.attempts += 1;
            if slot.rest.is_some() {
                broken.push(at);
                continue;
            }
            let number = slot.record.entry.seq;
            let racing = self.backlog.lock().racing.remove(&number);
            let (endpoint, tenant, body) = (self.endpoint.clone(), slot.tenant.clone(), slot.body.clone());
            let started = Instant::now();
            let flight = async move {
                if let Some(racing) = racing
                    && let Ok(outcome) = racing.await
                {
                    return (number, Landed::Answer(outcome), started);
                }
                let outcome = endpoint.push(&tenant, body).await;
                (number, Landed::Answer(outcome), started)
            };
            self.flights.push(flight.boxed());
        }
        for at in broken {
            self.sort_out(at);
        }
    }

    async fn landed(&mut self, number: u64, landed: Landed, started: Instant) {
        let Some(at) = self.window.iter().position(|slot| slot.record.entry.seq == number) else {
            return;
        };
        let outcome = match landed {
            Landed::Answer(outcome) => outcome,
            Landed::Sorted => {
                self.sorting.remove(&number);
                self.take_out(at, |_, _| {}).await;
                return self.success();
            }
            Landed::Broken(rest) => {
                self.sorting.remove(&number);
                self.window[at].flying = false;
                self.window[at].rest = Some(rest);
                return;
            }
        };
        let metrics = self.endpoint.metrics(&self.window[at].tenant);
        let status = outcome.status.map(|status| status.as_u16());
        metrics.attempted(status, started.elapsed().as_secs_f64());
        let attempts = self.window[at].attempts;
        if attempts > 1 {
            metrics.batch_retries.inc();
        }
        let bound = self.endpoint.spec().args.max_backoff_retries;
        let bound = bound.and_then(|n| u64::try_from(n).ok()).filter(|&n| n > 0);
        let slot = self.endpoint.backlog_slot();
        let name = self.endpoint.name().to_owned();
        match outcome.verdict {
            Verdict::Delivered => {
                metrics.sent_bytes.add(self.window[at].body.len() as u64);
                metrics.sent_entries.add(u64::from(self.window[at].record.entry.items));
                self.take_out(at, Edge::deliver).await;
                self.endpoint.troubles().over(&name, slot);
                self.success();
            }
            Verdict::Refused { .. } => {
                self.endpoint.troubles().over(&name, slot);
                self.sort_out(at);
            }
            Verdict::Limited => {
                self.give_up(at, &outcome, RATE_LIMITED).await;
            }
            Verdict::Later(_) if bound.is_some_and(|bound| attempts >= bound) => {
                self.give_up(at, &outcome, super::metrics::INGESTER_ERROR).await;
            }
            Verdict::Later(_) | Verdict::Hold => {
                let (hold, wait) = match outcome.verdict {
                    Verdict::Later(wait) => (false, wait),
                    _ => (true, None),
                };
                self.window[at].flying = false;
                self.width = (self.width / 2.0).max(1.0);
                self.backlog.set_down(true);
                let pause = pause_after(&mut self.backoff, &self.endpoint, wait);
                let until = Instant::now() + pause;
                self.paused_until = Some(self.paused_until.map_or(until, |other| other.max(until)));
                let now = self.endpoint.host().clock.now();
                self.endpoint
                    .troubles()
                    .failed(&name, slot, &outcome.message, hold, pause, now);
            }
        }
    }

    fn success(&mut self) {
        self.backlog.set_down(false);
        self.backoff.reset();
        if self.more {
            self.width = (self.width + 1.0 / self.width).min(MOST as f64);
        }
    }

    /// Finds out which entries of a record the endpoint refuses: the others are delivered.
    fn sort_out(&mut self, at: usize) {
        let slot = &mut self.window[at];
        let number = slot.record.entry.seq;
        self.sorting.insert(number);
        let amount = amount(&slot.record);
        let (endpoint, edge) = (self.endpoint.clone(), self.backlog.edge.clone());
        let (tenant, body) = (slot.tenant.clone(), slot.body.clone());
        let bodies = slot.rest.take().unwrap_or_else(|| vec![body]);
        let flight = async move {
            let started = Instant::now();
            let mut worker = Worker::sorter(endpoint);
            let mut rest = Vec::new();
            for body in bodies {
                if !rest.is_empty() {
                    rest.push(body);
                    continue;
                }
                match Request::decode(&body, &tenant, &edge) {
                    Ok((request, offer)) => {
                        for request in worker.sort_out(request).await {
                            rest.extend(worker.body_of(&request));
                            // They stay in the queue, and so on the edge.
                            request.stored();
                        }
                        drop(offer);
                    }
                    Err(error) => {
                        tracing::error!(seq = number, error = %error, "a record of the queue cannot be read and is given up");
                        edge.settle(Fate::Rejected, UNREADABLE, amount);
                    }
                }
            }
            let landed = if rest.is_empty() {
                Landed::Sorted
            } else {
                Landed::Broken(rest)
            };
            (number, landed, started)
        };
        self.flights.push(flight.boxed());
    }

    async fn give_up(&mut self, at: usize, outcome: &Outcome, reason: &'static str) {
        let slot = &self.window[at];
        let entries = u64::from(slot.record.entry.items);
        self.endpoint
            .metrics(&slot.tenant)
            .dropped(reason, entries, slot.record.entry.bytes);
        self.endpoint
            .troubles()
            .rejected(self.endpoint.name(), &outcome.message, entries);
        self.take_out(at, |edge, amount| edge.settle(Fate::Rejected, reason, amount))
            .await;
    }

    async fn take_out(&mut self, at: usize, settle: impl FnOnce(&Edge, Amount)) {
        if let Some(slot) = self.window.remove(at) {
            self.settled(&slot.record, settle).await;
        }
    }

    /// A record is done with.
    async fn settled(&mut self, record: &Record, settle: impl FnOnce(&Edge, Amount)) {
        let (reader, number) = (self.reader.clone(), record.entry.seq);
        // It does not hold the record any more if that expired meanwhile; then it is counted as that.
        if blocking(move || reader.ack(number)).await {
            settle(&self.backlog.edge, amount(record));
        }
        self.backlog.queue.touch();
        self.backlog.forget(&record.entry.keys);
        if self.backlog.is_empty() {
            self.backlog.set_down(false);
        }
    }
}

fn amount(record: &Record) -> Amount {
    Amount {
        items: u64::from(record.entry.items),
        bytes: record.entry.bytes,
    }
}
