//! A label set.

use crate::label::Label;
use crate::labels::LabelStore;
use crate::thin::Thin;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A label set, sorted by name, each name once, as a [`Table`](crate::Table) holds it: equal ones of one table are the same memory.
#[derive(Clone)]
pub struct Series(Thin);

/// Tells series of one table apart, those that are gone included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesKey {
    /// See [`Series::id`].
    pub id: u32,
    /// Tells the series apart that have the number one after the other.
    pub generation: u32,
}

impl Series {
    pub(crate) fn new(store: &Arc<LabelStore>, id: u32, generation: u32, labels: &[Label]) -> Series {
        let wire: usize = labels.iter().map(|label| label.wire().len()).sum();
        let wire = u32::try_from(wire).expect("label sets are shorter than 4 GiB");
        Series(Thin::new(store, id, generation, wire, part(labels.iter()), labels))
    }

    /// The [numbers](Label::id) of the labels, by name.
    #[inline]
    pub fn numbers(&self) -> &[u32] {
        self.0.numbers()
    }

    /// Asks the processor to bring the series closer, for use in some hundred nanoseconds. A loop over many series that are not in any cache waits for
    /// each of them in turn otherwise: the counts of references are atomic.
    #[inline]
    pub fn prefetch(&self) {
        self.0.prefetch();
    }

    /// A small number, unlike that of any other series of the table: the index in tables of whoever remembers something about series. It is
    /// used again when the series is gone.
    #[inline]
    pub fn id(&self) -> u32 {
        self.0.head().id
    }

    /// The number, and which of the series that had it this is.
    #[inline]
    pub fn key(&self) -> SeriesKey {
        let head = self.0.head();
        SeriesKey {
            id: head.id,
            generation: head.generation,
        }
    }

    /// Parts that there are.
    pub const PARTS: usize = 8;

    /// Which part of all series it belongs to: the same in every process and every version. Series of one metric of one target are of one part.
    #[inline]
    pub fn part(&self) -> usize {
        self.0.head().part as usize
    }

    #[inline]
    fn label(&self, number: u32) -> &Label {
        #[expect(unsafe_code, reason = "readers of labels take no lock")]
        // SAFETY: the series has entered it, and leaves it when nobody holds the series any more.
        unsafe {
            self.0.head().store.get(number)
        }
    }

    /// The labels by name.
    #[inline]
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &Label> + Clone {
        self.numbers().iter().map(|number| self.label(*number))
    }

    /// Bytes of the labels in the form of remote write 1.0.
    #[inline]
    pub fn wire_len(&self) -> usize {
        self.0.head().wire as usize
    }

    /// Names and values by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        self.labels().map(|label| (label.name(), label.value()))
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        let numbers = self.numbers();
        let at = numbers
            .binary_search_by(|number| self.label(*number).cmp_name(name))
            .ok()?;
        Some(self.label(numbers[at]).value())
    }

    /// The name of the metric; empty if it has none.
    pub fn metric(&self) -> &str {
        self.get(crate::NAME).unwrap_or_default()
    }

    /// Whether its numbers mean labels of this store.
    pub(crate) fn is_of(&self, store: &Arc<LabelStore>) -> bool {
        Arc::ptr_eq(&self.0.head().store, store)
    }

    /// Whether nobody but the table holds it.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.0.is_only()
    }

    /// Bytes of memory that it takes, without its labels.
    pub(crate) fn size(&self) -> usize {
        self.0.size()
    }
}

/// Labels by which series are divided into parts.
const DIVIDING: [&str; 3] = [crate::NAME, "instance", "job"];

/// The part of a series with these labels: the sum of the hashes of some of them (FNV-1a of the wire form, folded), modulo the number of parts.
pub(crate) fn part<'l>(labels: impl Iterator<Item = &'l Label>) -> u32 {
    let dividing = labels.filter(|label| DIVIDING.contains(&label.name()));
    let hashes = dividing.map(|label| {
        let hash = label.wire().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash ^ (hash >> 32)) as u32
    });
    hashes.fold(0, u32::wrapping_add) % Series::PARTS as u32
}

/// `name{a="x", b="y"}`
pub(crate) fn show<'l>(
    labels: impl Iterator<Item = (&'l str, &'l str)> + Clone,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let metric = labels.clone().find(|(name, _)| *name == crate::NAME);
    f.write_str(metric.map_or("", |(_, value)| value))?;
    f.write_str("{")?;
    let others = labels.filter(|(name, _)| *name != crate::NAME);
    for (i, (name, value)) in others.enumerate() {
        let separator = if i == 0 { "" } else { ", " };
        write!(f, "{separator}{name}={value:?}")?;
    }
    f.write_str("}")
}

/// Equality of series of one table: a comparison of addresses.
impl PartialEq for Series {
    #[inline]
    fn eq(&self, other: &Series) -> bool {
        self.0.address() == other.0.address()
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
        show(self.iter(), f)
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
