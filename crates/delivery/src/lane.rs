//! The lane of an endpoint: sends what it has in the queue on disk.

use crate::RATE_LIMITED;
use crate::backlog::{Backlog, TROUBLE, blocking};
use crate::endpoint::Endpoint;
use crate::protocol::{Meter, Protocol};
use crate::queue::{PUSH, Parts, Rest, open_payload};
use crate::request::Request;
use crate::shard::Order;
use crate::transport::{Outcome, Verdict};
use crate::worker::{Worker, pause_after, too_late};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use hashbrown::HashSet;
use net::Backoff;
use signals::{Amount, Edge, Fate};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use wal::{Reader, Record};

/// Most requests from the queue that are sent at a time.
const MOST: usize = 8;
/// Reason under which entries are counted whose record cannot be read as a request.
const UNREADABLE: &str = "unreadable";

/// A record that was read and is not settled.
struct Slot {
    record: Record,
    tenant: Arc<str>,
    body: Bytes,
    flying: bool,
    attempts: u64,
    /// When the first of them began.
    first: Option<Instant>,
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

/// Sends the records of the queue to one endpoint.
pub(crate) struct Lane<P: Protocol> {
    backlog: Arc<Backlog>,
    endpoint: Arc<Endpoint<P>>,
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
}

impl<P: Protocol> Lane<P> {
    pub(crate) fn new(
        backlog: Arc<Backlog>,
        endpoint: Arc<Endpoint<P>>,
        cursor: String,
        (reader, parts): (Reader, Parts),
        orders: watch::Receiver<Order>,
    ) -> Self {
        let spec = endpoint.spec();
        Lane {
            backoff: Backoff::new(spec.min_backoff, spec.max_backoff),
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
            endpoint,
        }
    }

    fn order(&self) -> Order {
        *self.orders.borrow()
    }

    /// Works until it is ordered to stop. What is not sent stays in the queue.
    pub(crate) async fn run(mut self) {
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
                () = self.backlog.woken() => self.more = true,
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
        // What an earlier lane has left of records that were not read again is still what is left of them.
        let mut parts = std::mem::take(&mut self.parts);
        let interrupted = self.window.iter_mut().filter_map(|slot| {
            let rest = Rest {
                bodies: slot.rest.take()?,
                counted: true,
            };
            Some((slot.record.entry.seq, rest))
        });
        parts.extend(interrupted);
        if !parts.is_empty() {
            let (queue, cursor) = (self.backlog.queue().clone(), self.cursor.clone());
            blocking(move || queue.save_parts(&cursor, parts)).await;
        }
    }

    /// What an earlier lane has left of a record.
    fn rest_of(&mut self, record: &Record, tenant: &Arc<str>) -> Option<Vec<Bytes>> {
        // Those before it left the queue without being read.
        self.parts.retain(|number, _| *number >= record.entry.seq);
        let Rest { bodies, counted } = self.parts.remove(&record.entry.seq)?;
        if !counted {
            // The whole record came into the ledger with the start, but some of its entries had their fate before.
            let mut left = Amount::default();
            for body in &bodies {
                if let Ok((request, offer)) = Request::decode(self.endpoint.target(), body, tenant, self.backlog.edge())
                {
                    left += request.amount();
                    request.stored();
                    drop(offer);
                }
            }
            self.backlog.edge().deliver(amount(record) - left);
        }
        Some(bodies)
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
            let (stored, next) = self.backlog.read(&self.reader).await;
            match next {
                Ok(Some(record)) => match open_payload(&record.payload).filter(|_| record.entry.kind == PUSH) {
                    Some((tenant, body)) => {
                        let rest = self.rest_of(&record, &tenant);
                        self.window.push_back(Slot {
                            rest,
                            record,
                            tenant,
                            body,
                            flying: false,
                            attempts: 0,
                            first: None,
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
                },
                Ok(None) => {
                    self.more = false;
                    self.parts.clear();
                    if self.window.is_empty() {
                        self.backlog.drained(stored);
                    }
                }
                Err(error) => {
                    tracing::error!(endpoint = self.endpoint.title(), error = %error, "the queue on disk cannot be read");
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
            if racing && !self.backlog.is_racing(slot.record.entry.seq) {
                continue;
            }
            let free = !slot.flying && slot.record.entry.keys.iter().all(|key| !before.contains(key));
            before.extend(&slot.record.entry.keys);
            if !free || (self.flights.len() >= self.width as usize && !racing) {
                continue;
            }
            slot.flying = true;
            slot.attempts += 1;
            slot.first.get_or_insert_with(Instant::now);
            if slot.rest.is_some() {
                broken.push(at);
                continue;
            }
            let number = slot.record.entry.seq;
            let racing = self.backlog.take_racing(number);
            let (endpoint, tenant, body) = (self.endpoint.clone(), slot.tenant.clone(), slot.body.clone());
            let started = Instant::now();
            let flight = async move {
                if let Some(racing) = racing
                    && let Ok(outcome) = racing.await
                {
                    return (number, Landed::Answer(outcome), started);
                }
                let outcome = endpoint.push(&tenant, body.into()).await;
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
        let meter = self.endpoint.meter(&self.window[at].tenant);
        let status = outcome.status.map(|status| status.as_u16());
        meter.attempted(status, started.elapsed().as_secs_f64());
        let attempts = self.window[at].attempts;
        if attempts > 1 {
            meter.retried();
        }
        let bound = self.endpoint.spec().max_retries;
        let number = self.endpoint.backlog_slot();
        let name = self.endpoint.title().to_owned();
        match outcome.verdict {
            Verdict::Delivered => {
                let slot = &self.window[at];
                meter.delivered(u64::from(slot.record.entry.items), slot.body.len() as u64, None);
                self.take_out(at, Edge::deliver).await;
                self.endpoint.troubles().over(&name, number);
                self.success();
            }
            Verdict::Partly { rejected } => {
                let whole = amount(&self.window[at].record);
                let gone = share(whole, rejected);
                let kept = whole - gone;
                meter.delivered(kept.items, self.window[at].body.len() as u64, None);
                if gone.items > 0 {
                    meter.dropped(P::WORDS.refused, gone.items, gone.bytes, None);
                    self.endpoint.troubles().rejected(&name, &outcome.message, gone.items);
                }
                let settle = |edge: &Edge, _| {
                    edge.settle(Fate::Rejected, P::WORDS.refused, gone);
                    edge.deliver(kept);
                };
                self.take_out(at, settle).await;
                self.endpoint.troubles().over(&name, number);
                self.success();
            }
            Verdict::Refused { .. } | Verdict::Denied => {
                self.endpoint.troubles().over(&name, number);
                self.sort_out(at);
            }
            Verdict::Limited => {
                self.give_up(at, &outcome, RATE_LIMITED).await;
            }
            Verdict::Later(_) if bound.is_some_and(|bound| attempts >= bound) => {
                self.give_up(at, &outcome, P::WORDS.refused).await;
            }
            Verdict::Later(_) if self.is_too_late(at) => {
                self.give_up(at, &too_late(outcome), P::WORDS.refused).await;
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
                    .failed(&name, number, &outcome.message, hold, pause, now);
            }
        }
    }

    /// Whether a record was tried for as long as it may be.
    fn is_too_late(&self, at: usize) -> bool {
        let longest = self.endpoint.spec().max_elapsed;
        let first = self.window[at].first;
        longest
            .zip(first)
            .is_some_and(|(longest, first)| first.elapsed() >= longest)
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
        let (endpoint, edge) = (self.endpoint.clone(), self.backlog.edge().clone());
        let (tenant, body) = (slot.tenant.clone(), slot.body.clone());
        let bodies = slot.rest.take().unwrap_or_else(|| vec![body]);
        let flight = async move {
            let started = Instant::now();
            let mut worker = Worker::sorter(endpoint.clone());
            let mut rest = Vec::new();
            for body in bodies {
                if !rest.is_empty() {
                    rest.push(body);
                    continue;
                }
                match Request::decode(endpoint.target(), &body, &tenant, &edge) {
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
            .meter(&slot.tenant)
            .dropped(reason, entries, slot.record.entry.bytes, None);
        self.endpoint
            .troubles()
            .rejected(self.endpoint.title(), &outcome.message, entries);
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
            settle(self.backlog.edge(), amount(record));
        }
        self.backlog.queue().touch();
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

/// So many entries of a record, at most all of them, with their share of its size.
fn share(whole: Amount, items: u64) -> Amount {
    let items = items.min(whole.items);
    let bytes = u128::from(whole.bytes) * u128::from(items) / u128::from(whole.items.max(1));
    Amount {
        items,
        bytes: u64::try_from(bytes).unwrap_or(whole.bytes),
    }
}
