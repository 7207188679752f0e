//! Fields of a message one after the other, without errors: what stands behind a malformed field is not read. The scan has refused such
//! requests before anything else looks at them.

use protowire::get_varint;

/// Nested messages, and groups, that are followed. What other implementations of protobuf allow.
pub(crate) const MAX_DEPTH: u32 = 100;

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire type 3, up to its end: no message of OTLP has one.
    Group,
    /// Wire type 5.
    Fixed32(u32),
}

/// The tag at `bytes[at..]`: number of the field, wire type, and where the tag ends.
#[inline(always)]
pub(crate) fn tag(bytes: &[u8], at: usize) -> Option<(u32, u8, usize)> {
    let first = *bytes.get(at)?;
    if (8..0x80).contains(&first) {
        return Some((u32::from(first >> 3), first & 7, at + 1));
    }
    long_tag(bytes, at)
}

#[cold]
fn long_tag(bytes: &[u8], at: usize) -> Option<(u32, u8, usize)> {
    let (tag, end) = get_varint(bytes, at)?;
    // Numbers of fields have 29 bits and begin with 1.
    let tag = u32::try_from(tag).ok().filter(|tag| *tag >= 8)?;
    Some((tag >> 3, (tag & 7) as u8, end))
}

/// The bytes of a field of wire type 2 whose length stands at `bytes[at..]`, and where they end.
#[inline(always)]
pub(crate) fn delimited(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (len, start) = get_varint(bytes, at)?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    Some((bytes.get(start..end)?, end))
}

/// The field at `bytes[at..]`: its number, value and end.
#[inline(always)]
pub(crate) fn field(bytes: &[u8], at: usize) -> Option<(u32, Value<'_>, usize)> {
    let (number, wire, at) = tag(bytes, at)?;
    let (value, end) = match wire {
        0 => {
            let (value, end) = get_varint(bytes, at)?;
            (Value::Varint(value), end)
        }
        1 => (
            Value::Fixed64(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?)),
            at + 8,
        ),
        2 => {
            let (inner, end) = delimited(bytes, at)?;
            (Value::Bytes(inner), end)
        }
        3 => (Value::Group, group(bytes, at, number, MAX_DEPTH)?),
        5 => (
            Value::Fixed32(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)),
            at + 4,
        ),
        _ => return None,
    };
    Some((number, value, end))
}

/// Where the group ends whose content begins at `bytes[at..]`.
#[cold]
pub(crate) fn group(bytes: &[u8], mut at: usize, number: u32, depth: u32) -> Option<usize> {
    if depth == 0 {
        return None;
    }
    loop {
        let (inner, wire, after) = tag(bytes, at)?;
        at = match wire {
            0 => get_varint(bytes, after)?.1,
            1 => after + 8,
            2 => delimited(bytes, after)?.1,
            3 => group(bytes, after, inner, depth - 1)?,
            4 if inner == number => return Some(after),
            5 => after + 4,
            _ => return None,
        };
        if at > bytes.len() {
            return None;
        }
    }
}

/// The fields of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    /// Where the next field begins.
    pub(crate) at: usize,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Fields { bytes, at: 0 }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (number, value, end) = field(self.bytes, self.at)?;
        self.at = end;
        Some((number, value))
    }
}

/// The content of the fields with this number that are bytes or messages, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Children<'a> {
    pub(crate) fields: Fields<'a>,
    pub(crate) number: u32,
}

impl<'a> Children<'a> {
    pub(crate) fn new(bytes: &'a [u8], number: u32) -> Self {
        Children {
            fields: Fields::new(bytes),
            number,
        }
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            match self.fields.next()? {
                (number, Value::Bytes(bytes)) if number == self.number => return Some(bytes),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_one_field() {
        // 5 { 1: 7, 6 { 2: "a" }, 3: 8 bytes, 4: 4 bytes }, then 1: 1
        let bytes = b"\x2b\x08\x07\x33\x12\x01a\x34\x19abcdefgh\x25abcd\x2c\x08\x01";
        let mut fields = Fields::new(bytes);
        assert!(matches!(fields.next(), Some((5, Value::Group))));
        assert!(matches!(fields.next(), Some((1, Value::Varint(1)))));
        assert_eq!(fields.at, bytes.len());
        for cut in 0..bytes.len() - 2 {
            assert!(Fields::new(&bytes[..cut]).next().is_none(), "{cut}");
        }
        let deep = [b'\x2b'; 200];
        assert!(Fields::new(&deep).next().is_none());
        assert!(Fields::new(b"\x2b\x34").next().is_none(), "closed by another number");
    }
}
