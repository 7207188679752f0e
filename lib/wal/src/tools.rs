//! For people: looking at a log without opening it, and repairing one that nobody has open.

use crate::append::write_footer;
use crate::cursor::Place;
use crate::damage::{Damage, What};
use crate::disk::{Disk, DiskFile, write_full};
use crate::error::Error;
use crate::layout::{FILLER, Header, RECORD_HEADER, SEGMENT_HEADER, segment_header};
use crate::quarantine::Quarantine;
use crate::reader::{Entry, Record};
use crate::recover::{examine, is_tail, segments, torn};
use crate::saved::{self, Saved};
use crate::scan::{Found, Step, payload, step};
use crate::summary::Totals;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A log for looking at. Takes no lock and writes nothing, so it may be used while the log is in use; what it then shows is as of
/// some moments ago.
pub struct Inspect {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
}

/// A segment as a tool shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SegmentInfo {
    /// First sequence number, which is its name.
    pub first: u64,
    /// Last sequence number.
    pub last: u64,
    /// Bytes of the file.
    pub len: u64,
    /// Records.
    pub records: u64,
    /// When the oldest and the newest record were appended, in nanoseconds since the Unix epoch; `None` if there is none.
    pub times: Option<(i64, i64)>,
    /// Whether it was closed properly.
    pub sealed: bool,
}

/// A cursor as it was saved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CursorInfo {
    /// Its name.
    pub name: String,
    /// Every record with a lower sequence number is done with.
    pub low: u64,
    /// Not acknowledged.
    pub depth: Totals,
    /// Below the highest number that was acknowledged, and not acknowledged themselves.
    pub open: Vec<u64>,
}

impl Inspect {
    /// The log in `dir`. Reads nothing yet.
    pub fn new(disk: Arc<dyn Disk>, dir: &Path) -> Self {
        Inspect {
            disk,
            dir: dir.to_owned(),
        }
    }

    fn list(&self) -> Result<Vec<(u64, u64)>, Error> {
        segments(&*self.disk, &self.dir).map_err(Error::io("list", &self.dir))
    }

    /// The segments, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the directory cannot be listed.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>, Error> {
        let info = |(first, len)| {
            let examined = examine(&*self.disk, &self.dir, first, len, false);
            let summary = examined.segment.summary;
            SegmentInfo {
                first,
                last: summary.last_seq,
                len: examined.segment.len,
                records: summary.records,
                times: (summary.records > 0).then_some((summary.min_time, summary.max_time)),
                sealed: examined.sealed,
            }
        };
        Ok(self.list()?.into_iter().map(info).collect())
    }

    /// The cursors as they were saved last; none if no copy is whole.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the directory cannot be listed.
    pub fn cursors(&self) -> Result<Vec<CursorInfo>, Error> {
        let saved = saved::load(&*self.disk, &self.dir)
            .map(|(saved, _)| saved)
            .unwrap_or_default();
        let segments: Vec<_> = self
            .list()?
            .into_iter()
            .map(|(first, len)| {
                (
                    first,
                    examine(&*self.disk, &self.dir, first, len, false).segment.summary,
                )
            })
            .collect();
        let info = |cursor: crate::cursor::Cursor| {
            let mut depth = Totals::default();
            for held in cursor.held.values() {
                depth.add(held.totals);
            }
            for (first, summary) in segments.iter().filter(|(first, _)| *first >= cursor.at.segment) {
                let here = summary.of(cursor.hash);
                let passed = *first == cursor.at.segment;
                depth.add(if passed { here.minus(cursor.consumed) } else { here });
            }
            CursorInfo {
                low: cursor.held.keys().next().copied().unwrap_or(cursor.high),
                depth,
                open: cursor.held.keys().copied().collect(),
                name: cursor.name,
            }
        };
        Ok(saved.cursors.into_iter().map(info).collect())
    }

    /// Reads everything and returns each damaged place, by segment and offset. A torn end is ordinary in a log that is in use or was
    /// not closed.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the directory cannot be listed. Files that cannot be read are damage.
    pub fn verify(&self) -> Result<Vec<Damage>, Error> {
        let list = self.list()?;
        let mut damage = Vec::new();
        let saved = saved::load(&*self.disk, &self.dir).map(|(saved, _)| saved);
        if saved.is_none() && !list.is_empty() {
            damage.push(whole(0, What::Cursors));
        }
        for segment in saved.unwrap_or_default().segments {
            if !list.iter().any(|(first, _)| *first == segment) {
                damage.push(whole(segment, What::Missing));
            }
        }
        for (first, len) in list {
            let examined = examine(&*self.disk, &self.dir, first, len, true);
            let torn = torn(&examined);
            let (tail, inner): (Vec<_>, Vec<_>) = examined.damage.iter().cloned().partition(|d| is_tail(&examined, d));
            damage.extend(inner);
            // The records behind the last good one whose headers are legible are named one by one.
            let named = tail.iter().filter(|damage| damage.seq.is_some()).cloned();
            damage.extend(named);
            damage.extend(torn.filter(|_| tail.iter().any(|damage| damage.seq.is_none())));
        }
        Ok(damage)
    }

    /// Calls `each` for every good record from sequence number `from` on, whoever it is for and whether or not it is acknowledged, until `each`
    /// returns false. Damaged ones are passed over.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the directory cannot be listed or a file not read.
    pub fn records(&self, from: u64, each: impl FnMut(Record) -> bool) -> Result<(), Error> {
        self.walk(from, |_| true, each)
    }

    /// The same for the records that a cursor, as it was saved last, has not acknowledged.
    ///
    /// # Errors
    ///
    /// As [`Inspect::records`], and [`Error::NoCursor`] if no cursor of this name was saved.
    pub fn backlog(&self, cursor: &str, from: u64, each: impl FnMut(Record) -> bool) -> Result<(), Error> {
        let saved = saved::load(&*self.disk, &self.dir)
            .map(|(saved, _)| saved)
            .unwrap_or_default();
        let own = saved.cursors.into_iter().find(|own| own.name == cursor);
        let own = own.ok_or_else(|| Error::NoCursor(cursor.to_owned()))?;
        let low = own.held.keys().next().copied().unwrap_or(own.high);
        let open = |found: &Found| {
            let seq = found.header.seq;
            (seq >= own.high || own.held.contains_key(&seq)) && found.meta.addressed(own.hash)
        };
        self.walk(from.max(low), open, each)
    }

    fn walk(
        &self,
        from: u64,
        wanted: impl Fn(&Found) -> bool,
        mut each: impl FnMut(Record) -> bool,
    ) -> Result<(), Error> {
        for (first, len) in self.list()? {
            let examined = examine(&*self.disk, &self.dir, first, len, false);
            let Some(file) = examined.file.filter(|_| !examined.segment.foreign) else {
                continue;
            };
            if examined.segment.summary.last_seq < from {
                continue;
            }
            let mut offset = SEGMENT_HEADER;
            loop {
                let io = || Error::io("read", self.dir.join(crate::layout::segment_name(first)));
                offset += match step(&*file, first, offset, examined.segment.end).map_err(io())? {
                    Step::End => break,
                    Step::Other(len) | Step::Damage { len, .. } => len,
                    Step::Record(found) => {
                        if found.header.seq >= from
                            && wanted(&found)
                            && let Some(payload) = payload(&*file, &found).map_err(io())?
                        {
                            let record = Record {
                                entry: Entry::of(&found),
                                payload: payload.into(),
                            };
                            if !each(record) {
                                return Ok(());
                            }
                        }
                        found.header.len()
                    }
                };
            }
        }
        Ok(())
    }
}

fn whole(segment: u64, what: What) -> Damage {
    Damage {
        segment,
        offset: 0,
        len: 0,
        seq: None,
        what,
    }
}

/// Takes the damaged bytes out of a log that nobody has open, and moves them to quarantine, which may take `quarantine_bytes`. Returns what it found. Offsets of
/// good records do not change: a filler takes the place of what was damaged. Ends that are torn are cut off.
///
/// # Errors
///
/// [`Error::Locked`] if the log is open; [`Error::Io`] if a segment cannot be written. Repairing again goes on where that ended.
pub fn repair(disk: &Arc<dyn Disk>, dir: &Path, quarantine_bytes: u64) -> Result<Vec<Damage>, Error> {
    let _lock = disk.lock(&dir.join("lock")).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Error::Locked(dir.to_owned()),
        _ => Error::io("lock", dir.join("lock"))(error),
    })?;
    let found = Inspect::new(disk.clone(), dir).verify()?;
    let mut quarantine = Quarantine::open(&**disk, dir, quarantine_bytes);
    for (first, len) in segments(&**disk, dir).map_err(Error::io("list", dir))? {
        let examined = examine(&**disk, dir, first, len, true);
        if examined.damage.is_empty() || examined.segment.foreign {
            continue;
        }
        let path = dir.join(crate::layout::segment_name(first));
        let mut mend = || -> io::Result<()> {
            let file = disk.open(&path, true)?;
            let torn = torn(&examined);
            if let Some(torn) = &torn {
                quarantine.keep(&**disk, &*file, torn);
                file.truncate(torn.offset)?;
                write_footer(&*file, &examined.segment.summary, first, torn.offset);
            }
            for damage in examined.damage.iter().filter(|damage| !is_tail(&examined, damage)) {
                quarantine.keep(&**disk, &*file, damage);
                match damage.what {
                    What::SegmentHeader => write_full(&*file, &segment_header(first, 0), 0)?,
                    What::RecordHeader | What::Addresses | What::Payload => {
                        let place = Place {
                            segment: first,
                            offset: damage.offset,
                        };
                        fill(&*file, place, damage.len)?;
                    }
                    _ => {}
                }
            }
            file.sync()
        };
        mend().map_err(Error::io("repair", &path))?;
    }
    forget_missing(disk, dir)?;
    Ok(found)
}

/// Puts a filler over damaged bytes: zeros first, so that the header that makes them valid comes last.
fn fill(file: &dyn DiskFile, place: Place, len: u64) -> io::Result<()> {
    let Some(payload) = len
        .checked_sub(RECORD_HEADER as u64)
        .and_then(|len| u32::try_from(len).ok())
    else {
        // Shorter than any record, or longer than one may be: readers skip it as before.
        return Ok(());
    };
    let zeros = vec![0; payload.min(64 << 10) as usize];
    let mut done = 0;
    while done < u64::from(payload) {
        let want = (u64::from(payload) - done).min(zeros.len() as u64) as usize;
        write_full(file, &zeros[..want], place.offset + RECORD_HEADER as u64 + done)?;
        done += want as u64;
    }
    let header = Header {
        seq: place.segment,
        time: 0,
        kind: 0,
        flags: FILLER,
        items: 0,
        bytes: 0,
        targets: Some(0),
        keys: 0,
        payload,
        meta_crc: 0,
        payload_crc: 0,
    };
    write_full(file, &header.encode(place.segment, place.offset), place.offset)
}

/// Strikes segments that are gone from the saved cursors.
fn forget_missing(disk: &Arc<dyn Disk>, dir: &Path) -> Result<(), Error> {
    let Some((saved, slot)) = saved::load(&**disk, dir) else {
        return Ok(());
    };
    let here = segments(&**disk, dir).map_err(Error::io("list", dir))?;
    let kept: Vec<u64> = saved
        .segments
        .iter()
        .copied()
        .filter(|segment| here.iter().any(|(first, _)| first == segment))
        .collect();
    let mut store = saved::Store::new(dir, Some((saved.generation, slot)));
    let saved = Saved {
        segments: kept,
        ..saved
    };
    // Both copies, so that one which was damaged is whole again.
    store
        .save(&**disk, saved.clone())
        .and_then(|()| store.save(&**disk, saved))
        .map_err(Error::io("save the cursors", dir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SimDisk;
    use crate::{Append, Options, Targets, Wal};

    #[test]
    fn the_backlog_is_what_a_cursor_has_not_acknowledged() -> Result<(), Error> {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(0));
        let dir = Path::new("/log");
        let log = Wal::open(
            disk.clone(),
            Arc::new(host::ManualClock::at(5)),
            dir,
            Options::default(),
        )?;
        let (a, _) = (log.cursor("a")?, log.cursor("b")?);
        for targets in [
            Targets::All,
            Targets::Named(&["b"]),
            Targets::All,
            Targets::Named(&["a"]),
        ] {
            log.append(&Append {
                kind: 1,
                items: 1,
                bytes: 1,
                targets,
                keys: &[],
                payload: &[b"x"],
            })?;
        }
        let seqs = |name: &str, from: u64| {
            let mut seqs = Vec::new();
            let walked = Inspect::new(disk.clone(), dir).backlog(name, from, |record| {
                seqs.push(record.entry.seq);
                true
            });
            walked.map(|()| seqs)
        };
        let held: Vec<u64> = [a.next()?, a.next()?]
            .into_iter()
            .flatten()
            .map(|record| record.entry.seq)
            .collect();
        assert_eq!(held, [1, 3]);
        assert!(a.ack(3));
        log.save()?;
        assert_eq!(seqs("a", 0)?, [1, 4]);
        assert_eq!(seqs("a", 2)?, [4]);
        assert_eq!(seqs("b", 0)?, [1, 2, 3]);
        assert!(matches!(seqs("c", 0), Err(Error::NoCursor(name)) if name == "c"));
        log.close()
    }
}
