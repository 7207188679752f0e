//! Telemetry of one signal, and of one combination of metadata, on its way into batches.
//!
//! What a sender offers is an [`Input`]; what of it comes into one batch is a [`Part`]. Batches are cut and offered in order; several are in flight. Once
//! one is refused nothing more is cut: when the others are through, those that were refused are offered again one by one, so that order is kept.

use super::Shared;
use crate::lock;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use otlp_wire::{Rope, split_at};
use signals::{Amount, Client, Custody, Held, Otlp, OtlpBatch, Receipt, Refused, Signal, receipt};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Batches of one shard that may be in flight.
const FLIGHTS: usize = 16;
/// For how long a batch that was refused for now is offered again before its senders are told.
const INSISTING: Duration = Duration::from_secs(5);
/// First pause before that; doubles up to a second.
const MIN_PAUSE: Duration = Duration::from_millis(10);
const MAX_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Shard {
    signal: Signal,
    /// What is left of those who sent: the metadata by which batches are kept apart.
    client: Option<Arc<Client>>,
    pending: Mutex<Pending>,
    changed: Notify,
}

#[derive(Default)]
struct Pending {
    parts: VecDeque<Part>,
    records: usize,
    /// When the oldest came.
    since: Option<Instant>,
    closed: bool,
}

/// What is cut from an input into one batch.
#[derive(Clone)]
struct Part {
    payload: Rope,
    records: usize,
    origin: Arc<Origin>,
}

/// Fate of an input, part by part.
struct Origin {
    /// Keeps the memory permit of the input while there are parts.
    permit: Custody,
    /// Records that have no fate yet.
    open: AtomicUsize,
    /// Nobody waits any more.
    gone: AtomicBool,
    fate: Mutex<Fate>,
}

#[derive(Default)]
struct Fate {
    refused: Option<Refused>,
    rejected: BTreeMap<String, u64>,
    delivered: bool,
    held: Option<Held>,
}

/// What a sender waits with.
pub(super) struct Input {
    origin: Arc<Origin>,
    receipt: Receipt,
}

/// Marks an input of which nobody wants to know any more.
struct Watch(Arc<Origin>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.gone.store(true, Ordering::Relaxed);
    }
}

impl Input {
    /// Resolves when all parts have a fate.
    pub(super) async fn settle(self, mut custody: Custody) -> Result<(), Refused> {
        let _watch = Watch(self.origin.clone());
        self.receipt.settled().await?;
        // Parts that were refused for good, while others arrived, are accounted for here.
        let rejected = std::mem::take(&mut lock(&self.origin.fate).rejected);
        for (reason, items) in rejected {
            let open = custody.open();
            let bytes = open.bytes.checked_div(open.items).unwrap_or_default() * items;
            custody.reject(&reason, Amount { items, bytes });
        }
        custody.deliver_rest();
        Ok(())
    }
}

impl Origin {
    /// Some of the records have a fate.
    fn settle(&self, records: usize, outcome: &Result<(), Refused>) {
        let mut fate = lock(&self.fate);
        match outcome {
            Ok(()) => fate.delivered = true,
            Err(why) if why.is_retryable() => fate.refused = Some(why.clone()),
            Err(why) => {
                *fate.rejected.entry(why.reason().to_owned()).or_default() += records as u64;
                if fate.refused.is_none() {
                    fate.refused = Some(why.clone());
                }
            }
        }
        if self.open.fetch_sub(records, Ordering::AcqRel) != records {
            return;
        }
        let outcome = match fate.refused.take() {
            // Sending all of it again would repeat what arrived.
            Some(why) if !why.is_retryable() && fate.delivered => Ok(()),
            Some(why) => Err(why),
            None => Ok(()),
        };
        if let Some(held) = fate.held.take() {
            held.done(outcome);
        }
    }
}

/// A batch that is offered.
struct Flight {
    parts: Vec<Part>,
}

impl Flight {
    fn batch(&self, shard: &Shard) -> OtlpBatch {
        let mut payload = Rope::new();
        self.parts.iter().for_each(|part| payload.concat(part.payload.clone()));
        let records = self.parts.iter().map(|part| part.records as u64).sum();
        let otlp = Otlp {
            signal: shard.signal,
            payload,
            records,
            client: shard.client.clone(),
        };
        // The permits of the other inputs are kept by their parts.
        OtlpBatch::derived(otlp, &self.parts[0].origin.permit)
    }

    fn settle(&self, outcome: &Result<(), Refused>) {
        for part in &self.parts {
            part.origin.settle(part.records, outcome);
        }
    }
}

type Outcome = (u64, Flight, Result<(), Refused>);
type Flying = Pin<Box<dyn Future<Output = Outcome> + Send>>;

impl Shard {
    pub(super) fn new(signal: Signal, client: Option<Arc<Client>>) -> Shard {
        Shard {
            signal,
            client,
            pending: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Takes an input, in order; not if the shard was closed.
    pub(super) fn offer(&self, shared: &Shared, payload: &Otlp, custody: &Custody) -> Option<Input> {
        let (held, receipt) = receipt();
        let records = usize::try_from(payload.records).unwrap_or(usize::MAX);
        let origin = Arc::new(Origin {
            permit: custody.witness(),
            open: AtomicUsize::new(records),
            gone: AtomicBool::new(false),
            fate: Mutex::new(Fate {
                held: Some(held),
                ..Fate::default()
            }),
        });
        let mut pending = lock(&self.pending);
        if pending.closed {
            return None;
        }
        pending.parts.push_back(Part {
            payload: payload.payload.clone(),
            records,
            origin: origin.clone(),
        });
        let was_empty = pending.records == 0;
        pending.records += records;
        if was_empty {
            pending.since = Some(Instant::now());
        }
        if was_empty || pending.records >= shared.settings.load().send_batch_size as usize {
            self.changed.notify_one();
        }
        Some(Input { origin, receipt })
    }

    /// Lets the shard end when it has sent what it has.
    pub(super) fn close(&self) {
        lock(&self.pending).closed = true;
        self.changed.notify_one();
    }

    /// Cuts the next batch, if it is time for one; else when it will be.
    fn cut(&self, shared: &Shared) -> Result<Flight, Option<Instant>> {
        let settings = shared.settings.load();
        let mut pending = lock(&self.pending);
        // Who went away will send again.
        let before = pending.records;
        pending.parts.retain(|part| {
            let untouched = part.origin.open.load(Ordering::Relaxed) == part.records;
            !(untouched && part.origin.gone.load(Ordering::Relaxed))
        });
        pending.records = pending.parts.iter().map(|part| part.records).sum();
        debug_assert!(pending.records <= before);
        if pending.records == 0 {
            return Err(None);
        }
        let due = pending.since.unwrap_or_else(Instant::now) + settings.timeout.as_std();
        let full = pending.records >= settings.send_batch_size as usize;
        if !full && !pending.closed && due > Instant::now() {
            return Err(Some(due));
        }
        match full {
            true => shared.metrics.by_size.inc(),
            false => shared.metrics.by_time.inc(),
        }
        let mut room = match settings.send_batch_max_size {
            0 => usize::MAX,
            max => max as usize,
        };
        let mut parts = Vec::new();
        while room > 0
            && let Some(part) = pending.parts.pop_front()
        {
            if part.records <= room {
                room -= part.records;
                pending.records -= part.records;
                parts.push(part);
                continue;
            }
            let (first, rest) = split_at(self.signal, &part.payload, room);
            pending.records -= first.records;
            let of = |cut: otlp_wire::Part| Part {
                payload: cut.payload,
                records: cut.records,
                origin: part.origin.clone(),
            };
            pending.parts.push_front(of(rest));
            parts.push(of(first));
            break;
        }
        // The time of what is left begins anew.
        pending.since = Some(Instant::now());
        let flight = Flight { parts };
        drop(pending);
        let amount = flight.parts.iter().map(|part| part.records).sum::<usize>();
        let bytes = flight.parts.iter().map(|part| part.payload.len()).sum::<usize>();
        shared.metrics.size.observe(amount as f64);
        shared.metrics.bytes.observe(bytes as f64);
        Ok(flight)
    }

    fn closed(&self) -> bool {
        lock(&self.pending).closed
    }

    /// Sends batches until the shard is closed and empty.
    pub(super) async fn run(self: Arc<Self>, shared: Arc<Shared>) {
        let mut flights: FuturesUnordered<Flying> = FuturesUnordered::new();
        let mut refused: BTreeMap<u64, (Flight, Refused)> = BTreeMap::new();
        let mut number = 0;
        loop {
            let mut wake = None;
            if refused.is_empty() {
                while flights.len() < FLIGHTS {
                    match self.cut(&shared) {
                        Ok(flight) => {
                            let mut flying = self.clone().fly(shared.clone(), number, flight);
                            number += 1;
                            // It has its place from now on.
                            match futures_util::poll!(&mut flying) {
                                Poll::Ready(outcome) => {
                                    land(outcome, &mut refused);
                                    if !refused.is_empty() {
                                        break;
                                    }
                                }
                                Poll::Pending => flights.push(flying),
                            }
                        }
                        Err(due) => {
                            wake = due;
                            break;
                        }
                    }
                }
            }
            if flights.is_empty() && !refused.is_empty() {
                for (_, (flight, why)) in std::mem::take(&mut refused) {
                    self.insist(&shared, flight, why).await;
                }
                continue;
            }
            if flights.is_empty() && wake.is_none() && self.closed() && lock(&self.pending).records == 0 {
                return;
            }
            let due = async {
                match wake {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = due => {}
                Some(outcome) = flights.next(), if !flights.is_empty() => land(outcome, &mut refused),
            }
        }
    }

    fn fly(self: Arc<Self>, shared: Arc<Shared>, number: u64, flight: Flight) -> Flying {
        Box::pin(async move {
            let outcome = shared.outputs.accept(flight.batch(&self)).await;
            (number, flight, outcome)
        })
    }

    /// Offers a batch again that was refused, for a while; then tells its senders.
    async fn insist(&self, shared: &Shared, flight: Flight, mut why: Refused) {
        let until = Instant::now() + INSISTING;
        let mut pause = MIN_PAUSE;
        while why.is_retryable() {
            if Instant::now() + pause > until || self.closed() {
                return flight.settle(&Err(why));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
            match shared.outputs.accept(flight.batch(self)).await {
                Ok(()) => return flight.settle(&Ok(())),
                Err(because) => why = because,
            }
        }
        if flight.parts.len() == 1 {
            return flight.settle(&Err(why));
        }
        // One of them is to blame; the others shall not suffer.
        for part in flight.parts {
            let alone = Flight { parts: vec![part] };
            let outcome = shared.outputs.accept(alone.batch(self)).await;
            alone.settle(&outcome);
        }
    }
}

fn land((number, flight, outcome): Outcome, refused: &mut BTreeMap<u64, (Flight, Refused)>) {
    match outcome {
        Ok(()) => flight.settle(&Ok(())),
        Err(why) => {
            refused.insert(number, (flight, why));
        }
    }
}
