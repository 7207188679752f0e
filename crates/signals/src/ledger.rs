//! Where every record went, per edge of the graph.

use crate::busy::Meter;
use crate::examples::Examples;
use crate::tap::{EdgeTaps, Tap, Taps};
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

/// Why records did not arrive, and will not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// A rule of the configuration dropped them.
    Filtered,
    /// A destination refused them for good, and nobody keeps them.
    Rejected,
    /// They waited longer than the queue's bounds in age or bytes allow.
    Expired,
    /// A destination refused them for good; they are in the dead-letter log.
    DeadLettered,
}

impl Fate {
    /// All of them.
    pub const ALL: [Fate; 4] = [Fate::Filtered, Fate::Rejected, Fate::Expired, Fate::DeadLettered];

    /// Name in metrics and JSON: `filtered`, `rejected`, `expired`, `dead_lettered`.
    pub fn as_str(self) -> &'static str {
        match self {
            Fate::Filtered => "filtered",
            Fate::Rejected => "rejected",
            Fate::Expired => "expired",
            Fate::DeadLettered => "dead_lettered",
        }
    }
}

/// Amounts by the name of a rule or reason.
type Named = BTreeMap<Arc<str>, Amount>;

/// Counters of one edge, from a component to another, or from a sink through its queue to a destination.
///
/// entered = delivered + filtered + rejected + expired + dead-lettered + returned + lost + in flight.
pub struct Edge {
    from: Arc<str>,
    to: Arc<str>,
    entered: Count,
    delivered: Count,
    returned: Count,
    lost: Count,
    named: [Mutex<Named>; Fate::ALL.len()],
    taps: EdgeTaps,
    /// How long the receiver works.
    meter: Arc<Meter>,
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
    /// Given up because they waited too long, by reason.
    pub expired: BTreeMap<String, Amount>,
    /// Refused by a destination for good and kept in the dead-letter log, by reason.
    pub dead_lettered: BTreeMap<String, Amount>,
}

impl EdgeSnapshot {
    /// Records that have no fate yet.
    pub fn in_flight(&self) -> Amount {
        self.entered - self.settled()
    }

    /// Records that have a fate, the lost ones included.
    pub fn settled(&self) -> Amount {
        self.delivered + self.returned + self.given_up()
    }

    /// Records that did not arrive and will not, the lost ones included.
    pub fn given_up(&self) -> Amount {
        let mut sum = self.lost;
        for fate in Fate::ALL {
            for amount in self.named(fate).values() {
                sum += *amount;
            }
        }
        sum
    }

    /// Amounts by rule or reason.
    pub fn named(&self, fate: Fate) -> &BTreeMap<String, Amount> {
        match fate {
            Fate::Filtered => &self.filtered,
            Fate::Rejected => &self.rejected,
            Fate::Expired => &self.expired,
            Fate::DeadLettered => &self.dead_lettered,
        }
    }

    /// Whether no record is lost and none has two fates.
    pub fn balances(&self) -> bool {
        self.lost == Amount::default() && self.settled().items <= self.entered.items
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn count_named(map: &Mutex<Named>, name: &str, amount: Amount) {
    let mut map = lock(map);
    match map.get_mut(name) {
        Some(count) => *count += amount,
        None => {
            map.insert(Arc::from(name), amount);
        }
    }
}

fn names(map: &Mutex<Named>) -> BTreeMap<String, Amount> {
    lock(map)
        .iter()
        .map(|(name, amount)| (name.to_string(), *amount))
        .collect()
}

impl Edge {
    pub(crate) fn new(from: &str, to: &str, meter: Arc<Meter>) -> Self {
        Edge {
            from: Arc::from(from),
            to: Arc::from(to),
            entered: Count::default(),
            delivered: Count::default(),
            returned: Count::default(),
            lost: Count::default(),
            named: Default::default(),
            taps: EdgeTaps::default(),
            meter,
        }
    }

    pub(crate) fn taps(&self) -> &EdgeTaps {
        &self.taps
    }

    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Global id of the sending component.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// Global id of the receiving component.
    pub fn to(&self) -> &str {
        &self.to
    }

    /// Shows records to those who look at this edge: for edges that no [`FanOut`](crate::FanOut) leads to.
    pub fn show(&self, records: &impl crate::Payload) {
        self.taps.show(&self.from, &self.to, || records.seen());
    }

    /// Records came onto the edge.
    pub fn enter(&self, amount: Amount) {
        self.entered.add(amount);
    }

    /// Records arrived at its end.
    pub fn deliver(&self, amount: Amount) {
        self.delivered.add(amount);
    }

    /// Records went back to where they came from.
    pub fn give_back(&self, amount: Amount) {
        self.returned.add(amount);
    }

    pub(crate) fn lose(&self, amount: Amount) {
        self.lost.add(amount);
    }

    /// Records will not arrive, by the name of the rule or reason.
    pub fn settle(&self, fate: Fate, name: &str, amount: Amount) {
        if amount.items > 0 {
            count_named(&self.named[fate as usize], name, amount);
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
            filtered: names(&self.named[Fate::Filtered as usize]),
            rejected: names(&self.named[Fate::Rejected as usize]),
            expired: names(&self.named[Fate::Expired as usize]),
            dead_lettered: names(&self.named[Fate::DeadLettered as usize]),
            entered: Amount::default(),
        };
        snapshot.entered = self.entered.get();
        snapshot
    }
}

/// All edges of the process, and examples of what did not arrive. Clones share it.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Inner>);

#[derive(Default)]
struct Inner {
    edges: Mutex<BTreeMap<(String, String), Arc<Edge>>>,
    examples: Examples,
    taps: Taps,
    meters: Mutex<BTreeMap<String, Arc<Meter>>>,
}

/// While it lives, a [`Tap`] looks.
#[must_use = "nobody looks any more once it is dropped"]
pub struct Watching {
    ledger: Ledger,
    number: u64,
}

impl Drop for Watching {
    fn drop(&mut self) {
        let inner = &self.ledger.0;
        inner.taps.remove(self.number);
        inner.taps.choose(lock(&inner.edges).values());
    }
}

impl Ledger {
    /// The edge between two components by their global ids; made when it is asked for first and kept from then on, so
    /// that its counters survive a reload.
    pub fn edge(&self, from: &str, to: &str) -> Arc<Edge> {
        let meter = self.meter(to);
        let mut edges = lock(&self.0.edges);
        let edge = edges.entry((from.to_owned(), to.to_owned()));
        edge.or_insert_with(|| {
            let edge = Arc::new(Edge::new(from, to, meter));
            self.0.taps.choose([&edge]);
            edge
        })
        .clone()
    }

    /// How long a component works, by its global id.
    pub fn meter(&self, id: &str) -> Arc<Meter> {
        let mut meters = lock(&self.0.meters);
        match meters.get(id) {
            Some(meter) => meter.clone(),
            None => meters.entry(id.to_owned()).or_default().clone(),
        }
    }

    /// Lets somebody look at records as they pass, for as long as what comes back lives.
    pub fn watch(&self, tap: Arc<dyn Tap>) -> Watching {
        let number = self.0.taps.add(tap);
        self.0.taps.choose(lock(&self.0.edges).values());
        Watching {
            ledger: self.clone(),
            number,
        }
    }

    /// The counters of every edge, by sender and receiver.
    pub fn snapshot(&self) -> Vec<EdgeSnapshot> {
        let edges: Vec<Arc<Edge>> = lock(&self.0.edges).values().cloned().collect();
        edges.iter().map(|edge| edge.snapshot()).collect()
    }

    /// Examples of records that did not arrive.
    pub fn examples(&self) -> &Examples {
        &self.0.examples
    }
}
