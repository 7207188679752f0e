//! Label sets.

use foldhash::fast::FixedState;
use smol_str::SmolStr;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

/// A label set: names and values sorted by name, each name once. Cheap to clone and to compare: the pairs are shared and
/// hashed once.
#[derive(Clone)]
pub struct Labels(Arc<Set>);

struct Set {
    hash: u64,
    pairs: Box<[(SmolStr, SmolStr)]>,
}

impl Labels {
    /// The empty set.
    pub fn empty() -> Self {
        LabelsBuilder::default().build()
    }

    /// A set of these pairs; of a name that occurs more than once the last value counts.
    pub fn from_pairs<N: Into<SmolStr>, V: Into<SmolStr>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.set(name, value);
        }
        builder.build()
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&SmolStr> {
        let at = self.0.pairs.binary_search_by(|pair| pair.0.as_str().cmp(name)).ok()?;
        Some(&self.0.pairs[at].1)
    }

    /// The pairs in order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&SmolStr, &SmolStr)> {
        self.0.pairs.iter().map(|(name, value)| (name, value))
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.0.pairs.len()
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.pairs.is_empty()
    }

    /// A hash of the content, the same for equal sets within one process.
    pub fn content_hash(&self) -> u64 {
        self.0.hash
    }

    /// Whether two handles share one allocation; implies equality, at the cost of a pointer comparison.
    pub fn same(&self, other: &Labels) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A builder that starts from this set.
    pub fn edit(&self) -> LabelsBuilder {
        LabelsBuilder {
            pairs: self.0.pairs.to_vec(),
        }
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Labels) -> bool {
        self.same(other) || (self.0.hash == other.0.hash && self.0.pairs == other.0.pairs)
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl Default for Labels {
    fn default() -> Self {
        Labels::empty()
    }
}

/// `{a="x", b="y"}`, sorted, values quoted: Loki's text form of a stream.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (name, value)) in self.iter().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Builds a [`Labels`].
#[derive(Clone, Default)]
pub struct LabelsBuilder {
    pairs: Vec<(SmolStr, SmolStr)>,
}

impl LabelsBuilder {
    /// Sets a label, replacing a value that is there.
    pub fn set(&mut self, name: impl Into<SmolStr>, value: impl Into<SmolStr>) {
        let (name, value) = (name.into(), value.into());
        match self.pairs.binary_search_by(|pair| pair.0.cmp(&name)) {
            Ok(at) => self.pairs[at].1 = value,
            Err(at) => self.pairs.insert(at, (name, value)),
        }
    }

    /// Removes a label; its value if it was there.
    pub fn remove(&mut self, name: &str) -> Option<SmolStr> {
        let at = self.pairs.binary_search_by(|pair| pair.0.as_str().cmp(name)).ok()?;
        Some(self.pairs.remove(at).1)
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&SmolStr> {
        let at = self.pairs.binary_search_by(|pair| pair.0.as_str().cmp(name)).ok()?;
        Some(&self.pairs[at].1)
    }

    /// The pairs in order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&SmolStr, &SmolStr)> {
        self.pairs.iter().map(|(name, value)| (name, value))
    }

    /// Keeps the labels for which `keep` answers true.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        self.pairs.retain(|(name, value)| keep(name, value));
    }

    /// The set.
    pub fn build(self) -> Labels {
        Labels(Arc::new(Set {
            hash: FixedState::with_seed(0x1a6e15).hash_one(&self.pairs),
            pairs: self.pairs.into_boxed_slice(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_sorted_and_equal_by_content() {
        let a = Labels::from_pairs([("b", "2"), ("a", "1"), ("b", "3")]);
        let b = Labels::from_pairs([("a", "1"), ("b", "3")]);
        assert_eq!(a, b);
        assert_eq!(a.content_hash(), b.content_hash());
        assert_eq!(a.to_string(), r#"{a="1", b="3"}"#);
        assert_eq!(a.get("b").map(SmolStr::as_str), Some("3"));
        let mut edit = a.edit();
        assert_eq!(edit.remove("a").as_deref(), Some("1"));
        assert_ne!(edit.build(), b);
    }
}
