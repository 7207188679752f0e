//! What makes a file the same file.
//!
//! An inode number alone proves nothing: it is reused as soon as a file is deleted. So a file is known by device, inode and birth
//! time, and its content by a hash of its head and of the bytes before some of the positions that were read.

use host::{FileId, Meta};

/// Bytes at the start of a file that identify its content.
pub const HEAD: usize = 1024;
/// Bytes before a position that prove that the position still means the same.
pub const CHECK: usize = 256;
/// Positions that are remembered for one file; older ones are thinned out.
const MARKS: usize = 32;

/// A stable 64-bit hash. Persisted in state files, so it must not change.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = (bytes.len() as u64).wrapping_mul(PRIME) ^ 0x51_7c_c1_b7_27_22_0a_95;
    let mut lanes = bytes.chunks_exact(8);
    for lane in &mut lanes {
        let mut word = [0; 8];
        word.copy_from_slice(lane);
        state = (state ^ u64::from_le_bytes(word)).wrapping_mul(PRIME);
        state ^= state >> 29;
    }
    for &byte in lanes.remainder() {
        state = (state ^ u64::from(byte)).wrapping_mul(PRIME);
        state ^= state >> 29;
    }
    state = (state ^ (state >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    state ^ (state >> 32)
}

/// What names a file on this machine: device, inode, and the birth time where the file system keeps one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileKey {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Birth time in nanoseconds since the Unix epoch; it tells a reused inode from the old one.
    pub birth: Option<i64>,
}

impl FileKey {
    /// The key of the file that `meta` describes.
    pub fn of(meta: &Meta) -> Self {
        let FileId { dev, ino } = meta.id;
        FileKey {
            dev,
            ino,
            birth: meta.created,
        }
    }
}

/// Hash of the first bytes of a file, at most [`HEAD`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Head {
    /// Number of bytes hashed; 0 if nothing is known.
    pub len: u32,
    /// Their hash.
    pub hash: u64,
}

impl Head {
    /// The head of a file that begins with `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(HEAD)];
        Head {
            len: bytes.len() as u32,
            hash: hash(bytes),
        }
    }

    /// Whether it covers as many bytes as it ever will.
    pub fn is_full(&self) -> bool {
        self.len as usize == HEAD
    }

    /// Whether a file that begins with `bytes` has this head. An unknown head fits nothing.
    pub fn begins(&self, bytes: &[u8]) -> bool {
        let len = self.len as usize;
        len > 0 && bytes.len() >= len && hash(&bytes[..len]) == self.hash
    }
}

/// Hash of the bytes just before a position, at most [`CHECK`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mark {
    /// The position, in bytes from the start of the file.
    pub at: u64,
    /// Number of bytes hashed; 0 if nothing is known.
    pub len: u32,
    /// Their hash.
    pub hash: u64,
}

impl Mark {
    /// The mark at a position that comes right after `before`.
    pub fn of(at: u64, before: &[u8]) -> Self {
        Mark {
            at,
            len: before.len() as u32,
            hash: hash(before),
        }
    }
}

/// What is known of a file's content.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    pub(crate) head: Head,
    pub(crate) marks: Vec<Mark>,
    /// The file was over: a short head is all of it.
    pub(crate) whole: bool,
}

impl Content {
    pub(crate) fn mark(&mut self, mark: Mark) {
        if mark.len == 0 {
            return;
        }
        if self.marks.len() >= MARKS {
            // Every other one goes; the first and the last stay.
            let last = self.marks.len() - 1;
            let mut at = 0;
            self.marks.retain(|_| {
                at += 1;
                (at - 1) % 2 == 0 || at - 1 == last
            });
        }
        self.marks.push(mark);
    }

    /// The last mark that lies within the first `len` bytes.
    pub(crate) fn mark_within(&self, len: u64) -> Option<&Mark> {
        self.marks.iter().rev().find(|mark| mark.at <= len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_in_state_files() {
        assert_eq!(hash(b""), hash(b""));
        assert_ne!(hash(b"a"), hash(b"a\0"));
        assert_ne!(hash(b"12345678"), hash(b"12345679"));
        // Pinned: a change would make every saved identity unknown.
        assert_eq!(Head::of(b"invar").hash, PINNED);
    }

    const PINNED: u64 = 3_261_493_929_694_646_549;

    #[test]
    fn a_head_fits_what_begins_like_it() {
        let head = Head::of(b"one\n");
        assert!(head.begins(b"one\ntwo\n"));
        assert!(!head.begins(b"one"));
        assert!(!head.begins(b"two\n"));
        assert!(!Head::default().begins(b"one\n"));
    }

    #[test]
    fn marks_are_thinned_and_the_ends_stay() {
        let mut content = Content::default();
        for at in 1..=1000 {
            content.mark(Mark::of(at, b"x"));
        }
        assert!(content.marks.len() <= MARKS);
        assert_eq!(content.marks[0].at, 1);
        assert_eq!(content.marks.last().map(|mark| mark.at), Some(1000));
        assert!(content.marks.windows(2).all(|pair| pair[0].at < pair[1].at));
    }
}
