//! The store: series, chunks, and the bounds.

use crate::ast::Matcher;
use crate::chunk::Chunk;
use host::{Clock, SystemClock};
use prommodel::{Kind, Series, Table};
use remotewrite::v1::{self, Part};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How far ahead of the clock a sample may be, in milliseconds: as in Prometheus.
const AHEAD: i64 = 10 * 60 * 1000;
/// Families whose metadata is kept.
const MOST_FAMILIES: usize = 20_000;
/// Bytes of a help text that are kept.
const MOST_HELP: usize = 500;

/// What a store may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Memory for samples and series, in bytes; the oldest chunks make room for new ones. At least 1 MiB.
    pub max_bytes: usize,
    /// How long a sample is kept at least, if there is room; five minutes more at most.
    pub retention: Duration,
    /// Largest push over HTTP, in bytes, compressed or not.
    pub max_push_bytes: usize,
    /// Samples that one query may read.
    pub max_query_samples: usize,
}

impl Default for Config {
    /// 64 MiB, 15 minutes, pushes of 32 MiB, 10 million samples a query.
    fn default() -> Self {
        Config {
            max_bytes: 64 << 20,
            retention: Duration::from_secs(15 * 60),
            max_push_bytes: 32 << 20,
            max_query_samples: 10_000_000,
        }
    }
}

/// The store in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Memory that samples and series take, in bytes.
    pub bytes: u64,
    /// The bound of `bytes`.
    pub max_bytes: u64,
    /// Series that have samples.
    pub series: u64,
    /// Samples that are stored.
    pub samples: u64,
    /// Samples taken in since the start.
    pub received_samples: u64,
    /// Samples that were not taken: out of order, too old, too far in the future, or another value for a time that has one.
    pub rejected_samples: u64,
    /// Native histograms, which are not stored.
    pub ignored_histograms: u64,
    /// Samples evicted to keep the bound of memory.
    pub dropped_samples: u64,
}

/// Why a push was refused, wholly or in part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// It is no request; nothing of it is stored.
    #[error("not a request of remote write: {0}")]
    Request(#[from] remotewrite::Error),
    /// A series without a name, or with one label twice; nothing of the request is stored.
    #[error("series {{{series}}}: {what}")]
    Labels {
        /// Its labels.
        series: String,
        /// What is wrong with them.
        what: &'static str,
    },
    /// Samples that cannot be stored; all others of the request are.
    #[error("{count} samples were not stored; the first, of {series} at {timestamp}: {what}")]
    Samples {
        /// How many.
        count: u64,
        /// Series of the first.
        series: String,
        /// Its time, in milliseconds since 1970.
        timestamp: i64,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// What is known of a metric family.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub kind: Kind,
    pub help: String,
    pub unit: String,
}

/// A bounded store of metrics in memory; see the crate's documentation.
pub struct Store {
    config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) table: Table,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    series: HashMap<Series, Stream>,
    /// One entry a chunk, in order of creation: the front is forgotten first.
    order: VecDeque<Series>,
    families: BTreeMap<String, Family>,
    state: State,
}

/// Chunks, oldest first; only the last one grows.
type Stream = VecDeque<Arc<Chunk>>;

/// Samples of a series that a query reads: times in milliseconds since 1970, and values.
pub(crate) type Found = (Series, Vec<(i64, f64)>);

/// Labels, and what maps and queues spend on a series; measured roughly and on the safe side.
fn overhead(series: &Series) -> usize {
    250 + series.wire_len() + 16 * series.labels().len()
}

impl Store {
    /// An empty store.
    pub fn new(config: Config) -> Self {
        Self::with_clock(config, Arc::new(SystemClock))
    }

    /// An empty store with a clock of its own; it tells what is to be forgotten.
    pub fn with_clock(mut config: Config, clock: Arc<dyn Clock>) -> Self {
        config.max_bytes = config.max_bytes.max(1 << 20);
        let state = State {
            max_bytes: config.max_bytes as u64,
            ..State::default()
        };
        Store {
            config,
            clock,
            table: Table::new(),
            inner: Mutex::new(Inner {
                state,
                ..Inner::default()
            }),
        }
    }

    /// What the store may use.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The store in numbers.
    pub fn state(&self) -> State {
        self.pruned().state
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics between two changes that belong together.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time in milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now() / 1_000_000
    }

    /// The earliest time that is kept.
    fn horizon(&self) -> i64 {
        let kept = i64::try_from(self.config.retention.as_millis()).unwrap_or(i64::MAX);
        self.now().saturating_sub(kept)
    }

    /// The series, without what is too old.
    fn pruned(&self) -> MutexGuard<'_, Inner> {
        let horizon = self.horizon();
        let mut inner = self.lock();
        inner.prune(horizon);
        inner
    }

    /// Stores the samples of a request of remote write 1.0, which is not compressed any more. Exemplars and native histograms are left
    /// out. Returns how many samples it had.
    ///
    /// # Errors
    /// See [`WriteError`]. A sample that is there already, with the same value, is none.
    pub fn write(&self, message: &[u8]) -> Result<u64, WriteError> {
        let mut batch = Vec::new();
        let mut families = Vec::new();
        for part in v1::series(message) {
            match part? {
                Part::Series(series) => batch.push(self.checked(series)?),
                Part::Metadata(meta) => families.push((meta.family, meta.kind, meta.help, meta.unit)),
            }
        }
        let mut inner = self.pruned();
        for (family, kind, help, unit) in families {
            inner.learn(family, kind, help, unit);
        }
        self.append_all(inner, batch)
    }

    /// Stores the samples of a request of remote write 2.0, as [`Store::write`] does.
    ///
    /// # Errors
    /// The same.
    pub fn write_v2(&self, message: &[u8]) -> Result<u64, WriteError> {
        let mut batch = Vec::new();
        let mut families = Vec::new();
        for series in remotewrite::v2::series(message)? {
            let series = series?;
            if series.kind != Kind::Unknown || !series.help.is_empty() {
                let name = series.labels.iter().find(|(name, _)| *name == prommodel::NAME);
                families.extend(name.map(|(_, name)| (*name, series.kind, series.help, series.unit)));
            }
            batch.push(self.checked(series)?);
        }
        let mut inner = self.pruned();
        for (family, kind, help, unit) in families {
            inner.learn(family, kind, help, unit);
        }
        self.append_all(inner, batch)
    }

    /// Stores one sample; `timestamp` in milliseconds since 1970.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub fn append(&self, labels: &[(&str, &str)], timestamp: i64, value: f64) -> Result<(), WriteError> {
        let series = remotewrite::Series {
            labels: labels.to_vec(),
            samples: vec![remotewrite::Sample {
                value,
                timestamp,
                start_timestamp: 0,
            }],
            ..remotewrite::Series::default()
        };
        let batch = vec![self.checked(series)?];
        self.append_all(self.pruned(), batch).map(drop)
    }

    /// The series with interned labels.
    fn checked<'a>(
        &self,
        mut series: remotewrite::Series<'a>,
    ) -> Result<(Series, remotewrite::Series<'a>), WriteError> {
        series.labels.retain(|(_, value)| !value.is_empty());
        series.labels.sort_unstable_by_key(|(name, _)| *name);
        let wrong = |what| {
            let labels = series.labels.iter();
            let labels: Vec<String> = labels.map(|(name, value)| format!("{name}={value:?}")).collect();
            Err(WriteError::Labels {
                series: labels.join(", "),
                what,
            })
        };
        if series.labels.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return wrong("has a label twice");
        }
        if !series.labels.iter().any(|(name, _)| *name == prommodel::NAME) {
            return wrong("has no label __name__");
        }
        Ok((self.table.intern(series.labels.iter().copied()), series))
    }

    fn append_all(
        &self,
        mut inner: MutexGuard<'_, Inner>,
        batch: Vec<(Series, remotewrite::Series<'_>)>,
    ) -> Result<u64, WriteError> {
        let (oldest, newest) = (self.horizon(), self.now().saturating_add(AHEAD));
        let mut first = None;
        let (mut count, mut rejected) = (0, 0);
        for (series, parts) in &batch {
            inner.state.ignored_histograms += parts.histograms.len() as u64;
            for sample in &parts.samples {
                count += 1;
                let stored = if sample.timestamp < oldest {
                    Err("it is older than what is kept")
                } else if sample.timestamp > newest {
                    Err("it is more than ten minutes in the future")
                } else {
                    inner.append(series, sample.timestamp, sample.value)
                };
                if let Err(what) = stored {
                    rejected += 1;
                    first.get_or_insert((series, sample.timestamp, what));
                }
            }
        }
        inner.state.rejected_samples += rejected;
        inner.shrink(self.config.max_bytes as u64);
        drop(inner);
        match first {
            None => Ok(count),
            Some((series, timestamp, what)) => Err(WriteError::Samples {
                count: rejected,
                series: series.to_string(),
                timestamp,
                what,
            }),
        }
    }

    /// Samples of the series that all of `matchers` take, later than `after` and not later than `until` (milliseconds since 1970).
    /// Staleness markers are among them. `None` if they are more than `limit`. In order of labels.
    pub(crate) fn select(&self, matchers: &[Matcher], after: i64, until: i64, limit: &mut usize) -> Option<Vec<Found>> {
        // Chunks are decoded after the lock is given back.
        let found: Vec<(Series, Vec<Arc<Chunk>>)> = {
            let inner = self.pruned();
            let taken = inner
                .series
                .iter()
                .filter(|(series, _)| matchers.iter().all(|matcher| matcher.takes(series)));
            taken
                .map(|(series, chunks)| {
                    let chunks = chunks.iter().filter(|chunk| {
                        let (first, last) = chunk.span();
                        first <= until && last > after
                    });
                    (series.clone(), chunks.cloned().collect())
                })
                .collect()
        };
        let mut all = Vec::new();
        for (series, chunks) in found {
            let samples = chunks.iter().flat_map(|chunk| chunk.samples());
            let samples: Vec<_> = samples.filter(|(at, _)| (*at > after) & (*at <= until)).collect();
            *limit = limit.checked_sub(samples.len())?;
            if !samples.is_empty() {
                all.push((series, samples));
            }
        }
        all.sort_by(|(a, _), (b, _)| a.iter().cmp(b.iter()));
        Some(all)
    }

    /// Series that have samples from `start` to `end` (milliseconds since 1970) and that one of `selectors` takes; all if there is none.
    pub(crate) fn series(&self, selectors: &[Vec<Matcher>], start: i64, end: i64) -> Vec<Series> {
        let inner = self.pruned();
        let taken = inner.series.iter().filter(|(series, chunks)| {
            let within = |chunk: &Arc<Chunk>| chunk.span().0 <= end && chunk.span().1 >= start;
            chunks.iter().any(within)
                && (selectors.is_empty()
                    || selectors
                        .iter()
                        .any(|matchers| matchers.iter().all(|matcher| matcher.takes(series))))
        });
        let mut series: Vec<Series> = taken.map(|(series, _)| series.clone()).collect();
        drop(inner);
        series.sort_by(|a, b| a.iter().cmp(b.iter()));
        series
    }

    /// What is known of families: of one if there is a name, at most `limit`.
    pub(crate) fn families(&self, name: Option<&str>, limit: usize) -> Vec<(String, Family)> {
        let inner = self.lock();
        let wanted = inner
            .families
            .iter()
            .filter(|(family, _)| name.is_none_or(|name| name == *family));
        wanted
            .take(limit)
            .map(|(name, family)| (name.clone(), family.clone()))
            .collect()
    }
}

impl Inner {
    fn learn(&mut self, name: &str, kind: Kind, help: &str, unit: &str) {
        if name.is_empty() || (self.families.len() >= MOST_FAMILIES && !self.families.contains_key(name)) {
            return;
        }
        let help = help.chars().take(MOST_HELP).collect();
        let unit = unit.to_owned();
        self.families.insert(name.to_owned(), Family { kind, help, unit });
    }

    fn append(&mut self, series: &Series, timestamp: i64, value: f64) -> Result<(), &'static str> {
        let state = &mut self.state;
        let chunks = self.series.entry(series.clone()).or_insert_with(|| {
            state.series += 1;
            state.bytes += overhead(series) as u64;
            VecDeque::new()
        });
        let mut bytes = state.bytes as usize;
        match chunks.back_mut() {
            Some(chunk) if chunk.last().0 > timestamp => return Err("it is before the last one of its series"),
            Some(chunk) if chunk.last().0 == timestamp => {
                if chunk.last().1.to_bits() == value.to_bits() {
                    return Ok(());
                }
                return Err("its series has another value at that time");
            }
            Some(chunk) if chunk.takes(timestamp) => {
                bytes -= chunk.footprint();
                // Copies the chunk if a query is reading it.
                Arc::make_mut(chunk).push(timestamp, value);
                bytes += chunk.footprint();
            }
            full => {
                if let Some(full) = full {
                    bytes -= full.footprint();
                    Arc::make_mut(full).seal();
                    bytes += full.footprint();
                }
                let chunk = Chunk::new(timestamp, value);
                bytes += chunk.footprint();
                chunks.push_back(Arc::new(chunk));
                self.order.push_back(series.clone());
            }
        }
        state.bytes = bytes as u64;
        state.samples += 1;
        state.received_samples += 1;
        Ok(())
    }

    /// Forgets chunks whose samples are all before `horizon`.
    fn prune(&mut self, horizon: i64) {
        while let Some(series) = self.order.front() {
            let first = self.series.get(series).and_then(VecDeque::front);
            if first.is_some_and(|chunk| chunk.last().0 >= horizon) {
                break;
            }
            self.forget();
        }
    }

    fn shrink(&mut self, max_bytes: u64) {
        while self.state.bytes > max_bytes && !self.order.is_empty() {
            self.state.dropped_samples += self.forget();
        }
    }

    /// Drops the chunk that was created first; how many samples it had.
    fn forget(&mut self) -> u64 {
        let Some(series) = self.order.pop_front() else {
            return 0;
        };
        let chunks = self
            .series
            .get_mut(&series)
            .expect("a series stays while it has chunks");
        let chunk = chunks.pop_front().expect("the queue has one entry for each chunk");
        let mut freed = chunk.footprint();
        if chunks.is_empty() {
            self.series.remove(&series);
            self.state.series -= 1;
            freed += overhead(&series);
        }
        self.state.samples -= u64::from(chunk.len());
        self.state.bytes -= freed as u64;
        u64::from(chunk.len())
    }
}
