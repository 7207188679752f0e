//! Where every record went, per edge of the graph.

use std::collections::BTreeMap;
use std::ops::{Add, AddAssign, Sub};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// A number of records and their size in bytes (lines and structured metadata; labels are shared and not counted).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Number of records.
    pub items: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

impl Amount {
    /// One record of `bytes` bytes.
    pub fn one(bytes: u64) -> Self {
        Amount { items: 1, bytes }
    }
}

impl Add for Amount {
    type Output = Amount;
    fn add(self, other: Amount) -> Amount {
        Amount {
            items: self.items + other.items,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Amount) {
        *self = *self + other;
    }
}

impl Sub for Amount {
    type Output = Amount;
    /// Saturates at zero: counters are read one by one while records move.
    fn sub(self, other: Amount) -> Amount {
        Amount {
            items: self.items.saturating_sub(other.items),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }
}

#[derive(Default)]
struct Count {
    items: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    fn add(&self, amount: Amount) {
        self.items.fetch_add(amount.items, Ordering::Relaxed);
        self.bytes.fetch_add(amount.bytes, Ordering::Relaxed);
    }

    fn get(&self) -> Amount {
        Amount {
            items: self.items.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

/// Counters of one edge, from a component to another.
///
/// entered = delivered + filtered + rejected + returned + lost + in flight.
pub struct Edge {
    from: Arc<str>,
    to: Arc<str>,
    entered: Count,
    delivered: Count,
    returned: Count,
    lost: Count,
    filtered: Mutex<BTreeMap<Arc<str>, Amount>>,
    rejected: Mutex<BTreeMap<Arc<str>, Amount>>,
}

/// An edge's counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeSnapshot {
    /// Global id of the sending component.
    pub from: String,
    /// Global id of the receiving component.
    pub to: String,
    /// Offered to the receiver.
    pub entered: Amount,
    /// Arrived: delivered, durable, or accepted by all components behind.
    pub delivered: Amount,
    /// Given back to the sender by a refusal or a cancelled call; it may offer them again.
    pub returned: Amount,
    /// Without a fate: a defect.
    pub lost: Amount,
    /// Dropped by a rule of the configuration, by its name.
    pub filtered: BTreeMap<String, Amount>,
    /// Refused by a destination for good, by reason.
    pub rejected: BTreeMap<String, Amount>,
}

impl EdgeSnapshot {
    /// Records that have no fate yet.
    pub fn in_flight(&self) -> Amount {
        let mut settled = self.delivered + self.returned + self.lost;
        for amount in self.filtered.values().chain(self.rejected.values()) {
            settled += *amount;
        }
        self.entered - settled
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn count_named(map: &Mutex<BTreeMap<Arc<str>, Amount>>, name: &str, amount: Amount) {
    let mut map = lock(map);
    match map.get_mut(name) {
        Some(count) => *count += amount,
        None => {
            map.insert(Arc::from(name), amount);
        }
    }
}

fn names(map: &Mutex<BTreeMap<Arc<str>, Amount>>) -> BTreeMap<String, Amount> {
    lock(map)
        .iter()
        .map(|(name, amount)| (name.to_string(), *amount))
        .collect()
}

impl Edge {
    pub(crate) fn new(from: &str, to: &str) -> Self {
        Edge {
            from: Arc::from(from),
            to: Arc::from(to),
            entered: Count::default(),
            delivered: Count::default(),
            returned: Count::default(),
            lost: Count::default(),
            filtered: Mutex::default(),
            rejected: Mutex::default(),
        }
    }

    /// Global id of the sending component.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// Global id of the receiving component.
    pub fn to(&self) -> &str {
        &self.to
    }

    pub(crate) fn count_entered(&self, amount: Amount) {
        self.entered.add(amount);
    }

    pub(crate) fn count_delivered(&self, amount: Amount) {
        self.delivered.add(amount);
    }

    pub(crate) fn count_returned(&self, amount: Amount) {
        self.returned.add(amount);
    }

    pub(crate) fn count_lost(&self, amount: Amount) {
        self.lost.add(amount);
    }

    pub(crate) fn count_filtered(&self, rule: &str, amount: Amount) {
        if amount.items > 0 {
            count_named(&self.filtered, rule, amount);
        }
    }

    pub(crate) fn count_rejected(&self, reason: &str, amount: Amount) {
        if amount.items > 0 {
            count_named(&self.rejected, reason, amount);
        }
    }

    /// The counters now.
    pub fn snapshot(&self) -> EdgeSnapshot {
        // `entered` is read last, so that a record which moves meanwhile shows as in flight, never as surplus.
        let mut snapshot = EdgeSnapshot {
            from: self.from.to_string(),
            to: self.to.to_string(),
            delivered: self.delivered.get(),
            returned: self.returned.get(),
            lost: self.lost.get(),
            filtered: names(&self.filtered),
            rejected: names(&self.rejected),
            entered: Amount::default(),
        };
        snapshot.entered = self.entered.get();
        snapshot
    }
}

/// All edges of the process. Clones share it.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Mutex<BTreeMap<(String, String), Arc<Edge>>>>);

impl Ledger {
    /// The edge between two components by their global ids; made when it is asked for first and kept from then on, so
    /// that its counters survive a reload.
    pub fn edge(&self, from: &str, to: &str) -> Arc<Edge> {
        lock(&self.0)
            .entry((from.to_owned(), to.to_owned()))
            .or_insert_with(|| Arc::new(Edge::new(from, to)))
            .clone()
    }

    /// The counters of every edge, by sender and receiver.
    pub fn snapshot(&self) -> Vec<EdgeSnapshot> {
        let edges: Vec<Arc<Edge>> = lock(&self.0).values().cloned().collect();
        edges.iter().map(|edge| edge.snapshot()).collect()
    }
}
