//! One `accept`, and the parts that its batch was cut into.

use signals::{Amount, Custody, Edge, Entry, Fate, LogStream, Refused};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Counts down until all parts of a batch have their fate at all endpoints.
pub(super) struct Ticket {
    streams: Arc<Vec<LogStream>>,
    /// Parts without a fate, and one more while parts are made.
    open: AtomicUsize,
    /// Nobody waits any more.
    gone: AtomicBool,
    state: Mutex<State>,
    /// The memory permit: the entries are counted until the last part is gone, even if nobody waits for it.
    _memory: Custody,
}

struct State {
    done: Option<oneshot::Sender<Result<(), Refused>>>,
    /// Entries that an endpoint refused for good, by stream and entry. Counted once, whatever the other endpoints say.
    rejected: BTreeMap<(usize, usize), (Fate, &'static str)>,
}

/// Entries of one stream of a batch on their way to one endpoint. Dropping it hands the whole batch back to its sender.
pub(super) struct Part {
    ticket: Arc<Ticket>,
    stream: usize,
    range: Range<usize>,
    /// Size of lines and structured metadata, as `batch_size` counts them.
    bytes: u64,
    /// When the batch came.
    pub(super) arrived: Instant,
    settled: bool,
    /// The way to the endpoint, where they count as on their way from the beginning to their fate.
    edge: Arc<Edge>,
}

/// Waits for a ticket. Dropping it before takes the batch back: parts that were not sent yet are not sent.
pub(super) struct Offer {
    ticket: Arc<Ticket>,
    done: oneshot::Receiver<Result<(), Refused>>,
    custody: Custody,
}

impl Ticket {
    /// A ticket for a batch, and the offer that waits for it.
    pub(super) fn new(streams: Arc<Vec<LogStream>>, mut custody: Custody) -> (Arc<Ticket>, Offer) {
        let (sender, done) = oneshot::channel();
        let ticket = Arc::new(Ticket {
            streams,
            open: AtomicUsize::new(1),
            gone: AtomicBool::new(false),
            state: Mutex::new(State {
                done: Some(sender),
                rejected: BTreeMap::new(),
            }),
            _memory: custody.split(Amount::default()),
        });
        let offer = Offer {
            ticket: ticket.clone(),
            done,
            custody,
        };
        (ticket, offer)
    }

    /// All entries of a stream as a part that goes onto an edge.
    pub(super) fn part(self: &Arc<Self>, stream: usize, bytes: u64, arrived: Instant, edge: &Arc<Edge>) -> Part {
        let part = self.part_on(stream, bytes, arrived, edge);
        edge.enter(part.amount());
        part
    }

    /// The same, of entries that are on the edge already.
    pub(super) fn part_on(self: &Arc<Self>, stream: usize, bytes: u64, arrived: Instant, edge: &Arc<Edge>) -> Part {
        self.open.fetch_add(1, Ordering::AcqRel);
        Part {
            ticket: self.clone(),
            stream,
            range: 0..self.streams[stream].entries.len(),
            bytes,
            arrived,
            settled: false,
            edge: edge.clone(),
        }
    }

    /// All parts are made.
    pub(super) fn complete(&self) {
        self.count_down();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_down(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.resolve(Ok(()));
        }
    }

    fn resolve(&self, fate: Result<(), Refused>) {
        let done = self.lock().done.take();
        self.gone.store(true, Ordering::Release);
        if let Some(done) = done {
            // Whoever waited may be gone.
            let _ = done.send(fate);
        }
    }
}

/// Size of an entry as `batch_size` counts it.
pub(super) fn size(entry: &Entry) -> u64 {
    let pairs = entry.metadata.pairs();
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    lokipush::entry::size(&entry.line, pairs) as u64
}

impl Part {
    /// The entries.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.ticket.streams[self.stream].entries[self.range.clone()]
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.range.len()
    }

    /// Their size.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether someone still waits for it.
    pub(super) fn is_wanted(&self) -> bool {
        !self.ticket.gone.load(Ordering::Acquire)
    }

    /// Cuts it in front of entry `at`, which is neither the first nor beyond the last.
    pub(super) fn split_at(mut self, at: usize) -> (Part, Part) {
        self.ticket.open.fetch_add(1, Ordering::AcqRel);
        let middle = self.range.start + at;
        let mut rest = Part {
            ticket: self.ticket.clone(),
            stream: self.stream,
            range: middle..self.range.end,
            bytes: 0,
            arrived: self.arrived,
            settled: false,
            edge: self.edge.clone(),
        };
        rest.bytes = rest.entries().iter().map(size).sum();
        self.range.end = middle;
        self.bytes -= rest.bytes;
        (self, rest)
    }

    fn amount(&self) -> Amount {
        Amount {
            items: self.range.len() as u64,
            bytes: self.bytes,
        }
    }

    /// The endpoint has the entries.
    pub(super) fn delivered(mut self) {
        self.settled = true;
        self.edge.deliver(self.amount());
        self.ticket.count_down();
    }

    /// The entries are in the queue on disk; they stay on the edge.
    pub(super) fn stored(mut self) {
        self.settled = true;
        self.ticket.count_down();
    }

    /// Another endpoint takes the entries over.
    pub(super) fn hand_over(&mut self, edge: &Arc<Edge>) {
        self.edge.give_back(self.amount());
        edge.enter(self.amount());
        self.edge = edge.clone();
    }

    /// The endpoint will never have the entries.
    pub(super) fn rejected(mut self, fate: Fate, reason: &'static str) {
        self.settled = true;
        self.edge.settle(fate, reason, self.amount());
        {
            let mut state = self.ticket.lock();
            for entry in self.range.clone() {
                state.rejected.insert((self.stream, entry), (fate, reason));
            }
        }
        self.ticket.count_down();
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.settled {
            self.edge.give_back(self.amount());
            self.ticket.resolve(Err(Refused::retry(
                "the component stopped before the endpoint had the entries",
            )));
        }
    }
}

impl Offer {
    /// Waits until all endpoints have the batch or refused it.
    pub(super) async fn settled(mut self) -> Result<(), Refused> {
        match (&mut self.done).await {
            Ok(Ok(())) => {}
            Ok(Err(refused)) => return Err(refused),
            Err(_) => return Err(Refused::retry("the component stopped")),
        }
        let rejected = std::mem::take(&mut self.ticket.lock().rejected);
        let mut amounts: HashMap<(Fate, &'static str), Amount> = HashMap::new();
        for ((stream, entry), why) in rejected {
            let entry = &self.ticket.streams[stream].entries[entry];
            *amounts.entry(why).or_default() += Amount::one(entry.size());
        }
        for ((fate, reason), amount) in amounts {
            self.custody.settle(fate, reason, amount);
        }
        self.custody.deliver_rest();
        Ok(())
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        self.ticket.gone.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signals::{Accepting, FanOut, Labels, Ledger, LogBatch, Permit, Receiver, Sink};

    /// Hands the parts of each batch, one a stream, to `treat`.
    struct Treat(fn(Part));

    impl Sink for Treat {
        fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
            let (streams, custody) = batch.into_shared_parts();
            let (ticket, offer) = Ticket::new(streams.clone(), custody);
            let edge = Ledger::default().edge("sink", "sink#endpoint");
            for (i, stream) in streams.iter().enumerate() {
                (self.0)(ticket.part(i, stream.amount().bytes, Instant::now(), &edge));
            }
            ticket.complete();
            Box::pin(offer.settled())
        }
    }

    async fn offer(treat: fn(Part)) -> (Result<(), Refused>, signals::EdgeSnapshot) {
        let entries = || ["one", "two", "three"].map(|line| Entry::new(0, line)).to_vec();
        let stream = |name: &str| LogStream {
            labels: Labels::from_pairs([("name", name)]),
            entries: entries(),
        };
        let ledger = Ledger::default();
        let out = FanOut::new(&ledger, "source");
        out.set(vec![Receiver {
            owner: Arc::from("sink"),
            sink: Arc::new(Treat(treat)),
        }]);
        let outcome = out
            .accept(LogBatch::new(vec![stream("a"), stream("b")], Permit::none()))
            .await;
        (outcome, ledger.edge("source", "sink").snapshot())
    }

    #[tokio::test]
    async fn a_batch_is_settled_when_all_of_its_parts_are() {
        let (outcome, edge) = offer(|part| {
            let (first, rest) = part.split_at(1);
            assert_eq!((first.bytes(), rest.bytes(), rest.len()), (3, 8, 2));
            first.rejected(Fate::Rejected, "ingester_error");
            rest.delivered();
        })
        .await;
        assert_eq!(outcome, Ok(()));
        assert_eq!(edge.delivered, Amount { items: 4, bytes: 16 });
        assert_eq!(edge.rejected["ingester_error"], Amount { items: 2, bytes: 6 });
    }

    #[tokio::test]
    async fn a_part_that_is_dropped_hands_the_whole_batch_back() {
        let (outcome, edge) = offer(|part| {
            if part.stream == 0 {
                part.delivered();
            } else {
                assert!(part.is_wanted());
                drop(part);
            }
        })
        .await;
        assert!(outcome.is_err_and(|refused| refused.is_retryable()));
        assert_eq!((edge.returned.items, edge.delivered.items, edge.lost.items), (6, 0, 0));
    }
}
