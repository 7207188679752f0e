//! One name and value.

use protowire::{push_bytes, push_message, varint_len};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use triomphe::ThinArc;

/// A name and a value, as a [`Table`](crate::Table) holds them: equal ones of one table are the same memory.
#[derive(Clone)]
pub struct Label(ThinArc<Place, u8>);

/// Where the texts are in the wire form.
#[derive(Clone, Copy)]
struct Place {
    name_end: u32,
    table: u32,
    id: u32,
    name_at: u8,
    /// Bytes between name and value.
    gap: u8,
}

/// Bytes in front of a text: its tag and its length. An empty text is left out.
fn head(text: &str) -> usize {
    match text.len() {
        0 => 0,
        length => 1 + varint_len(length as u64),
    }
}

impl Label {
    /// A label with a number in a table. Name and value together take less than 2 GiB.
    pub(crate) fn new(table: u32, id: u32, name: &str, value: &str) -> Label {
        let content = head(name) + name.len() + head(value) + value.len();
        let mut wire = Vec::with_capacity(content + 1 + varint_len(content as u64));
        push_message(&mut wire, 1, |out| {
            for (number, text) in [(1, name), (2, value)] {
                if !text.is_empty() {
                    push_bytes(out, number, text.as_bytes());
                }
            }
        });
        let name_end = wire.len() - value.len() - head(value);
        let place = Place {
            name_end: u32::try_from(name_end).expect("names are shorter than 4 GiB"),
            table,
            id,
            name_at: (name_end - name.len()) as u8,
            gap: head(value) as u8,
        };
        Label(ThinArc::from_header_and_slice(place, &wire))
    }

    /// Field 1 of a series in remote write 1.0: tag, length, and the message `Label`.
    #[inline]
    pub fn wire(&self) -> &[u8] {
        &self.0.slice
    }

    #[inline]
    fn place(&self) -> Place {
        self.0.header.header
    }

    /// The name.
    #[inline]
    pub fn name(&self) -> &str {
        let place = self.place();
        let name = &self.wire()[usize::from(place.name_at)..place.name_end as usize];
        #[expect(unsafe_code, reason = "called for every label of every new series")]
        // SAFETY: `new` made these bytes from a `str`, and nothing changes them.
        unsafe {
            std::str::from_utf8_unchecked(name)
        }
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> &str {
        let place = self.place();
        let value = &self.wire()[place.name_end as usize + usize::from(place.gap)..];
        #[expect(unsafe_code, reason = "called for every label of every new series")]
        // SAFETY: `new` made these bytes from a `str`, and nothing changes them.
        unsafe {
            std::str::from_utf8_unchecked(value)
        }
    }

    /// Its number in the table: unlike that of any other label that is there. It is used again when the label is gone.
    #[inline]
    pub fn id(&self) -> u32 {
        self.place().id
    }

    /// The [`table`](crate::labels::LabelStore::table) that it is of.
    #[inline]
    pub(crate) fn table(&self) -> u32 {
        self.place().table
    }

    /// Whether nobody but the table holds a handle of it.
    pub(crate) fn is_forgotten(&self) -> bool {
        ThinArc::strong_count(&self.0) == 1
    }

    /// The same for the same label of one table, and unlike that of any other label that is there.
    #[inline]
    pub fn address(&self) -> usize {
        std::ptr::from_ref(&self.0.header).addr()
    }

    /// Bytes of memory that it takes.
    pub(crate) fn size(&self) -> usize {
        2 * size_of::<usize>() + size_of::<Place>() + self.wire().len()
    }
}

/// Equality of labels of one table: a comparison of addresses.
impl PartialEq for Label {
    #[inline]
    fn eq(&self, other: &Label) -> bool {
        self.address() == other.address()
    }
}

impl Eq for Label {}

impl Hash for Label {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.address());
    }
}

impl Label {
    /// The order of labels in a series.
    #[inline]
    pub(crate) fn cmp_name(&self, name: &str) -> Ordering {
        self.name().cmp(name)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?}", self.name(), self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_in_the_wire_form() {
        let long = "x".repeat(70_000);
        for (name, value) in [
            ("a", "b"),
            ("", ""),
            ("a", ""),
            ("", "b"),
            ("näme", "wért"),
            (&long[..200], &long),
        ] {
            let label = Label::new(0, 1, name, value);
            assert_eq!((label.name(), label.value()), (name, value));
        }
        assert_eq!(Label::new(0, 1, "ab", "cde").wire(), b"\x0a\x09\x0a\x02ab\x12\x03cde");
    }
}
