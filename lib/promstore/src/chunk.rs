//! Samples of one series that followed each other, compressed.
//!
//! A sample is one byte, which says how it differs from the one before, and what that needs: the change of the distance in
//! time as a varint, and the bytes of the value's bits that changed. A value that stays, at a steady interval, is one byte.

/// Samples after which a chunk is closed.
const MOST: u32 = 120;
/// Milliseconds after which a chunk is closed: what is forgotten is forgotten by the chunk.
pub(crate) const SPAN: i64 = 5 * 60 * 1000;
/// What a chunk costs beside its buffer: itself, the counters and the allocator's headers.
const OVERHEAD: usize = size_of::<Chunk>() + 48;

/// Bit of the head that says that the distance in time changed.
const MOVED: u8 = 0x80;

#[derive(Clone)]
pub(crate) struct Chunk {
    /// Time of the first sample, in milliseconds since 1970.
    first: i64,
    /// Time of the last sample.
    last: i64,
    /// Distance of the last two.
    delta: i64,
    /// Value of the last one.
    bits: u64,
    count: u32,
    data: Vec<u8>,
}

impl Chunk {
    pub(crate) fn new(timestamp: i64, value: f64) -> Self {
        let mut chunk = Chunk {
            first: timestamp,
            last: timestamp,
            delta: 0,
            bits: 0,
            count: 0,
            data: Vec::with_capacity(32),
        };
        chunk.push(timestamp, value);
        chunk
    }

    /// Appends a sample that is not before the last one.
    pub(crate) fn push(&mut self, timestamp: i64, value: f64) {
        let delta = timestamp - self.last;
        let bits = value.to_bits();
        let changed = bits ^ self.bits;
        // Zero has eight bytes that are not needed at its end.
        let tail = (changed.trailing_zeros() / 8).min(7);
        let significant = changed >> (8 * tail);
        let length = 8 - significant.leading_zeros() / 8;
        let head = (tail as u8) << 4 | length as u8;
        if delta == self.delta {
            self.data.push(head);
        } else {
            self.data.push(head | MOVED);
            let moved = delta.wrapping_sub(self.delta);
            // Zigzag: small numbers of either sign are short.
            push_varint(&mut self.data, ((moved << 1) ^ (moved >> 63)) as u64);
        }
        self.data
            .extend_from_slice(&significant.to_le_bytes()[..length as usize]);
        (self.last, self.delta, self.bits) = (timestamp, delta, bits);
        self.count += 1;
    }

    /// Whether a sample of this time belongs to it.
    pub(crate) fn takes(&self, timestamp: i64) -> bool {
        self.count < MOST && timestamp.saturating_sub(self.first) < SPAN
    }

    /// Gives spare capacity back: nothing will be appended any more.
    pub(crate) fn seal(&mut self) {
        self.data.shrink_to_fit();
    }

    /// Memory that the chunk holds, in bytes.
    pub(crate) fn footprint(&self) -> usize {
        OVERHEAD + self.data.capacity()
    }

    pub(crate) fn len(&self) -> u32 {
        self.count
    }

    /// Times of the first and the last sample, in milliseconds since 1970.
    pub(crate) fn span(&self) -> (i64, i64) {
        (self.first, self.last)
    }

    /// Time and value of the last sample.
    pub(crate) fn last(&self) -> (i64, f64) {
        (self.last, f64::from_bits(self.bits))
    }

    /// Times and values in order.
    pub(crate) fn samples(&self) -> impl Iterator<Item = (i64, f64)> {
        let mut rest = &self.data[..];
        let (mut timestamp, mut delta, mut bits) = (self.first, 0i64, 0u64);
        std::iter::from_fn(move || {
            let (head, tail) = rest.split_first()?;
            rest = tail;
            if head & MOVED != 0 {
                let zigzag = read_varint(&mut rest);
                delta = delta.wrapping_add((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
            }
            timestamp += delta;
            let (significant, tail) = rest.split_at(usize::from(head & 0x0f));
            rest = tail;
            let mut bytes = [0; 8];
            bytes[..significant.len()].copy_from_slice(significant);
            bits ^= u64::from_le_bytes(bytes) << (8 * u32::from((head & !MOVED) >> 4));
            Some((timestamp, f64::from_bits(bits)))
        })
    }
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads what [`push_varint`] wrote.
fn read_varint(rest: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    while let Some((byte, tail)) = rest.split_first() {
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_that_stays_is_one_byte() {
        let mut chunk = Chunk::new(1_700_000_000_000, 17.0);
        chunk.push(1_700_000_015_000, 17.0);
        let before = chunk.data.len();
        for i in 2..50 {
            chunk.push(1_700_000_000_000 + i * 15_000, 17.0);
        }
        assert_eq!(chunk.data.len() - before, 48);
        assert_eq!(chunk.samples().count(), 50);
    }

    #[test]
    fn it_is_closed_by_number_and_by_time() {
        let mut chunk = Chunk::new(0, 0.0);
        assert!(chunk.takes(SPAN - 1));
        assert!(!chunk.takes(SPAN));
        for i in 1..i64::from(MOST) {
            assert!(chunk.takes(i));
            chunk.push(i, 0.0);
        }
        assert!(!chunk.takes(200));
    }

    proptest! {
        #[test]
        fn samples_come_back(
            first in -1_000_000_000_000i64..2_000_000_000_000,
            samples in proptest::collection::vec((0i64..400_000, any::<u64>(), any::<bool>()), 0..130),
        ) {
            let mut expect = vec![(first, 1.5f64.to_bits())];
            let mut chunk = Chunk::new(first, 1.5);
            for (delta, bits, small) in samples {
                let (timestamp, before) = expect[expect.len() - 1];
                let bits = if small { (f64::from_bits(before) + 1.0).to_bits() } else { bits };
                chunk.push(timestamp + delta, f64::from_bits(bits));
                expect.push((timestamp + delta, bits));
            }
            let found: Vec<_> = chunk.samples().map(|(t, v)| (t, v.to_bits())).collect();
            prop_assert_eq!(found, expect);
        }
    }
}
