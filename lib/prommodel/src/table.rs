//! Labels and series that are in use, each once.

use crate::label::Label;
use crate::series::Series;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::fmt;
use std::hash::BuildHasher;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parts with a lock of their own; a power of two.
const SHARDS: usize = 16;
/// Entries below which a shard is never swept by itself.
const LEAST: usize = 1024;

/// All labels and series of a process. Cheap to clone: a handle.
#[derive(Clone, Default)]
pub struct Table(Arc<Inner>);

#[derive(Default)]
struct Inner {
    hasher: RandomState,
    labels: [Mutex<Labels>; SHARDS],
    series: [Mutex<AllSeries>; SHARDS],
}

#[derive(Default)]
struct Labels {
    table: HashTable<Label>,
    /// Entries after the last sweep.
    swept: usize,
}

#[derive(Default)]
struct AllSeries {
    table: HashTable<Series>,
    swept: usize,
    /// Numbers that may be used again.
    free: Vec<u32>,
    /// Numbers that were used, of this shard.
    used: u32,
    /// Goes up with every sweep, so that a number that is used again can be told from its first use.
    generation: u32,
}

/// How much is in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Number of series.
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

impl Table {
    /// Numbers of series are dealt out in so many rows: the row of a series is its number modulo this, and within a row, series that come one after
    /// the other have numbers that do.
    pub const ROWS: usize = SHARDS;

    /// An empty table.
    pub fn new() -> Table {
        Table::default()
    }

    /// The label with this name and value.
    pub fn label(&self, name: &str, value: &str) -> Label {
        let hasher = &self.0.hasher;
        let hash = hasher.hash_one((name, value));
        let mut gone = Vec::new();
        let mut shard = lock(&self.0.labels[shard(hash)]);
        let is = |label: &Label| label.name() == name && label.value() == value;
        if let Some(label) = shard.table.find(hash, is) {
            return label.clone();
        }
        if grown(shard.table.len(), shard.swept) {
            gone = shard.sweep();
        }
        let label = Label::new(name, value);
        let rehash = |label: &Label| hasher.hash_one((label.name(), label.value()));
        shard.table.insert_unique(hash, label.clone(), rehash);
        drop(shard);
        // Outside of the lock.
        drop(gone);
        label
    }

    /// The series with these labels, which are of this table, sorted by name, each name once.
    pub fn series(&self, labels: &[Label]) -> Series {
        debug_assert!(labels.windows(2).all(|pair| pair[0].name() < pair[1].name()));
        let hasher = &self.0.hasher;
        let hash = hasher.hash_one(labels);
        let number = shard(hash);
        let mut gone = Vec::new();
        let mut shard = lock(&self.0.series[number]);
        if let Some(series) = shard.table.find(hash, |series| series.labels() == labels) {
            return series.clone();
        }
        if grown(shard.table.len(), shard.swept) {
            gone = shard.sweep();
        }
        let local = shard.free.pop().unwrap_or_else(|| {
            shard.used += 1;
            shard.used - 1
        });
        let series = Series::new(local * SHARDS as u32 + number as u32, shard.generation, labels);
        let rehash = |series: &Series| hasher.hash_one(series.labels());
        shard.table.insert_unique(hash, series.clone(), rehash);
        drop(shard);
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
        // Series first: they hold labels.
        for shard in &self.0.series {
            let gone = lock(shard).sweep();
            drop(gone);
        }
        for shard in &self.0.labels {
            let gone = lock(shard).sweep();
            drop(gone);
        }
    }

    /// How much is in it. Walks over everything.
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        let mut bytes = 0;
        for shard in &self.0.series {
            let shard = lock(shard);
            stats.series += shard.table.len() as u64;
            bytes += shard.table.allocation_size() + shard.table.iter().map(Series::size).sum::<usize>();
        }
        for shard in &self.0.labels {
            let shard = lock(shard);
            stats.labels += shard.table.len() as u64;
            bytes += shard.table.allocation_size() + shard.table.iter().map(Label::size).sum::<usize>();
        }
        stats.bytes = bytes as u64;
        stats
    }

    /// Number of series, without a walk over them.
    pub fn len(&self) -> u64 {
        self.0.series.iter().map(|shard| lock(shard).table.len() as u64).sum()
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Labels {
    /// Takes out what nobody else holds.
    fn sweep(&mut self) -> Vec<Label> {
        let gone = self.table.extract_if(|label| label.is_forgotten()).collect();
        self.swept = self.table.len();
        gone
    }
}

impl AllSeries {
    fn sweep(&mut self) -> Vec<Series> {
        let gone: Vec<Series> = self.table.extract_if(|series| series.is_forgotten()).collect();
        self.free.extend(gone.iter().map(|series| series.id() / SHARDS as u32));
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
