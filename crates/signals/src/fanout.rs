//! One sender, several receivers.

use crate::custody::Tally;
use crate::ledger::{Edge, Ledger};
use crate::logs::LogBatch;
use crate::sink::{Accepting, LogSink, Refused};
use arc_swap::ArcSwap;
use futures_util::StreamExt;
use futures_util::future::FutureExt;
use futures_util::stream::FuturesUnordered;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A receiver of log batches as a component exports it: the sink and the component that it belongs to.
#[derive(Clone)]
pub struct Receiver {
    /// Global id of the component that receives.
    pub owner: Arc<str>,
    /// Where batches go.
    pub sink: Arc<dyn LogSink>,
}

impl PartialEq for Receiver {
    fn eq(&self, other: &Receiver) -> bool {
        Arc::ptr_eq(&self.sink, &other.sink)
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receiver({})", self.owner)
    }
}

struct Branch {
    edge: Arc<Edge>,
    receiver: Receiver,
}

/// What a component's `forward_to` becomes. Receivers may be replaced while batches pass.
///
/// A batch is accepted when every branch has accepted it. A branch that refuses for now while another one has the batch
/// is offered it again here, so that a retry repeats nothing on the other. If no branch took it, the refusal goes back to
/// the sender.
pub struct FanOut {
    from: Arc<str>,
    ledger: Ledger,
    branches: ArcSwap<Vec<Branch>>,
}

/// First pause before a branch is offered a batch again; doubles up to [`MAX_PAUSE`].
const MIN_PAUSE: Duration = Duration::from_millis(10);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Rule under which records are counted that a component has nowhere to send to (`forward_to = []`).
const NO_RECEIVER: &str = "no_receiver";

impl FanOut {
    /// A fan-out of the component with global id `from`, without receivers yet.
    pub fn new(ledger: &Ledger, from: &str) -> Self {
        FanOut {
            from: Arc::from(from),
            ledger: ledger.clone(),
            branches: ArcSwap::default(),
        }
    }

    /// Replaces the receivers. Batches that are on their way go where they were going.
    pub fn set(&self, receivers: Vec<Receiver>) {
        let mut branches: Vec<Branch> = Vec::with_capacity(receivers.len());
        for receiver in receivers {
            if branches.iter().any(|branch| branch.receiver == receiver) {
                continue;
            }
            branches.push(Branch {
                edge: self.ledger.edge(&self.from, &receiver.owner),
                receiver,
            });
        }
        self.branches.store(Arc::new(branches));
    }

    /// Global ids of the receivers.
    pub fn receivers(&self) -> Vec<Arc<str>> {
        self.branches
            .load()
            .iter()
            .map(|branch| branch.receiver.owner.clone())
            .collect()
    }

    /// Offers a batch to every receiver; see [`LogSink::accept`] for what it means. Takes its place at the first poll.
    pub async fn accept(&self, batch: LogBatch) -> Result<(), Refused> {
        let branches = self.branches.load_full();
        match branches.as_slice() {
            [] => {
                let edge = self.ledger.edge(&self.from, "");
                let amount = batch.amount();
                edge.count_entered(amount);
                edge.count_filtered(NO_RECEIVER, amount);
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
            self.tally.edge.count_returned(self.entered - self.tally.settled());
        }
    }
}

async fn offer(branch: &Branch, batch: LogBatch) -> Result<(), Refused> {
    let entered = batch.amount();
    branch.edge.count_entered(entered);
    let tally = Tally::new(branch.edge.clone());
    let mut offer = Offer {
        tally: tally.clone(),
        entered,
        resolved: false,
    };
    let outcome = branch.receiver.sink.clone().accept(batch.entering(tally.clone())).await;
    if outcome.is_ok() {
        offer.resolved = true;
        let lost = entered - tally.settled();
        if lost.items > 0 {
            branch.edge.count_lost(lost);
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

async fn offer_all(branches: &[Branch], batch: LogBatch) -> Result<(), Refused> {
    let mut flights = FuturesUnordered::new();
    for (i, branch) in branches.iter().enumerate() {
        // Polled in turn at once: every branch takes its place in order now.
        let mut flight: futures_util::future::BoxFuture<'_, _> =
            offer(branch, batch.share()).map(move |r| (i, r)).boxed();
        match futures_util::poll!(&mut flight) {
            std::task::Poll::Ready(done) => flights.push(std::future::ready(done).boxed()),
            std::task::Poll::Pending => flights.push(flight),
        }
    }
    let mut refused = Vec::new();
    let mut taken = 0;
    while let Some((i, outcome)) = flights.next().await {
        match outcome {
            Ok(()) => taken += 1,
            Err(why) => refused.push((i, why)),
        }
    }
    if taken == 0 {
        // Nothing was taken anywhere. The sender may retry if any branch may take it later.
        let retryable = refused.iter().position(|(_, why)| why.is_retryable()).unwrap_or(0);
        return match refused.into_iter().nth(retryable) {
            Some((_, why)) => Err(why),
            None => Ok(()),
        };
    }
    let mut pause = MIN_PAUSE;
    loop {
        for (i, why) in &refused {
            if !why.is_retryable() {
                // The other branches have it; this one never will. Its records are accounted for on its own edge.
                branches[*i].edge.count_entered(batch.amount());
                branches[*i].edge.count_rejected(why.reason(), batch.amount());
            }
        }
        refused.retain(|(_, why)| why.is_retryable());
        if refused.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
        let mut again = Vec::new();
        for (i, _) in refused {
            if let Err(why) = offer(&branches[i], batch.share()).await {
                again.push((i, why));
            }
        }
        refused = again;
    }
}

impl LogSink for FanOut {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        Box::pin(async move { FanOut::accept(&self, batch).await })
    }
}
