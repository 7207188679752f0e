//! What many targets have in the same way, each once.

use hashbrown::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Entries more than twice those after the last look at which it is seen which ones nobody else holds.
const LEAST: usize = 1000;

/// Equal values, once. It forgets what nobody else holds.
#[derive(Debug)]
pub(super) struct Once<T>(Mutex<Known<T>>);

#[derive(Debug)]
struct Known<T> {
    set: HashSet<Arc<T>>,
    swept: usize,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Once(Mutex::new(Known {
            set: HashSet::new(),
            swept: 0,
        }))
    }
}

impl<T: Eq + Hash> Once<T> {
    /// The value that is equal to this one.
    pub(super) fn intern(&self, value: T) -> Arc<T> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = known.set.get(&value) {
            return same.clone();
        }
        if known.set.len() > 2 * known.swept + LEAST {
            known.set.retain(|value| Arc::strong_count(value) > 1);
            known.swept = known.set.len();
        }
        let value = Arc::new(value);
        known.set.insert(value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_is_forgotten() {
        let once = Once::default();
        let kept = once.intern(7);
        assert!(Arc::ptr_eq(&kept, &once.intern(7)));
        (100..100_000).for_each(|value| drop(once.intern(value)));
        assert!(once.0.lock().unwrap().set.len() < 2 * LEAST);
        assert!(Arc::ptr_eq(&kept, &once.intern(7)));
    }
}
