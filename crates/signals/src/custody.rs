//! The obligation to say what became of each record.

use crate::budget::Permit;
use crate::ledger::{Amount, Edge, Fate};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many of the records that entered an edge in one `accept` have a fate by now.
pub(crate) struct Tally {
    pub(crate) edge: Arc<Edge>,
    settled_items: AtomicU64,
    settled_bytes: AtomicU64,
}

impl Tally {
    pub(crate) fn new(edge: Arc<Edge>) -> Arc<Self> {
        Arc::new(Tally {
            edge,
            settled_items: AtomicU64::new(0),
            settled_bytes: AtomicU64::new(0),
        })
    }

    pub(crate) fn settled(&self) -> Amount {
        Amount {
            items: self.settled_items.load(Ordering::Acquire),
            bytes: self.settled_bytes.load(Ordering::Acquire),
        }
    }

    fn settle(&self, amount: Amount) {
        self.settled_bytes.fetch_add(amount.bytes, Ordering::AcqRel);
        self.settled_items.fetch_add(amount.items, Ordering::AcqRel);
    }
}

/// Responsibility for records that were taken over on one edge, and the memory permit under which they live.
///
/// Whoever takes a batch apart must give each of its records a fate, [`deliver`](Custody::deliver),
/// [`filter`](Custody::filter) or another [`Fate`](Custody::settle), before its `accept` resolves with `Ok`. Dropping an open custody is right only on the way
/// to a refusal, or when the `accept` itself is cancelled: then the sender still has the records.
pub struct Custody {
    permit: Arc<Permit>,
    tally: Option<Arc<Tally>>,
    open: Amount,
}

impl Custody {
    pub(crate) fn new(permit: Arc<Permit>, tally: Option<Arc<Tally>>, open: Amount) -> Self {
        Custody { permit, tally, open }
    }

    pub(crate) fn permit(&self) -> &Arc<Permit> {
        &self.permit
    }

    /// Whether somebody waits for the answer; see [`Permit::awaited`].
    pub fn is_awaited(&self) -> bool {
        self.permit.is_awaited()
    }

    /// Records and bytes that have no fate yet.
    pub fn open(&self) -> Amount {
        self.open
    }

    /// These records arrived: at the destination, in durable storage, or at the next component whose `accept` resolved.
    pub fn deliver(&mut self, amount: Amount) {
        let amount = self.take(amount);
        if let Some(tally) = &self.tally {
            tally.edge.deliver(amount);
            tally.settle(amount);
        }
    }

    /// All records that are still open arrived.
    pub fn deliver_rest(&mut self) {
        self.deliver(self.open);
    }

    /// A rule of the configuration dropped these records; `rule` names it, for example by the stage's
    /// `drop_counter_reason`.
    pub fn filter(&mut self, rule: &str, amount: Amount) {
        self.settle(Fate::Filtered, rule, amount);
    }

    /// A destination refused these records for good; `reason` is its short name, such as `ingester_error`.
    pub fn reject(&mut self, reason: &str, amount: Amount) {
        self.settle(Fate::Rejected, reason, amount);
    }

    /// These records will not arrive.
    pub fn settle(&mut self, fate: Fate, name: &str, amount: Amount) {
        let amount = self.take(amount);
        if let Some(tally) = &self.tally {
            tally.edge.settle(fate, name, amount);
            tally.settle(amount);
        }
    }

    /// Takes the responsibility for some of the records out, to be settled on its own. It stays under the same memory
    /// permit.
    pub fn split(&mut self, amount: Amount) -> Custody {
        let open = self.take(amount);
        Custody {
            permit: self.permit.clone(),
            tally: self.tally.clone(),
            open,
        }
    }

    /// Responsibility for nothing that keeps the memory permit: for who holds bytes of the records longer than this, or in another place.
    pub fn witness(&self) -> Custody {
        Custody {
            permit: self.permit.clone(),
            tally: None,
            open: Amount::default(),
        }
    }

    /// Moves to a permit of its own for records that were copied out of their batch, so that a held line does not
    /// pin the memory of the whole chunk that it came from.
    pub fn detach(&mut self, bytes: u64) {
        let permit = match self.permit.budget() {
            Some(budget) => budget.force(bytes),
            None => Permit::none(),
        };
        self.permit = Arc::new(permit);
    }

    fn take(&mut self, amount: Amount) -> Amount {
        debug_assert!(
            amount.items <= self.open.items,
            "a record cannot have two fates: {} of {} open",
            amount.items,
            self.open.items
        );
        let items = amount.items.min(self.open.items);
        // Stages change sizes, so the last records take whatever bytes are left: the ledger balances in both units.
        let bytes = if items == self.open.items {
            self.open.bytes
        } else {
            amount.bytes.min(self.open.bytes)
        };
        self.open.items -= items;
        self.open.bytes -= bytes;
        Amount { items, bytes }
    }
}
