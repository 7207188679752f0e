//! A label set.

use crate::label::Label;
use std::fmt;
use std::hash::{Hash, Hasher};
use triomphe::ThinArc;

/// A label set, sorted by name, each name once, as a [`Table`](crate::Table) holds it: equal ones of one table are the same memory.
#[derive(Clone)]
pub struct Series(ThinArc<Head, Label>);

#[derive(Clone, Copy)]
struct Head {
    id: u32,
    generation: u32,
    wire: u32,
    content: u32,
}

/// Tells series of one table apart, those that are gone included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesKey {
    /// See [`Series::id`].
    pub id: u32,
    /// Tells the series apart that have the number one after the other.
    pub generation: u32,
}

impl Series {
    pub(crate) fn new(id: u32, generation: u32, labels: &[Label]) -> Series {
        let wire: usize = labels.iter().map(|label| label.wire().len()).sum();
        let head = Head {
            id,
            generation,
            wire: u32::try_from(wire).expect("label sets are shorter than 4 GiB"),
            content: content(labels),
        };
        Series(ThinArc::from_header_and_iter(head, labels.iter().cloned()))
    }

    #[inline]
    fn head(&self) -> Head {
        self.0.header.header
    }

    /// Asks the processor to bring the series closer, for use in some hundred nanoseconds. A loop over many series that are not in any cache waits for
    /// each of them in turn otherwise: the counts of references are atomic.
    #[inline]
    pub fn prefetch(&self) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            #[expect(unsafe_code, reason = "there is no safe way to say this")]
            // SAFETY: a hint reads nothing, whatever the address; every x86-64 has it.
            unsafe {
                _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(&self.0.header).cast());
            }
        }
    }

    /// A small number, unlike that of any other series of the table: the index in tables of whoever remembers something about series. It is
    /// used again when the series is gone.
    #[inline]
    pub fn id(&self) -> u32 {
        self.head().id
    }

    /// The number, and which of the series that had it this is.
    #[inline]
    pub fn key(&self) -> SeriesKey {
        let Head { id, generation, .. } = self.head();
        SeriesKey { id, generation }
    }

    /// A hash of the labels, the same in every process and every version.
    #[inline]
    pub fn content_hash(&self) -> u32 {
        self.head().content
    }

    /// The labels by name.
    #[inline]
    pub fn labels(&self) -> &[Label] {
        &self.0.slice
    }

    /// Bytes of the labels in the form of remote write 1.0.
    #[inline]
    pub fn wire_len(&self) -> usize {
        self.head().wire as usize
    }

    /// Names and values by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        self.labels().iter().map(|label| (label.name(), label.value()))
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        let labels = self.labels();
        let at = labels.binary_search_by(|label| label.cmp_name(name)).ok()?;
        Some(labels[at].value())
    }

    /// The name of the metric; empty if it has none.
    pub fn metric(&self) -> &str {
        self.get(crate::NAME).unwrap_or_default()
    }

    /// Whether nobody but the table holds it.
    pub(crate) fn is_forgotten(&self) -> bool {
        ThinArc::strong_count(&self.0) == 1
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(&self.0.header).addr()
    }

    /// Bytes of memory that it takes, without its labels.
    pub(crate) fn size(&self) -> usize {
        2 * size_of::<usize>() + size_of::<Head>() + size_of_val(self.labels())
    }
}

/// FNV-1a over the wire forms of the labels, folded to half its size.
fn content(labels: &[Label]) -> u32 {
    let bytes = labels.iter().flat_map(Label::wire);
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 32)) as u32
}

/// Equality of series of one table: a comparison of addresses.
impl PartialEq for Series {
    #[inline]
    fn eq(&self, other: &Series) -> bool {
        self.address() == other.address()
    }
}

impl Eq for Series {}

impl Hash for Series {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u32(self.id());
    }
}

/// `name{a="x", b="y"}`
impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric())?;
        f.write_str("{")?;
        let others = self.iter().filter(|(name, _)| *name != crate::NAME);
        for (i, (name, value)) in others.enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
