//! The wire format of protobuf.

use crate::error::Error;

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    /// No field that matters has it.
    Fixed32,
    Bytes(&'a [u8]),
}

/// The fields of a message, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

#[cold]
fn end() -> Error {
    Error::new(0, "unexpected EOF")
}

/// A message that is none. Where it stands in the body is added further up.
#[cold]
pub(super) fn malformed(what: &str) -> Error {
    Error::new(0, format!("proto: {what}"))
}

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Fields<'a> {
        Fields { rest: message }
    }

    /// The next field: its number and its value. Groups, which no version of these messages has, are refused.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = varint(&mut self.rest)?;
        let number = tag >> 3;
        if number == 0 || number > 0x1fff_ffff {
            return Err(malformed(&format!("illegal tag {number} (wire type {})", tag & 7)));
        }
        let value = match tag & 7 {
            0 => Value::Varint(varint(&mut self.rest)?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = varint(&mut self.rest)?;
                let length =
                    usize::try_from(length).map_err(|_| malformed("negative length found during unmarshaling"))?;
                Value::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Value::Fixed32
            }
            wire => return Err(malformed(&format!("illegal wireType {wire}"))),
        };
        Ok(Some((number, value)))
    }

    #[inline(always)]
    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or_else(end)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.take(N)?.try_into().map_err(|_| end())
    }
}

/// Takes a varint off the front.
#[inline(always)]
pub(super) fn varint(bytes: &mut &[u8]) -> Result<u64, Error> {
    match bytes.split_first() {
        // Most are small.
        Some((&byte, rest)) if byte < 0x80 => {
            *bytes = rest;
            Ok(u64::from(byte))
        }
        _ => long_varint(bytes),
    }
}

fn long_varint(bytes: &mut &[u8]) -> Result<u64, Error> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or_else(end)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(malformed("integer overflow"))
}

/// Zig-zag encoding.
pub(super) fn signed(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn wrong(field: u64) -> Error {
    malformed(&format!("wrong wireType for field {field}"))
}

impl<'a> Value<'a> {
    pub(super) fn bytes(self, field: u64) -> Result<&'a [u8], Error> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(wrong(field)),
        }
    }

    pub(super) fn integer(self, field: u64) -> Result<u64, Error> {
        match self {
            Value::Varint(value) => Ok(value),
            _ => Err(wrong(field)),
        }
    }

    pub(super) fn double(self, field: u64) -> Result<f64, Error> {
        match self {
            Value::Fixed64(bits) => Ok(f64::from_bits(bits)),
            _ => Err(wrong(field)),
        }
    }

    /// Appends signed numbers, packed or single.
    pub(super) fn signed_into(self, field: u64, out: &mut Vec<i64>) -> Result<(), Error> {
        match self {
            Value::Varint(value) => out.push(signed(value)),
            Value::Bytes(mut packed) => {
                while !packed.is_empty() {
                    out.push(signed(varint(&mut packed)?));
                }
            }
            _ => return Err(wrong(field)),
        }
        Ok(())
    }

    /// Appends doubles, packed or single.
    pub(super) fn doubles_into(self, field: u64, out: &mut Vec<f64>) -> Result<(), Error> {
        match self {
            Value::Fixed64(bits) => out.push(f64::from_bits(bits)),
            Value::Bytes(packed) => {
                let (numbers, []) = packed.as_chunks::<8>() else {
                    return Err(end());
                };
                out.extend(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)));
            }
            _ => return Err(wrong(field)),
        }
        Ok(())
    }
}
