//! How far one destination has come.

use crate::summary::Totals;
use std::collections::{BTreeMap, BTreeSet};

/// A place in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

/// A record that was handed out and is not acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    pub(crate) place: Place,
    pub(crate) totals: Totals,
    pub(crate) time: i64,
}

/// Why a record leaves the log without being acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Loss {
    Age,
    Size,
    Trim,
    Damage,
}

/// What became of a cursor's records since the log was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fates {
    /// Appended for this cursor, and what was there when the log was opened.
    pub appended: Totals,
    /// Acknowledged.
    pub acked: Totals,
    /// Older than `Options::max_age`.
    pub expired_age: Totals,
    /// Given up because the log was full.
    pub expired_size: Totals,
    /// Dropped by [`trim`](crate::Wal::trim).
    pub trimmed: Totals,
    /// Lost to damaged files. Where even the header is illegible, only what the segment's footer tells is counted.
    pub damaged: Totals,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cursor {
    pub(crate) name: String,
    pub(crate) hash: u64,
    /// Every record below was handed out, or is not for this cursor; with `held`, this is exactly what is not acknowledged.
    pub(crate) high: u64,
    /// Where the first record from `high` on will be found.
    pub(crate) at: Place,
    /// What of the segment at `at` has been passed.
    pub(crate) consumed: Totals,
    pub(crate) held: BTreeMap<u64, Held>,
    /// Those of `held` that are to be handed out again.
    pub(crate) back: BTreeSet<u64>,
    pub(crate) fates: Fates,
    /// A place that could not be read, and how often.
    pub(crate) trouble: (Place, u32),
}

impl Cursor {
    pub(crate) fn new(name: &str, hash: u64, high: u64, at: Place, consumed: Totals) -> Self {
        Cursor {
            name: name.to_owned(),
            hash,
            high,
            at,
            consumed,
            held: BTreeMap::new(),
            back: BTreeSet::new(),
            fates: Fates::default(),
            trouble: (Place::default(), 0),
        }
    }

    pub(crate) fn lose(&mut self, totals: Totals, loss: Loss) {
        match loss {
            Loss::Age => self.fates.expired_age.add(totals),
            Loss::Size => self.fates.expired_size.add(totals),
            Loss::Trim => self.fates.trimmed.add(totals),
            Loss::Damage => self.fates.damaged.add(totals),
        }
    }

    /// Gives up a record that was handed out.
    pub(crate) fn lose_held(&mut self, seq: u64, loss: Loss) {
        self.back.remove(&seq);
        if let Some(held) = self.held.remove(&seq) {
            self.lose(held.totals, loss);
        }
    }

    /// Counts one more failure to read at `place`; true if it is time to give up. A device may recover once or twice; a reader that
    /// waits for it for ever would stop its destination.
    pub(crate) fn gives_up(&mut self, place: Place) -> bool {
        if self.trouble.0 == place {
            self.trouble.1 += 1;
        } else {
            self.trouble = (place, 1);
        }
        self.trouble.1 >= 3
    }
}
