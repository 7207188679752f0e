//! Changes of label sets, remembered: most records of a stream get the same new labels as the one before.

use super::extracted::Text;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use signals::Labels;
use smol_str::SmolStr;
use std::hash::{BuildHasher, Hasher};

/// What happens to one label.
pub enum Edit<'a> {
    /// It stays as it is.
    Keep,
    /// It gets a value. One that is not valid UTF-8 changes nothing.
    Set(Text<'a>),
    /// It goes.
    Remove,
}

/// Results of label changes by the labels before and the new values. Bounded: when it is full the older half is forgotten.
pub struct LabelCache {
    recent: HashMap<u64, Known, FixedState>,
    older: HashMap<u64, Known, FixedState>,
    last: Vec<Option<Known>>,
}

#[derive(Clone)]
struct Known {
    site: Site,
    before: Labels,
    after: Labels,
}

const HALF: usize = 2048;

/// Place of one label-changing stage in the cache.
pub type Site = usize;

impl LabelCache {
    /// A cache for this many label-changing stages.
    pub fn new(sites: usize) -> Self {
        LabelCache {
            recent: HashMap::default(),
            older: HashMap::default(),
            last: vec![None; sites],
        }
    }

    /// The labels after the edits of a stage; `edit` tells the change of each name and is asked more than once.
    pub fn apply<'e>(
        &mut self,
        site: Site,
        before: &Labels,
        names: &[SmolStr],
        edit: impl Fn(usize) -> Edit<'e>,
    ) -> Labels {
        let fits = |known: &Known, same: bool| {
            known.site == site
                && (if same {
                    known.before.same(before)
                } else {
                    known.before == *before
                })
                && names
                    .iter()
                    .enumerate()
                    .all(|(i, name)| match (edit(i), known.after.get(name)) {
                        (Edit::Set(value), Some(after)) => after.as_bytes() == &*value,
                        (Edit::Set(_), None) => false,
                        (Edit::Remove, after) => after.is_none(),
                        (Edit::Keep, after) => after == before.get(name),
                    })
        };
        if let Some(known) = &self.last[site]
            && fits(known, true)
        {
            return known.after.clone();
        }
        let mut hasher = FixedState::with_seed(site as u64).build_hasher();
        hasher.write_u64(before.content_hash());
        for i in 0..names.len() {
            match edit(i) {
                Edit::Keep => hasher.write_u8(0),
                Edit::Remove => hasher.write_u8(1),
                Edit::Set(value) => {
                    hasher.write_usize(value.len());
                    hasher.write(&value);
                }
            }
        }
        let key = hasher.finish();
        let found = match self.recent.get(&key) {
            Some(known) if fits(known, false) => Some(known.clone()),
            _ => match self.older.get(&key) {
                Some(known) if fits(known, false) => Some(known.clone()),
                _ => None,
            },
        };
        let known = found.unwrap_or_else(|| Known {
            site,
            before: before.clone(),
            after: changed(before, names, &edit),
        });
        if !self.recent.contains_key(&key) {
            if self.recent.len() >= HALF {
                self.older = std::mem::take(&mut self.recent);
            }
            self.recent.insert(key, known.clone());
        }
        let after = known.after.clone();
        // The fast path above compares handles, so it is told the one that is in use now.
        self.last[site] = Some(Known {
            site,
            before: before.clone(),
            after: after.clone(),
        });
        after
    }
}

fn changed<'e>(before: &Labels, names: &[SmolStr], edit: &impl Fn(usize) -> Edit<'e>) -> Labels {
    let mut after = before.edit();
    let mut any = false;
    for (i, name) in names.iter().enumerate() {
        match edit(i) {
            Edit::Keep => {}
            Edit::Remove => any |= after.remove(name).is_some(),
            Edit::Set(value) => {
                if let Ok(value) = std::str::from_utf8(&value)
                    && after.get(name).is_none_or(|now| now != value)
                {
                    after.set(name.clone(), value);
                    any = true;
                }
            }
        }
    }
    if any { after.build() } else { before.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(value: &str) -> Edit<'_> {
        Edit::Set(Text::Borrowed(value.as_bytes()))
    }

    #[test]
    fn equal_changes_share_one_result() {
        let mut cache = LabelCache::new(2);
        let names = [SmolStr::new("level")];
        let before = Labels::from_pairs([("app", "a")]);
        let first = cache.apply(0, &before, &names, |_| set("info"));
        let warn = cache.apply(0, &before, &names, |_| set("warn"));
        let again = cache.apply(0, &Labels::from_pairs([("app", "a")]), &names, |_| set("info"));
        assert!(first.same(&again));
        assert_eq!(warn.to_string(), r#"{app="a", level="warn"}"#);
        let removed = cache.apply(1, &warn, &names, |_| Edit::Remove);
        assert_eq!(removed, before);
    }

    #[test]
    fn a_value_that_is_not_utf8_changes_nothing() {
        let mut cache = LabelCache::new(1);
        let before = Labels::from_pairs([("a", "x")]);
        let names = [SmolStr::new("a")];
        let after = cache.apply(0, &before, &names, |_| Edit::Set(Text::Borrowed(b"\xff")));
        assert_eq!(after, before);
    }

    #[test]
    fn it_forgets_the_oldest() {
        let mut cache = LabelCache::new(1);
        let names = [SmolStr::new("id")];
        for i in 0..20_000 {
            let value = i.to_string();
            let after = cache.apply(0, &Labels::empty(), &names, |_| set(&value));
            assert_eq!(after.get("id").map(SmolStr::as_str), Some(value.as_str()));
        }
        assert!(cache.recent.len() + cache.older.len() <= 2 * HALF);
    }
}
