//! The snappy block format (no framing): how protobuf pushes travel.

use crate::Error;

/// Snappy block compressor whose tables and output buffer are reused.
#[derive(Debug)]
pub struct Compressor {
    snappy: snap::raw::Encoder,
    out: Vec<u8>,
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Compressor {
    /// A compressor with an empty buffer; it grows to the largest request it sees.
    pub fn new() -> Self {
        Compressor {
            snappy: snap::raw::Encoder::new(),
            out: Vec::new(),
        }
    }

    /// Compresses `raw`; the result is valid until the next call.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for 4 GiB and more, which the format cannot express.
    pub fn compress(&mut self, raw: &[u8]) -> Result<&[u8], Error> {
        let most = snap::raw::max_compress_len(raw.len());
        let too_large = || Error::TooLarge {
            what: "request to compress",
            size: raw.len() as u64,
            limit: u32::MAX as usize,
        };
        if most == 0 {
            return Err(too_large());
        }
        // Only ever grown, so that the bytes are cleared once and not for each request.
        if self.out.len() < most {
            self.out.resize(most, 0);
        }
        let len = self.snappy.compress(raw, &mut self.out).map_err(|_| too_large())?;
        Ok(&self.out[..len])
    }

    /// Gives memory back beyond `keep` bytes, after an unusually large request.
    pub fn shrink_to(&mut self, keep: usize) {
        self.out.truncate(keep);
        self.out.shrink_to(keep);
    }
}

/// Decompresses one snappy block. The size that the block claims is checked against `limit` (bytes) and against what a
/// block of this length can hold at all before anything is allocated.
///
/// # Errors
/// [`Error::TooLarge`] beyond `limit`, [`Error::Snappy`] if it is not a snappy block.
pub fn decompress(block: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    decompress_admitted(block, limit, &mut |_| true)
}

/// The same, for [`Body::open_admitted`](crate::Body::open_admitted).
pub(crate) fn decompress_admitted(
    block: &[u8],
    limit: usize,
    admit: &mut dyn FnMut(u64) -> bool,
) -> Result<Vec<u8>, Error> {
    if block.is_empty() {
        return Err(Error::Snappy("it is empty".into()));
    }
    let claimed = snap::raw::decompress_len(block).map_err(|e| Error::Snappy(e.to_string()))?;
    if claimed > limit {
        return Err(Error::TooLarge {
            what: "decompressed body",
            size: claimed as u64,
            limit,
        });
    }
    // The densest element is a copy: three bytes that stand for 64.
    if claimed > block.len().saturating_mul(64) / 3 + 64 {
        return Err(Error::Snappy(format!(
            "{} bytes cannot hold the {claimed} they claim",
            block.len()
        )));
    }
    if !admit(claimed as u64) {
        return Err(Error::NoRoom);
    }
    snap::raw::Decoder::new()
        .decompress_vec(block)
        .map_err(|e| Error::Snappy(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_with_one_buffer() {
        let mut compressor = Compressor::new();
        for raw in [&b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[..], b"", b"xyz"] {
            let block = compressor.compress(raw).expect("small").to_vec();
            assert_eq!(decompress(&block, 1000), Ok(raw.to_vec()));
        }
        compressor.shrink_to(10);
        assert!(compressor.out.len() <= 10);
        assert_eq!(
            compressor.compress(b"abc").expect("small"),
            [3, 2 << 2, b'a', b'b', b'c']
        );
    }

    #[test]
    fn bombs_are_refused_before_they_are_allocated() {
        // Claims 4 GiB - 1.
        let bomb = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
        let error = decompress(&bomb, 100 << 20).expect_err("bomb");
        assert!(error.is_too_large(), "{error}");
        let error = decompress(&bomb, usize::MAX).expect_err("bomb");
        assert_eq!(
            error.to_string(),
            "the body is not a snappy block: 6 bytes cannot hold the 4294967295 they claim"
        );
        // A block of zeros is as dense as snappy gets and must pass.
        let zeros = vec![0; 10 << 20];
        let mut compressor = Compressor::new();
        let block = compressor.compress(&zeros).expect("small").to_vec();
        assert_eq!(decompress(&block, zeros.len()), Ok(zeros));
        assert!(decompress(&[], 10).is_err());
        assert!(decompress(b"not snappy at all", 1000).is_err());
    }
}
