//! What is known about an open log.

use crate::cursor::{Cursor, Loss, Place};
use crate::damage::Damage;
use crate::disk::{Disk, DiskFile, DiskLock};
use crate::error::Error;
use crate::layout::{Header, Meta, SEGMENT_HEADER, segment_name};
use crate::options::Options;
use crate::quarantine::Quarantine;
use crate::saved::{Saved, Store};
use crate::summary::{Summary, Totals};
use host::Clock;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Damage beyond this is counted, but no longer kept until somebody asks.
const REPORTS: usize = 1000;
/// Files that stay open for reading.
const OPEN_FILES: usize = 8;

pub(crate) struct Segment {
    /// Where the readable records end.
    pub(crate) end: u64,
    /// Bytes of the file.
    pub(crate) len: u64,
    pub(crate) summary: Summary,
    /// Damaged places that were reported.
    pub(crate) reported: BTreeSet<u64>,
    /// Stays even if no cursor needs it: only a newer program can tell.
    pub(crate) foreign: bool,
}

impl Segment {
    pub(crate) fn new(first: u64, len: u64) -> Self {
        Segment {
            end: SEGMENT_HEADER,
            len,
            summary: Summary::new(first),
            reported: BTreeSet::new(),
            foreign: false,
        }
    }
}

/// What the waiting appenders of one segment look at. Guarded by the lock of the state.
#[derive(Default)]
pub(crate) struct Commit {
    pub(crate) synced: std::sync::atomic::AtomicU64,
    pub(crate) failed: std::sync::atomic::AtomicBool,
}

/// The segment that is written.
pub(crate) struct Active {
    pub(crate) first: u64,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Where the next record goes.
    pub(crate) written: u64,
    pub(crate) commit: Arc<Commit>,
    /// Records that readers do not see yet, with where they end.
    pub(crate) unsynced: VecDeque<(u64, Header, Meta)>,
    /// Something was written since the last sync.
    pub(crate) dirty: bool,
}

pub(crate) struct State {
    pub(crate) segments: BTreeMap<u64, Segment>,
    pub(crate) active: Option<Active>,
    pub(crate) cursors: BTreeMap<u64, Cursor>,
    pub(crate) next_seq: u64,
    pub(crate) store: Store,
    /// Segments that nobody needs, whose files are still there: first sequence number and bytes.
    pub(crate) doomed: Vec<(u64, u64)>,
    pub(crate) quarantine: Quarantine,
    pub(crate) reports: Vec<Damage>,
    pub(crate) damage_count: u64,
    pub(crate) sync_failures: u64,
    /// A sync failed that nobody waited for.
    pub(crate) unreported: bool,
    /// No copy of the cursors was whole: those that are opened begin at the oldest record.
    pub(crate) cursors_lost: bool,
    /// A sync runs outside the lock.
    pub(crate) syncing: bool,
    pub(crate) last_sync: i64,
    /// Closed without a sync, or by a process that may not have synced.
    pub(crate) loose: Vec<u64>,
    pub(crate) closed: bool,
    pub(crate) lock: Option<Box<dyn DiskLock>>,
    pub(crate) open_files: VecDeque<(u64, Arc<dyn DiskFile>)>,
}

pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dir: PathBuf,
    pub(crate) options: Options,
    pub(crate) state: Mutex<State>,
    /// Signalled when a sync ends.
    pub(crate) synced: Condvar,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held is a bug; the state is still the best that is known.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until no sync runs outside the lock: two at once could each see half of an error.
    pub(crate) fn quiet<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        while state.syncing {
            state = self.wait(state);
        }
        state
    }

    pub(crate) fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.synced.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn path(&self, segment: u64) -> PathBuf {
        self.dir.join(segment_name(segment))
    }

    /// Append times before this are too old.
    pub(crate) fn cutoff(&self) -> i64 {
        self.options.max_age.map_or(i64::MIN, |age| {
            let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
            self.clock.now().saturating_sub(age)
        })
    }
}

impl State {
    /// Bytes that the segments take.
    pub(crate) fn used(&self) -> u64 {
        let segments: u64 = self.segments.values().map(|segment| segment.len).sum();
        segments + self.doomed.iter().map(|(_, len)| len).sum::<u64>()
    }

    pub(crate) fn report(&mut self, disk: &dyn Disk, file: Option<&dyn DiskFile>, damage: Damage) {
        if let Some(segment) = self.segments.get_mut(&damage.segment)
            && !segment.reported.insert(damage.offset)
        {
            return;
        }
        if let Some(file) = file {
            self.quarantine.keep(disk, file, &damage);
        }
        self.damage_count += 1;
        if self.reports.len() < REPORTS {
            self.reports.push(damage);
        }
    }

    /// A file for reading.
    pub(crate) fn file(&mut self, disk: &dyn Disk, dir: &Path, first: u64) -> Result<Arc<dyn DiskFile>, Error> {
        if let Some(active) = self.active.as_ref().filter(|active| active.first == first) {
            return Ok(active.file.clone());
        }
        if let Some((_, file)) = self.open_files.iter().find(|(other, _)| *other == first) {
            return Ok(file.clone());
        }
        let path = dir.join(segment_name(first));
        let file = disk.open(&path, false).map_err(Error::io("open", path))?;
        if self.open_files.len() >= OPEN_FILES {
            self.open_files.pop_front();
        }
        self.open_files.push_back((first, file.clone()));
        Ok(file)
    }

    /// The segment in which `cursor` goes on, which becomes the one of its place.
    pub(crate) fn current(&mut self, cursor: u64) -> Option<u64> {
        let cursor = self.cursors.get_mut(&cursor)?;
        let (&first, _) = self.segments.range(cursor.at.segment..).next()?;
        if first != cursor.at.segment {
            cursor.at = Place {
                segment: first,
                offset: SEGMENT_HEADER,
            };
            cursor.consumed = Totals::default();
        }
        Some(first)
    }

    pub(crate) fn is_active(&self, first: u64) -> bool {
        self.active.as_ref().is_some_and(|active| active.first == first)
    }

    /// Takes a segment away from every cursor, counting what they have not acknowledged of it, and dooms its file.
    pub(crate) fn give_up(&mut self, first: u64, loss: Loss) {
        let Some(segment) = self.segments.get(&first) else {
            return;
        };
        let next = segment.summary.last_seq.saturating_add(1);
        for cursor in self.cursors.values_mut() {
            let held: Vec<u64> = cursor
                .held
                .iter()
                .filter(|(_, held)| held.place.segment == first)
                .map(|(seq, _)| *seq)
                .collect();
            for seq in held {
                cursor.lose_held(seq, loss);
            }
            let here = segment.summary.of(cursor.hash);
            let left = match cursor.at.segment.cmp(&first) {
                std::cmp::Ordering::Less => here,
                std::cmp::Ordering::Equal => here.minus(cursor.consumed),
                std::cmp::Ordering::Greater => continue,
            };
            cursor.lose(left, loss);
            cursor.consumed = here;
            cursor.at = Place {
                segment: first,
                offset: u64::MAX,
            };
            cursor.high = cursor.high.max(next);
        }
        self.doom(first);
    }

    /// Forgets a segment; its file goes with the next [`reclaim`](Shared::reclaim).
    pub(crate) fn doom(&mut self, first: u64) {
        if self.is_active(first) {
            self.active = None;
        }
        self.open_files.retain(|(other, _)| *other != first);
        self.loose.retain(|other| *other != first);
        if let Some(segment) = self.segments.remove(&first) {
            self.doomed.push((first, segment.len));
        }
    }

    /// What no cursor needs any more.
    pub(crate) fn dead(&self) -> Vec<u64> {
        if self.cursors_lost && self.cursors.is_empty() {
            // Those that need it are yet to come.
            return Vec::new();
        }
        let dead = |(first, segment): (&u64, &Segment)| {
            let needed = self.cursors.values().any(|cursor| {
                let passed = cursor.at.segment > *first
                    || (cursor.at.segment == *first && cursor.at.offset >= segment.end)
                    || segment.summary.of(cursor.hash).records == 0;
                let range = *first..=segment.summary.last_seq;
                !passed || cursor.held.range(range).next().is_some()
            });
            (!needed && !segment.foreign && !self.is_active(*first)).then_some(*first)
        };
        self.segments.iter().filter_map(dead).collect()
    }

    /// Whether every cursor is done with everything in the active segment.
    pub(crate) fn active_is_drained(&self) -> bool {
        let Some(active) = &self.active else { return false };
        let Some(segment) = self.segments.get(&active.first) else {
            return false;
        };
        active.unsynced.is_empty()
            && self.cursors.values().all(|cursor| {
                let at_end = cursor.at.segment == active.first && cursor.at.offset >= segment.end;
                (at_end || segment.summary.of(cursor.hash).records == 0)
                    && cursor.held.range(active.first..).next().is_none()
            })
    }

    pub(crate) fn snapshot(&self) -> Saved {
        let held = self.segments.iter().filter(|(_, segment)| segment.summary.records > 0);
        Saved {
            generation: 0,
            next_seq: self.next_seq,
            segments: held.map(|(first, _)| *first).collect(),
            cursors: self.cursors.values().cloned().collect(),
        }
    }

    /// Not acknowledged by this cursor, and not lost.
    pub(crate) fn depth(&self, cursor: &Cursor) -> Totals {
        let mut depth = Totals::default();
        for held in cursor.held.values() {
            depth.add(held.totals);
        }
        for (first, segment) in self.segments.range(cursor.at.segment..) {
            let here = segment.summary.of(cursor.hash);
            let passed = cursor.at.segment == *first;
            depth.add(if passed { here.minus(cursor.consumed) } else { here });
        }
        depth
    }
}
