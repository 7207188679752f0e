//! Sends a source's batches in order, several at a time, and reports them in order when they have arrived.

use crate::batch::{Batch, Payload};
use crate::fanout::FanOut;
use crate::logs::Logs;
use crate::sink::Refused;
use futures_util::future::{BoxFuture, FutureExt};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// First pause before refused batches are offered again; doubles up to [`MAX_PAUSE`].
const MIN_PAUSE: Duration = Duration::from_millis(10);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Sends batches of one ordered source, a file for example, through a [`FanOut`].
///
/// Batches that were refused for now are offered again, in order, until they are taken. A batch lands when all batches before
/// it have landed, so that whoever commits a position with [`Landed::tag`] never commits beyond a gap.
pub struct Courier<T, P = Logs> {
    out: Arc<FanOut<P>>,
    window: usize,
    next: u64,
    /// All of them are polled each time: there are few, and a list that knows which ones were woken wakes the sender once more for each.
    flying: Vec<BoxFuture<'static, (u64, Result<(), Refused>)>>,
    parcels: VecDeque<Parcel<T, P>>,
    refused: BTreeMap<u64, Refused>,
    pause: Duration,
}

struct Parcel<T, P> {
    number: u64,
    tag: T,
    /// Kept for offering it again; shares its records.
    batch: Option<Batch<P>>,
    outcome: Option<Result<(), Refused>>,
}

/// A batch whose fate is known.
#[derive(Debug, PartialEq, Eq)]
pub struct Landed<T> {
    /// What the sender gave along: a position to commit.
    pub tag: T,
    /// `Err` if a receiver refused it for good; it is not offered again.
    pub outcome: Result<(), Refused>,
}

impl<T, P: Payload> Courier<T, P> {
    /// A courier that has at most `window` unresolved batches on the way.
    pub fn new(out: Arc<FanOut<P>>, window: usize) -> Self {
        Courier {
            out,
            window: window.max(1),
            next: 0,
            flying: Vec::new(),
            parcels: VecDeque::new(),
            refused: BTreeMap::new(),
            pause: MIN_PAUSE,
        }
    }

    /// Whether another batch may be sent now. Batches that arrived but wait for an earlier one do not count.
    pub fn has_room(&self) -> bool {
        self.flying.len() + self.refused.len() < self.window
    }

    /// Whether nothing is on the way.
    pub fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }

    /// Number of batches on the way.
    pub fn len(&self) -> usize {
        self.parcels.len()
    }

    /// Offers a batch behind all that were sent before. Returns as soon as it has its place in the order.
    pub async fn send(&mut self, batch: Batch<P>, tag: T) {
        let number = self.next;
        self.next += 1;
        let copy = batch.share();
        self.parcels.push_back(Parcel {
            number,
            tag,
            batch: Some(copy),
            outcome: None,
        });
        if self.refused.is_empty() {
            self.offer(number, batch).await;
        } else {
            // An earlier one waits to be offered again; this one must not overtake it.
            self.refused
                .insert(number, Refused::retry("waits for an earlier batch"));
        }
    }

    async fn offer(&mut self, number: u64, batch: Batch<P>) {
        let out = self.out.clone();
        let mut flight = async move { (number, out.accept(batch).await) }.boxed();
        match futures_util::poll!(&mut flight) {
            Poll::Ready((number, outcome)) => self.resolved(number, outcome),
            Poll::Pending => self.flying.push(flight),
        }
    }

    fn poll_flying(
        flying: &mut Vec<BoxFuture<'static, (u64, Result<(), Refused>)>>,
        cx: &mut Context<'_>,
    ) -> Poll<(u64, Result<(), Refused>)> {
        for at in 0..flying.len() {
            if let Poll::Ready(landed) = flying[at].as_mut().poll(cx) {
                drop(flying.remove(at));
                return Poll::Ready(landed);
            }
        }
        Poll::Pending
    }

    fn resolved(&mut self, number: u64, outcome: Result<(), Refused>) {
        if let Err(why) = &outcome
            && why.is_retryable()
        {
            self.refused.insert(number, why.clone());
            return;
        }
        self.pause = MIN_PAUSE;
        let first = self.parcels.front().map_or(number, |parcel| parcel.number);
        let at = usize::try_from(number - first).unwrap_or(usize::MAX);
        if let Some(parcel) = self.parcels.get_mut(at) {
            parcel.outcome = Some(outcome);
            parcel.batch = None;
        }
    }

    /// Waits until the oldest batch has its fate. Waits for ever if nothing is on the way. Must be polled for batches to make
    /// progress; it may be cancelled at any time.
    pub async fn landed(&mut self) -> Landed<T> {
        loop {
            if self.parcels.front().is_some_and(|parcel| parcel.outcome.is_some())
                && let Some(parcel) = self.parcels.pop_front()
                && let Some(outcome) = parcel.outcome
            {
                return Landed {
                    tag: parcel.tag,
                    outcome,
                };
            }
            if !self.flying.is_empty() {
                let (number, outcome) = std::future::poll_fn(|cx| Self::poll_flying(&mut self.flying, cx)).await;
                self.resolved(number, outcome);
            } else if self.refused.is_empty() {
                std::future::pending::<()>().await;
            } else {
                // Everything that was on the way has its answer: those that were refused go again, in order.
                tokio::time::sleep(self.pause).await;
                self.pause = (self.pause * 2).min(MAX_PAUSE);
                let first = self.parcels.front().map_or(0, |parcel| parcel.number);
                for (number, why) in std::mem::take(&mut self.refused) {
                    if !self.refused.is_empty() {
                        // An earlier one was refused again at once; this one must not overtake it.
                        self.refused.insert(number, why);
                        continue;
                    }
                    let at = usize::try_from(number - first).unwrap_or(usize::MAX);
                    let again = self
                        .parcels
                        .get(at)
                        .and_then(|parcel| parcel.batch.as_ref())
                        .map(Batch::share);
                    if let Some(batch) = again {
                        self.offer(number, batch).await;
                    }
                }
            }
        }
    }

    /// The sender waits for what it has sent, because it is to stop or has no room: who collects records for a request does not collect these any longer.
    pub fn hurry(&self) {
        for batch in self.parcels.iter().filter_map(|parcel| parcel.batch.as_ref()) {
            batch.hurry();
        }
    }

    /// The latest reason why the oldest batch waits to be offered again, if it does.
    pub fn waits_because(&self) -> Option<&Refused> {
        self.refused.values().next()
    }
}
