//! One sender, several receivers.

use crate::batch::{Batch, Payload};
use crate::busy::{self, Metered};
use crate::custody::Tally;
use crate::ledger::{Edge, Fate, Ledger};
use crate::logs::Logs;
use crate::sink::{Accepting, Refused, Sink};
use arc_swap::ArcSwap;
use futures_util::future::FutureExt;
use std::fmt;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// A receiver of batches as a component exports it: the sink and the component that it belongs to.
pub struct Receiver<P = Logs> {
    /// Global id of the component that receives.
    pub owner: Arc<str>,
    /// Where batches go.
    pub sink: Arc<dyn Sink<P>>,
}

impl<P> Clone for Receiver<P> {
    fn clone(&self) -> Self {
        Receiver {
            owner: self.owner.clone(),
            sink: self.sink.clone(),
        }
    }
}

impl<P: 'static> PartialEq for Receiver<P> {
    fn eq(&self, other: &Receiver<P>) -> bool {
        Arc::ptr_eq(&self.sink, &other.sink)
    }
}

impl<P> fmt::Debug for Receiver<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({})", self.owner)
    }
}

struct Branch<P> {
    edge: Arc<Edge>,
    receiver: Receiver<P>,
    /// Held by whoever offers, until the offer has its place, so that a batch which is offered again is not overtaken.
    turn: Arc<Mutex<()>>,
}

type Turn = OwnedMutexGuard<()>;

/// What a component's `forward_to` becomes. Receivers may be replaced while batches pass.
///
/// A batch is accepted when every branch has accepted it. A branch that refuses for now while another one has the batch
/// is offered it again here, so that a retry repeats nothing on the other. If no branch took it, the refusal goes back to
/// the sender.
pub struct FanOut<P = Logs> {
    from: Arc<str>,
    ledger: Ledger,
    branches: ArcSwap<Vec<Branch<P>>>,
}

/// First pause before a branch is offered a batch again; doubles up to [`MAX_PAUSE`].
const MIN_PAUSE: Duration = Duration::from_millis(10);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Rule under which records are counted that a component has nowhere to send to (`forward_to = []`).
const NO_RECEIVER: &str = "no_receiver";

impl<P: Payload> FanOut<P> {
    /// A fan-out of the component with global id `from`, without receivers yet.
    pub fn new(ledger: &Ledger, from: &str) -> Self {
        FanOut {
            from: Arc::from(from),
            ledger: ledger.clone(),
            branches: ArcSwap::default(),
        }
    }

    /// Replaces the receivers. Batches that are on their way go where they were going.
    pub fn set(&self, receivers: Vec<Receiver<P>>) {
        let mut branches: Vec<Branch<P>> = Vec::with_capacity(receivers.len());
        for receiver in receivers {
            if branches.iter().any(|branch| branch.receiver == receiver) {
                continue;
            }
            branches.push(Branch {
                edge: self.ledger.edge(&self.from, &receiver.owner),
                receiver,
                turn: Arc::default(),
            });
        }
        self.branches.store(Arc::new(branches));
    }

    /// Global id of the component that sends.
    pub fn from(&self) -> &Arc<str> {
        &self.from
    }

    /// The process's ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Global ids of the receivers.
    pub fn receivers(&self) -> Vec<Arc<str>> {
        self.branches
            .load()
            .iter()
            .map(|branch| branch.receiver.owner.clone())
            .collect()
    }

    /// Offers a batch to every receiver; see [`Sink::accept`] for what it means. Takes its place at the first poll.
    pub async fn accept(&self, batch: Batch<P>) -> Result<(), Refused> {
        let branches = self.branches.load_full();
        match branches.as_slice() {
            [] => {
                let edge = self.ledger.edge(&self.from, "");
                let amount = batch.amount();
                edge.enter(amount);
                edge.settle(Fate::Filtered, NO_RECEIVER, amount);
                Ok(())
            }
            [only] => offer(only, batch).await,
            several => offer_all(several, batch).await,
        }
    }
}

/// Counts an offer that is taken back when its future is dropped.
struct Offer {
    tally: Arc<Tally>,
    entered: crate::ledger::Amount,
    resolved: bool,
}

impl Drop for Offer {
    fn drop(&mut self) {
        if !self.resolved {
            self.tally.edge.give_back(self.entered - self.tally.settled());
        }
    }
}

async fn offer<P: Payload>(branch: &Branch<P>, batch: Batch<P>) -> Result<(), Refused> {
    let entered = batch.amount();
    branch.edge.enter(entered);
    let tally = Tally::new(branch.edge.clone());
    let mut offer = Offer {
        tally: tally.clone(),
        entered,
        resolved: false,
    };
    let edge = &branch.edge;
    edge.taps().show(edge.from(), edge.to(), || batch.payload().seen());
    let future = {
        let _busy = busy::on(edge.meter());
        branch.receiver.sink.clone().accept(batch.entering(tally.clone()))
    };
    let meter = edge.meter().clone();
    let outcome = Metered { meter, future }.await;
    if outcome.is_ok() {
        offer.resolved = true;
        let lost = entered - tally.settled();
        if lost.items > 0 {
            branch.edge.lose(lost);
            if cfg!(debug_assertions) {
                panic!(
                    "{} accepted {} records from {} of which {} have no fate",
                    branch.edge.to(),
                    entered.items,
                    branch.edge.from(),
                    lost.items
                );
            }
        }
    }
    outcome
}

/// Offers a batch when it is its turn at the branch. A refusal at once comes back with the turn, so that nothing overtakes the batch
/// before it is offered again.
async fn offer_in_turn<P: Payload>(
    branch: &Branch<P>,
    batch: Batch<P>,
    turn: Option<Turn>,
) -> Result<(), (Refused, Option<Turn>)> {
    let turn = match turn {
        Some(turn) => turn,
        None => branch.turn.clone().lock_owned().await,
    };
    let mut flight = Box::pin(offer(branch, batch));
    match futures_util::poll!(&mut flight) {
        Poll::Ready(Ok(())) => Ok(()),
        Poll::Ready(Err(why)) => Err((why, Some(turn))),
        Poll::Pending => {
            drop(turn);
            flight.await.map_err(|why| (why, None))
        }
    }
}

async fn offer_all<P: Payload>(branches: &[Branch<P>], batch: Batch<P>) -> Result<(), Refused> {
    let mut flights = Vec::with_capacity(branches.len());
    for branch in branches {
        let offer = offer_in_turn(branch, batch.share(), None);
        let mut flight = offer.map(move |outcome| (branch, outcome)).boxed();
        // Polled in turn at once: every branch has the batch's place in order now.
        match futures_util::poll!(&mut flight) {
            Poll::Ready(done) => flights.push(std::future::ready(done).boxed()),
            Poll::Pending => flights.push(flight),
        }
    }
    let mut refused = Vec::new();
    let mut taken = 0;
    for (branch, outcome) in futures_util::future::join_all(flights).await {
        match outcome {
            Ok(()) => taken += 1,
            Err((why, turn)) => refused.push((branch, why, turn)),
        }
    }
    if taken == 0 {
        // Nothing was taken anywhere. The sender may retry if any branch may take it later.
        let retryable = refused.iter().position(|(_, why, _)| why.is_retryable()).unwrap_or(0);
        return match refused.into_iter().nth(retryable) {
            Some((_, why, _)) => Err(why),
            None => Ok(()),
        };
    }
    let again = refused
        .into_iter()
        .map(|(branch, why, turn)| insist(branch, &batch, why, turn));
    futures_util::future::join_all(again).await;
    Ok(())
}

/// Offers a batch that other branches have already to a branch that refused it, until it takes it or refuses it for good.
async fn insist<P: Payload>(branch: &Branch<P>, batch: &Batch<P>, mut why: Refused, mut turn: Option<Turn>) {
    let mut pause = MIN_PAUSE;
    while why.is_retryable() {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
        match offer_in_turn(branch, batch.share(), turn.take()).await {
            Ok(()) => return,
            Err((because, kept)) => (why, turn) = (because, kept),
        }
    }
    // The other branches have it; this one never will. Its records are accounted for on its own edge.
    branch.edge.enter(batch.amount());
    branch.edge.settle(Fate::Rejected, why.reason(), batch.amount());
}

impl<P: Payload> Sink<P> for FanOut<P> {
    fn accept(self: Arc<Self>, batch: Batch<P>) -> Accepting {
        Box::pin(async move { FanOut::accept(&self, batch).await })
    }
}
