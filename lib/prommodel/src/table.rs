//! Labels and series that are in use, each once.

use crate::block::Rows;
use crate::label::Label;
use crate::labels::LabelStore;
use crate::series::Series;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parts with a lock of their own; a power of two.
const SHARDS: usize = 16;
/// Entries below which a shard is never swept by itself.
const LEAST: usize = 1024;

/// All labels and series of a process. Cheap to clone: a handle.
#[derive(Clone)]
pub struct Table(Arc<Inner>);

struct Inner {
    hasher: RandomState,
    store: Arc<LabelStore>,
    labels: [Mutex<Labels>; SHARDS],
    series: [Mutex<AllSeries>; SHARDS],
    rows: Mutex<AllRows>,
}

/// Rows of blocks.
#[derive(Default)]
struct AllRows {
    table: HashTable<Arc<Rows>>,
    swept: usize,
}

/// Labels of the store by what they are.
#[derive(Default)]
struct Labels {
    table: HashTable<u32>,
    /// Entries after the last sweep.
    swept: usize,
    numbers: Numbers,
}

#[derive(Default)]
struct AllSeries {
    table: HashTable<Series>,
    swept: usize,
    numbers: Numbers,
    /// Goes up with every sweep, so that a number that is used again can be told from its first use.
    generation: u32,
}

/// Numbers of a shard.
#[derive(Default)]
struct Numbers {
    /// Those that may be used again.
    free: Vec<u32>,
    /// How many were used.
    used: u32,
}

impl Numbers {
    fn deal(&mut self, shard: usize) -> u32 {
        let local = self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        });
        let number = local.checked_mul(SHARDS as u32).filter(|number| number >> 31 == 0);
        number.expect("there are fewer than 2^31 numbers") + shard as u32
    }

    fn give_back(&mut self, numbers: impl Iterator<Item = u32>) {
        self.free.extend(numbers.map(|number| number / SHARDS as u32));
    }
}

/// How much is in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Number of series, those in blocks included.
    pub series: u64,
    /// Number of labels.
    pub labels: u64,
    /// Bytes that they and the tables take.
    pub bytes: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The low bits choose a shard, so they are of no use within it.
fn shard(hash: u64) -> usize {
    (hash >> 48) as usize % SHARDS
}

fn grown(len: usize, swept: usize) -> bool {
    len >= LEAST && len > swept + swept / 2
}

impl Default for Table {
    fn default() -> Self {
        Table::new()
    }
}

impl Table {
    /// Numbers of series are dealt out in so many rows: the row of a series is its number modulo this, and within a row, series that come one after
    /// the other have numbers that do.
    pub const ROWS: usize = SHARDS;

    /// An empty table.
    pub fn new() -> Table {
        Table(Arc::new(Inner {
            hasher: RandomState::default(),
            store: Arc::new(LabelStore::new()),
            labels: Default::default(),
            series: Default::default(),
            rows: Default::default(),
        }))
    }

    fn hash(&self, numbers: impl Iterator<Item = u32>) -> u64 {
        let mut state = self.0.hasher.build_hasher();
        numbers.for_each(|number| state.write_u32(number));
        state.finish()
    }

    /// The label with this name and value.
    pub fn label(&self, name: &str, value: &str) -> Label {
        let Inner { hasher, store, .. } = &*self.0;
        let hash = hasher.hash_one((name, value));
        let number = shard(hash);
        let mut gone = Vec::new();
        let mut shard = lock(&self.0.labels[number]);
        let is = |label: &Label| label.name() == name && label.value() == value;
        if let Some(id) = shard.table.find(hash, |id| is(of_part(store, *id))) {
            return of_part(store, *id).clone();
        }
        if grown(shard.table.len(), shard.swept) {
            gone = shard.sweep(store);
        }
        let label = Label::new(store.table(), shard.numbers.deal(number), name, value);
        #[expect(unsafe_code, reason = "readers of labels take no lock")]
        // SAFETY: the number is dealt out for this label, and this part is locked.
        unsafe {
            store.put(label.clone());
        }
        let rehash = |id: &u32| {
            let label = of_part(store, *id);
            hasher.hash_one((label.name(), label.value()))
        };
        shard.table.insert_unique(hash, label.id(), rehash);
        drop(shard);
        // Outside of the lock.
        drop(gone);
        label
    }

    pub(crate) fn store(&self) -> &Arc<LabelStore> {
        &self.0.store
    }

    /// # Panics
    /// A label is of another table.
    pub(crate) fn check(&self, labels: &[Label]) {
        let table = self.0.store.table();
        assert!(
            labels.iter().all(|label| label.table() == table),
            "labels are of this table"
        );
        debug_assert!(labels.windows(2).all(|pair| pair[0].name() < pair[1].name()));
    }

    /// Rows with these entries, which end there.
    ///
    /// SAFETY: the numbers are in use until this returns.
    #[expect(unsafe_code, reason = "readers of labels take no lock")]
    pub(crate) unsafe fn rows(&self, entries: &[u32], ends: &[u32]) -> Arc<Rows> {
        let hash = self.hash(entries.iter().chain(ends).copied());
        let mut gone = Vec::new();
        let mut all = lock(&self.0.rows);
        if let Some(rows) = all.table.find(hash, |rows| rows.is(entries, ends)) {
            return rows.clone();
        }
        if grown(all.table.len(), all.swept) {
            gone = all.sweep();
        }
        // SAFETY: the caller's.
        let rows = Arc::new(unsafe { Rows::new(&self.0.store, entries, ends) });
        all.table
            .insert_unique(hash, rows.clone(), |rows| self.hash(rows.words()));
        drop(all);
        // Outside of the lock.
        drop(gone);
        rows
    }

    /// The series with these labels, which are of this table, sorted by name, each name once.
    ///
    /// # Panics
    /// A label is of another table.
    pub fn series(&self, labels: &[Label]) -> Series {
        self.check(labels);
        let hash = self.hash(labels.iter().map(Label::id));
        let number = shard(hash);
        let mut gone = Vec::new();
        let mut shard = lock(&self.0.series[number]);
        let is = |series: &Series| series.numbers().iter().copied().eq(labels.iter().map(Label::id));
        if let Some(series) = shard.table.find(hash, is) {
            return series.clone();
        }
        if grown(shard.table.len(), shard.swept) {
            gone = shard.sweep();
        }
        let series = Series::new(&self.0.store, shard.numbers.deal(number), shard.generation, labels);
        let rehash = |series: &Series| self.hash(series.numbers().iter().copied());
        shard.table.insert_unique(hash, series.clone(), rehash);
        drop(shard);
        // Outside of the lock.
        drop(gone);
        series
    }

    /// The series of names and values that are sorted by name, each name once. Empty values are left out.
    pub fn intern<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Series {
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let labels: Vec<Label> = pairs.map(|(name, value)| self.label(name, value)).collect();
        self.series(&labels)
    }

    /// Forgets what nobody else holds. Takes the locks one after the other, so that others wait for a sixteenth of it at most.
    pub fn sweep(&self) {
        // Rows and series first: they hold labels.
        let gone = lock(&self.0.rows).sweep();
        drop(gone);
        for shard in &self.0.series {
            let gone = lock(shard).sweep();
            drop(gone);
        }
        for shard in &self.0.labels {
            let gone = lock(shard).sweep(&self.0.store);
            drop(gone);
        }
    }

    /// How much is in it. Walks over everything.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        let mut bytes = self.0.store.size();
        for shard in &self.0.series {
            let shard = lock(shard);
            stats.series += shard.table.len() as u64;
            bytes += shard.table.allocation_size() + shard.table.iter().map(Series::size).sum::<usize>();
        }
        for shard in &self.0.labels {
            let shard = lock(shard);
            stats.labels += shard.table.len() as u64;
            bytes += shard.table.allocation_size();
            let sizes = shard.table.iter().map(|id| of_part(&self.0.store, *id).size());
            bytes += sizes.sum::<usize>();
        }
        stats.series += self.0.store.rows.load(Ordering::Relaxed);
        let rows = lock(&self.0.rows);
        bytes += rows.table.allocation_size() + rows.table.iter().map(|rows| rows.size()).sum::<usize>();
        drop(rows);
        stats.bytes = bytes as u64;
        stats
    }

    /// Number of series, without a walk over them.
    pub fn len(&self) -> u64 {
        let alone: u64 = self.0.series.iter().map(|shard| lock(shard).table.len() as u64).sum();
        alone + self.0.store.rows.load(Ordering::Relaxed)
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A label of a part whose lock the caller holds, and holds for as long as it uses the label.
fn of_part(store: &LabelStore, id: u32) -> &Label {
    #[expect(unsafe_code, reason = "readers of labels take no lock")]
    // SAFETY: numbers that are in a locked part's table are in use.
    unsafe {
        store.get(id)
    }
}

impl Labels {
    /// Takes out what nobody else holds.
    fn sweep(&mut self, store: &LabelStore) -> Vec<Label> {
        let mut gone = Vec::new();
        self.table.retain(|id| {
            #[expect(unsafe_code, reason = "readers of labels take no lock")]
            // SAFETY: `self` is of a locked part.
            let label = unsafe { store.take_forgotten(*id) };
            let stays = label.is_none();
            gone.extend(label);
            stays
        });
        self.numbers.give_back(gone.iter().map(Label::id));
        self.swept = self.table.len();
        gone
    }
}

impl AllRows {
    fn sweep(&mut self) -> Vec<Arc<Rows>> {
        let gone = self.table.extract_if(|rows| Arc::strong_count(rows) == 1).collect();
        self.swept = self.table.len();
        gone
    }
}

impl AllSeries {
    fn sweep(&mut self) -> Vec<Series> {
        let gone: Vec<Series> = self.table.extract_if(|series| series.is_forgotten()).collect();
        self.numbers.give_back(gone.iter().map(Series::id));
        self.swept = self.table.len();
        self.generation = self.generation.wrapping_add(1);
        if self.table.is_empty() {
            let _ = mem::take(&mut self.table);
        }
        gone
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("series", &self.len())
            .finish_non_exhaustive()
    }
}
