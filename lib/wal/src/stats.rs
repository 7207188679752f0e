//! The log in numbers.

use crate::cursor::Fates;
use crate::log::Wal;
use crate::summary::Totals;

/// A cursor in numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CursorStats {
    /// Its name.
    pub name: String,
    /// Not acknowledged: held by the reader or not read. Records whose headers are damaged are counted until their segment is passed.
    pub depth: Totals,
    /// Records that the reader holds.
    pub in_flight: u64,
    /// When the oldest record was appended that is not acknowledged, in nanoseconds since the Unix epoch; `None` if there is none or it
    /// cannot be read.
    pub oldest: Option<i64>,
    /// Every record with a lower sequence number is done with.
    pub low: u64,
    /// What became of its records since the log was opened. `appended` is the sum of the others and `depth`.
    pub fates: Fates,
}

/// A log in numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stats {
    /// Bytes that the segments take.
    pub disk_bytes: u64,
    /// `Options::max_bytes`.
    pub max_bytes: u64,
    /// Segment files.
    pub segments: u64,
    /// First sequence number of the oldest segment: what is below was acknowledged or given up.
    pub oldest_segment: Option<u64>,
    /// The next record's sequence number.
    pub next_seq: u64,
    /// Damaged places met since the log was opened.
    pub damaged_places: u64,
    /// Syncs that failed since the log was opened.
    pub sync_failures: u64,
    /// By name.
    pub cursors: Vec<CursorStats>,
}

impl Wal {
    /// A snapshot. Reads a record's header for each cursor.
    pub fn stats(&self) -> Stats {
        let shared = &*self.shared;
        let mut state = shared.lock();
        let mut cursors = Vec::new();
        let hashes: Vec<u64> = state.cursors.keys().copied().collect();
        for hash in hashes {
            let closed = state.closed;
            let next = match closed {
                true => None,
                false => shared.ahead(&mut state, hash).ok().flatten(),
            };
            let Some(cursor) = state.cursors.get(&hash) else {
                continue;
            };
            let held = cursor.held.first_key_value();
            cursors.push(CursorStats {
                name: cursor.name.clone(),
                depth: state.depth(cursor),
                in_flight: (cursor.held.len() - cursor.back.len()) as u64,
                oldest: held.map(|(_, held)| held.time).or(next.map(|found| found.header.time)),
                low: held.map_or(cursor.high, |(seq, _)| *seq),
                fates: cursor.fates,
            });
        }
        cursors.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Stats {
            disk_bytes: state.used(),
            max_bytes: shared.options.max_bytes,
            segments: (state.segments.len() + state.doomed.len()) as u64,
            oldest_segment: state.segments.keys().next().copied(),
            next_seq: state.next_seq,
            damaged_places: state.damage_count,
            sync_failures: state.sync_failures,
            cursors,
        }
    }
}
