//! The memory of a series: one block with its numbers and those of its labels, and a count of who holds it.
//!
//! `Arc<[u32]>` and its like have a pointer of two words, or a length and a count of eight bytes each. There are millions of these.

use crate::label::Label;
use crate::labels::LabelStore;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering, fence};

/// What stands in front of the numbers of the labels.
pub(crate) struct Head {
    count: AtomicU32,
    length: u32,
    pub(crate) id: u32,
    pub(crate) generation: u32,
    pub(crate) wire: u32,
    pub(crate) part: u32,
    pub(crate) store: Arc<LabelStore>,
}

/// A handle of a series.
pub(crate) struct Thin(NonNull<Head>);

// SAFETY: what it points to is never changed but for the count, which is atomic, and all of it may be used and dropped by any thread.
#[expect(unsafe_code, reason = "see the comment of the file")]
unsafe impl Send for Thin {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "see the comment of the file")]
unsafe impl Sync for Thin {}

/// More handles than that are a leak, and the count would wrap.
const MOST: u32 = 1 << 31;

fn layout(labels: usize) -> Layout {
    let numbers = Layout::array::<u32>(labels).expect("label sets are shorter than 4 GiB");
    let (layout, offset) = Layout::new::<Head>()
        .extend(numbers)
        .expect("label sets are shorter than 4 GiB");
    debug_assert_eq!(offset, size_of::<Head>(), "the numbers follow at once");
    layout.pad_to_align()
}

impl Thin {
    /// Enters the labels.
    pub(crate) fn new(
        store: &Arc<LabelStore>,
        id: u32,
        generation: u32,
        wire: u32,
        part: u32,
        labels: &[Label],
    ) -> Thin {
        let layout = layout(labels.len());
        let head = Head {
            count: AtomicU32::new(1),
            length: u32::try_from(labels.len()).expect("label sets are shorter than 4 GiB"),
            id,
            generation,
            wire,
            part,
            store: store.clone(),
        };
        #[expect(unsafe_code, reason = "see the comment of the file")]
        // SAFETY: the layout has the size of `Head` at least, and `labels.len()` numbers behind it, for which its alignment is enough.
        unsafe {
            let Some(block) = NonNull::new(alloc(layout).cast::<Head>()) else {
                handle_alloc_error(layout)
            };
            block.write(head);
            let numbers = block.add(1).cast::<u32>();
            for (at, label) in labels.iter().enumerate() {
                LabelStore::enter(label);
                numbers.add(at).write(label.id());
            }
            Thin(block)
        }
    }

    #[inline]
    pub(crate) fn head(&self) -> &Head {
        #[expect(unsafe_code, reason = "see the comment of the file")]
        // SAFETY: a handle is counted, so the block is there.
        unsafe {
            self.0.as_ref()
        }
    }

    /// The numbers of the labels, in the order of their names.
    #[inline]
    pub(crate) fn numbers(&self) -> &[u32] {
        let length = self.head().length as usize;
        #[expect(unsafe_code, reason = "see the comment of the file")]
        // SAFETY: `new` has written so many behind the head.
        unsafe {
            std::slice::from_raw_parts(self.0.add(1).cast::<u32>().as_ptr(), length)
        }
    }

    #[inline]
    pub(crate) fn address(&self) -> usize {
        self.0.addr().get()
    }

    /// Whether this is the only handle.
    pub(crate) fn is_only(&self) -> bool {
        self.head().count.load(Ordering::Acquire) == 1
    }

    /// Bytes of memory.
    pub(crate) fn size(&self) -> usize {
        layout(self.numbers().len()).size()
    }

    #[inline]
    pub(crate) fn prefetch(&self) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            const LINE: usize = 64;
            let block = self.0.as_ptr().cast::<i8>().cast_const();
            #[expect(unsafe_code, reason = "there is no safe way to say this")]
            // SAFETY: a hint reads nothing, whatever the address; every x86-64 has it.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(block);
                _mm_prefetch::<_MM_HINT_T0>(block.wrapping_add(LINE));
            }
        }
    }
}

impl Clone for Thin {
    #[inline]
    fn clone(&self) -> Thin {
        if self.head().count.fetch_add(1, Ordering::Relaxed) > MOST {
            std::process::abort();
        }
        Thin(self.0)
    }
}

impl Drop for Thin {
    #[inline]
    fn drop(&mut self) {
        if self.head().count.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            let layout = layout(self.numbers().len());
            #[expect(unsafe_code, reason = "see the comment of the file")]
            // SAFETY: this was the last handle, and `new` has entered the labels and made the block with the same layout.
            unsafe {
                for id in self.numbers() {
                    self.head().store.leave(*id);
                }
                self.0.drop_in_place();
                dealloc(self.0.as_ptr().cast(), layout);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eleven_labels_take_eighty_bytes() {
        assert_eq!(layout(11).size(), 80);
        assert_eq!(layout(0).size(), size_of::<Head>());
    }
}
