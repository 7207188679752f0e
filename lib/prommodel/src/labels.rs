//! Labels by number: a series refers to each of its labels with four bytes.

use crate::label::Label;
use std::cell::UnsafeCell;
use std::mem;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Labels of the first chunk; each chunk has twice as many as the one before.
const FIRST: usize = 1024;
/// All chunks together have room for every number.
const CHUNKS: usize = (u32::BITS - FIRST.ilog2() + 1) as usize;

/// The labels of a table by number. They stay where they are, so that they are read without a lock.
///
/// A number is in use while its slot has a label. It is put there and taken away under the lock of the table's part that the label belongs to.
pub(crate) struct LabelStore {
    table: u32,
    chunks: [OnceLock<Box<[Slot]>>; CHUNKS],
    /// Series that are rows of blocks and nothing else.
    pub(crate) rows: AtomicU64,
}

/// Tables that there have been in this process. Numbers of labels mean something in their own table only, and memory would be read wrongly in another.
static TABLES: AtomicU32 = AtomicU32::new(0);

/// Each series that has the label counts as a handle of it.
#[derive(Default)]
struct Slot(UnsafeCell<Option<Label>>);

// SAFETY: it is written only by `put` and `take_forgotten`, and their callers make sure that nobody reads it meanwhile.
#[expect(unsafe_code, reason = "readers of labels take no lock")]
unsafe impl Sync for Slot {}

fn place(id: u32) -> (usize, usize) {
    let at = id as usize + FIRST;
    let chunk = (at.ilog2() - FIRST.ilog2()) as usize;
    (chunk, at - (FIRST << chunk))
}

impl LabelStore {
    pub(crate) fn new() -> LabelStore {
        let next = |tables: u32| tables.checked_add(1);
        LabelStore {
            table: TABLES
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
                .expect("there are fewer than 2^32 tables"),
            chunks: [const { OnceLock::new() }; CHUNKS],
            rows: AtomicU64::new(0),
        }
    }

    /// Which table this is: unlike any other of the process.
    #[inline]
    pub(crate) fn table(&self) -> u32 {
        self.table
    }

    #[inline]
    fn slot(&self, id: u32) -> &Slot {
        let (chunk, at) = place(id);
        let chunk = self.chunks[chunk].get().expect("numbers in use have a slot");
        &chunk[at]
    }

    /// The label with a number.
    ///
    /// SAFETY: the number is in use for as long as the result lives: a series has the label and is there, or the lock of the label's part is held.
    #[expect(unsafe_code, reason = "readers of labels take no lock")]
    #[inline]
    pub(crate) unsafe fn get(&self, id: u32) -> &Label {
        // SAFETY: nobody writes to a slot in use.
        let label = unsafe { &*self.slot(id).0.get() };
        label.as_ref().expect("numbers in use have a label")
    }

    /// Gives a label its number.
    ///
    /// SAFETY: the number is not in use, and the lock of the label's part is held.
    #[expect(unsafe_code, reason = "readers of labels take no lock")]
    pub(crate) unsafe fn put(&self, label: Label) {
        let (chunk, at) = place(label.id());
        let slots = self.chunks[chunk].get_or_init(|| (0..FIRST << chunk).map(|_| Slot::default()).collect());
        // SAFETY: nobody knows of the number yet, and one thread at a time has the lock.
        unsafe { *slots[at].0.get() = Some(label) };
    }

    /// Takes a label away if nothing but the store has it.
    ///
    /// SAFETY: the lock of the label's part is held.
    #[expect(unsafe_code, reason = "readers of labels take no lock")]
    pub(crate) unsafe fn take_forgotten(&self, id: u32) -> Option<Label> {
        let slot = self.slot(id);
        // SAFETY: only who holds the lock writes.
        let label = unsafe { &*slot.0.get() };
        if !label.as_ref().is_some_and(Label::is_forgotten) {
            return None;
        }
        // Whatever the last of the others did with it is done.
        fence(Ordering::Acquire);
        // SAFETY: nobody has a handle, so that no series has the label either, and who wants to find it needs the lock.
        unsafe { (*slot.0.get()).take() }
    }

    /// One more series has a label.
    pub(crate) fn enter(label: &Label) {
        mem::forget(label.clone());
    }

    /// A series that had the label is gone.
    ///
    /// SAFETY: [`enter`](LabelStore::enter) was called for it, and this was not yet.
    #[expect(unsafe_code, reason = "readers of labels take no lock")]
    pub(crate) unsafe fn leave(&self, id: u32) {
        // SAFETY: the handle that `enter` forgot keeps the label where it is; this is that handle.
        drop(unsafe { ptr::read(self.get(id)) });
    }

    /// Bytes of the slots.
    pub(crate) fn size(&self) -> usize {
        let chunks = self.chunks.iter().filter_map(OnceLock::get);
        chunks.map(|slots| size_of_val(&**slots)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_place() {
        assert_eq!(place(0), (0, 0));
        assert_eq!(place(FIRST as u32 - 1), (0, FIRST - 1));
        assert_eq!(place(FIRST as u32), (1, 0));
        assert_eq!(place(3 * FIRST as u32), (2, 0));
        let (chunk, at) = place(u32::MAX);
        assert!(chunk < CHUNKS && at < FIRST << chunk, "{chunk} {at}");
    }
}
