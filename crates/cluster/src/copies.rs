//! What others told of their positions, for the case that they vanish.

use crate::bounded::{About, Bounded};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Copies that are kept.
const KEPT: usize = 200_000;
/// Bytes of them.
const KEPT_BYTES: usize = 64 << 20;

/// A position on its way.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Told {
    pub(crate) component: String,
    pub(crate) key: String,
    pub(crate) hash: u64,
    /// Name of the member whose position it is.
    pub(crate) publisher: String,
    /// When its process started.
    pub(crate) generation: u64,
    /// Grows with everything that the process tells.
    pub(crate) counter: u64,
    pub(crate) value: Box<RawValue>,
}

/// A position of another member.
pub(crate) struct Copy {
    pub(crate) publisher: String,
    generation: u64,
    counter: u64,
    value: Box<RawValue>,
}

impl Copy {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        Box::<str>::from(self.value).into_string().into_bytes()
    }
}

/// The copies, by component and key.
pub(crate) struct Copies(Mutex<Bounded<Copy>>);

impl Default for Copies {
    fn default() -> Self {
        Copies(Mutex::new(Bounded::new(KEPT, KEPT_BYTES)))
    }
}

impl Copies {
    fn lock(&self) -> MutexGuard<'_, Bounded<Copy>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a position, unless a better one is there: a later one of the same member, or that of the one who is responsible, `owner`.
    pub(crate) fn keep(&self, told: Told, owner: Option<&str>) {
        let about: About = Arc::new((told.component, told.key));
        let mut copies = self.lock();
        let better = copies
            .get(&about)
            .is_some_and(|there| match there.publisher == told.publisher {
                true => (there.generation, there.counter) >= (told.generation, told.counter),
                false => owner == Some(&*there.publisher),
            });
        if !better {
            let copy = Copy {
                publisher: told.publisher,
                generation: told.generation,
                counter: told.counter,
                value: told.value,
            };
            let bytes = copy.publisher.len() + copy.value.get().len();
            copies.put_last(about, copy, bytes);
        }
    }

    /// Takes a copy out: whoever goes on from it has a newer position soon.
    pub(crate) fn take(&self, component: &str, key: &str) -> Option<Copy> {
        self.lock().remove(&Arc::new((component.to_owned(), key.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_the_owner_counts() {
        let copies = Copies::default();
        let tell = |publisher: &str, generation, counter, value: u64, owner: &str| {
            let told = Told {
                component: "c".to_owned(),
                key: "k".to_owned(),
                hash: 7,
                publisher: publisher.to_owned(),
                generation,
                counter,
                value: serde_json::value::to_raw_value(&value).unwrap(),
            };
            copies.keep(told, Some(owner));
        };
        let taken = || {
            copies
                .take("c", "k")
                .map(|copy| String::from_utf8(copy.into_bytes()).unwrap())
        };
        tell("a", 5, 2, 10, "a");
        tell("a", 5, 1, 9, "a");
        tell("a", 4, 9, 8, "a");
        assert_eq!(taken().as_deref(), Some("10"));
        assert_eq!(taken(), None);
        // A process that began anew, with a lower counter.
        tell("a", 5, 2, 10, "a");
        tell("a", 6, 1, 11, "a");
        assert_eq!(taken().as_deref(), Some("11"));
        // What a former owner says late does not count; what the new one says does, whatever its numbers are.
        tell("a", 6, 1, 11, "a");
        tell("b", 1, 1, 12, "b");
        tell("a", 6, 2, 13, "b");
        assert_eq!(taken().as_deref(), Some("12"));
    }
}
