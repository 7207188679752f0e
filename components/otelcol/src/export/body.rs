//! Bodies of requests: encoded and compressed, with a byte in front that says how, since what waits on disk may be sent when the arguments are
//! others.

use bytes::Bytes;
use delivery::Body;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::io::{self, Read, Write};

/// Bytes of a decompressed body; more does not fit into a record of the queue.
const LARGEST: u64 = 1 << 30;
/// Bit of the first byte for JSON.
const JSON: u8 = 0x10;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
    /// One block, as HTTP has it.
    Snappy,
    /// Frames, as gRPC has it.
    SnappyFrames,
    Zlib,
    /// The same as zlib, by another name.
    Deflate,
    Lz4,
}

use Compression::*;

/// Their numbers on disk.
const ALL: [Compression; 8] = [None, Gzip, Zstd, Snappy, SnappyFrames, Zlib, Deflate, Lz4];

impl Compression {
    /// The name in `content-encoding` and `grpc-encoding`; empty for none.
    pub(crate) fn name(self) -> &'static str {
        match self {
            None => "",
            Gzip => "gzip",
            Zstd => "zstd",
            Snappy | SnappyFrames => "snappy",
            Zlib => "zlib",
            Deflate => "deflate",
            Lz4 => "lz4",
        }
    }

    fn number(self) -> u8 {
        ALL.iter().position(|one| *one == self).unwrap_or_default() as u8
    }
}

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    /// JSON, or protobuf.
    pub(crate) json: bool,
    pub(crate) compression: Compression,
    /// How much is done for it; `None` for what is usual.
    pub(crate) level: Option<i64>,
}

/// A body and how it is written.
pub(crate) struct Packed {
    pub(crate) json: bool,
    pub(crate) compression: Compression,
    pub(crate) content: Body,
}

impl Packed {
    /// Takes a body apart that [`pack`] made.
    pub(crate) fn open(mut body: Body) -> Packed {
        let first = body.take_first().unwrap_or_default();
        Packed {
            json: first & JSON != 0,
            compression: ALL.get(usize::from(first & !JSON)).copied().unwrap_or(None),
            content: body,
        }
    }

    /// The content as it was before it was compressed.
    pub(crate) fn decompressed(self) -> io::Result<Bytes> {
        let whole = self.content.into_bytes();
        let content = &whole[..];
        let all = |reader: &mut dyn Read| -> io::Result<Bytes> {
            let mut out = Vec::new();
            reader.take(LARGEST).read_to_end(&mut out)?;
            Ok(out.into())
        };
        match self.compression {
            None => Ok(whole.clone()),
            Gzip => all(&mut flate2::read::MultiGzDecoder::new(content)),
            Zstd => all(&mut zstd::stream::read::Decoder::new(content)?),
            Snappy => {
                if snap::raw::decompress_len(content).map_err(io::Error::other)? as u64 > LARGEST {
                    return Err(io::Error::other("it is too large"));
                }
                let plain = snap::raw::Decoder::new().decompress_vec(content);
                plain.map(Bytes::from).map_err(io::Error::other)
            }
            SnappyFrames => all(&mut snap::read::FrameDecoder::new(content)),
            Zlib | Deflate => all(&mut flate2::read::ZlibDecoder::new(content)),
            Lz4 => all(&mut lz4_flex::frame::FrameDecoder::new(content)),
        }
    }
}

/// Compresses `chunks` one after the other, behind a byte that says how. What is not compressed is not copied.
pub(crate) fn pack(format: Format, chunks: &[Bytes]) -> io::Result<Body> {
    let size: usize = chunks.iter().map(Bytes::len).sum();
    if size as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 1 GiB"));
    }
    let json = if format.json { JSON } else { 0 };
    let first = json | format.compression.number();
    if format.compression == None {
        let first = Bytes::copy_from_slice(&[first]);
        return Ok(std::iter::once(first).chain(chunks.iter().cloned()).collect());
    }
    let mut out = Vec::with_capacity(size / 4 + 64);
    out.push(first);
    let fill = |out: &mut dyn Write| chunks.iter().try_for_each(|chunk| out.write_all(chunk));
    let level = |usual: i64, most: i64| format.level.unwrap_or(usual).clamp(0, most);
    // Fast, and for telemetry nearly as small as the slower ones.
    let deflate = match format.level {
        Some(-1) => flate2::Compression::default(),
        _ => flate2::Compression::new(level(1, 9) as u32),
    };
    let out = match format.compression {
        None => out,
        Gzip => {
            let mut encoder = GzEncoder::new(out, deflate);
            fill(&mut encoder)?;
            encoder.finish()?
        }
        Zlib | Deflate => {
            let mut encoder = ZlibEncoder::new(out, deflate);
            fill(&mut encoder)?;
            encoder.finish()?
        }
        Zstd => {
            let mut encoder = zstd::stream::write::Encoder::new(out, level(1, 22) as i32)?;
            encoder.set_pledged_src_size(Some(size as u64))?;
            fill(&mut encoder)?;
            encoder.finish()?
        }
        Snappy => {
            let whole;
            let content = match chunks {
                [one] => one,
                _ => {
                    whole = Bytes::from(chunks.concat());
                    &whole
                }
            };
            let block = snap::raw::Encoder::new()
                .compress_vec(content)
                .map_err(io::Error::other)?;
            out.extend_from_slice(&block);
            out
        }
        SnappyFrames => {
            let mut encoder = snap::write::FrameEncoder::new(out);
            fill(&mut encoder)?;
            encoder
                .into_inner()
                .map_err(|error| io::Error::other(error.to_string()))?
        }
        Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(out);
            fill(&mut encoder)?;
            encoder.finish().map_err(io::Error::other)?
        }
    };
    Ok(Bytes::from(out).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_what_is_unpacked() {
        let chunks = [Bytes::from(vec![b'x'; 5000]), Bytes::from_static(b"end")];
        for compression in ALL {
            for (json, level) in [(false, Option::None), (true, Some(6))] {
                let format = Format {
                    json,
                    compression,
                    level,
                };
                let body = pack(format, &chunks).unwrap();
                let packed = Packed::open(body.clone());
                assert_eq!((packed.json, packed.compression), (json, compression));
                assert_eq!(packed.decompressed().unwrap(), chunks.concat(), "{compression:?}");
                // The queue on disk gives it back in one piece.
                let joined = Packed::open(body.clone().into_bytes().into());
                assert_eq!(joined.decompressed().unwrap(), chunks.concat(), "{compression:?}");
                if compression == None {
                    let copied = body
                        .pieces()
                        .skip(1)
                        .zip(&chunks)
                        .any(|(piece, chunk)| piece.as_ptr() != chunk.as_ptr());
                    assert!(!copied && body.pieces().len() == 3);
                } else {
                    assert!(body.len() < 1000, "{compression:?}");
                    let content = Packed::open(body).content.into_bytes();
                    let damaged = Packed {
                        json,
                        compression,
                        content: content.slice(..content.len() / 2).into(),
                    };
                    assert!(damaged.decompressed().map_or(true, |plain| plain.len() < 5003));
                }
            }
        }
    }
}
