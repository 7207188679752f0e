//! What can be set.

use std::time::Duration;

/// When an append counts as done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// When the record survives a power failure. Concurrent appenders share one sync.
    Always,
    /// When the record is with the operating system; it is synced within the duration, by a later append or by
    /// [`maintain`](crate::Wal::maintain), whichever comes first. A power failure loses what came later.
    Every(Duration),
    /// When the record is with the operating system, which decides. Survives the end of the process, not a power failure.
    Never,
}

/// What happens to an append that does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnFull {
    /// It is refused with [`Error::Full`](crate::Error::Full).
    Refuse,
    /// The oldest segments are given up until it fits; what is lost is counted for each cursor.
    DropOldest,
}

/// How a log behaves. The same directory may be opened with other options each time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// A segment is closed when it has reached this size in bytes, or an eighth of `max_bytes`. Space is given back by whole segments.
    pub segment_bytes: u64,
    /// What all segments together may take, in bytes.
    pub max_bytes: u64,
    /// What happens beyond `max_bytes`.
    pub on_full: OnFull,
    /// Records that were appended longer ago are not delivered but counted as expired.
    pub max_age: Option<Duration>,
    /// When an append counts as done.
    pub durability: Durability,
    /// What the quarantine folder may take, in bytes.
    pub quarantine_bytes: u64,
}

impl Default for Options {
    /// 10 GiB, segments of 32 MiB, durable, refusing when full, no limit of age.
    fn default() -> Self {
        Options {
            segment_bytes: 32 << 20,
            max_bytes: 10 << 30,
            on_full: OnFull::Refuse,
            max_age: None,
            durability: Durability::Always,
            quarantine_bytes: 64 << 20,
        }
    }
}

impl Options {
    /// The size at which a segment is closed.
    pub(crate) fn roll_at(&self) -> u64 {
        self.segment_bytes.min(self.max_bytes / 8)
    }
}
