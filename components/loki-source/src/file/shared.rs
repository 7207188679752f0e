//! What the tailers of one component share.

use super::metrics::Metrics;
use super::positions::{Key, Position, Positions, Saved, render};
use component::Context;
use signals::FanOut;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tail::{Registry, Watcher};
use tokio::sync::Notify;

/// Permission bits of the positions file.
const MODE: u32 = 0o600;

pub(super) struct Shared {
    pub(super) cx: Context<()>,
    pub(super) out: Arc<FanOut>,
    /// Who reads which file, for each label set: under other labels the same lines are wanted once more.
    registries: Mutex<BTreeMap<String, Registry>>,
    pub(super) watcher: Watcher,
    pub(super) metrics: Metrics,
    pub(super) positions: Store,
    troubles: Mutex<BTreeMap<String, String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(cx: Context<()>, metrics: Metrics, positions: Store) -> Self {
        Shared {
            out: Arc::new(cx.fan_out()),
            cx,
            registries: Mutex::default(),
            watcher: Watcher::native(),
            metrics,
            positions,
            troubles: Mutex::default(),
        }
    }

    /// What the readers of files under these labels know of each other.
    pub(super) fn registry(&self, labels: &str) -> Registry {
        lock(&self.registries).entry(labels.to_owned()).or_default().clone()
    }

    /// Forgets files that nobody reads any more.
    pub(super) fn expire(&self) {
        lock(&self.registries).values().for_each(Registry::expire);
    }

    /// A file cannot be read, or can be read again.
    pub(super) fn troubled(&self, path: &str, error: Option<String>) {
        let mut troubles = lock(&self.troubles);
        match error {
            Some(error) => drop(troubles.insert(path.to_owned(), error)),
            None => drop(troubles.remove(path)),
        }
    }

    /// One file that cannot be read, and how many there are.
    pub(super) fn trouble(&self) -> Option<(String, usize)> {
        let troubles = lock(&self.troubles);
        let (path, error) = troubles.first_key_value()?;
        Some((format!("cannot read \"{path}\": {error}"), troubles.len()))
    }
}

/// The positions, and the file that they are kept in.
pub(super) struct Store {
    path: Mutex<PathBuf>,
    positions: Mutex<Positions>,
    complete_at: Mutex<Option<i64>>,
    changed: AtomicBool,
    /// A file has its first position.
    pub(super) added: Notify,
}

impl Store {
    pub(super) fn new(path: PathBuf, saved: Saved, changed: bool) -> Self {
        Store {
            path: Mutex::new(path),
            positions: Mutex::new(saved.positions),
            complete_at: Mutex::new(saved.complete_at),
            changed: AtomicBool::new(changed),
            added: Notify::new(),
        }
    }

    /// The position under which to go on with a file: its own, else that of the same path with other labels, which are the same
    /// lines, else that of a legacy file.
    pub(super) fn find(&self, key: &Key, taken: &dyn Fn(&Key) -> bool) -> Option<Position> {
        let positions = lock(&self.positions);
        let own = positions.get(key);
        let other = || {
            let same_path = positions.iter().filter(|(other, _)| other.path == key.path);
            let mut free = same_path
                .filter(|(other, _)| !taken(other))
                .map(|(_, position)| position);
            free.next()
        };
        own.or_else(other).cloned()
    }

    /// Takes over what another store holds.
    pub(super) fn adopt(&self, other: Store) {
        *lock(&self.path) = other.path.into_inner().unwrap_or_else(PoisonError::into_inner);
        *lock(&self.positions) = other.positions.into_inner().unwrap_or_else(PoisonError::into_inner);
        *lock(&self.complete_at) = other.complete_at.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.changed
            .store(other.changed.load(Ordering::Acquire), Ordering::Release);
    }

    /// All positions.
    pub(super) fn all(&self) -> Positions {
        lock(&self.positions).clone()
    }

    pub(super) fn set(&self, key: Key, position: Position) {
        let mut positions = lock(&self.positions);
        if positions.get(&key) != Some(&position) {
            let first = positions.insert(key, position).is_none();
            self.changed.store(true, Ordering::Release);
            if first {
                self.added.notify_one();
            }
        }
    }

    pub(super) fn of(&self, key: &Key) -> Option<Position> {
        lock(&self.positions).get(key).cloned()
    }

    pub(super) fn has(&self, key: &Key) -> bool {
        lock(&self.positions).contains_key(key)
    }

    /// When every file that was followed had a position.
    pub(super) fn complete_at(&self) -> Option<i64> {
        *lock(&self.complete_at)
    }

    /// Every file that is followed has a position now.
    pub(super) fn complete(&self, now: i64) {
        *lock(&self.complete_at) = Some(now);
    }

    /// The next [`save`](Self::save) writes the file in any case.
    pub(super) fn touch(&self) {
        self.changed.store(true, Ordering::Release);
    }

    /// Forgets files that are gone and that nobody reads.
    pub(super) fn retain(&self, keep: impl Fn(&Key) -> bool) {
        let mut positions = lock(&self.positions);
        let before = positions.len();
        positions.retain(|key, _| keep(key));
        if positions.len() != before {
            self.changed.store(true, Ordering::Release);
        }
    }

    /// Writes the file if anything changed.
    pub(super) fn save(&self, fs: &dyn host::Fs) -> io::Result<()> {
        if !self.changed.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let text = render(&Saved {
            positions: self.all(),
            complete_at: self.complete_at(),
        });
        let path = lock(&self.path).clone();
        let dir = path.parent().map(PathBuf::from).unwrap_or_default();
        let written = fs
            .create_dir_all(&dir)
            .and_then(|()| fs.write_atomic(&path, text.as_bytes(), MODE));
        if written.is_err() {
            self.changed.store(true, Ordering::Release);
        }
        written
    }
}
