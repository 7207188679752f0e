//! Bodies that are compressed, and what comes out of them, within limits of size and memory.

use bytes::Bytes;
use signals::Permit;
use std::io::{self, Read};

/// Ways to compress a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// RFC 1952; one member or several.
    Gzip,
    /// RFC 1950, or 1951 without the frame around it: clients mean either by `deflate`.
    Zlib,
    /// RFC 8878.
    Zstd,
    /// One block, or the frames around several: clients mean either.
    Snappy,
    /// Frames.
    Lz4,
}

/// Why nothing came out.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It is more than the limit.
    TooLarge,
    /// The memory budget has no room for it.
    NoRoom,
    /// It is not what it is said to be.
    Malformed(io::Error),
}

/// Memory that is taken at least at a time, in bytes.
const STEP: usize = 64 << 10;
/// How many times its length a body of deflate becomes at most.
const DEFLATE_MOST: u64 = 1032;
/// How the frames of snappy begin.
const SNAPPY_FRAMES: &[u8] = b"\xff\x06\x00\x00sNaPpY";

impl Compression {
    /// By its name in `Content-Encoding` and `grpc-encoding`.
    pub(crate) fn named(name: &str) -> Option<Compression> {
        Some(match name {
            "gzip" => Compression::Gzip,
            "zlib" | "deflate" => Compression::Zlib,
            "zstd" => Compression::Zstd,
            "snappy" | "x-snappy-framed" => Compression::Snappy,
            "lz4" => Compression::Lz4,
            _ => return None,
        })
    }
}

/// Takes a body apart into at most `limit` bytes, and moves `permit` from the one to the other: while it lasts both are held.
pub(crate) fn decompress(
    compression: Compression,
    body: &[u8],
    limit: usize,
    permit: &mut Permit,
) -> Result<Bytes, Failure> {
    let before = permit.bytes();
    let mut sink = Sink {
        out: Vec::new(),
        limit,
        permit,
    };
    let expected = expected(compression, body);
    match compression {
        Compression::Gzip => sink.all(flate2::read::MultiGzDecoder::new(body), expected)?,
        Compression::Zlib if is_zlib(body) => sink.all(flate2::read::ZlibDecoder::new(body), expected)?,
        Compression::Zlib => sink.all(flate2::read::DeflateDecoder::new(body), expected)?,
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(Failure::Malformed)?;
            // No window is of use that is larger than what may come out; RFC 8878 wants 8 MiB at least.
            let log = usize::BITS - limit.leading_zeros();
            decoder.window_log_max(log.clamp(23, 27)).map_err(Failure::Malformed)?;
            sink.all(decoder, expected)?;
        }
        Compression::Snappy if body.starts_with(SNAPPY_FRAMES) => {
            sink.all(snap::read::FrameDecoder::new(body), expected)?;
        }
        Compression::Snappy => {
            let malformed = |error: snap::Error| Failure::Malformed(error.into());
            let len = snap::raw::decompress_len(body).map_err(malformed)?;
            sink.room(len)?;
            sink.out = snap::raw::Decoder::new().decompress_vec(body).map_err(malformed)?;
        }
        Compression::Lz4 => sink.all(lz4_flex::frame::FrameDecoder::new(body), expected)?,
    }
    let out = sink.out;
    permit.shrink((out.len() as u64).max(1));
    debug_assert!(permit.budget().is_none() || permit.bytes() >= out.len().min(1) as u64 || before == 0);
    Ok(out.into())
}

/// How much will come out, as far as the body says; nothing depends on it but how often memory is taken. A body that lies takes no more than one that is
/// made to become as large as its kind of compression allows.
fn expected(compression: Compression, body: &[u8]) -> usize {
    let said = match compression {
        // RFC 1952: the last four bytes of a member are the length of what was compressed.
        Compression::Gzip => body
            .last_chunk()
            .map(|length| u64::from(u32::from_le_bytes(*length)))
            .filter(|length| *length <= (body.len() as u64).saturating_mul(DEFLATE_MOST)),
        Compression::Zstd => zstd::zstd_safe::get_frame_content_size(body).ok().flatten(),
        _ => None,
    };
    let said = said
        .and_then(|length| usize::try_from(length).ok())
        .filter(|length| *length >= body.len());
    // Telemetry shrinks to a fifth or less.
    said.unwrap_or(body.len().saturating_mul(5))
}

/// Whether the two bytes are those with which zlib begins: deflate with a window that exists, and a sum that is right.
fn is_zlib(body: &[u8]) -> bool {
    match body {
        [first, second, ..] => first & 0x0f == 8 && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31),
        _ => false,
    }
}

struct Sink<'p> {
    out: Vec<u8>,
    limit: usize,
    permit: &'p mut Permit,
}

impl Sink<'_> {
    /// Asks for memory for `more` bytes.
    fn room(&mut self, more: usize) -> Result<(), Failure> {
        if more > self.limit {
            return Err(Failure::TooLarge);
        }
        match self.permit.try_grow(more as u64) {
            true => Ok(()),
            false => Err(Failure::NoRoom),
        }
    }

    fn all(&mut self, mut from: impl Read, expected: usize) -> Result<(), Failure> {
        loop {
            if self.out.len() == self.out.capacity() {
                if self.out.len() > self.limit {
                    return Err(Failure::TooLarge);
                }
                // One byte beyond what is expected is room to find that it is all, and one beyond the limit tells that it is exceeded.
                let has = self.out.len();
                let more = if has == 0 {
                    expected.saturating_add(1)
                } else {
                    has.max(STEP)
                };
                let more = more.min(self.limit - has + 1);
                self.room(more.min(self.limit))?;
                self.out.reserve_exact(more);
            }
            let (has, capacity) = (self.out.len(), self.out.capacity());
            self.out.resize(capacity, 0);
            let read = from.read(&mut self.out[has..]);
            let read = match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => return Err(Failure::Malformed(error)),
                Ok(0) => {
                    self.out.truncate(has);
                    return Ok(());
                }
                Ok(read) => read,
            };
            self.out.truncate(has + read);
            if self.out.len() > self.limit {
                return Err(Failure::TooLarge);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signals::Budget;
    use std::io::Write;

    fn compressed(text: &[u8]) -> Vec<(Compression, Vec<u8>)> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(text).unwrap();
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        raw.write_all(text).unwrap();
        let mut frames = snap::write::FrameEncoder::new(Vec::new());
        frames.write_all(text).unwrap();
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(text).unwrap();
        vec![
            (Compression::Gzip, gzip),
            (Compression::Zlib, zlib.finish().unwrap()),
            (Compression::Zlib, raw.finish().unwrap()),
            (Compression::Zstd, zstd::encode_all(text, 1).unwrap()),
            (Compression::Snappy, frames.into_inner().unwrap()),
            (
                Compression::Snappy,
                snap::raw::Encoder::new().compress_vec(text).unwrap(),
            ),
            (Compression::Lz4, lz4.finish().unwrap()),
        ]
    }

    #[test]
    fn what_was_compressed_comes_out_up_to_the_limit() {
        let text = b"telemetry ".repeat(100_000);
        for (compression, body) in compressed(&text) {
            let budget = Budget::new(64 << 20);
            let mut permit = budget.try_acquire(body.len() as u64).unwrap();
            let out = decompress(compression, &body, text.len(), &mut permit).unwrap();
            assert!(out == text, "{compression:?}");
            assert_eq!(permit.bytes(), text.len() as u64, "{compression:?}");
            let short = decompress(compression, &body, text.len() - 1, &mut permit);
            assert!(matches!(short, Err(Failure::TooLarge)), "{compression:?}: {short:?}");
            drop(permit);
            assert_eq!(budget.used(), 0);
        }
    }

    #[test]
    fn what_is_cut_off_or_has_no_room_is_told_apart() {
        let text: Vec<u8> = (0..200_000u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        for (compression, body) in compressed(&text) {
            let mut none = Permit::none();
            let cut = decompress(compression, &body[..body.len() / 2], 1 << 20, &mut none);
            assert!(matches!(cut, Err(Failure::Malformed(_))), "{compression:?}: {cut:?}");
            let budget = Budget::new(body.len() as u64 + 1000);
            let _other = budget.try_acquire(500).unwrap();
            let mut permit = budget.try_acquire(body.len() as u64).unwrap();
            let outcome = decompress(compression, &body, 1 << 20, &mut permit);
            assert!(matches!(outcome, Err(Failure::NoRoom)), "{compression:?}: {outcome:?}");
        }
    }

    #[test]
    fn what_a_body_says_of_its_length_is_believed_as_far_as_it_can_be() {
        let text = b"telemetry ".repeat(1000);
        for (compression, body) in compressed(&text) {
            let said = match compression {
                Compression::Gzip | Compression::Zstd => text.len(),
                _ => body.len() * 5,
            };
            assert_eq!(expected(compression, &body), said, "{compression:?}");
        }
        let mut lie = compressed(&text).swap_remove(0).1;
        let end = lie.len() - 4;
        lie[end..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(expected(Compression::Gzip, &lie), lie.len() * 5);
        let out = decompress(Compression::Gzip, &lie, 1 << 20, &mut Permit::none());
        assert!(matches!(out, Err(Failure::Malformed(_))), "{out:?}");
        for short in [&b""[..], b"\x1f\x8b", b"\x28\xb5\x2f"] {
            for compression in [Compression::Gzip, Compression::Zstd] {
                assert_eq!(expected(compression, short), short.len() * 5);
            }
        }
    }

    #[test]
    fn several_members_are_one_body() {
        let mut body = compressed(b"one ").swap_remove(0).1;
        body.extend(compressed(b"two").swap_remove(0).1);
        let out = decompress(Compression::Gzip, &body, 100, &mut Permit::none()).unwrap();
        assert_eq!(out, b"one two".as_slice());
    }
}
