//! Entries of bounded number and size.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What an entry is about: a component, and what it calls the key.
pub(crate) type About = Arc<(String, String)>;

/// What an entry costs beside what it holds.
const OVERHEAD: usize = 200;

struct Kept<T> {
    place: u64,
    size: usize,
    value: T,
}

/// Entries in the order in which they came; the oldest give way.
pub(crate) struct Bounded<T> {
    entries: HashMap<About, Kept<T>>,
    order: BTreeMap<u64, About>,
    places: u64,
    bytes: usize,
    most: usize,
    most_bytes: usize,
}

impl<T> Bounded<T> {
    pub(crate) fn new(most: usize, most_bytes: usize) -> Self {
        Bounded {
            entries: HashMap::new(),
            order: BTreeMap::new(),
            places: 0,
            bytes: 0,
            most,
            most_bytes,
        }
    }

    pub(crate) fn get(&self, about: &About) -> Option<&T> {
        self.entries.get(about).map(|kept| &kept.value)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of everything.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the place of an older entry about the same, or comes last.
    pub(crate) fn put(&mut self, about: About, value: T, bytes: usize) {
        let place = match self.entries.get(&about) {
            Some(kept) => kept.place,
            None => self.places,
        };
        self.insert(place, about, value, bytes);
    }

    /// Comes last; an older entry about the same is gone.
    pub(crate) fn put_last(&mut self, about: About, value: T, bytes: usize) {
        self.remove(&about);
        self.insert(self.places, about, value, bytes);
    }

    fn insert(&mut self, place: u64, about: About, value: T, bytes: usize) {
        let size = bytes + about.0.len() + about.1.len() + OVERHEAD;
        self.places = self.places.max(place + 1);
        self.order.insert(place, about.clone());
        self.bytes += size;
        if let Some(before) = self.entries.insert(about, Kept { place, size, value }) {
            self.bytes -= before.size;
        }
        while self.entries.len() > self.most || self.bytes > self.most_bytes {
            if self.pop().is_none() {
                return;
            }
        }
    }

    pub(crate) fn remove(&mut self, about: &About) -> Option<T> {
        let kept = self.entries.remove(about)?;
        self.order.remove(&kept.place);
        self.bytes -= kept.size;
        Some(kept.value)
    }

    /// The oldest entry.
    pub(crate) fn first(&self) -> Option<(&About, &T)> {
        let (_, about) = self.order.first_key_value()?;
        Some((about, &self.entries.get(about)?.value))
    }

    /// Takes the oldest entry out.
    pub(crate) fn pop(&mut self) -> Option<(About, T)> {
        let (_, about) = self.order.pop_first()?;
        let kept = self.entries.remove(&about)?;
        self.bytes -= kept.size;
        Some((about, kept.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(key: &str) -> About {
        Arc::new(("c".to_owned(), key.to_owned()))
    }

    #[test]
    fn the_oldest_give_way() {
        let mut two = Bounded::new(2, 10_000);
        two.put(about("a"), 1, 1);
        two.put(about("b"), 2, 1);
        two.put(about("a"), 3, 1);
        assert_eq!((two.len(), two.get(&about("a"))), (2, Some(&3)));
        // It kept its place.
        assert_eq!(two.first(), Some((&about("a"), &3)));
        two.put_last(about("a"), 4, 1);
        two.put(about("c"), 5, 1);
        assert_eq!((two.get(&about("a")), two.get(&about("b"))), (Some(&4), None));
        // In bytes, too: one that is too large leaves nothing.
        two.put(about("d"), 6, 20_000);
        assert_eq!((two.len(), two.bytes(), two.pop()), (0, 0, None));
        two.put(about("e"), 7, 1);
        assert_eq!(two.remove(&about("e")), Some(7));
        assert_eq!((two.len(), two.bytes(), two.remove(&about("e"))), (0, 0, None));
    }
}
