//! How series were written, which is by what they are recognised. Targets of one program write theirs in the same way.

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Longest text of a series that is recognised; a longer one is read anew each time.
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

/// The texts of all targets, those that are equal once.
#[derive(Default)]
pub(super) struct TextTable {
    hasher: RandomState,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    table: HashTable<Arc<Texts>>,
    swept: usize,
}

impl TextTable {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

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
        let texts = Texts {
            hashes: texts.iter().map(|text| text.hash).collect(),
            lengths: texts.iter().map(|text| text.length).collect(),
        };
        let hash = self.hasher.hash_one(&texts);
        let mut known = self.lock();
        if let Some(same) = known.table.find(hash, |one| **one == texts) {
            return same.clone();
        }
        if known.table.len() > 2 * known.swept + 1000 {
            known.table.retain(|texts| Arc::strong_count(texts) > 1);
            known.swept = known.table.len();
        }
        let texts = Arc::new(texts);
        let rehash = |texts: &Arc<Texts>| self.hasher.hash_one(&**texts);
        known.table.insert_unique(hash, texts.clone(), rehash);
        texts
    }
}

impl std::fmt::Debug for TextTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextTable").finish_non_exhaustive()
    }
}
