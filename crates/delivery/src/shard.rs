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

/// Where parts wait for the worker, in order.
pub(crate) struct Shard<P: Protocol> {
    inbox: Mutex<VecDeque<Item<P>>>,
    wake: Notify,
    /// Bytes from the inbox to the answer.
    bytes: AtomicU64,
    /// Entries from the inbox to the answer.
    entries: AtomicU64,
}

impl<P: Protocol> Default for Shard<P> {
    fn default() -> Self {
        Shard {
            inbox: Mutex::default(),
            wake: Notify::new(),
            bytes: AtomicU64::new(0),
            entries: AtomicU64::new(0),
        }
    }
}

impl<P: Protocol> Shard<P> {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Item<P>>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a part.
    pub(crate) fn push(&self, item: Item<P>) {
        self.came(item.part.amount());
        self.lock().push_back(item);
        self.wake.notify_one();
    }

    /// Puts parts in front, in their order.
    pub(crate) fn push_front(&self, items: Vec<Item<P>>) {
        for item in &items {
            self.came(item.part.amount());
        }
        let mut inbox = self.lock();
        for item in items.into_iter().rev() {
            inbox.push_front(item);
        }
    }

    /// Takes everything that waits.
    pub(crate) fn take(&self) -> VecDeque<Item<P>> {
        std::mem::take(&mut *self.lock())
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
