//! Reading and acknowledging.

use crate::cursor::{Held, Loss, Place};
use crate::damage::{Damage, What};
use crate::disk::DiskFile;
use crate::error::Error;
use crate::layout::SEGMENT_HEADER;
use crate::log::Wal;
use crate::scan::{self, Found, Step, step};
use crate::summary::Totals;
use bytes::Bytes;
use std::sync::Arc;

/// What is known of a record without its payload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Sequence number: higher ones were appended later; there are gaps.
    pub seq: u64,
    /// When it was appended, in nanoseconds since the Unix epoch.
    pub time: i64,
    /// What the payload is, as the appender numbers it.
    pub kind: u16,
    /// Items in it, as the appender counted them.
    pub items: u32,
    /// Decoded size in bytes, as the appender counted it.
    pub bytes: u64,
    /// Size of the payload in bytes.
    pub payload_len: u32,
    /// Hashes of its streams.
    pub keys: Vec<u64>,
}

impl Entry {
    pub(crate) fn of(found: &Found) -> Self {
        Entry {
            seq: found.header.seq,
            time: found.header.time,
            kind: found.header.kind,
            items: found.header.items,
            bytes: found.header.bytes,
            payload_len: found.header.payload,
            keys: found.meta.keys.clone(),
        }
    }
}

/// A record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// What is known of it.
    pub entry: Entry,
    /// What was appended.
    pub payload: Bytes,
}

/// Reads the records of one cursor. Clones share the cursor; a record is handed out once.
#[derive(Clone)]
pub struct Reader {
    pub(crate) wal: Wal,
    pub(crate) cursor: u64,
}

impl Reader {
    /// The next record, or `None` if there is none now. It is the reader's until [`ack`](Reader::ack) or [`nack`](Reader::nack); several
    /// may be held. What was handed back comes first; otherwise in the order of appending.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the place cannot be read; the third time it counts as damaged and is skipped. [`Error::NoCursor`] if the cursor was
    /// removed.
    pub fn next(&self) -> Result<Option<Record>, Error> {
        let shared = &*self.wal.shared;
        loop {
            let (file, found) = {
                let mut state = shared.lock();
                if state.closed {
                    return Err(Error::Closed);
                }
                if !state.cursors.contains_key(&self.cursor) {
                    return Err(Error::NoCursor(String::new()));
                }
                let Some(found) = shared.settle(&mut state, self.cursor)? else {
                    return Ok(None);
                };
                let Some(own) = state.cursors.get_mut(&self.cursor) else {
                    return Ok(None);
                };
                let again = own.held.get(&found.header.seq).map(|held| held.place.segment);
                let segment = again.unwrap_or(own.at.segment);
                let file = state.file(&*shared.disk, &shared.dir, segment)?;
                match again {
                    Some(_) => {
                        if let Some(own) = state.cursors.get_mut(&self.cursor) {
                            own.back.remove(&found.header.seq);
                        }
                    }
                    None => {
                        let held = Held {
                            place: Place {
                                segment,
                                offset: found.offset,
                            },
                            totals: Totals::of(&found.header),
                            time: found.header.time,
                        };
                        shared.pass(&mut state, self.cursor, &found, None);
                        if let Some(own) = state.cursors.get_mut(&self.cursor) {
                            own.held.insert(found.header.seq, held);
                        }
                    }
                }
                (file, found)
            };
            // Reading the payload holds up nobody.
            if let Some(payload) = self.payload(&file, &found)? {
                return Ok(Some(Record {
                    entry: Entry::of(&found),
                    payload: payload.into(),
                }));
            }
        }
    }

    /// `None` if the payload is damaged and was given up.
    fn payload(&self, file: &Arc<dyn DiskFile>, found: &Found) -> Result<Option<Vec<u8>>, Error> {
        let shared = &*self.wal.shared;
        let read = scan::payload(&**file, found);
        if let Ok(Some(payload)) = read {
            return Ok(Some(payload));
        }
        let seq = found.header.seq;
        let mut state = shared.lock();
        let Some(own) = state.cursors.get_mut(&self.cursor) else {
            return Ok(None);
        };
        let Some(held) = own.held.get(&seq).copied() else {
            // Given up meanwhile.
            return Ok(None);
        };
        let what = match read {
            Ok(_) => What::Payload,
            Err(error) if own.gives_up(held.place) => What::Unreadable(error.to_string()),
            Err(source) => {
                own.back.insert(seq);
                return Err(Error::Io {
                    action: "read",
                    path: shared.path(held.place.segment),
                    source,
                });
            }
        };
        own.lose_held(seq, Loss::Damage);
        let damage = Damage {
            segment: held.place.segment,
            offset: found.offset,
            len: found.header.len(),
            seq: Some(seq),
            what,
        };
        state.report(&*shared.disk, Some(&**file), damage);
        Ok(None)
    }

    /// The record is delivered. In any order. Returns false if this reader does not hold it, which happens after it expired.
    pub fn ack(&self, seq: u64) -> bool {
        let done = {
            let mut state = self.wal.shared.lock();
            let Some(own) = state.cursors.get_mut(&self.cursor) else {
                return false;
            };
            let Some(held) = own.held.remove(&seq) else {
                return false;
            };
            own.back.remove(&seq);
            own.fates.acked.add(held.totals);
            let segment = held.place.segment;
            let last = own
                .held
                .range(segment..)
                .next()
                .is_none_or(|(_, held)| held.place.segment != segment);
            let at = own.at;
            // Looking at everything is needed only when nothing of a segment is left to read or to acknowledge.
            let end = state.segments.get(&segment).map_or(0, |segment| segment.end);
            last && (at.segment != segment || at.offset >= end)
        };
        if done {
            self.wal.reclaim_large();
        }
        true
    }

    /// The record is not delivered: it comes again with the next calls of [`next`](Reader::next). Returns false if this reader does not hold it.
    pub fn nack(&self, seq: u64) -> bool {
        let mut state = self.wal.shared.lock();
        let Some(own) = state.cursors.get_mut(&self.cursor) else {
            return false;
        };
        own.held.contains_key(&seq) && own.back.insert(seq)
    }

    /// Hands back everything that is held, as after a restart.
    pub fn rewind(&self) {
        let mut state = self.wal.shared.lock();
        if let Some(own) = state.cursors.get_mut(&self.cursor) {
            own.back = own.held.keys().copied().collect();
        }
    }

    /// Walks over what is not acknowledged, held records too, from sequence number `from` on, without payloads and without moving the
    /// cursor. Calls `each` until it returns false. Not a snapshot: what is appended meanwhile is seen too.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a segment cannot be read. Damaged places are passed over.
    pub fn backlog(&self, from: u64, mut each: impl FnMut(&Entry) -> bool) -> Result<(), Error> {
        let shared = &*self.wal.shared;
        let mut at = Place::default();
        loop {
            // One record a time under the lock, so that appenders and readers go on.
            let (entry, next) = {
                let mut state = shared.lock();
                let Some(own) = state.cursors.get(&self.cursor) else {
                    return Ok(());
                };
                let start = own.held.values().next().map_or(own.at, |held| held.place);
                let (high, hash) = (own.high, own.hash);
                if at.segment < start.segment {
                    at = start;
                }
                let Some((&first, segment)) = state.segments.range(at.segment..).next() else {
                    return Ok(());
                };
                let offset = if first == at.segment { at.offset } else { SEGMENT_HEADER };
                let end = segment.end;
                if offset >= end || segment.summary.last_seq < from {
                    if state.segments.range(first + 1..).next().is_none() {
                        return Ok(());
                    }
                    at = Place {
                        segment: first + 1,
                        offset: SEGMENT_HEADER,
                    };
                    continue;
                }
                let file = state.file(&*shared.disk, &shared.dir, first)?;
                let (len, found) =
                    match step(&*file, first, offset, end).map_err(Error::io("read", shared.path(first)))? {
                        Step::Record(found) => (found.header.len(), Some(found)),
                        Step::Other(len) | Step::Damage { len, .. } => (len, None),
                        Step::End => (end - offset, None),
                    };
                let wanted = found.filter(|found| {
                    let seq = found.header.seq;
                    let open = seq >= high
                        || state
                            .cursors
                            .get(&self.cursor)
                            .is_some_and(|own| own.held.contains_key(&seq));
                    seq >= from && open && found.meta.addressed(hash)
                });
                let next = Place {
                    segment: first,
                    offset: offset + len,
                };
                (wanted.map(|found| Entry::of(&found)), next)
            };
            at = next;
            if let Some(entry) = entry
                && !each(&entry)
            {
                return Ok(());
            }
        }
    }
}
