//! Where labels were written last.

/// Labels whose last places are remembered; a power of two.
const PLACES: usize = 1024;

/// A label that was written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) key: u32,
    pub(super) at: usize,
    /// 0 if there is no label.
    pub(super) length: u32,
    /// The number of its row, and the index in it.
    pub(super) row: u32,
    pub(super) index: u32,
}

/// Places by key: one for all keys of a hash.
#[derive(Debug)]
pub(super) struct Places(Box<[Place; PLACES]>);

impl Default for Places {
    fn default() -> Self {
        Places(Box::new([Place::default(); PLACES]))
    }
}

impl Places {
    pub(super) fn clear(&mut self) {
        self.0.fill(Place::default());
    }

    #[inline]
    fn hash(key: u32) -> usize {
        // Times 2^64 divided by the golden ratio: the high bits depend on all bits.
        (u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PLACES.ilog2())) as usize
    }

    #[inline]
    pub(super) fn find(&self, key: u32) -> Option<&Place> {
        let place = &self.0[Self::hash(key)];
        (place.key == key && place.length > 0).then_some(place)
    }

    #[inline]
    pub(super) fn put(&mut self, place: Place) {
        self.0[Self::hash(place.key)] = place;
    }
}
