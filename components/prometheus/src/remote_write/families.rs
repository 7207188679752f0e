//! What is known of metrics besides their samples.

use signals::Family;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// Families that are remembered; beyond that, new ones are not.
const MOST: usize = 100_000;
/// Endings of series that the names of their families lack.
const ENDINGS: [&str; 7] = ["_total", "_bucket", "_sum", "_count", "_created", "_info", "_gsum"];

/// Families by name.
#[derive(Default)]
pub(super) struct Families(RwLock<BTreeMap<SmolStr, Arc<Family>>>);

/// A look at them.
pub(super) struct Look<'a>(RwLockReadGuard<'a, BTreeMap<SmolStr, Arc<Family>>>);

impl Families {
    /// Remembers families; of one name, the last counts.
    pub(super) fn learn(&self, families: &[Arc<Family>]) {
        if families.is_empty() {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for family in families {
            if known.len() < MOST || known.contains_key(&family.name) {
                known.insert(family.name.clone(), family.clone());
            }
        }
    }

    pub(super) fn look(&self) -> Look<'_> {
        Look(self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// All of them, by name.
    pub(super) fn all(&self) -> Vec<Arc<Family>> {
        self.look().0.values().cloned().collect()
    }
}

impl Look<'_> {
    /// The family of a metric.
    pub(super) fn of(&self, metric: &str) -> Option<&Family> {
        let known = |name: &str| self.0.get(name).map(|family| &**family);
        known(metric).or_else(|| {
            let bases = ENDINGS.iter().filter_map(|ending| metric.strip_suffix(ending));
            bases.filter_map(known).next()
        })
    }
}
