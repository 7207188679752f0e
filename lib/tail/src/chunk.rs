//! What is read in one go.

use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;

/// Consecutive lines of one generation of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Which generation; numbers count up within one follower.
    pub generation: u64,
    /// Where it begins, in bytes from the start of the file, decompressed but not decoded.
    pub start: u64,
    /// Where it ends. Acknowledging `end` says that everything before it need not be read again.
    pub end: u64,
    /// The text in UTF-8 where an encoding was given or detected, otherwise the bytes as they are.
    pub data: Bytes,
    /// Where the generation was found last.
    pub path: Arc<Path>,
}

impl Chunk {
    /// The lines without their line breaks (one `\r` before the `\n` belongs to it), as slices of the chunk. The last one may be
    /// an unterminated line of a file that ended, or a piece of a line that is longer than the limit.
    pub fn lines(&self) -> Lines {
        Lines(self.data.clone())
    }
}

/// Iterator over the lines of a [`Chunk`].
#[derive(Clone, Debug)]
pub struct Lines(Bytes);

impl Iterator for Lines {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.0.is_empty() {
            return None;
        }
        let mut line = match memchr::memchr(b'\n', &self.0) {
            Some(at) => {
                let line = self.0.split_to(at + 1);
                line.slice(..at)
            }
            None => std::mem::take(&mut self.0),
        };
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_line_breaks_and_lose_one_carriage_return() {
        let lines: Vec<Bytes> = Lines(Bytes::from_static(b"a\n\nb\r\r\nc\r")).collect();
        assert_eq!(lines, [&b"a"[..], b"", b"b\r", b"c"]);
        assert_eq!(Lines(Bytes::new()).count(), 0);
    }
}
