//! One `accept`, and the parts that its batch was cut into.

use crate::protocol::{Piece, Protocol, Slice};
use signals::{Amount, Custody, Edge, Fate, Refused};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Counts down until all parts of a batch have their fate at all endpoints.
pub(crate) struct Ticket<P: Protocol> {
    payload: Arc<P::Payload>,
    /// Parts without a fate, and one more while parts are made.
    open: AtomicUsize,
    /// Nobody waits any more.
    gone: AtomicBool,
    state: Mutex<State>,
    /// The memory permit: the entries are counted until the last part is gone, even if nobody waits for it.
    memory: Custody,
}

struct State {
    done: Option<oneshot::Sender<Result<(), Refused>>>,
    /// Entries that an endpoint refused for good, by list and index. Counted once, whatever the other endpoints say.
    rejected: BTreeMap<(usize, usize), (Fate, &'static str)>,
}

/// Entries of one stream of a batch on their way to one endpoint. Dropping it hands the whole batch back to its sender.
pub(crate) struct Part<P: Protocol> {
    ticket: Arc<Ticket<P>>,
    selection: P::Selection,
    range: Range<usize>,
    /// The entries and their size, as requests are filled by it.
    amount: Amount,
    /// When the batch came.
    pub(crate) arrived: Instant,
    settled: bool,
    /// The way to the endpoint, where they count as on their way from the beginning to their fate.
    edge: Arc<Edge>,
}

/// Waits for a ticket. Dropping it before takes the batch back: parts that were not sent yet are not sent.
pub(crate) struct Offer<P: Protocol> {
    ticket: Arc<Ticket<P>>,
    done: oneshot::Receiver<Result<(), Refused>>,
    custody: Custody,
    filtered: Vec<(&'static str, Amount)>,
}

impl<P: Protocol> Ticket<P> {
    /// A ticket for a batch, and the offer that waits for it.
    pub(crate) fn new(payload: Arc<P::Payload>, mut custody: Custody) -> (Arc<Self>, Offer<P>) {
        let (sender, done) = oneshot::channel();
        let ticket = Arc::new(Ticket {
            payload,
            open: AtomicUsize::new(1),
            gone: AtomicBool::new(false),
            state: Mutex::new(State {
                done: Some(sender),
                rejected: BTreeMap::new(),
            }),
            memory: custody.split(Amount::default()),
        });
        let offer = Offer {
            ticket: ticket.clone(),
            done,
            custody,
            filtered: Vec::new(),
        };
        (ticket, offer)
    }

    /// A piece as a part that goes onto an edge; and its stream.
    pub(crate) fn part(self: &Arc<Self>, piece: Piece<P>, arrived: Instant, edge: &Arc<Edge>) -> (P::Stream, Part<P>) {
        edge.enter(piece.amount);
        self.part_on(piece, arrived, edge)
    }

    /// The same, of entries that are on the edge already.
    pub(crate) fn part_on(
        self: &Arc<Self>,
        piece: Piece<P>,
        arrived: Instant,
        edge: &Arc<Edge>,
    ) -> (P::Stream, Part<P>) {
        self.open.fetch_add(1, Ordering::AcqRel);
        let part = Part {
            ticket: self.clone(),
            selection: piece.selection,
            range: piece.range,
            amount: piece.amount,
            arrived,
            settled: false,
            edge: edge.clone(),
        };
        debug_assert_eq!(P::count(part.slice()), part.amount, "a piece is what its entries are");
        (piece.stream, part)
    }

    /// All parts are made.
    pub(crate) fn complete(&self) {
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

impl<P: Protocol> Part<P> {
    /// The entries.
    pub(crate) fn slice(&self) -> Slice<'_, P> {
        Slice {
            payload: &self.ticket.payload,
            selection: &self.selection,
            range: self.range.clone(),
        }
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> u64 {
        self.amount.items
    }

    /// Their size.
    pub(crate) fn bytes(&self) -> u64 {
        self.amount.bytes
    }

    /// Number and size of the entries.
    pub(crate) fn amount(&self) -> Amount {
        self.amount
    }

    /// Whether someone still waits for it.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.ticket.gone.load(Ordering::Acquire)
    }

    /// Where `entries` of its entries end, fewer than it has, and how much these are.
    fn after(&self, entries: u64) -> (usize, Amount) {
        let mut first = Amount::default();
        for (index, size) in P::entries(self.slice()) {
            if first.items == entries {
                return (index, first);
            }
            first += Amount::one(size);
        }
        (self.range.end, first)
    }

    /// Cuts it behind so many entries, fewer than it has and more than none.
    pub(crate) fn split_after(self, entries: u64) -> (Self, Self) {
        let (at, first) = self.after(entries);
        self.split_at(at, first)
    }

    /// Cuts it in front of the entry with index `at`; those before it are `first`.
    pub(crate) fn split_at(mut self, at: usize, first: Amount) -> (Self, Self) {
        self.ticket.open.fetch_add(1, Ordering::AcqRel);
        let rest = Part {
            ticket: self.ticket.clone(),
            selection: self.selection.clone(),
            range: at..self.range.end,
            amount: self.amount - first,
            arrived: self.arrived,
            settled: false,
            edge: self.edge.clone(),
        };
        self.range.end = at;
        self.amount = first;
        (self, rest)
    }

    /// Whether somebody waits for the answer.
    pub(crate) fn is_awaited(&self) -> bool {
        self.ticket.memory.is_awaited()
    }

    /// The endpoint has the entries.
    pub(crate) fn delivered(mut self) {
        self.settled = true;
        self.edge.deliver(self.amount);
        self.ticket.count_down();
    }

    /// The entries are in the queue on disk; they stay on the edge.
    pub(crate) fn stored(mut self) {
        self.settled = true;
        self.ticket.count_down();
    }

    /// Another endpoint takes the entries over.
    pub(crate) fn hand_over(&mut self, edge: &Arc<Edge>) {
        self.edge.give_back(self.amount);
        edge.enter(self.amount);
        self.edge = edge.clone();
    }

    /// The endpoint will never have the entries.
    pub(crate) fn rejected(mut self, fate: Fate, reason: &'static str) {
        self.settled = true;
        self.edge.settle(fate, reason, self.amount);
        {
            let mut state = self.ticket.lock();
            let list = P::list(&self.selection);
            for (index, _) in P::entries(self.slice()) {
                state.rejected.insert((list, index), (fate, reason));
            }
        }
        self.ticket.count_down();
    }
}

impl<P: Protocol> Drop for Part<P> {
    fn drop(&mut self) {
        if !self.settled {
            self.edge.give_back(self.amount);
            self.ticket.resolve(Err(Refused::retry(
                "the component stopped before the endpoint had the entries",
            )));
        }
    }
}

impl<P: Protocol> Offer<P> {
    /// These entries are for no endpoint, by a rule each.
    pub(crate) fn filtered(&mut self, filtered: Vec<(&'static str, Amount)>) {
        self.filtered = filtered;
    }

    /// Waits until all endpoints have the batch or refused it.
    pub(crate) async fn settled(mut self) -> Result<(), Refused> {
        match (&mut self.done).await {
            Ok(Ok(())) => {}
            Ok(Err(refused)) => return Err(refused),
            Err(_) => return Err(Refused::retry("the component stopped")),
        }
        let rejected = std::mem::take(&mut self.ticket.lock().rejected);
        let mut amounts: HashMap<(Fate, &'static str), Amount> = HashMap::new();
        for ((list, index), why) in rejected {
            *amounts.entry(why).or_default() += Amount::one(P::size(&self.ticket.payload, list, index));
        }
        for ((fate, reason), amount) in amounts {
            self.custody.settle(fate, reason, amount);
        }
        for (rule, amount) in std::mem::take(&mut self.filtered) {
            self.custody.filter(rule, amount);
        }
        self.custody.deliver_rest();
        Ok(())
    }
}

impl<P: Protocol> Drop for Offer<P> {
    fn drop(&mut self) {
        self.ticket.gone.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Lines, amount, piece};
    use signals::{Accepting, Entry, FanOut, Labels, Ledger, LogBatch, LogStream, Permit, Receiver, Sink};

    /// Hands the parts of each batch, one a stream, to `treat`.
    struct Treat(fn(Part<Lines>));

    impl Sink for Treat {
        fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
            let (streams, custody) = batch.into_shared_parts();
            let (ticket, offer) = Ticket::new(streams.clone(), custody);
            let edge = Ledger::default().edge("sink", "sink#endpoint");
            for i in 0..streams.len() {
                (self.0)(ticket.part(piece(&streams, i), Instant::now(), &edge).1);
            }
            ticket.complete();
            Box::pin(offer.settled())
        }
    }

    async fn offer(treat: fn(Part<Lines>)) -> (Result<(), Refused>, signals::EdgeSnapshot) {
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
            let (first, rest) = part.split_after(1);
            assert_eq!((first.bytes(), rest.bytes(), rest.len()), (3, 8, 2));
            first.rejected(Fate::Rejected, "ingester_error");
            rest.delivered();
        })
        .await;
        assert_eq!(outcome, Ok(()));
        assert_eq!(edge.delivered, amount(4, 16));
        assert_eq!(edge.rejected["ingester_error"], amount(2, 6));
    }

    #[tokio::test]
    async fn a_part_that_is_dropped_hands_the_whole_batch_back() {
        let (outcome, edge) = offer(|part| {
            if part.selection == 0 {
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
