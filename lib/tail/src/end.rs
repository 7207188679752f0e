//! Where a file ends.

use crate::encoding::Encoding;
use crate::source::Source;
use std::io;

/// Bytes that are searched at once, backwards.
const BLOCK: u64 = 64 << 10;

/// The offset behind the last line break, so that an unterminated last line is still read whole; 0 if there is none.
pub(crate) fn after_last_break(source: &Source, len: u64, configured: Encoding) -> io::Result<u64> {
    let start = source.peek(0, 4)?;
    let encoding = Encoding::detect(&start)
        .and_then(|(encoding, _)| encoding)
        .unwrap_or(configured);
    let mut end = len;
    while end > 0 {
        let from = end.saturating_sub(BLOCK);
        // One byte more: a line break of two bytes may lie across the border.
        let bytes = source.peek(from, (end - from + u64::from(end < len)) as usize)?;
        if let Some(at) = encoding.last_break(&bytes, from) {
            return Ok(from + at as u64);
        }
        end = from;
    }
    Ok(0)
}

/// The number of bytes that a compressed file holds.
pub(crate) fn of_packed(source: &Source) -> io::Result<u64> {
    let (mut reader, mut len) = (source.again(), 0);
    let mut buf = vec![0; BLOCK as usize];
    loop {
        match reader.read(&mut buf, len)? {
            0 => return Ok(len),
            n => len += n as u64,
        }
    }
}
