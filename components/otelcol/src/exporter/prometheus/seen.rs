//! What was sent of each series.

use foldhash::quality::RandomState;
use prommodel::Series;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// How long a series is remembered that has no points any more, in seconds.
const REMEMBERED: u64 = 300;

/// The newest points of a series, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Last {
    pub(super) sample: i64,
    pub(super) exemplar: i64,
    used: u64,
}

impl Last {
    const NEVER: Last = Last {
        sample: i64::MIN,
        exemplar: i64::MIN,
        used: 0,
    };
}

/// A hash of what a series is made from, wide enough that no two are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u64, u64);

/// Makes keys.
#[derive(Clone, Default)]
pub(super) struct Keys(RandomState, RandomState);

impl Keys {
    /// The key of a value.
    pub(super) fn of(&self, write: impl Fn(&mut dyn Hasher)) -> Key {
        let hash = |state: &RandomState| {
            let mut hasher = state.build_hasher();
            write(&mut hasher);
            hasher.finish()
        };
        Key(hash(&self.0), hash(&self.1))
    }

    /// The key of a value that belongs to another one.
    pub(super) fn below(&self, key: Key, what: u8, bits: u64) -> Key {
        self.of(|hasher| {
            hasher.write_u64(key.0);
            hasher.write_u64(key.1);
            hasher.write_u8(what);
            hasher.write_u64(bits);
        })
    }
}

/// All series.
pub(super) struct Seen {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// Series by what they were made from.
    cache: HashMap<Key, (Series, u64)>,
    last: HashMap<Series, Last>,
    now: u64,
}

/// What changed by a batch. It is undone unless the batch is taken, so that it can be offered again.
pub(super) struct Changes<'a> {
    seen: &'a Seen,
    list: Vec<(Series, Option<Last>, Last)>,
}

impl Seen {
    pub(super) fn new() -> Seen {
        Seen {
            began: Instant::now(),
            state: Mutex::default(),
        }
    }

    /// For the conversion of one batch.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now = self.began.elapsed().as_secs();
        state
    }

    /// No changes yet.
    pub(super) fn changes(&self) -> Changes<'_> {
        Changes {
            seen: self,
            list: Vec::new(),
        }
    }

    /// Forgets series that have no points any more.
    pub(super) fn forget(&self) {
        let mut state = self.lock();
        let now = state.now;
        state
            .cache
            .retain(|_, (_, used)| now.saturating_sub(*used) <= REMEMBERED);
        state.last.retain(|_, last| now.saturating_sub(last.used) <= REMEMBERED);
        state.cache.shrink_to_fit();
        state.last.shrink_to_fit();
    }

    /// Forgets how series are made; not what was sent of them.
    pub(super) fn forget_series(&self) {
        self.lock().cache.clear();
    }

    /// Number of series.
    pub(super) fn len(&self) -> usize {
        self.lock().last.len()
    }
}

impl State {
    /// The series of a key, made if it is not known.
    pub(super) fn series(&mut self, key: Key, make: impl FnOnce() -> Series) -> Series {
        let now = self.now;
        let (series, used) = self.cache.entry(key).or_insert_with(|| (make(), now));
        *used = now;
        series.clone()
    }

    /// The newest points of a series.
    pub(super) fn last(&self, series: &Series) -> Last {
        self.last.get(series).copied().unwrap_or(Last::NEVER)
    }

    /// Whether a sample is newer than the one before; it is the newest one then.
    pub(super) fn advance(&mut self, changes: &mut Changes<'_>, series: &Series, sample: i64) -> bool {
        let last = self.last(series);
        sample > last.sample && self.change(changes, series, Last { sample, ..last })
    }

    /// The same for an exemplar.
    pub(super) fn advance_exemplar(&mut self, changes: &mut Changes<'_>, series: &Series, exemplar: i64) -> bool {
        let last = self.last(series);
        exemplar > last.exemplar && self.change(changes, series, Last { exemplar, ..last })
    }

    fn change(&mut self, changes: &mut Changes<'_>, series: &Series, to: Last) -> bool {
        let to = Last { used: self.now, ..to };
        let before = self.last.insert(series.clone(), to);
        changes.list.push((series.clone(), before, to));
        true
    }
}

impl Changes<'_> {
    /// They stay.
    pub(super) fn keep(mut self) {
        self.list.clear();
    }
}

impl Drop for Changes<'_> {
    fn drop(&mut self) {
        if self.list.is_empty() {
            return;
        }
        let mut state = self.seen.lock();
        for (series, before, to) in self.list.drain(..).rev() {
            // Another batch may have gone further.
            if state.last.get(&series) == Some(&to) {
                match before {
                    Some(before) => state.last.insert(series, before),
                    None => state.last.remove(&series),
                };
            }
        }
    }
}
