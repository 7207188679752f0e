//! Text with invalid UTF-8, seen as Go sees it.

use regex::bytes::CaptureLocations;
use std::ops::Range;

/// A copy of a text in which each byte of invalid UTF-8 is one U+FFFD, with the way back to the original offsets.
pub(crate) struct Lossy {
    pub(crate) text: Vec<u8>,
    /// Offsets in `text` just behind each inserted U+FFFD. Each made the text two bytes longer.
    replaced: Vec<usize>,
}

impl Lossy {
    pub(crate) fn new(original: &[u8]) -> Lossy {
        let mut text = Vec::with_capacity(original.len() + 16);
        let mut replaced = Vec::new();
        for chunk in original.utf8_chunks() {
            text.extend_from_slice(chunk.valid().as_bytes());
            for _ in chunk.invalid() {
                text.extend_from_slice("\u{FFFD}".as_bytes());
                replaced.push(text.len());
            }
        }
        Lossy { text, replaced }
    }

    fn offset(&self, at: usize) -> usize {
        at - 2 * self.replaced.partition_point(|&end| end <= at)
    }

    pub(crate) fn range(&self, range: Range<usize>) -> Range<usize> {
        self.offset(range.start)..self.offset(range.end)
    }
}

/// Where the groups of a match are. Reused from match to match.
#[derive(Clone, Debug)]
pub struct Locations {
    pub(crate) inner: CaptureLocations,
    /// The ranges in the original text where the search ran on a [`Lossy`] copy.
    mapped: Option<Vec<Option<Range<usize>>>>,
}

impl Locations {
    pub(crate) fn new(inner: CaptureLocations) -> Locations {
        Locations { inner, mapped: None }
    }

    pub(crate) fn direct(&mut self) {
        self.mapped = None;
    }

    pub(crate) fn map(&mut self, lossy: &Lossy) {
        let ranges = (0..self.inner.len()).map(|i| self.inner.get(i).map(|(start, end)| lossy.range(start..end)));
        self.mapped = Some(ranges.collect());
    }

    /// The byte range of group `index` in the text; group 0 is the whole match. `None` if the group took no part.
    pub fn get(&self, index: usize) -> Option<Range<usize>> {
        match &self.mapped {
            None => self.inner.get(index).map(|(start, end)| start..end),
            Some(mapped) => mapped.get(index).cloned().flatten(),
        }
    }

    /// The number of groups, the whole match included.
    #[allow(clippy::len_without_is_empty, reason = "group 0 always exists")]
    pub fn len(&self) -> usize {
        self.inner.len()
    }
}
