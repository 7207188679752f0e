//! Rows: series that have most labels in common with the one before, and are told by the keys of them.
//!
//! What a row has in common with the one before is seen without a look at any label: their keys are next to each other. So only the places of labels that
//! differ are looked up, and those of the labels instead of which they come are remembered: where all others were last is known from the row before.

use super::rows::Row;
use super::{FAR, Packer, Place, Shape};
use crate::parts::{Sample, is_default};
use std::mem;

/// A series by the keys of its labels.
pub trait WireRow {
    /// A key for each label, by name: the same for equal labels of one request, and unlike that of others.
    fn keys(&self) -> &[u32];

    /// Field 1 of the series for the label at an index: tag, length, message `Label`.
    fn wire(&self, at: usize) -> &[u8];

    /// Bytes of all labels in wire form.
    fn wire_len(&self) -> usize;
}

impl WireRow for prommodel::Series {
    #[inline]
    fn keys(&self) -> &[u32] {
        self.numbers()
    }

    #[inline]
    fn wire(&self, at: usize) -> &[u8] {
        let label = self.labels().nth(at);
        label.expect("there is a label for each key").wire()
    }

    #[inline]
    fn wire_len(&self) -> usize {
        prommodel::Series::wire_len(self)
    }
}

/// Where labels may be copied from.
#[derive(Clone, Copy, Debug, Default)]
struct Source {
    /// How far away they are in the row before.
    distance: usize,
    /// The row that the copy at hand comes from, if it is another one: the place of its next key and that behind its last one.
    row: u32,
    next: usize,
    end: usize,
}

impl Packer {
    /// Appends a series with one sample; it takes less time if it has most labels in common with the row before. A start timestamp has no place in this version.
    ///
    /// Only labels that are new are asked for their [bytes](WireRow::wire).
    pub fn row(&mut self, row: &impl WireRow, sample: Sample) {
        let keys = row.keys();
        let mut shape = self.last.shape;
        if sample.timestamp == self.last.timestamp && shape.time > 0 {
            shape.value = !is_default(sample.value);
        } else {
            shape = Shape::of(sample);
        }
        let (start, wire_len) = (self.block.at(), row.wire_len());
        let length = wire_len + 2 + shape.len();
        let number = self.rows.push(keys, shape, sample.value.to_bits());
        // All of it is copied from places that are near.
        let is_near = self.last.length > 0 && start - self.last.start + length + 16 < FAR;
        let before = match is_near {
            true => self.rows.get(number.wrapping_sub(1)).unwrap_or_default(),
            false => Row::default(),
        };
        let starts_alike = is_near && keys.first() == self.rows.keys(before).first();
        let is_alike = is_near && before.count == keys.len();
        self.head(length, starts_alike);
        let labels = self.block.at();
        let mut source = Source {
            distance: labels.wrapping_sub(self.last.labels),
            ..Source::default()
        };
        if is_alike {
            let mut done = 0;
            loop {
                let olds = &self.rows.keys(before)[done..];
                let count = alike_keys(&keys[done..], olds);
                let old = olds.get(count).copied();
                let index = done + count;
                let (Some(old), Some(key)) = (old, keys.get(index)) else {
                    break;
                };
                if count > 0 {
                    let bytes = self.lengths[done..index].iter().map(|length| *length as usize).sum();
                    self.same(&keys[done..index], bytes, &mut source);
                }
                // Both labels may have one place.
                let at = self.block.at() - source.distance;
                let now = self.other(row, index, *key, &mut source);
                let length = mem::replace(&mut self.lengths[index], now as u32);
                self.places.put(Place {
                    key: old,
                    at,
                    length,
                    row: number.wrapping_sub(1),
                    index: index as u32,
                });
                source.distance = source.distance + now - length as usize;
                done = index + 1;
            }
            let rest = (labels + wire_len).saturating_sub(self.block.at());
            self.same(&keys[done..], rest, &mut source);
        } else {
            self.remember_row(number.wrapping_sub(1));
            self.lengths.clear();
            for (index, key) in keys.iter().enumerate() {
                let length = self.other(row, index, *key, &mut source);
                self.lengths.push(length as u32);
            }
        }
        let mut along = (self.last.shape == shape).then_some((self.last.sample, self.last.bits));
        if source.end > 0
            && source.next == source.end
            && let Some(other) = self.rows.get(source.row)
            && other.shape == shape
        {
            along = Some((self.block.at() - self.block.distance(), other.bits));
        }
        // As most are: less is to be decided.
        let is_like = is_alike && shape == self.last.shape && sample.timestamp == self.last.timestamp;
        match along {
            Some((from, bits)) if is_like && shape.value && shape.time > 2 && self.block.goes_on(from) => {
                self.value_along(sample, bits);
            }
            _ => self.value(sample, shape, along),
        }
        let last = &mut self.last;
        (last.start, last.length, last.labels) = (start, length, labels);
    }

    /// A label that is not that of the row before; its length.
    #[inline(always)]
    fn other(&mut self, row: &impl WireRow, index: usize, key: u32, source: &mut Source) -> usize {
        let Some(place) = self.places.find(key) else {
            source.end = 0;
            let wire = row.wire(index);
            self.text(index, wire);
            return wire.len();
        };
        let at = self.block.at();
        let mut from = at.wrapping_sub(self.block.distance());
        if source.next < source.end && self.rows.key(source.next) == key {
            source.next += 1;
        } else {
            from = place.at;
            let other = self.rows.get(place.row).unwrap_or_default();
            source.row = place.row;
            source.next = other.start + place.index as usize + 1;
            // Copies from far away take more bytes than one that begins with the next label.
            let is_near = at - from < FAR;
            source.end = if is_near { other.start + other.count } else { 0 };
        }
        let length = place.length as usize;
        self.block.copy(from, length);
        length
    }

    /// Labels that are those of the row before.
    #[inline(always)]
    fn same(&mut self, keys: &[u32], length: usize, source: &mut Source) {
        if keys.is_empty() {
            return;
        }
        let at = self.block.at();
        let mut distance = source.distance;
        if source.end >= source.next + keys.len() && self.rows.are(source.next, keys) {
            source.next += keys.len();
            distance = self.block.distance();
        } else {
            source.end = 0;
        }
        self.block.copy(at - distance, length);
    }

    /// Remembers where the labels of the last row are.
    pub(super) fn remember_row(&mut self, number: u32) {
        let Some(row) = self.rows.get(number) else {
            return;
        };
        let mut at = self.last.labels;
        for (index, length) in self.lengths.iter().enumerate() {
            self.places.put(Place {
                key: self.rows.key(row.start + index),
                at,
                length: *length,
                row: number,
                index: index as u32,
            });
            at += *length as usize;
        }
    }

    /// What [`value`](Packer::value) does for a sample with a value, along the copy at hand: the last one has its time and shape.
    #[inline(always)]
    fn value_along(&mut self, sample: Sample, before: u64) {
        let (start, bits) = (self.block.at(), sample.value.to_bits());
        let first = (bits ^ before).trailing_zeros() as usize / 8;
        let tail = (bits ^ self.last.bits).leading_zeros() as usize / 8;
        let tail = tail.min(8 - first);
        self.block.go_on(3 + first);
        self.block.word(bits.unbounded_shr(8 * first as u32), 8 - first - tail);
        let from = self.last.sample + 11 - tail;
        self.block.copy(from, tail + self.last.shape.time());
        (self.last.sample, self.last.bits) = (start, bits);
    }
}

/// How many keys are the same at the beginning of rows of as many.
#[inline]
fn alike_keys(one: &[u32], other: &[u32]) -> usize {
    const LANES: usize = 4;
    if one.first() != other.first() {
        return 0;
    }
    let (chunks, _) = one.as_chunks::<LANES>();
    let (others, _) = other.as_chunks::<LANES>();
    let whole = chunks
        .iter()
        .zip(others)
        .take_while(|(one, other)| one == other)
        .count();
    let from = LANES * whole;
    let rest = one[from..].iter().zip(&other[from..]);
    from + rest.take_while(|(one, other)| one == other).count()
}
