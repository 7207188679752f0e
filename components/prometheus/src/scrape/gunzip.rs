//! Unpacking of gzip (RFC 1952) in memory that is used again: readers of streams make their tables and their window anew for each body.

use flate2::{Crc, Decompress, FlushDecompress, Status};
use std::fmt;

/// Bytes of an empty header, and of what stands behind a member: its checksum and its length.
const HEADER: usize = 10;
const TRAILER: usize = 8;
/// Room for what comes that is made at least.
const ROOM: usize = 32 << 10;

/// Why bytes are not gzip.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotGzip(&'static str);

impl fmt::Display for NotGzip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Unpacks one body after the other.
pub(super) struct Gunzip(Decompress);

impl Default for Gunzip {
    fn default() -> Self {
        Gunzip(Decompress::new(false))
    }
}

impl Gunzip {
    /// Unpacks all members into `body`, instead of what is in it. Ends without an error when there are `limit` bytes or more.
    pub(super) fn unpack(&mut self, mut raw: &[u8], limit: usize, body: &mut Vec<u8>) -> Result<(), NotGzip> {
        body.clear();
        loop {
            raw = self.member(header(raw)?, limit, body)?;
            if raw.is_empty() || body.len() >= limit {
                return Ok(());
            }
        }
    }

    /// Unpacks what stands behind a header. What follows.
    fn member<'r>(&mut self, raw: &'r [u8], limit: usize, body: &mut Vec<u8>) -> Result<&'r [u8], NotGzip> {
        let start = body.len();
        self.0.reset(false);
        let end = loop {
            if body.len() >= limit {
                return Ok(&[]);
            }
            if body.len() == body.capacity() {
                body.reserve(ROOM.max(raw.len()));
            }
            // No body is so long that its length does not fit.
            let (read, written) = (self.0.total_in() as usize, self.0.total_out());
            let status = self.0.decompress_vec(&raw[read..], body, FlushDecompress::None);
            let stands = self.0.total_in() as usize == read && self.0.total_out() == written;
            match status.map_err(|_| NotGzip("its compressed data is damaged"))? {
                Status::StreamEnd => break self.0.total_in() as usize,
                _ if stands && body.len() < body.capacity() => return Err(NotGzip("it ends too early")),
                _ => {}
            }
        };
        let rest = &raw[end..];
        let Some((trailer, rest)) = rest.split_first_chunk::<TRAILER>() else {
            return Err(NotGzip("it ends too early"));
        };
        let mut crc = Crc::new();
        crc.update(&body[start..]);
        let [a, b, c, d, e, f, g, h] = *trailer;
        if crc.sum() != u32::from_le_bytes([a, b, c, d]) || crc.amount() != u32::from_le_bytes([e, f, g, h]) {
            return Err(NotGzip("its checksum is another one"));
        }
        Ok(rest)
    }
}

/// What follows the header of a member.
fn header(raw: &[u8]) -> Result<&[u8], NotGzip> {
    const CHECKSUM: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let early = || NotGzip("it ends too early");
    let [0x1f, 0x8b, 8, flags, ..] = *raw else {
        return Err(NotGzip("it does not begin as gzip does"));
    };
    let mut rest = raw.get(HEADER..).ok_or_else(early)?;
    if flags & EXTRA != 0 {
        let (length, behind) = rest.split_first_chunk::<2>().ok_or_else(early)?;
        rest = behind
            .get(usize::from(u16::from_le_bytes(*length))..)
            .ok_or_else(early)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0).ok_or_else(early)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & CHECKSUM != 0 {
        rest = rest.get(2..).ok_or_else(early)?;
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, GzBuilder};
    use std::io::Write;

    fn packed(text: &[u8], builder: GzBuilder) -> Vec<u8> {
        let mut encoder = builder.write(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn members_with_any_header_are_unpacked() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let plain = packed(&text, GzBuilder::new());
        let all = GzBuilder::new().extra([1, 2, 3]).filename("name").comment("what it is");
        let (mut gunzip, mut body) = (Gunzip::default(), b"before".to_vec());
        for (raw, expect) in [
            (plain.clone(), text.clone()),
            (packed(b"short", all), b"short".to_vec()),
            (packed(b"", GzBuilder::new()), Vec::new()),
            (
                [packed(b"one", GzBuilder::new()), packed(b" two", GzBuilder::new())].concat(),
                b"one two".to_vec(),
            ),
        ] {
            assert_eq!(gunzip.unpack(&raw, usize::MAX, &mut body), Ok(()));
            assert!(body == expect);
        }
        assert_eq!(gunzip.unpack(&plain, 1000, &mut body), Ok(()));
        assert!(body.len() >= 1000 && text.starts_with(&body));
    }

    #[test]
    fn damage_is_found() {
        let raw = packed(&b"some text that is packed ".repeat(50), GzBuilder::new());
        let (mut gunzip, mut body) = (Gunzip::default(), Vec::new());
        for end in 0..raw.len() {
            assert!(gunzip.unpack(&raw[..end], usize::MAX, &mut body).is_err(), "{end}");
        }
        // Time, system and flags that mean nothing are not looked at, and neither are bits behind the end of the last block.
        let last = raw.len() - TRAILER - 1;
        for at in (0..3).chain(HEADER..raw.len()).filter(|at| *at != last) {
            let mut raw = raw.clone();
            raw[at] ^= 0x10;
            assert!(gunzip.unpack(&raw, usize::MAX, &mut body).is_err(), "{at}");
        }
        let trailing = [&raw[..], b"more"].concat();
        assert_eq!(
            gunzip.unpack(&trailing, usize::MAX, &mut body),
            Err(NotGzip("it does not begin as gzip does"))
        );
        assert_eq!(gunzip.unpack(&raw, usize::MAX, &mut body), Ok(()));
    }
}
