//! From labels to what a push says of a stream.

use delivery::{StreamKey, stable_hash};
use hashbrown::HashMap;
use signals::Labels;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Label that names the tenant of an entry.
const TENANT_LABEL: &str = "__tenant_id__";
/// Label sets of one generation of the cache.
const GENERATION: usize = 4096;

/// A stream as Loki sees it.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// `{a="x", b="y"}`, without labels that start with two underscores.
    pub(super) text: String,
    /// The tenant that the labels name.
    pub(super) tenant: Option<Arc<str>>,
    /// Hash of the text; the same on every machine.
    pub(super) hash: u64,
}

impl Stream {
    /// A stream by what a push says of it.
    pub(super) fn new(text: String, tenant: Option<Arc<str>>) -> Self {
        Stream {
            hash: stable_hash(text.as_bytes()),
            tenant,
            text,
        }
    }
}

impl StreamKey for Stream {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn same(&self, other: &Self) -> bool {
        self.text == other.text
    }

    fn tenant(&self) -> Option<&Arc<str>> {
        self.tenant.as_ref()
    }
}

/// Streams by label set. Forgets those that were not seen for a while: two generations, the older of which is dropped when
/// the younger is full.
pub(super) struct StreamCache {
    external: Vec<(SmolStr, SmolStr)>,
    young: HashMap<Labels, Arc<Stream>>,
    old: HashMap<Labels, Arc<Stream>>,
}

impl StreamCache {
    /// A cache that adds these labels where they are missing.
    pub(super) fn new(external: BTreeMap<String, String>) -> Self {
        StreamCache {
            external: external
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        (self.young, self.old) = Default::default();
    }

    /// The stream of a label set.
    pub(super) fn get(&mut self, labels: &Labels) -> Arc<Stream> {
        if let Some(stream) = self.young.get(labels) {
            return stream.clone();
        }
        let stream = self.old.remove(labels).unwrap_or_else(|| Arc::new(self.make(labels)));
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(labels.clone(), stream.clone());
        stream
    }

    fn make(&self, labels: &Labels) -> Stream {
        let mut all: Vec<(&str, &str)> = labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        for (name, value) in &self.external {
            if labels.get(name).is_none() {
                all.push((name, value));
            }
        }
        let tenant = all
            .iter()
            .find(|(name, _)| *name == TENANT_LABEL)
            .map(|(_, value)| Arc::from(*value));
        let text = lokipush::labels::text(all.into_iter().filter(|(name, _)| !name.starts_with("__")));
        Stream::new(text, tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_labels_are_defaults_and_internal_ones_stay_inside() {
        let external = [("cluster", "c1"), ("job", "default"), ("__x", "y")];
        let mut cache = StreamCache::new(external.map(|(n, v)| (n.to_owned(), v.to_owned())).into());
        let labels = Labels::from_pairs([("job", "api"), ("__tenant_id__", "team"), ("__path__", "/x")]);
        let stream = cache.get(&labels);
        assert_eq!(stream.text, r#"{cluster="c1", job="api"}"#);
        assert_eq!(stream.tenant.as_deref(), Some("team"));
        let plain = cache.get(&Labels::from_pairs([("app", "a\"b\n")]));
        assert_eq!(plain.text, r#"{app="a\"b\n", cluster="c1", job="default"}"#);
        assert_eq!(plain.tenant, None);
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let mut cache = StreamCache::new(BTreeMap::new());
        let used = Labels::from_pairs([("name", "used")]);
        let first = cache.get(&used);
        for i in 0..3 * GENERATION {
            cache.get(&Labels::from_pairs([("name", i.to_string())]));
            if i % 1000 == 0 {
                assert!(Arc::ptr_eq(&cache.get(&used), &first));
            }
        }
        assert!(cache.young.len() + cache.old.len() <= 2 * GENERATION);
    }
}
