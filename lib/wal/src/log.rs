//! Opening, cursors, closing.

use crate::cursor::{Cursor, Place};
use crate::damage::{Damage, What};
use crate::disk::Disk;
use crate::error::Error;
use crate::layout::{SEGMENT_HEADER, name_hash};
use crate::options::Options;
use crate::quarantine::Quarantine;
use crate::reader::Reader;
use crate::reclaim::Sealing;
use crate::recover;
use crate::saved::{self, Saved, Store};
use crate::state::{Shared, State};
use crate::summary::Totals;
use host::Clock;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

/// A log that is open for writing. Cheap to clone; clones are the same log. Dropping the last one without [`close`](Wal::close) is what a
/// crash is, apart from what the operating system still writes.
#[derive(Clone)]
pub struct Wal {
    pub(crate) shared: Arc<Shared>,
}

impl Wal {
    /// Opens the log in `dir`, creating it if there is none, and repairs what a crash left behind. Reads the saved cursors, the ends of
    /// the segments and, whole, the last segment. What was damaged is told by [`take_damage`](Wal::take_damage); it never
    /// prevents opening.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another process or another `Wal` has it open; [`Error::Io`] if the directory cannot be created, locked or listed.
    pub fn open(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>, dir: &Path, options: Options) -> Result<Wal, Error> {
        disk.create_dir(dir).map_err(Error::io("create", dir))?;
        let lock = disk.lock(&dir.join("lock")).map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => Error::Locked(dir.to_owned()),
            _ => Error::io("lock", dir.join("lock"))(error),
        })?;
        let found = recover::segments(&*disk, dir).map_err(Error::io("list", dir))?;
        let newest = saved::load(&*disk, dir);
        let slot = newest.as_ref().map(|(saved, slot)| (saved.generation, *slot));
        let cursors_lost = newest.is_none() && !found.is_empty();
        let saved = newest.map(|(saved, _)| saved).unwrap_or_default();
        let mut state = State {
            segments: BTreeMap::new(),
            active: None,
            cursors: BTreeMap::new(),
            next_seq: saved.next_seq.max(1),
            store: Store::new(dir, slot),
            doomed: Vec::new(),
            quarantine: Quarantine::open(&*disk, dir, options.quarantine_bytes),
            reports: Vec::new(),
            damage_count: 0,
            sync_failures: 0,
            unreported: false,
            cursors_lost,
            syncing: false,
            last_sync: clock.now(),
            loose: Vec::new(),
            closed: false,
            lock: Some(lock),
            open_files: VecDeque::new(),
        };
        for (first, len) in &found {
            let last = found.last().is_some_and(|(last, _)| last == first);
            state.adopt(&*disk, dir, (*first, *len), last, &saved);
        }
        state.take_over(&*disk, saved, dir);
        let shared = Shared {
            disk,
            clock,
            dir: dir.to_owned(),
            options,
            state: Mutex::new(state),
            synced: Condvar::new(),
        };
        let wal = Wal {
            shared: Arc::new(shared),
        };
        if !cursors_lost {
            wal.shared.reclaim(Sealing::None);
        }
        Ok(wal)
    }

    /// The reader of the cursor with this name, which is created at the log's end, durably, if it does not exist. After a restart, what
    /// was handed out and not acknowledged comes first; within a process, a new reader of an old cursor calls [`rewind`](Reader::rewind) for that.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a new cursor could not be saved; [`Error::Closed`].
    pub fn cursor(&self, name: &str) -> Result<Reader, Error> {
        let hash = name_hash(name);
        let mut state = self.shared.lock();
        if state.closed {
            return Err(Error::Closed);
        }
        match state.cursors.get(&hash) {
            Some(cursor) if cursor.name != name => return Err(Error::Invalid("the names of two cursors collide")),
            Some(_) => {}
            None => {
                let cursor = state.new_cursor(name, hash);
                state.cursors.insert(hash, cursor);
                // Both, because the older copy would let the cursor begin at the end once more.
                if let Err(error) = self.shared.save_both(&mut state) {
                    state.cursors.remove(&hash);
                    return Err(error);
                }
            }
        }
        Ok(Reader {
            wal: self.clone(),
            cursor: hash,
        })
    }

    /// The names of the cursors, sorted.
    pub fn cursors(&self) -> Vec<String> {
        let state = self.shared.lock();
        let mut names: Vec<String> = state.cursors.values().map(|cursor| cursor.name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// Removes a cursor with everything it has not acknowledged, and gives the space back. Returns false if there is none of this name.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if that could not be saved: the cursor is gone from the running log, but may be there after a crash.
    pub fn remove_cursor(&self, name: &str) -> Result<bool, Error> {
        let removed = {
            let mut state = self.shared.lock();
            if state.closed {
                return Err(Error::Closed);
            }
            let removed = state.cursors.remove(&name_hash(name)).is_some();
            if removed {
                self.shared.save_both(&mut state)?;
            }
            removed
        };
        self.shared.reclaim(Sealing::Drained);
        Ok(removed)
    }

    /// Damaged places that were met since the last call, at most 1,000.
    pub fn take_damage(&self) -> Vec<Damage> {
        std::mem::take(&mut self.shared.lock().reports)
    }

    /// Makes everything durable, saves the cursors and releases the lock. Appending, reading and saving fail from then on; after the next opening nothing
    /// that was acknowledged is delivered again.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the records or the cursors could not be made durable; the log is closed all the same.
    pub fn close(&self) -> Result<(), Error> {
        let synced = self.sync();
        self.shared.reclaim(Sealing::Drained);
        let mut state = self.shared.quiet(self.shared.lock());
        if state.closed {
            return Ok(());
        }
        let failures = state.sync_failures;
        let written = self.shared.finish(&mut state);
        state.closed = true;
        let saved = self.shared.save_both(&mut state);
        state.lock = None;
        state.open_files.clear();
        if state.sync_failures > failures {
            return Err(Error::Io {
                action: "sync",
                path: self.shared.dir.clone(),
                source: std::io::Error::other("the last segment could not be synced"),
            });
        }
        synced.and(written).and(saved)
    }
}

impl Shared {
    /// Closes the segment that is written, its footer durable too.
    fn finish(&self, state: &mut State) -> Result<(), Error> {
        let Some((first, file)) = state.active.as_ref().map(|active| (active.first, active.file.clone())) else {
            return Ok(());
        };
        self.seal(state);
        file.sync().map_err(Error::io("sync", self.path(first)))
    }
}

impl State {
    /// Takes a segment in that was found.
    fn adopt(&mut self, disk: &dyn Disk, dir: &Path, (first, len): (u64, u64), last: bool, saved: &Saved) {
        let mut examined = recover::examine(disk, dir, first, len, last);
        let unreadable = |examined: &recover::Examined| {
            let kind = |damage: &Damage| matches!(damage.what, What::Unreadable(_));
            examined.damage.iter().any(kind)
        };
        for _ in 0..2 {
            // A device may recover; what is given up here is not read again.
            if unreadable(&examined) {
                examined = recover::examine(disk, dir, first, len, last);
            }
        }
        let unreadable = unreadable(&examined);
        self.next_seq = self.next_seq.max(first.saturating_add(1));
        if examined.segment.foreign || (unreadable && examined.segment.summary.records == 0) {
            let moved = self.quarantine.move_segment(disk, dir, first, len);
            if !moved {
                self.segments.insert(first, examined.segment);
            }
            for damage in examined.damage {
                self.report(disk, None, damage);
            }
            return;
        }
        let last_seq = examined.segment.summary.last_seq;
        self.next_seq = self.next_seq.max(last_seq.saturating_add(1));
        let mut torn = recover::torn(&examined);
        let nothing = !examined.sealed && examined.segment.summary.records == 0;
        if nothing && !unreadable && examined.segment.len <= SEGMENT_HEADER {
            // Its creation was interrupted.
            self.segments.insert(first, examined.segment);
            self.doom(first);
            return;
        }
        if last && nothing && !examined.damage.is_empty() {
            // Nothing in it was ever durable.
            torn = Some(Damage {
                segment: first,
                offset: 0,
                len: examined.segment.len,
                seq: None,
                what: What::TornTail,
            });
        }
        let mut damage = std::mem::take(&mut examined.damage);
        if let Some(torn) = torn {
            damage.retain(|damage| damage.offset < torn.offset);
            // A cursor knows of records that ought to be here: this is not the end of a write that a crash interrupted.
            let known = last && saved.next_seq > last_seq.saturating_add(1);
            let file = examined.file.as_deref().filter(|_| known || !last);
            if let Some(file) = file {
                self.quarantine.keep(disk, file, &torn);
            }
            damage.push(torn);
        }
        if !examined.sealed && last && !unreadable {
            recover::close_tail(disk, dir, &mut examined, first);
        }
        let empty = examined.segment.summary.records == 0;
        let file = examined.file.take();
        self.segments.insert(first, examined.segment);
        self.loose.push(first);
        for damage in damage {
            self.report(disk, file.as_deref(), damage);
        }
        if empty && last && !unreadable {
            self.doom(first);
        }
    }

    /// Takes the saved cursors in.
    fn take_over(&mut self, disk: &dyn Disk, saved: Saved, dir: &Path) {
        if self.cursors_lost {
            let damage = Damage {
                segment: 0,
                offset: 0,
                len: 0,
                seq: None,
                what: What::Cursors,
            };
            self.report(disk, None, damage);
        }
        for segment in saved.segments {
            let here = self.segments.contains_key(&segment) || self.doomed.iter().any(|(first, _)| *first == segment);
            if !here {
                let damage = Damage {
                    segment,
                    offset: 0,
                    len: 0,
                    seq: None,
                    what: What::Missing,
                };
                self.report(disk, None, damage);
            }
        }
        for mut cursor in saved.cursors {
            let segments = &self.segments;
            cursor.held.retain(|_, held| {
                segments
                    .get(&held.place.segment)
                    .is_some_and(|segment| held.place.offset < segment.end)
            });
            cursor.back.retain(|seq| cursor.held.contains_key(seq));
            let here = self
                .segments
                .get(&cursor.at.segment)
                .filter(|segment| segment.summary.rebuilt);
            if let Some(end) = here.map(|segment| segment.end) {
                // What was passed may include what is not legible any more, of which the new summary knows nothing.
                let until = cursor.at.offset.min(end);
                let passed = self
                    .file(disk, dir, cursor.at.segment)
                    .ok()
                    .and_then(|file| recover::passed(&*file, cursor.at.segment, until, cursor.hash).ok());
                cursor.consumed = passed.unwrap_or(cursor.consumed);
            }
            cursor.fates.appended = self.depth(&cursor);
            self.cursors.insert(cursor.hash, cursor);
        }
    }

    fn new_cursor(&self, name: &str, hash: u64) -> Cursor {
        if self.cursors_lost {
            // It may have existed: rather twice than never.
            let at = Place {
                segment: 0,
                offset: SEGMENT_HEADER,
            };
            let mut cursor = Cursor::new(name, hash, 0, at, Totals::default());
            cursor.fates.appended = self.depth(&cursor);
            return cursor;
        }
        match self.segments.last_key_value() {
            Some((first, segment)) => {
                let at = Place {
                    segment: *first,
                    offset: segment.end,
                };
                Cursor::new(name, hash, self.next_seq, at, segment.summary.of(hash))
            }
            None => {
                let at = Place {
                    segment: self.next_seq,
                    offset: SEGMENT_HEADER,
                };
                Cursor::new(name, hash, self.next_seq, at, Totals::default())
            }
        }
    }
}
