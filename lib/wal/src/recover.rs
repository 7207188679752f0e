//! Making sense of a directory.

use crate::append::write_footer;
use crate::damage::{Damage, What};
use crate::disk::{Disk, DiskFile, read_full};
use crate::layout::{SEGMENT_HEADER, SegmentHeader, read_segment_header, segment_first, segment_name};
use crate::scan::{Step, payload_is_good, step};
use crate::state::Segment;
use crate::summary::{Summary, Totals};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The segments of a log with their sizes in bytes, oldest first.
pub(crate) fn segments(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<(u64, u64)>> {
    let mut segments: Vec<(u64, u64)> = disk
        .list(dir)?
        .into_iter()
        .filter_map(|(name, len)| Some((segment_first(&name)?, len)))
        .collect();
    segments.sort_unstable();
    Ok(segments)
}

/// A segment that was looked at, with what is wrong and was noticed.
pub(crate) struct Examined {
    pub(crate) segment: Segment,
    pub(crate) file: Option<Arc<dyn DiskFile>>,
    pub(crate) damage: Vec<Damage>,
    /// It has a footer that is whole.
    pub(crate) sealed: bool,
}

/// Looks at a segment: header and footer if it has one, every record's header otherwise. With `payloads` every record is read whole.
pub(crate) fn examine(disk: &dyn Disk, dir: &Path, first: u64, len: u64, payloads: bool) -> Examined {
    let mut examined = Examined {
        segment: Segment::new(first, len),
        file: None,
        damage: Vec::new(),
        sealed: false,
    };
    let looked = disk.open(&dir.join(segment_name(first)), false).and_then(|file| {
        examined.file = Some(file.clone());
        look(&*file, first, payloads, &mut examined)
    });
    if let Err(error) = looked {
        // What was found up to here is still read.
        let at = examined.segment.end;
        examined.segment.len = len;
        examined.damage.push(Damage {
            segment: first,
            offset: at,
            len: len.saturating_sub(at),
            seq: None,
            what: What::Unreadable(error.to_string()),
        });
    }
    examined
}

fn look(file: &dyn DiskFile, first: u64, payloads: bool, examined: &mut Examined) -> io::Result<()> {
    let len = file.len()?;
    examined.segment.len = len;
    let mut header = [0; SEGMENT_HEADER as usize];
    let got = read_full(file, &mut header, 0)?;
    match read_segment_header(&header[..got], first) {
        SegmentHeader::Good => {}
        SegmentHeader::Newer(version) => {
            examined.segment.foreign = true;
            examined.damage.push(Damage {
                segment: first,
                offset: 0,
                len,
                seq: None,
                what: What::Newer(version),
            });
            return Ok(());
        }
        SegmentHeader::Damaged => examined.damage.push(Damage {
            segment: first,
            offset: 0,
            len: got as u64,
            seq: None,
            what: What::SegmentHeader,
        }),
    }
    let footer = Summary::read(file, first, len)?;
    let end = footer.as_ref().map_or(len, |(_, at)| *at);
    examined.sealed = footer.is_some();
    examined.segment.summary.rebuilt = !examined.sealed;
    if let Some((summary, at)) = footer {
        examined.segment.end = at;
        examined.segment.summary = summary;
        if !payloads {
            return Ok(());
        }
    }
    walk(file, first, end, payloads, examined)
}

/// Walks over all records. Without a footer this is what tells where they end.
fn walk(file: &dyn DiskFile, first: u64, end: u64, payloads: bool, examined: &mut Examined) -> io::Result<()> {
    let mut offset = SEGMENT_HEADER.min(end);
    let mut good = offset;
    // Records whose payload is damaged: they count, as damaged, unless they turn out to be the torn end.
    let mut doubtful = Vec::new();
    loop {
        let (len, damage) = match step(file, first, offset, end)? {
            Step::End => break,
            Step::Other(len) => (len, None),
            Step::Damage { len, header, what } => (len, Some((header.map(|header| header.seq), what))),
            Step::Record(found) => {
                let len = found.header.len();
                if payloads && !payload_is_good(file, &found)? {
                    let seq = found.header.seq;
                    doubtful.push(found);
                    (len, Some((Some(seq), What::Payload)))
                } else {
                    doubtful.push(found);
                    for found in doubtful.drain(..).filter(|_| !examined.sealed) {
                        examined.segment.summary.add(&found.header, &found.meta);
                    }
                    (len, None)
                }
            }
        };
        match damage {
            None => good = offset + len,
            Some((seq, what)) => examined.damage.push(Damage {
                segment: first,
                offset,
                len,
                seq,
                what,
            }),
        }
        offset += len;
        if !examined.sealed {
            examined.segment.end = good;
        }
    }
    Ok(())
}

/// Whether damage lies behind the last good record of a segment that was not closed.
pub(crate) fn is_tail(examined: &Examined, damage: &Damage) -> bool {
    !examined.sealed
        && damage.offset >= examined.segment.end
        && matches!(damage.what, What::RecordHeader | What::Addresses | What::Payload)
}

/// What a torn end is reported as.
pub(crate) fn torn(examined: &Examined) -> Option<Damage> {
    let Segment { end, len, .. } = examined.segment;
    let first = examined.segment.summary.last_seq;
    let tail = examined.damage.iter().find(|damage| is_tail(examined, damage))?;
    Some(Damage {
        segment: tail.segment,
        offset: end,
        len: len.saturating_sub(end),
        seq: tail.seq.filter(|seq| *seq >= first),
        what: What::TornTail,
    })
}

/// Cuts a torn end off and closes the segment. Best effort: on a disk that is full or refuses to write, the next opening tries again.
pub(crate) fn close_tail(disk: &dyn Disk, dir: &Path, examined: &mut Examined, first: u64) {
    let Ok(file) = disk.open(&dir.join(segment_name(first)), true) else {
        return;
    };
    let segment = &mut examined.segment;
    if file.truncate(segment.end).is_ok() {
        segment.len = segment.end + write_footer(&*file, &segment.summary, first, segment.end);
        let _ = file.sync();
    }
}

/// What of the legible records before `until` is addressed to a cursor.
pub(crate) fn passed(file: &dyn DiskFile, first: u64, until: u64, cursor: u64) -> io::Result<Totals> {
    let mut totals = Totals::default();
    let mut offset = SEGMENT_HEADER;
    loop {
        offset += match step(file, first, offset, until)? {
            Step::End => return Ok(totals),
            Step::Other(len) | Step::Damage { len, .. } => len,
            Step::Record(found) => {
                if found.meta.addressed(cursor) {
                    totals.add(Totals::of(&found.header));
                }
                found.header.len()
            }
        };
    }
}
