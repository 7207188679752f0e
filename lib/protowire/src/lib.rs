//! Protobuf primitives: varints, tags, and a reader that knows where it is. For crates that read and write a few messages by hand, without generated
//! code and without copies (<https://protobuf.dev/programming-guides/encoding/>).

use std::fmt;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Offset in the outermost message.
    pub at: usize,
    /// What is wrong.
    pub reason: &'static str,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed protobuf at byte {}: {}", self.at, self.reason)
    }
}

impl std::error::Error for Error {}

/// Longest varint, in bytes.
pub const MAX_VARINT: usize = 10;

/// Bytes that `v` takes as a varint (1 to 10).
#[inline]
pub const fn varint_len(v: u64) -> usize {
    // ceil(bits / 7) without a division: exact for 1 to 64 bits.
    let bits = 64 - (v | 1).leading_zeros() as usize;
    (bits * 9 + 64) / 64
}

/// Writes `v` at `out[at..]` and returns the end.
#[inline]
pub fn put_varint(out: &mut [u8], mut at: usize, mut v: u64) -> usize {
    while v >= 0x80 {
        out[at] = v as u8 | 0x80;
        v >>= 7;
        at += 1;
    }
    out[at] = v as u8;
    at + 1
}

/// Reads the varint at `bytes[at..]`: its value and where it ends. `None` if it is cut off or has more than 64 bits; [`Reader::varint`]
/// says which.
#[inline(always)]
pub fn get_varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let first = *bytes.get(at)?;
    if first < 0x80 {
        return Some((u64::from(first), at + 1));
    }
    let second = *bytes.get(at + 1)?;
    if second < 0x80 {
        return Some((u64::from(first & 0x7f) | u64::from(second) << 7, at + 2));
    }
    get_long_varint(bytes, at)
}

/// Not inlined: numbers of one or two bytes are what is read most often.
fn get_long_varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (i, byte) in bytes.get(at..)?.iter().take(MAX_VARINT).enumerate() {
        if i == MAX_VARINT - 1 && *byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if *byte < 0x80 {
            return Some((value, at + i + 1));
        }
    }
    None
}

/// Appends `v` to `out`.
#[inline]
pub fn push_varint(out: &mut Vec<u8>, v: u64) {
    let mut scratch = [0; MAX_VARINT];
    let end = put_varint(&mut scratch, 0, v);
    out.extend_from_slice(&scratch[..end]);
}

/// One field of a message.
pub enum Field<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 2: the bytes, and a reader over them as a message.
    Bytes(&'a [u8], Reader<'a>),
    /// Wire type 1: 64 bits, of a `double` for example.
    Fixed64(u64),
    /// Wire type 5.
    Fixed32(u32),
}

/// Reads a message out of a larger one and reports absolute positions.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    whole: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    /// A reader of a whole message.
    pub fn new(whole: &'a [u8]) -> Self {
        Reader {
            whole,
            at: 0,
            end: whole.len(),
        }
    }

    /// An error at this place.
    pub fn error(&self, reason: &'static str) -> Error {
        Error { at: self.at, reason }
    }

    #[inline]
    /// A bare varint, as packed fields are made of.
    pub fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0u64;
        let start = self.at;
        for shift in (0..70).step_by(7) {
            if self.at == self.end {
                return Err(self.error("a number is cut off"));
            }
            let byte = self.whole[self.at];
            self.at += 1;
            // The tenth byte has room for one bit; more would be lost.
            if shift == 63 && byte > 1 {
                self.at = start;
                return Err(self.error("a number has more than 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        self.at = start;
        Err(self.error("a number has more than 10 bytes"))
    }

    /// The next field with its number; `None` at the end of the message.
    #[inline]
    pub fn field(&mut self) -> Result<Option<(u64, Field<'a>)>, Error> {
        if self.at == self.end {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 {
            return Err(self.error("field number 0"));
        }
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.fixed()?)),
            2 => {
                let len = self.varint()?;
                if len > (self.end - self.at) as u64 {
                    return Err(self.error("a field is longer than the message around it"));
                }
                let start = self.at;
                self.at += len as usize;
                let inner = Reader {
                    whole: self.whole,
                    at: start,
                    end: self.at,
                };
                Field::Bytes(&self.whole[start..self.at], inner)
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.fixed()?)),
            _ => return Err(self.error("unknown wire type")),
        };
        Ok(Some((number, field)))
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let bytes = self.whole[self.at..self.end]
            .first_chunk()
            .ok_or_else(|| self.error("a fixed-width number is cut off"))?;
        self.at += N;
        Ok(*bytes)
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.at == self.end
    }
}

/// A signed number in zig-zag encoding, as `sint32` and `sint64` have it.
pub const fn zigzag(v: i64) -> u64 {
    ((v << 1) ^ (v >> 63)) as u64
}

/// The other way round.
pub const fn unzigzag(v: u64) -> i64 {
    ((v >> 1) as i64) ^ -((v & 1) as i64)
}

/// Appends a field of wire type 0.
pub fn push_uint(out: &mut Vec<u8>, number: u64, v: u64) {
    push_varint(out, number << 3);
    push_varint(out, v);
}

/// Appends a `double`.
pub fn push_double(out: &mut Vec<u8>, number: u64, v: f64) {
    push_varint(out, number << 3 | 1);
    out.extend_from_slice(&v.to_le_bytes());
}

/// Appends a field of wire type 2.
pub fn push_bytes(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    push_varint(out, number << 3 | 2);
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a message whose length is known only afterwards: `write` appends its content.
pub fn push_message(out: &mut Vec<u8>, number: u64, write: impl FnOnce(&mut Vec<u8>)) {
    push_varint(out, number << 3 | 2);
    let at = out.len();
    // Most messages are shorter than 128 bytes.
    out.push(0);
    write(out);
    let len = out.len() - at - 1;
    if len < 0x80 {
        out[at] = len as u8;
        return;
    }
    let more = varint_len(len as u64) - 1;
    out.resize(out.len() + more, 0);
    out.copy_within(at + 1..at + 1 + len, at + 1 + more);
    put_varint(out, at, len as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_round_trip_and_know_their_length() {
        let edges = (0..64).flat_map(|bit| {
            let v = 1u64 << bit;
            [v - 1, v, v | 1]
        });
        for v in edges.chain([u64::MAX]) {
            let mut buf = [0; MAX_VARINT];
            let end = put_varint(&mut buf, 0, v);
            assert_eq!(end, varint_len(v), "{v}");
            let mut reader = Reader::new(&buf[..end]);
            assert_eq!(reader.varint(), Ok(v));
            assert_eq!(get_varint(&buf[..end], 0), Some((v, end)));
            assert_eq!(get_varint(&buf[..end - 1], 0), None);
        }
    }

    #[test]
    fn messages_of_any_length_have_their_length_in_front() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 3_000_000] {
            let mut out = vec![7];
            push_message(&mut out, 3, |out| out.extend(std::iter::repeat_n(b'x', len)));
            push_uint(&mut out, 4, 9);
            let mut reader = Reader::new(&out[1..]);
            assert!(matches!(reader.field(), Ok(Some((3, Field::Bytes(bytes, _)))) if bytes.len() == len));
            assert!(matches!(reader.field(), Ok(Some((4, Field::Varint(9))))));
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn signed_numbers_round_trip() {
        for v in [0, -1, 1, i64::MIN, i64::MAX, -300] {
            assert_eq!(unzigzag(zigzag(v)), v);
        }
        assert_eq!([zigzag(0), zigzag(-1), zigzag(1), zigzag(-2)], [0, 1, 2, 3]);
    }

    #[test]
    fn overlong_numbers_are_errors() {
        let mut reader = Reader::new(&[0xff; 11]);
        assert!(reader.varint().is_err());
        assert_eq!(get_varint(&[0xff; 11], 0), None);
        let too_large = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        let mut reader = Reader::new(&too_large);
        assert!(reader.varint().is_err());
        assert_eq!(get_varint(&too_large, 0), None);
        // Padding with zero groups is legal: the encoder of streams relies on it.
        let mut reader = Reader::new(&[0x81, 0x80, 0x80, 0x80, 0x00]);
        assert_eq!(reader.varint(), Ok(1));
    }
}
