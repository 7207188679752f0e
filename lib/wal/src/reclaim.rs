//! Giving space back, saving the cursors, and what has to be done from time to time.

use crate::cursor::Loss;
use crate::error::Error;
use crate::log::Wal;
use crate::state::{Shared, State};

/// An active segment that is done with is removed only when it has reached this size (bytes), so that a log which is appended to and
/// acknowledged in turns does not make a file for each record.
const WORTHWHILE: u64 = 1 << 20;

/// What happens to the segment that is written, if every cursor is done with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sealing {
    /// It stays.
    None,
    /// It goes if it is large enough to be worth it.
    Large,
    /// It goes.
    Drained,
}

/// What to drop with [`Wal::trim`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trim<'a> {
    /// Of this cursor alone; `None` for all.
    pub cursor: Option<&'a str>,
    /// Records with a sequence number below this.
    pub before_seq: Option<u64>,
    /// Records appended before this time, in nanoseconds since the Unix epoch.
    pub before_time: Option<i64>,
}

impl Shared {
    /// Removes what nobody needs, saving the cursors first so that the saved ones know every file that has to be there. Returns how
    /// many files could not be removed.
    pub(crate) fn reclaim(&self, sealing: Sealing) -> usize {
        let mut state = self.lock();
        let large = state
            .active
            .as_ref()
            .is_some_and(|active| active.written >= WORTHWHILE.min(self.options.roll_at() / 2));
        let seals = sealing == Sealing::Drained || (sealing == Sealing::Large && large);
        if seals && state.active_is_drained() {
            state = self.quiet(state);
            // Somebody may have appended meanwhile.
            if state.active_is_drained()
                && let Some(first) = state.active.as_ref().map(|active| active.first)
            {
                state.doom(first);
            }
        }
        for first in state.dead() {
            state.doom(first);
        }
        if state.doomed.is_empty() {
            return 0;
        }
        // If this fails, a crash before the next time makes known what is already acknowledged as missing; the space is needed now.
        let _ = self.save_locked(&mut state);
        let doomed = std::mem::take(&mut state.doomed);
        for (first, len) in doomed {
            match self.disk.remove(&self.path(first)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => state.doomed.push((first, len)),
                _ => {}
            }
        }
        state.doomed.len()
    }

    pub(crate) fn save_locked(&self, state: &mut State) -> Result<(), Error> {
        let saved = state.snapshot();
        state
            .store
            .save(&*self.disk, saved)
            .map_err(Error::io("save the cursors", &self.dir))
    }

    /// Saves both copies: for what neither may contradict.
    pub(crate) fn save_both(&self, state: &mut State) -> Result<(), Error> {
        self.save_locked(state)?;
        self.save_locked(state)
    }
}

impl Wal {
    /// Saves how far the cursors have come. After a crash, what was acknowledged later is delivered again. One sync of a small file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; what was saved before stays.
    pub fn save(&self) -> Result<(), Error> {
        let mut state = self.shared.lock();
        if state.closed {
            return Err(Error::Closed);
        }
        self.shared.save_locked(&mut state)
    }

    /// What has to be done from time to time, say each second: syncs if [`Durability::Every`](crate::Durability::Every) says so,
    /// expires what is too old, gives space back, saves the cursors.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the cursors could not be saved.
    pub fn maintain(&self) -> Result<(), Error> {
        self.sync_if_due();
        {
            let mut state = self.shared.lock();
            let cursors: Vec<u64> = state.cursors.keys().copied().collect();
            for cursor in cursors {
                // Moves on over what is too old or not addressed; what cannot be read is the reader's to report.
                let _ = self.shared.settle(&mut state, cursor);
            }
        }
        self.shared.reclaim(Sealing::Drained);
        self.save()
    }

    /// Drops records that are not acknowledged. Records that a reader holds are dropped too. Returns after saving the cursors.
    ///
    /// # Errors
    ///
    /// [`Error::NoCursor`], [`Error::Io`] if a segment cannot be read or the cursors not saved.
    pub fn trim(&self, trim: Trim<'_>) -> Result<(), Error> {
        let shared = &*self.shared;
        {
            let mut state = shared.lock();
            let cursors: Vec<u64> = match trim.cursor {
                None => state.cursors.keys().copied().collect(),
                Some(name) => {
                    let hash = crate::layout::name_hash(name);
                    if !state.cursors.contains_key(&hash) {
                        return Err(Error::NoCursor(name.to_owned()));
                    }
                    vec![hash]
                }
            };
            let goes = |seq: u64, time: i64| {
                trim.before_seq.is_none_or(|before| seq < before) && trim.before_time.is_none_or(|before| time < before)
            };
            for hash in cursors {
                if let Some(cursor) = state.cursors.get_mut(&hash) {
                    let held: Vec<u64> = cursor
                        .held
                        .iter()
                        .filter(|(seq, held)| goes(**seq, held.time))
                        .map(|(seq, _)| *seq)
                        .collect();
                    for seq in held {
                        cursor.lose_held(seq, Loss::Trim);
                    }
                }
                // Appended in order, so the first one that stays ends it.
                while let Some(found) = shared.ahead(&mut state, hash)? {
                    if !goes(found.header.seq, found.header.time) {
                        break;
                    }
                    shared.pass(&mut state, hash, &found, Some(Loss::Trim));
                }
            }
        }
        shared.reclaim(Sealing::Drained);
        self.save()
    }

    /// Acknowledged space goes back without waiting for [`maintain`](Wal::maintain).
    pub(crate) fn reclaim_large(&self) {
        self.shared.reclaim(Sealing::Large);
    }
}
