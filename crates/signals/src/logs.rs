//! Log records and batches of them.

use crate::budget::Permit;
use crate::custody::{Custody, Tally};
use crate::labels::Labels;
use crate::ledger::Amount;
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

/// Records that travel together, with the responsibility for them. Not `Clone`: see [`LogBatch::share`].
pub struct LogBatch {
    streams: Arc<Vec<LogStream>>,
    amount: Amount,
    custody: Custody,
}

impl LogBatch {
    /// A new batch of records that were admitted under `permit`.
    pub fn new(streams: Vec<LogStream>, permit: Permit) -> Self {
        LogBatch::under(Arc::new(streams), Arc::new(permit))
    }

    fn under(streams: Arc<Vec<LogStream>>, permit: Arc<Permit>) -> Self {
        let mut amount = Amount::default();
        for stream in streams.iter() {
            amount += stream.amount();
        }
        LogBatch {
            streams,
            amount,
            custody: Custody::new(permit, None, amount),
        }
    }

    /// A batch of what a component made of records that it holds in custody: it lives under the same memory permit. The
    /// component settles its custody when the batch was accepted.
    pub fn derived(streams: Vec<LogStream>, from: &Custody) -> Self {
        LogBatch::under(Arc::new(streams), from.permit().clone())
    }

    /// The records.
    pub fn streams(&self) -> &[LogStream] {
        &self.streams
    }

    /// Number and size of its records.
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// Takes the batch apart for editing or delivery. The records are copied only if they are shared with another
    /// branch, and then their bytes are not.
    pub fn into_parts(self) -> (Vec<LogStream>, Custody) {
        let streams = Arc::try_unwrap(self.streams).unwrap_or_else(|shared| (*shared).clone());
        (streams, self.custody)
    }

    /// Takes the batch apart without copying records that are shared with another branch.
    pub fn into_shared_parts(self) -> (Arc<Vec<LogStream>>, Custody) {
        (self.streams, self.custody)
    }

    /// The same records for another branch, or for offering them again after a refusal. Copies nothing.
    pub fn share(&self) -> LogBatch {
        LogBatch {
            streams: self.streams.clone(),
            amount: self.amount,
            custody: Custody::new(self.custody.permit().clone(), None, self.amount),
        }
    }

    pub(crate) fn entering(self, tally: Arc<Tally>) -> LogBatch {
        let custody = Custody::new(self.custody.permit().clone(), Some(tally), self.amount);
        LogBatch { custody, ..self }
    }
}

impl fmt::Debug for LogBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogBatch")
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}
