//! Results by label set; bounded, the least recently used goes first.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use signals::Labels;

/// No node.
const NONE: usize = usize::MAX;

/// What became of label sets: other labels, or `None` if they are dropped.
pub(super) struct Cache {
    capacity: usize,
    at: HashMap<Labels, usize, FixedState>,
    nodes: Vec<Node>,
    newest: usize,
    oldest: usize,
}

struct Node {
    before: Labels,
    after: Option<Labels>,
    newer: usize,
    older: usize,
}

impl Cache {
    /// A cache for `capacity` label sets, at least one.
    pub(super) fn new(capacity: usize) -> Self {
        Cache {
            capacity: capacity.max(1),
            at: HashMap::default(),
            nodes: Vec::new(),
            newest: NONE,
            oldest: NONE,
        }
    }

    /// Forgets everything and gives the memory back.
    pub(super) fn clear(&mut self) {
        *self = Cache::new(self.capacity);
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The result for a label set, if it is known.
    pub(super) fn get(&mut self, before: &Labels) -> Option<Option<Labels>> {
        let at = *self.at.get(before)?;
        self.touch(at);
        Some(self.nodes[at].after.clone())
    }

    /// Remembers the result for a label set that is not known.
    pub(super) fn insert(&mut self, before: Labels, after: Option<Labels>) {
        let node = Node {
            before: before.clone(),
            after,
            newer: NONE,
            older: NONE,
        };
        let at = if self.nodes.len() < self.capacity {
            self.nodes.push(node);
            self.nodes.len() - 1
        } else {
            let at = self.oldest;
            self.unlink(at);
            self.at.remove(&self.nodes[at].before);
            self.nodes[at] = node;
            at
        };
        self.at.insert(before, at);
        self.link(at);
    }

    fn touch(&mut self, at: usize) {
        if self.newest != at {
            self.unlink(at);
            self.link(at);
        }
    }

    /// Takes a node out of the order.
    fn unlink(&mut self, at: usize) {
        let (newer, older) = (self.nodes[at].newer, self.nodes[at].older);
        match self.nodes.get_mut(newer) {
            Some(node) => node.older = older,
            None => self.newest = older,
        }
        match self.nodes.get_mut(older) {
            Some(node) => node.newer = newer,
            None => self.oldest = newer,
        }
    }

    /// Makes a node that is not in the order the newest.
    fn link(&mut self, at: usize) {
        let next = self.newest;
        self.nodes[at].newer = NONE;
        self.nodes[at].older = next;
        match self.nodes.get_mut(next) {
            Some(node) => node.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(n: usize) -> Labels {
        Labels::from_pairs([("n", n.to_string())])
    }

    #[test]
    fn the_least_recently_used_is_forgotten() {
        let mut cache = Cache::new(3);
        for n in 0..3 {
            cache.insert(labels(n), Some(labels(n + 100)));
        }
        assert_eq!(cache.get(&labels(0)), Some(Some(labels(100))));
        cache.insert(labels(3), None);
        assert_eq!(cache.get(&labels(1)), None);
        assert_eq!(cache.get(&labels(3)), Some(None));
        assert_eq!(cache.get(&labels(2)), Some(Some(labels(102))));
        cache.insert(labels(4), None);
        assert_eq!(cache.get(&labels(0)), None);
        assert_eq!(cache.len(), 3);
    }

    /// Against a list that is kept in order the slow way.
    #[test]
    fn it_agrees_with_a_model() {
        let mut random = fastrand::Rng::with_seed(7);
        for capacity in [1, 2, 5] {
            let mut cache = Cache::new(capacity);
            let mut model: Vec<usize> = Vec::new();
            for _ in 0..2_000 {
                let n = random.usize(..8);
                let known = model.iter().position(|one| *one == n);
                assert_eq!(cache.get(&labels(n)), known.map(|_| Some(labels(n))));
                match known {
                    Some(at) => drop(model.remove(at)),
                    None => cache.insert(labels(n), Some(labels(n))),
                }
                model.insert(0, n);
                model.truncate(capacity);
                assert_eq!(cache.len(), model.len());
            }
        }
    }
}
