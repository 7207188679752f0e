//! Finding entries: which chunks can hold some, and the first or last of them.

use std::collections::BinaryHeap;
use std::sync::Arc;

use lokipush::Labels;

use crate::chunk::Chunk;
use crate::selector::Selector;

/// A query over a span of time.
#[derive(Debug)]
pub struct Query {
    pub(crate) selector: Selector,
    /// Earliest timestamp, included; nanoseconds since 1970.
    pub start: i64,
    /// Latest timestamp, excluded; nanoseconds since 1970.
    pub end: i64,
    /// How many entries are wanted at most.
    pub limit: usize,
    /// From which end of the span they are taken, and the order of the result.
    pub direction: Direction,
}

/// Order of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first: Loki's default.
    Backward,
}

/// Why a query cannot be answered. The text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QueryError(pub(crate) String);

/// The entries found in one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundStream {
    /// Its labels.
    pub labels: Arc<Labels>,
    /// The entries in the order of [`Query::direction`].
    pub entries: Vec<FoundEntry>,
}

/// An entry that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundEntry {
    /// Nanoseconds since 1970.
    pub timestamp: i64,
    /// The line; any bytes.
    pub line: Vec<u8>,
    /// Structured metadata.
    pub metadata: Vec<(String, String)>,
}

impl Query {
    /// A query for everything that `text` selects (`{app="api"} |= "error"`), newest first, without a limit.
    ///
    /// # Errors
    /// Text that is not a stream selector with line filters.
    pub fn new(text: &str) -> Result<Self, QueryError> {
        Ok(Query {
            selector: Selector::parse(text)?,
            start: i64::MIN,
            end: i64::MAX,
            limit: usize::MAX,
            direction: Direction::Backward,
        })
    }
}

/// A chunk and the labels of its stream: chunks are shared with the store, so a query holds no lock while it scans.
pub(crate) struct Candidate {
    pub labels: Arc<Labels>,
    pub chunk: Arc<Chunk>,
}

/// Position in the result: timestamp, then order of arrival within the stream, both turned around if newest comes first.
type Rank = (i64, u64, u64);

impl Query {
    pub(crate) fn covers(&self, chunk: &Chunk) -> bool {
        chunk.min < self.end && chunk.max >= self.start
    }

    fn rank(&self, timestamp: i64, seq: u64, index: u64) -> Rank {
        match self.direction {
            Direction::Forward => (timestamp, seq, index),
            Direction::Backward => (!timestamp, !seq, !index),
        }
    }

    /// Keeps the best `limit` entries in a heap with the worst on top; chunks come in order of their best entry, so the scan
    /// ends at the first chunk that cannot improve a full heap.
    pub(crate) fn run(&self, mut candidates: Vec<Candidate>) -> Vec<FoundStream> {
        let best = |candidate: &Candidate| match self.direction {
            Direction::Forward => candidate.chunk.min,
            Direction::Backward => !candidate.chunk.max,
        };
        candidates.sort_by_key(best);
        let mut heap: BinaryHeap<(Rank, usize, usize)> = BinaryHeap::new();
        for (which, candidate) in candidates.iter().enumerate() {
            if heap.len() >= self.limit && heap.peek().is_none_or(|(worst, ..)| best(candidate) > worst.0) {
                break;
            }
            for index in 0..candidate.chunk.len() {
                let entry = candidate.chunk.get(index);
                if entry.timestamp < self.start || entry.timestamp >= self.end {
                    continue;
                }
                let rank = self.rank(entry.timestamp, candidate.chunk.seq, index as u64);
                let full = heap.len() >= self.limit;
                if full && heap.peek().is_none_or(|(worst, ..)| rank > *worst) {
                    continue;
                }
                if !self.selector.matches_line(entry.line) {
                    continue;
                }
                if full {
                    heap.pop();
                }
                heap.push((rank, which, index));
            }
        }
        let mut streams: Vec<FoundStream> = Vec::new();
        // `BTreeMap` because streams come out by their labels, the same at each call.
        let mut by_labels = std::collections::BTreeMap::<Arc<Labels>, usize>::new();
        for (_, which, index) in heap.into_sorted_vec() {
            let Candidate { labels, chunk } = &candidates[which];
            let at = *by_labels.entry(labels.clone()).or_insert_with(|| {
                streams.push(FoundStream {
                    labels: labels.clone(),
                    entries: Vec::new(),
                });
                streams.len() - 1
            });
            let entry = chunk.get(index);
            streams[at].entries.push(FoundEntry {
                timestamp: entry.timestamp,
                line: entry.line.to_vec(),
                metadata: entry.metadata().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            });
        }
        streams.sort_by(|a, b| a.labels.cmp(&b.labels));
        streams
    }
}
