//! Protobuf primitives: varints, tags, and a reader that knows where it is.

use crate::Error;

/// Longest varint.
pub(crate) const MAX_VARINT: usize = 10;

/// Bytes that `v` takes as a varint (1 to 10).
#[inline]
pub(crate) const fn varint_len(v: u64) -> usize {
    // ceil(bits / 7) without a division: exact for 1 to 64 bits.
    let bits = 64 - (v | 1).leading_zeros() as usize;
    (bits * 9 + 64) / 64
}

/// Writes `v` at `out[at..]` and returns the end.
#[inline]
pub(crate) fn put_varint(out: &mut [u8], mut at: usize, mut v: u64) -> usize {
    while v >= 0x80 {
        out[at] = v as u8 | 0x80;
        v >>= 7;
        at += 1;
    }
    out[at] = v as u8;
    at + 1
}

/// Appends `v` to `out`.
#[inline]
pub(crate) fn push_varint(out: &mut Vec<u8>, v: u64) {
    let mut scratch = [0; MAX_VARINT];
    let end = put_varint(&mut scratch, 0, v);
    out.extend_from_slice(&scratch[..end]);
}

/// One field of a message.
pub(crate) enum Field<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 2: the bytes, and a reader over them as a message.
    Bytes(&'a [u8], Reader<'a>),
    /// Wire types 1 and 5: numbers of fixed width, which no field of ours is.
    Fixed,
}

/// Reads a message out of a larger one and reports absolute positions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    whole: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(whole: &'a [u8]) -> Self {
        Reader {
            whole,
            at: 0,
            end: whole.len(),
        }
    }

    pub(crate) fn error(&self, reason: &'static str) -> Error {
        Error::Protobuf { at: self.at, reason }
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Error> {
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
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, Error> {
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
            1 => self.skip(8)?,
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
            5 => self.skip(4)?,
            _ => return Err(self.error("unknown wire type")),
        };
        Ok(Some((number, field)))
    }

    fn skip(&mut self, n: usize) -> Result<Field<'a>, Error> {
        if self.end - self.at < n {
            return Err(self.error("a fixed-width number is cut off"));
        }
        self.at += n;
        Ok(Field::Fixed)
    }
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
        }
    }

    #[test]
    fn overlong_numbers_are_errors() {
        let mut reader = Reader::new(&[0xff; 11]);
        assert!(reader.varint().is_err());
        let mut reader = Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]);
        assert!(reader.varint().is_err());
        // Padding with zero groups is legal: the encoder of streams relies on it.
        let mut reader = Reader::new(&[0x81, 0x80, 0x80, 0x80, 0x00]);
        assert_eq!(reader.varint(), Ok(1));
    }
}
