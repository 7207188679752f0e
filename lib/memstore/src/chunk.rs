//! Entries of one stream that arrived after each other: lines and metadata in one buffer.

use std::mem::size_of;

use lokipush::Entry;

/// A chunk takes entries until its buffer holds this many bytes. Small enough that eviction is fine-grained.
pub(crate) const TARGET: usize = 64 << 10;

/// What a chunk costs beside its two buffers: itself, the two counters and the allocator's headers.
const OVERHEAD: usize = size_of::<Chunk>() + 64;

#[derive(Clone)]
pub(crate) struct Chunk {
    /// Order of creation over the whole store.
    pub seq: u64,
    /// By how many bytes the store had grown in all when the chunk was created.
    pub born: u64,
    /// Earliest and latest timestamp.
    pub min: i64,
    pub max: i64,
    data: Vec<u8>,
    records: Vec<Record>,
}

#[derive(Clone, Copy)]
struct Record {
    timestamp: i64,
    start: u32,
    line: u32,
    metadata: u32,
}

/// One stored entry.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub timestamp: i64,
    pub line: &'a [u8],
    metadata: &'a [u8],
}

impl Chunk {
    pub(crate) fn new(seq: u64, born: u64) -> Self {
        Chunk {
            seq,
            born,
            min: i64::MAX,
            max: i64::MIN,
            data: Vec::new(),
            records: Vec::new(),
        }
    }

    /// Memory that the chunk holds, in bytes.
    pub(crate) fn footprint(&self) -> usize {
        OVERHEAD + self.data.capacity() + self.records.capacity() * size_of::<Record>()
    }

    /// Bytes that an entry adds to the buffer.
    pub(crate) fn cost(entry: &Entry<'_>) -> usize {
        entry.line.len()
            + entry
                .metadata
                .iter()
                .map(|(name, value)| 8 + name.len() + value.len())
                .sum::<usize>()
    }

    pub(crate) fn has_room(&self, cost: usize) -> bool {
        self.records.is_empty() || self.data.len() + cost <= TARGET
    }

    /// Appends an entry whose cost is below 4 GiB.
    pub(crate) fn push(&mut self, entry: &Entry<'_>) {
        let start = self.data.len();
        let cost = Self::cost(entry);
        if self.records.is_empty() && cost >= TARGET / 2 {
            // A large line is alone or nearly so; doubling would waste as much again.
            self.data.reserve_exact(cost);
            self.records.reserve_exact(1);
        }
        self.data.extend_from_slice(&entry.line);
        for (name, value) in &entry.metadata {
            for text in [name, value] {
                self.data.extend_from_slice(&(text.len() as u32).to_le_bytes());
                self.data.extend_from_slice(text.as_bytes());
            }
        }
        self.records.push(Record {
            timestamp: entry.timestamp,
            start: start as u32,
            line: entry.line.len() as u32,
            metadata: (self.data.len() - start - entry.line.len()) as u32,
        });
        self.min = self.min.min(entry.timestamp);
        self.max = self.max.max(entry.timestamp);
    }

    /// Gives spare capacity back: nothing will be appended any more.
    pub(crate) fn seal(&mut self) {
        self.data.shrink_to_fit();
        self.records.shrink_to_fit();
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn get(&self, index: usize) -> Stored<'_> {
        let Record {
            timestamp,
            start,
            line,
            metadata,
        } = self.records[index];
        let middle = start as usize + line as usize;
        Stored {
            timestamp,
            line: &self.data[start as usize..middle],
            metadata: &self.data[middle..middle + metadata as usize],
        }
    }

    /// Whether `entry` is the one stored last, once more.
    pub(crate) fn ends_with(&self, entry: &Entry<'_>) -> bool {
        let Some(last) = self.records.len().checked_sub(1) else {
            return false;
        };
        let last = self.get(last);
        last.timestamp == entry.timestamp
            && last.line == &*entry.line
            && last
                .metadata()
                .eq(entry.metadata.iter().map(|(name, value)| (&**name, &**value)))
    }
}

impl<'a> Stored<'a> {
    /// Structured metadata in the order it came.
    pub(crate) fn metadata(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let mut rest = self.metadata;
        let mut text = move || {
            let (len, tail) = rest.split_first_chunk::<4>()?;
            let (text, tail) = tail.split_at(u32::from_le_bytes(*len) as usize);
            rest = tail;
            Some(std::str::from_utf8(text).expect("was a str when it was stored"))
        };
        std::iter::from_fn(move || Some((text()?, text()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(timestamp: i64, line: &'static [u8], metadata: &[(&'static str, &'static str)]) -> Entry<'static> {
        Entry {
            timestamp,
            line: line.into(),
            metadata: metadata.iter().map(|&(n, v)| (n.into(), v.into())).collect(),
        }
    }

    #[test]
    fn entries_come_back() {
        let mut chunk = Chunk::new(0, 0);
        let entries = [
            entry(5, b"one\xff", &[]),
            entry(3, b"", &[("a", "1"), ("a", ""), ("", "x")]),
            entry(9, b"three", &[("b", "2")]),
        ];
        for e in &entries {
            assert!(!chunk.ends_with(e));
            chunk.push(e);
            assert!(chunk.ends_with(e));
        }
        chunk.seal();
        assert_eq!((chunk.min, chunk.max, chunk.len()), (3, 9, 3));
        for (i, e) in entries.iter().enumerate() {
            let stored = chunk.get(i);
            assert_eq!((stored.timestamp, stored.line), (e.timestamp, &*e.line));
            let metadata: Vec<_> = stored.metadata().map(|(n, v)| (n.into(), v.into())).collect();
            assert_eq!(metadata, e.metadata);
        }
        assert!(!chunk.ends_with(&entry(9, b"three", &[("b", "3")])));
        assert!(!chunk.ends_with(&entry(8, b"three", &[("b", "2")])));
    }
}
