//! Requests of samples as snappy blocks, without the request being written first.
//!
//! The samples of a request have most of their labels in common, and a label of a table of series has the same number wherever it occurs. So what a
//! compressor has to find out by hashing bytes is known here: a label that was written before is a reference to that place, without a look at what it says,
//! and references that follow each other become one. All of a series but its value often is a few of them.
//!
//! The format is that of <https://github.com/google/snappy/blob/main/format_description.txt>: the length of what is packed as a varint, then literals and
//! copies of what came earlier.

use super::{WireLabel, WireLabels};
use crate::parts::{Sample, is_default};
use protowire::varint_len;
use std::mem;
use std::ops::Range;

/// Room for the length in front of what is packed.
const HEAD: usize = 10;
/// Labels whose last places are remembered; a power of two.
const PLACES: usize = 512;
/// Steps that are remembered, of the last series; a power of two.
const STEPS: usize = 512;
/// Longest literal whose length is in its tag.
const LITERAL: usize = 60;
/// Longest copy.
const COPY: usize = 64;
/// Shortest copy that is worth its bytes.
const WORTH: usize = 4;
/// Copies from so far away take more bytes.
const FAR: usize = 1 << 16;

/// Packs series with one sample each.
///
/// Labels with one [key](WireLabel::key) are taken for the same until [`clear`](Packer::clear): they have to be there until then, as those of series are
/// that somebody holds.
#[derive(Debug)]
pub struct Packer {
    out: Vec<u8>,
    /// Bytes of the message so far, and so the place of the next one.
    at: usize,
    /// Where in `out` the tag of the literal is that may go on.
    literal: Option<usize>,
    /// The copy that may go on. There is none if its length is 0.
    run: Run,
    /// The step that the copy goes along with.
    source: usize,
    /// The last steps, by their number modulo [`STEPS`].
    steps: Box<[Step; STEPS]>,
    /// How many there were.
    count: usize,
    places: Box<[Place; PLACES]>,
    /// For each index of a label, the label that was written in full last.
    texts: Vec<Text>,
    last: Last,
}

#[derive(Debug, Default)]
struct Run {
    distance: usize,
    length: usize,
}

/// What was written at a place. A series is a step for each label, one for the beginning of its sample and one for its value.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// The key of a label; the number of the sample's [`Shape`]; the bits of the value.
    what: u64,
    /// Modulo 2^32: what is copied is near.
    at: u32,
    /// Of a label, in bytes; of the others 0.
    length: u32,
}

/// Where a label was written last.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    key: u64,
    at: usize,
    /// 0 if there is no label.
    length: u32,
    step: usize,
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
    /// The step of its first label.
    first: usize,
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
    time: usize,
}

impl Shape {
    fn len(self) -> usize {
        if self.value { 9 + self.time } else { self.time }
    }

    /// Different for different shapes.
    fn number(self) -> u64 {
        2 * self.time as u64 + u64::from(self.value)
    }
}

impl Default for Packer {
    fn default() -> Self {
        Packer {
            out: vec![0; HEAD],
            at: 0,
            literal: None,
            run: Run::default(),
            source: 0,
            steps: Box::new([Step::default(); STEPS]),
            count: 0,
            places: Box::new([Place::default(); PLACES]),
            texts: Vec::new(),
            last: Last::default(),
        }
    }
}

impl Packer {
    /// Begins another request in the same memory.
    pub fn clear(&mut self) {
        self.out.truncate(HEAD);
        self.steps.fill(Step::default());
        self.places.fill(Place::default());
        self.texts.iter_mut().for_each(|text| text.label.clear());
        (self.at, self.literal, self.run) = (0, None, Run::default());
        (self.source, self.count, self.last) = (0, 0, Last::default());
    }

    /// Bytes of the message that is packed.
    pub fn message_len(&self) -> usize {
        self.at
    }

    /// Bytes of memory that it holds for requests.
    pub fn capacity(&self) -> usize {
        self.out.capacity()
    }

    /// Appends a series with one sample. Its start timestamp has no place in this version.
    pub fn sample(&mut self, labels: &impl WireLabels, sample: Sample) {
        let time = match sample.timestamp {
            0 => 0,
            timestamp => 1 + varint_len(timestamp as u64),
        };
        let shape = Shape {
            value: !is_default(sample.value),
            time,
        };
        let length = labels.wire_len() + 2 + shape.len();
        let (start, first) = (self.at, self.count);
        if self.last.length == length && self.goes_on(self.last.start) {
            self.copy(self.last.start, 1 + varint_len(length as u64));
            // Behind it stands its first label.
            self.source = self.last.first.wrapping_sub(1);
        } else {
            let mut head = Small::default();
            head.push(0x0a);
            head.varint(length as u64);
            self.literal(head.bytes());
        }
        let mut index = 0;
        labels.for_each(|label| {
            self.label(index, label);
            index += 1;
        });
        self.value(sample, shape);
        (self.last.start, self.last.length, self.last.first) = (start, length, first);
    }

    #[inline]
    fn step(&mut self, what: u64, length: u32) {
        let at = self.at as u32;
        self.steps[self.count % STEPS] = Step { what, at, length };
        self.count += 1;
    }

    /// The step behind the one that the copy at hand goes along with.
    #[inline]
    fn next_step(&self) -> Option<Step> {
        let next = self.source.wrapping_add(1);
        let step = self.steps[next % STEPS];
        let goes_on = self.run.length > 0 && (self.at as u32).wrapping_sub(step.at) as usize == self.run.distance;
        (goes_on && self.count.wrapping_sub(next) <= STEPS).then_some(step)
    }

    #[inline]
    fn label(&mut self, index: usize, label: impl WireLabel) {
        let (key, at, step) = (label.key(), self.at, self.count);
        let next = self.next_step().filter(|next| next.what == key && next.length > 0);
        // Times 2^64 divided by the golden ratio: the high bits depend on all bits.
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PLACES.ilog2());
        let place = &mut self.places[hash as usize];
        let length = if let Some(next) = next {
            self.source = self.source.wrapping_add(1);
            next.length
        } else if place.key == key && place.length > 0 && at - place.at < FAR {
            self.source = place.step;
            place.length
        } else {
            let wire = label.wire();
            // A label is shorter than 4 GiB.
            let length = wire.len() as u32;
            *place = Place { key, at, length, step };
            self.step(key, length);
            return self.text(index, wire);
        };
        let from = match next {
            Some(_) => at - self.run.distance,
            None => place.at,
        };
        *place = Place { key, at, length, step };
        self.step(key, length);
        self.copy(from, length as usize);
    }

    /// A label that is new. Its name is that of another one at its place, in most cases, and the value often begins in the same way.
    fn text(&mut self, index: usize, label: &[u8]) {
        if self.texts.len() <= index {
            self.texts.resize_with(index + 1, Text::default);
        }
        let text = &mut self.texts[index];
        let same = alike(&text.label, label);
        let from = text.at + same.start;
        text.label.clear();
        text.label.extend_from_slice(label);
        text.at = self.at;
        if same.len() >= WORTH && self.at - from < FAR {
            self.literal(&label[..same.start]);
            self.copy(from, same.len());
            self.literal(&label[same.end..]);
        } else {
            self.literal(label);
        }
    }

    fn value(&mut self, sample: Sample, shape: Shape) {
        let (start, last) = (self.at, self.last);
        let bits = sample.value.to_bits();
        let is_like = last.length > 0 && last.shape == shape && start - last.sample < FAR;
        // The sample of the series that the labels were copied from, or else that of the last one.
        let mut along = is_like.then_some((last.sample, last.bits));
        if let Some(next) = self.next_step()
            && next.length == 0
            && next.what == shape.number()
        {
            let before = self.steps[self.source.wrapping_add(2) % STEPS].what;
            along = Some((start - self.run.distance, before));
        }
        self.step(shape.number(), 0);
        self.step(bits, 0);
        let tags = [0x12, shape.len() as u8, 0x09];
        let tags = &tags[..2 + usize::from(shape.value)];
        let along = along.filter(|(from, _)| self.goes_on(*from));
        match along {
            Some((from, _)) => self.copy(from, tags.len()),
            None => self.literal(tags),
        }
        let mut from = last.sample + tags.len();
        let is_same_time = is_like && last.timestamp == sample.timestamp;
        // So many of the last bytes of the value are copied along with the time: sign and exponent.
        let mut tail = 0;
        if shape.value {
            let differ = bits ^ last.bits;
            let first = if is_like && differ == 0 {
                self.copy(from, 8);
                8
            } else if let Some((from, before)) = along {
                let first = (bits ^ before).trailing_zeros() as usize / 8;
                self.copy(from + tags.len(), first);
                first
            } else {
                0
            };
            if is_same_time {
                tail = (differ.leading_zeros() as usize / 8).min(8 - first);
            }
            self.literal(&bits.to_le_bytes()[first..8 - tail]);
            from += 8;
        }
        if is_same_time && (tail + shape.time >= WORTH || self.goes_on(from - tail)) {
            self.copy(from - tail, tail + shape.time);
        } else {
            self.literal(&bits.to_le_bytes()[8 - tail..]);
            if shape.time > 0 {
                let mut time = Small::default();
                time.push(0x10);
                time.varint(sample.timestamp as u64);
                self.literal(time.bytes());
            }
        }
        let last = &mut self.last;
        (last.sample, last.shape, last.bits, last.timestamp) = (start, shape, bits, sample.timestamp);
    }

    /// Whether a copy from there goes on with the one at hand.
    #[inline]
    fn goes_on(&self, from: usize) -> bool {
        self.run.length > 0 && self.run.distance == self.at.wrapping_sub(from)
    }

    #[inline]
    fn copy(&mut self, from: usize, length: usize) {
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

    fn end_copy(&mut self) {
        let Run { distance, mut length } = mem::take(&mut self.run);
        while length > 0 {
            let step = length.min(COPY);
            let low = distance as u8;
            if distance < 1 << 11 && (4..12).contains(&step) {
                let tag = 0b01 | (step - 4) << 2 | (distance >> 8) << 5;
                self.out.extend_from_slice(&[tag as u8, low]);
            } else {
                // All copies begin less than `FAR` away, and a copy keeps its distance.
                let tag = 0b10 | (step - 1) << 2;
                self.out.extend_from_slice(&[tag as u8, low, (distance >> 8) as u8]);
            }
            length -= step;
        }
    }

    fn literal(&mut self, mut bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.end_copy();
        self.at += bytes.len();
        while !bytes.is_empty() {
            let tag = *self.literal.get_or_insert(self.out.len());
            if tag == self.out.len() {
                self.out.push(0);
            }
            let before = self.out.len() - tag - 1;
            let (now, rest) = bytes.split_at(bytes.len().min(LITERAL - before));
            self.out.extend_from_slice(now);
            bytes = rest;
            let length = before + now.len();
            self.out[tag] = ((length - 1) << 2) as u8;
            if length == LITERAL {
                self.literal = None;
            }
        }
    }

    /// The block so far.
    pub fn block(&mut self) -> &[u8] {
        self.end_copy();
        self.literal = None;
        let mut length = Small::default();
        length.varint(self.at as u64);
        let start = HEAD - length.bytes().len();
        self.out[start..HEAD].copy_from_slice(length.bytes());
        &self.out[start..]
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
