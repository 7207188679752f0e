//! The rows that were written last, to see how far one goes on like another.

use super::Shape;

/// Keys that are remembered: those of so many rows as copies are near.
const KEYS: usize = 4096;

/// A row that was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row {
    /// Where its keys begin.
    pub(super) start: usize,
    pub(super) count: usize,
    pub(super) shape: Shape,
    /// Of its value.
    pub(super) bits: u64,
}

#[derive(Debug)]
pub(super) struct Rows {
    /// Keys of one row after those of another.
    keys: Vec<u32>,
    end: usize,
    rows: Vec<Row>,
    /// The number of the first one.
    first: u32,
}

impl Default for Rows {
    fn default() -> Self {
        Rows {
            keys: vec![0; KEYS],
            end: 0,
            rows: Vec::new(),
            first: 0,
        }
    }
}

impl Rows {
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        (self.end, self.first) = (0, 0);
    }

    /// The row of a number, if it is remembered.
    #[inline]
    pub(super) fn get(&self, number: u32) -> Option<Row> {
        self.rows.get(number.wrapping_sub(self.first) as usize).copied()
    }

    /// The number of the next row.
    #[inline]
    pub(super) fn next(&self) -> u32 {
        self.first + self.rows.len() as u32
    }

    #[inline]
    pub(super) fn key(&self, at: usize) -> u32 {
        self.keys[at]
    }

    /// Whether those at a place are these.
    #[inline]
    pub(super) fn are(&self, at: usize, keys: &[u32]) -> bool {
        self.keys[at..at + keys.len()]
            .iter()
            .zip(keys)
            .all(|(one, other)| one == other)
    }

    /// Appends a row; its number.
    #[inline]
    pub(super) fn push(&mut self, keys: &[u32], shape: Shape, bits: u64) -> u32 {
        if self.keys.len() - self.end < keys.len() || self.rows.len() >= KEYS {
            self.forget(keys.len());
        }
        let row = Row {
            start: self.end,
            count: keys.len(),
            shape,
            bits,
        };
        self.end += keys.len();
        self.keys[row.start..self.end].copy_from_slice(keys);
        self.rows.push(row);
        self.next() - 1
    }

    /// Forgets all but the last one.
    #[cold]
    fn forget(&mut self, more: usize) {
        let start = self.rows.last().map_or(self.end, |last| last.start);
        let others = self.rows.len().saturating_sub(1);
        self.keys.copy_within(start..self.end, 0);
        self.end -= start;
        self.first += others as u32;
        self.rows.drain(..others);
        self.rows.iter_mut().for_each(|last| last.start = 0);
        self.keys.resize((self.end + more).max(KEYS), 0);
    }

    /// The keys of a row.
    #[inline]
    pub(super) fn keys(&self, row: Row) -> &[u32] {
        &self.keys[row.start..row.start + row.count]
    }
}
