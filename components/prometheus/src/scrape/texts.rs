//! How series were written, which is by what they are recognised. Targets of one program write theirs in the same way.

use super::once::Once;
use foldhash::quality::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Longest text that is recognised where it is expected; a longer one is looked up.
const LONGEST: usize = u32::MAX as usize;

/// The texts of the series of a block: name and labels as they were written. They themselves are not kept.
#[derive(Debug, Hash, PartialEq, Eq)]
pub(super) struct Texts {
    /// Two texts of a target share a hash with a chance of 2^-64.
    hashes: Box<[u64]>,
    /// In bytes.
    lengths: Box<[u32]>,
}

/// What is kept of one text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) hash: u64,
    pub(super) length: u32,
}

impl Texts {
    pub(super) fn get(&self, row: usize) -> Option<Text> {
        let hash = *self.hashes.get(row)?;
        Some(Text {
            hash,
            length: self.lengths[row],
        })
    }

    pub(super) fn hashes(&self) -> &[u64] {
        &self.hashes
    }
}

/// The texts of all targets.
#[derive(Debug, Default)]
pub(super) struct TextTable {
    hasher: RandomState,
    known: Once<Texts>,
}

impl TextTable {
    /// What is kept of a text.
    #[inline]
    pub(super) fn text(&self, text: &[u8]) -> Text {
        Text {
            hash: self.hash(text),
            length: text.len().min(LONGEST) as u32,
        }
    }

    #[inline]
    pub(super) fn hash(&self, text: &[u8]) -> u64 {
        self.hasher.hash_one(text)
    }

    /// The texts of a block.
    pub(super) fn texts(&self, texts: &[Text]) -> Arc<Texts> {
        self.known.intern(Texts {
            hashes: texts.iter().map(|text| text.hash).collect(),
            lengths: texts.iter().map(|text| text.length).collect(),
        })
    }
}
