//! A snappy block that is made of literals and copies.
//!
//! What each series passes through is always inlined: a call for each copy is a twentieth of the time of a row.

use super::Small;
use std::hint::select_unpredictable;
use std::mem;

/// Room for the length in front of what is packed.
const HEAD: usize = 10;
/// Longest literal whose length is in its tag.
const LITERAL: usize = 60;
/// Longest copy.
const COPY: usize = 64;
/// Copies from so far away take two bytes more. Compressors make none, since they work on 64 KiB at a time, but the format has them and readers know them:
/// Go's since 2016, before there was remote write.
pub(super) const FAR: usize = 1 << 16;
/// Tags of whole copies that are written at once, and their room: more than a series has, in most cases.
const AT_ONCE: usize = 8;
const ROOM: usize = 32;

/// Copies that follow each other from one distance become one.
#[derive(Debug)]
pub(super) struct Block {
    /// All of it is initialised, so that tags are written without a look at its capacity.
    out: Vec<u8>,
    end: usize,
    /// Bytes of the message so far, and so the place of the next one.
    at: usize,
    /// Where in `out` the tag of the literal is that may go on.
    literal: Option<usize>,
    run: Run,
}

/// The copy that may go on. There is none if its distance and its length are 0.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    distance: usize,
    length: usize,
}

impl Default for Block {
    fn default() -> Self {
        Block {
            out: vec![0; 4 * HEAD],
            end: HEAD,
            at: 0,
            literal: None,
            run: Run::default(),
        }
    }
}

impl Block {
    pub(super) fn clear(&mut self) {
        (self.end, self.at, self.literal, self.run) = (HEAD, 0, None, Run::default());
    }

    #[inline]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn capacity(&self) -> usize {
        self.out.capacity()
    }

    /// How far away the copy comes from that may go on; 0 if there is none.
    #[inline]
    pub(super) fn distance(&self) -> usize {
        self.run.distance
    }

    /// Whether a copy from there goes on with the one at hand.
    #[inline]
    pub(super) fn goes_on(&self, from: usize) -> bool {
        self.run.distance == self.at.wrapping_sub(from)
    }

    /// Appends what stands behind the copy at hand.
    #[inline]
    pub(super) fn go_on(&mut self, length: usize) {
        self.run.length += length;
        self.at += length;
    }

    /// Appends what stands at an earlier place.
    #[inline(always)]
    pub(super) fn copy(&mut self, from: usize, length: usize) {
        if length == 0 {
            return;
        }
        if self.goes_on(from) {
            self.run.length += length;
        } else {
            self.end_copy();
            self.literal = None;
            self.run = Run {
                distance: self.at - from,
                length,
            };
        }
        self.at += length;
    }

    #[inline(always)]
    fn end_copy(&mut self) {
        let Run { distance, length } = mem::take(&mut self.run);
        if length == 0 {
            return;
        }
        let (before, end) = (length - 1, self.end);
        if distance >= FAR || before >= AT_ONCE * COPY {
            return self.end_any_copy(distance, length);
        }
        let Some(room) = self.out.get_mut(end..end + ROOM) else {
            return self.end_any_copy(distance, length);
        };
        // Two tags and the beginning of a third one.
        let tag = 0b10 | (COPY as u64 - 1) << 2 | (distance as u64) << 8;
        let tags = (tag | tag << 24 | tag << 48).to_le_bytes();
        // As many as there may be, whatever there are: no branch that depends on lengths.
        for at in [0, 6, 12, 18] {
            room[at..at + 8].copy_from_slice(&tags);
        }
        let at = before / COPY * 3;
        let (rest, distance) = ((before % COPY) as u32, distance as u32);
        let is_short = (distance < 1 << 11) & (rest.wrapping_sub(3) < 8);
        let short = 0b01 | rest.wrapping_sub(3) << 2 | distance >> 8 << 5 | (distance & 0xff) << 8;
        let long = 0b10 | rest << 2 | distance << 8;
        room[at..at + 4].copy_from_slice(&select_unpredictable(is_short, short, long).to_le_bytes());
        self.end = end + at + 3 - usize::from(is_short);
    }

    /// A copy for which there is no room, or which is longer or from farther away than most.
    #[cold]
    fn end_any_copy(&mut self, distance: usize, mut length: usize) {
        let [low, high, ..] = distance.to_le_bytes();
        while length > AT_ONCE * COPY && distance < FAR {
            *self.room() = [0b10 | (COPY as u8 - 1) << 2, low, high];
            self.end += 3;
            length -= COPY;
        }
        if distance < FAR {
            self.reserve(ROOM);
            self.run = Run { distance, length };
            return self.end_copy();
        }
        // A block has no more than 4 GiB: that is what its length and such a copy can say.
        let [a, b, c, d] = (distance as u32).to_le_bytes();
        while length > 0 {
            let step = length.min(COPY);
            *self.room() = [0b11 | (step as u8 - 1) << 2, a, b, c, d];
            self.end += 5;
            length -= step;
        }
    }

    #[inline]
    fn room<const N: usize>(&mut self) -> &mut [u8; N] {
        self.reserve(N);
        let room = self.out[self.end..].first_chunk_mut();
        room.expect("there is room for so many bytes")
    }

    #[inline]
    fn reserve(&mut self, by: usize) {
        if self.out.len() - self.end < by {
            self.out.resize(2 * self.out.len() + by, 0);
        }
    }

    pub(super) fn literal(&mut self, mut bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.end_copy();
        self.at += bytes.len();
        self.reserve(2 * bytes.len());
        while !bytes.is_empty() {
            let tag = *self.literal.get_or_insert(self.end);
            self.end = self.end.max(tag + 1);
            let before = self.end - tag - 1;
            let (now, rest) = bytes.split_at(bytes.len().min(LITERAL - before));
            self.out[self.end..self.end + now.len()].copy_from_slice(now);
            self.end += now.len();
            bytes = rest;
            let length = before + now.len();
            self.out[tag] = ((length - 1) << 2) as u8;
            if length == LITERAL {
                self.literal = None;
            }
        }
    }

    /// Appends some bytes of a word from its lowest on.
    #[inline(always)]
    pub(super) fn word(&mut self, word: u64, count: usize) {
        if count == 0 {
            return;
        }
        if self.literal.is_some() {
            return self.literal(&word.to_le_bytes()[..count]);
        }
        self.at += count;
        self.end_copy();
        let end = self.end;
        let [tag, bytes @ ..] = self.room::<9>();
        *tag = ((count - 1) << 2) as u8;
        *bytes = word.to_le_bytes();
        self.literal = Some(end);
        self.end = end + 1 + count;
    }

    pub(super) fn finish(&mut self) -> &[u8] {
        self.end_copy();
        self.literal = None;
        let mut length = Small::default();
        length.varint(self.at as u64);
        let start = HEAD - length.bytes().len();
        self.out[start..HEAD].copy_from_slice(length.bytes());
        &self.out[start..self.end]
    }
}
