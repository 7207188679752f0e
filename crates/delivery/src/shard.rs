//! A shard: some of the streams of an endpoint, which wait for their worker in order.

use crate::protocol::Protocol;
use crate::request::Item;
use signals::Amount;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What the worker is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// Collect and send.
    Work,
    /// Send what is there without collecting, then end.
    Drain,
    /// End after the attempt that is on its way; someone else takes what is left.
    Leave,
    /// End at once; what is on its way may have arrived or not.
    Abort,
}

/// What may still come before a worker that collects has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    pub(crate) amount: Amount,
    pub(crate) parts: usize,
}

impl Patience {
    /// Something came. Whether that was it.
    fn lose(&mut self, amount: Amount) -> bool {
        self.amount.items = self.amount.items.saturating_sub(amount.items);
        self.amount.bytes = self.amount.bytes.saturating_sub(amount.bytes);
        self.parts = self.parts.saturating_sub(1);
        self.amount.items == 0 || self.amount.bytes == 0 || self.parts == 0
    }
}

struct Inbox<P: Protocol> {
    items: VecDeque<Item<P>>,
    /// The worker is not woken before it is used up; without it by anything that comes.
    patience: Option<Patience>,
}

/// Where parts wait for the worker, in order.
pub(crate) struct Shard<P: Protocol> {
    inbox: Mutex<Inbox<P>>,
    wake: Notify,
    /// Bytes from the inbox to the answer.
    bytes: AtomicU64,
    /// Entries from the inbox to the answer.
    entries: AtomicU64,
}

impl<P: Protocol> Default for Shard<P> {
    fn default() -> Self {
        Shard {
            inbox: Mutex::new(Inbox {
                items: VecDeque::new(),
                patience: None,
            }),
            wake: Notify::new(),
            bytes: AtomicU64::new(0),
            entries: AtomicU64::new(0),
        }
    }
}

impl<P: Protocol> Shard<P> {
    fn lock(&self) -> MutexGuard<'_, Inbox<P>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a part. The worker is woken if it has something to do now, or it is `urgent`, which is asked only if that matters.
    pub(crate) fn push(&self, item: Item<P>, urgent: impl FnOnce() -> bool) {
        let amount = item.part.amount();
        self.came(amount);
        let mut inbox = self.lock();
        let wake = match &mut inbox.patience {
            Some(patience) => patience.lose(amount) || item.part.is_awaited() || urgent(),
            None => true,
        };
        inbox.items.push_back(item);
        if wake {
            inbox.patience = None;
            drop(inbox);
            self.wake.notify_one();
        }
    }

    /// Puts parts in front, in their order.
    pub(crate) fn push_front(&self, items: Vec<Item<P>>) {
        for item in &items {
            self.came(item.part.amount());
        }
        let mut inbox = self.lock();
        for item in items.into_iter().rev() {
            inbox.items.push_front(item);
        }
    }

    /// Takes everything that waits. From now on anything that comes wakes the worker.
    pub(crate) fn take(&self) -> VecDeque<Item<P>> {
        let mut inbox = self.lock();
        inbox.patience = None;
        std::mem::take(&mut inbox.items)
    }

    /// From now on the worker is woken only when so much has come. False if something waits already.
    pub(crate) fn be_patient(&self, patience: Patience) -> bool {
        let mut inbox = self.lock();
        let empty = inbox.items.is_empty();
        if empty {
            inbox.patience = Some(patience);
        }
        empty
    }

    fn came(&self, amount: Amount) {
        self.bytes.fetch_add(amount.bytes, Ordering::Relaxed);
        self.entries.fetch_add(amount.items, Ordering::Relaxed);
    }

    /// These are settled, or in the queue on disk.
    pub(crate) fn went(&self, amount: Amount) {
        self.bytes.fetch_sub(amount.bytes, Ordering::Relaxed);
        self.entries.fetch_sub(amount.items, Ordering::Relaxed);
    }

    /// What is not settled yet.
    pub(crate) fn pending(&self) -> Amount {
        Amount {
            items: self.entries.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Waits until something comes, or came since the last call.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Lines, Name, amount, piece};
    use crate::ticket::{Offer, Ticket};
    use futures_util::FutureExt;
    use signals::{Entry, Labels, Ledger, LogBatch, LogStream, Permit};
    use std::sync::Arc;
    use tokio::time::Instant;

    /// A part of one line with four bytes, and what waits for it.
    fn item(permit: Permit) -> (Item<Lines>, Offer<Lines>) {
        let stream = LogStream {
            labels: Labels::empty(),
            entries: vec![Entry::new(0, "line")],
        };
        let (payload, custody) = LogBatch::new(vec![stream], permit).into_shared_parts();
        let piece = piece(&payload, 0);
        let (ticket, offer) = Ticket::new(payload, custody);
        let edge = Ledger::default().edge("sink", "sink#endpoint");
        let part = ticket.part(piece, Instant::now(), &edge).1;
        let stream = Name(Arc::from("stream"));
        (Item { stream, part }, offer)
    }

    #[tokio::test]
    async fn a_patient_worker_is_woken_when_that_is_used_up() {
        let shard = Shard::<Lines>::default();
        let push = |permit, urgent: bool| {
            shard.push(item(permit).0, || urgent);
            shard.woken().now_or_never().is_some()
        };
        let of = |items, bytes, parts| Patience {
            amount: amount(items, bytes),
            parts,
        };
        assert!(push(Permit::none(), false), "nobody said to be patient");
        assert!(!shard.be_patient(of(9, 99, 9)), "something waits");
        for (patience, expected) in [
            (of(3, 99, 9), [false, false, true]),
            (of(9, 8, 9), [false, true, true]),
            (of(9, 99, 2), [false, true, true]),
            (of(0, 99, 9), [true, true, true]),
        ] {
            shard.take();
            assert!(shard.be_patient(patience));
            assert_eq!([(); 3].map(|()| push(Permit::none(), false)), expected, "{patience:?}");
        }
        let patience = of(9, 99, 9);
        shard.take();
        assert!(shard.be_patient(patience) && push(Permit::none(), true), "urgent");
        shard.take();
        assert!(
            shard.be_patient(patience) && push(Permit::none().awaited(), false),
            "somebody waits for it"
        );
        shard.take();
        assert!(shard.be_patient(patience));
        shard.take();
        assert!(push(Permit::none(), false), "the worker looked meanwhile");
    }
}
