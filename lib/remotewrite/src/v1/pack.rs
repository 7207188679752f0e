//! Requests of samples as snappy blocks, without the request being written first.
//!
//! The samples of a request have most of their labels in common, and a label of a table of series has the same number wherever it occurs. So what a
//! compressor has to find out by hashing bytes is known here: a label that was written before is a reference to that place, without a look at what it says,
//! and references that follow each other become one. All of a series but its value often is a few of them.
//!
//! The format is that of <https://github.com/google/snappy/blob/main/format_description.txt>: the length of what is packed as a varint, then literals and
//! copies of what came earlier.

mod block;
mod places;
mod row;
mod rows;

use crate::parts::{Sample, is_default};
use block::{Block, FAR};
use places::{Place, Places};
use protowire::varint_len;
use rows::Rows;
use std::mem;
use std::ops::Range;

pub use row::WireRow;

/// Shortest copy that is worth its bytes.
const WORTH: usize = 4;

/// Packs series with one sample each.
///
/// Labels with one [key](WireRow::keys) are taken for the same until [`clear`](Packer::clear): they have to be there until then, as those of series are
/// that somebody holds.
#[derive(Debug, Default)]
pub struct Packer {
    block: Block,
    places: Places,
    /// For each index of a label, the label that was written in full last.
    texts: Vec<Text>,
    last: Last,
    rows: Rows,
    /// Bytes of the labels of the last row.
    lengths: Vec<u32>,
}

#[derive(Debug, Default)]
struct Text {
    label: Vec<u8>,
    at: usize,
}

/// The series that was written last.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    start: usize,
    /// Of its message; there is none if it is 0.
    length: usize,
    /// Where its labels begin.
    labels: usize,
    /// Where its sample begins.
    sample: usize,
    shape: Shape,
    bits: u64,
    timestamp: i64,
}

/// Fields of a sample: whether it has a value, and the bytes of its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shape {
    value: bool,
    time: u8,
}

impl Shape {
    #[inline]
    fn of(sample: Sample) -> Self {
        let time = match sample.timestamp {
            0 => 0,
            timestamp => 1 + varint_len(timestamp as u64) as u8,
        };
        Shape {
            value: !is_default(sample.value),
            time,
        }
    }

    #[inline]
    fn len(self) -> usize {
        if self.value { 9 + self.time() } else { self.time() }
    }

    #[inline]
    fn time(self) -> usize {
        usize::from(self.time)
    }
}

impl Packer {
    /// Begins another request in the same memory.
    pub fn clear(&mut self) {
        self.block.clear();
        self.places.clear();
        self.texts.iter_mut().for_each(|text| text.label.clear());
        self.rows.clear();
        self.last = Last::default();
    }

    /// Bytes of the message that is packed.
    pub fn message_len(&self) -> usize {
        self.block.at()
    }

    /// Bytes of memory that it holds for requests.
    pub fn capacity(&self) -> usize {
        self.block.capacity()
    }

    /// The block so far.
    pub fn block(&mut self) -> &[u8] {
        self.block.finish()
    }

    /// Writes tag and length of a series.
    #[inline]
    fn head(&mut self, length: usize, is_split: bool) {
        let last = &self.last;
        let goes_on = last.length > 0 && self.block.goes_on(last.start);
        if goes_on && last.length == length {
            self.block.go_on(last.labels - last.start);
            return;
        }
        let size = varint_len(length as u64);
        if length >= 1 << 14 {
            let mut head = Small::default();
            head.push(0x0a);
            head.varint(length as u64);
            self.block.literal(head.bytes());
            return;
        }
        // The lowest bits of the length are in another byte than the others.
        let word = match size {
            1 => length,
            _ => length & 0x7f | 0x80 | length >> 7 << 8,
        } as u64;
        if goes_on && is_split && last.length >> 7 == length >> 7 {
            self.block.copy(last.start, 1);
            self.block.word(word & 0xff, 1);
            self.block.copy(last.start + 2, size - 1);
        } else {
            self.block.word(word << 8 | 0x0a, 1 + size);
        }
    }

    /// A label that is new. Its name is that of another one at its place, in most cases, and the value often begins in the same way.
    fn text(&mut self, index: usize, label: &[u8]) {
        if self.texts.len() <= index {
            self.texts.resize_with(index + 1, Text::default);
        }
        let text = &mut self.texts[index];
        let at = self.block.at();
        let same = alike(&text.label, label);
        let before = mem::replace(&mut text.at, at);
        text.label.clear();
        text.label.extend_from_slice(label);
        if same.len() >= WORTH && at - before < FAR {
            self.block.literal(&label[..same.start]);
            self.block.copy(before + same.start, same.len());
            self.block.literal(&label[same.end..]);
        } else {
            self.block.literal(label);
        }
    }

    /// Writes a sample, along another one of the same shape if the copy at hand goes on with it: its place and its bits.
    #[inline]
    fn value(&mut self, sample: Sample, shape: Shape, along: Option<(usize, u64)>) {
        let (start, last) = (self.block.at(), self.last);
        let bits = sample.value.to_bits();
        // Fields of one have up to 9 bytes more than those of the other.
        let is_near = last.length > 0 && start - last.sample + 9 < FAR;
        let is_like = is_near && last.shape == shape;
        let is_same_time = is_near && last.timestamp == sample.timestamp;
        let tags = [0x12, shape.len() as u8, 0x09];
        let tags = &tags[..2 + usize::from(shape.value)];
        // So many of the first bytes of the value are copied along with the tags.
        let mut first = 0;
        let along = along.filter(|(from, _)| self.block.goes_on(*from));
        match along.or(is_like.then_some((last.sample, last.bits))) {
            Some((from, before)) => {
                if shape.value {
                    first = (bits ^ before).trailing_zeros() as usize / 8;
                }
                if along.is_some() || tags.len() + first > WORTH {
                    self.block.copy(from, tags.len() + first);
                } else {
                    first = 0;
                    self.block.literal(tags);
                }
            }
            None => self.block.literal(tags),
        }
        // And so many of the last ones along with the time: sign and exponent.
        let mut tail = 0;
        if shape.value {
            if is_like && is_same_time {
                tail = ((bits ^ last.bits).leading_zeros() as usize / 8).min(8 - first);
            }
            self.block.word(bits.unbounded_shr(8 * first as u32), 8 - tail - first);
        }
        let end = last.sample + 2 + last.shape.len();
        let from = end.wrapping_sub(tail + shape.time());
        if is_same_time && (tail + shape.time() >= WORTH || self.block.goes_on(from)) {
            self.block.copy(from, tail + shape.time());
        } else {
            self.block.word(bits.unbounded_shr(64 - 8 * tail as u32), tail);
            if shape.time > 0 {
                let mut time = Small::default();
                time.push(0x10);
                time.varint(sample.timestamp as u64);
                self.block.literal(time.bytes());
            }
        }
        let last = &mut self.last;
        (last.sample, last.shape, last.bits, last.timestamp) = (start, shape, bits, sample.timestamp);
    }
}

/// The bytes of a label that are those of another one at the same place: from the beginning on, or from behind the tag and the length.
fn alike(other: &[u8], label: &[u8]) -> Range<usize> {
    const BEHIND: usize = 2;
    if other.len() <= BEHIND || label.len() <= BEHIND {
        return 0..0;
    }
    let start = if other[1] == label[1] { 0 } else { BEHIND };
    let pairs = other[start..].iter().zip(&label[start..]);
    start..start + pairs.take_while(|(one, two)| one == two).count()
}

/// A few bytes on the stack: a tag and a varint.
#[derive(Default)]
struct Small {
    bytes: [u8; 11],
    length: usize,
}

impl Small {
    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
