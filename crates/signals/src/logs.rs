//! Log records and batches of them.

use crate::batch::{Batch, Payload};
use crate::labels::Labels;
use crate::ledger::Amount;
use crate::tap::Seen;
use bytes::Bytes;
use smol_str::SmolStr;
use std::fmt;
use std::sync::Arc;

/// Structured metadata: an ordered list of names and values; a name may occur more than once. Shared, copied on write.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Metadata(Option<Arc<Vec<(SmolStr, SmolStr)>>>);

impl Metadata {
    /// No metadata.
    pub const EMPTY: Metadata = Metadata(None);

    /// Metadata of these pairs, in their order.
    pub fn from_pairs<N: Into<SmolStr>, V: Into<SmolStr>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let pairs: Vec<_> = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Metadata((!pairs.is_empty()).then(|| Arc::new(pairs)))
    }

    /// The pairs in their order.
    pub fn pairs(&self) -> &[(SmolStr, SmolStr)] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pairs().is_empty()
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&SmolStr> {
        self.pairs().iter().find(|pair| pair.0 == name).map(|pair| &pair.1)
    }

    /// The pairs for editing.
    pub fn edit(&mut self) -> &mut Vec<(SmolStr, SmolStr)> {
        Arc::make_mut(self.0.get_or_insert_default())
    }

    /// Size in bytes of names and values.
    pub fn size(&self) -> u64 {
        self.pairs()
            .iter()
            .map(|(name, value)| (name.len() + value.len()) as u64)
            .sum()
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.pairs().iter().map(|(name, value)| (name, value)))
            .finish()
    }
}

/// One log record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Nanoseconds since the Unix epoch.
    pub timestamp: i64,
    /// The line without its line break; usually a slice of the chunk that was read. May hold invalid UTF-8.
    pub line: Bytes,
    /// Structured metadata.
    pub metadata: Metadata,
}

impl Entry {
    /// A record without metadata.
    pub fn new(timestamp: i64, line: impl Into<Bytes>) -> Self {
        Entry {
            timestamp,
            line: line.into(),
            metadata: Metadata::EMPTY,
        }
    }

    /// Size in bytes of line and metadata.
    pub fn size(&self) -> u64 {
        self.line.len() as u64 + self.metadata.size()
    }
}

/// Records of one label set, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStream {
    /// What they have in common.
    pub labels: Labels,
    /// The records.
    pub entries: Vec<Entry>,
}

impl LogStream {
    /// Number and size of its records.
    pub fn amount(&self) -> Amount {
        Amount {
            items: self.entries.len() as u64,
            bytes: self.entries.iter().map(Entry::size).sum(),
        }
    }
}

/// The records of a [`LogBatch`]: streams, each label set at most once.
pub type Logs = Vec<LogStream>;

/// Log records that travel together.
pub type LogBatch = Batch<Logs>;

impl Payload for Logs {
    fn seen(&self) -> Option<Seen<'_>> {
        Some(Seen::Logs(self))
    }

    fn amount(&self) -> Amount {
        let mut amount = Amount::default();
        for stream in self {
            amount += stream.amount();
        }
        amount
    }
}

impl LogBatch {
    /// The records.
    pub fn streams(&self) -> &[LogStream] {
        self.payload()
    }
}
