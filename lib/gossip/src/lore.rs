//! What is known of states, and which of it is still to be passed on.

use crate::node::{Node, State};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Copy, Debug)]
struct Known {
    generation: u64,
    state: State,
    time: u64,
    /// How often it is still passed on.
    left: u8,
}

/// The latest state of each name.
#[derive(Default)]
pub(crate) struct Lore(BTreeMap<Arc<str>, Known>);

impl Lore {
    /// State of a node and the time it took it; a viewer as long as nothing is known of this life of it.
    pub(crate) fn of(&self, node: &Node) -> (State, u64) {
        match self.0.get(&node.name) {
            Some(known) if known.generation == node.generation => (known.state, known.time),
            _ => (State::Viewer, 0),
        }
    }

    /// Takes note; says whether it was new.
    pub(crate) fn learn(&mut self, node: &Node, state: State, time: u64, transmissions: u8) -> bool {
        if let Some(known) = self.0.get(&node.name)
            && (known.generation, known.state, known.time) >= (node.generation, state, time)
        {
            return false;
        }
        let known = Known {
            generation: node.generation,
            state,
            time,
            left: transmissions,
        };
        self.0.insert(node.name.clone(), known);
        true
    }

    /// Whether there is anything to pass on.
    pub(crate) fn has_news(&self) -> bool {
        self.0.values().any(|known| known.left > 0)
    }

    /// Names to pass on, at most so many; each is counted as passed on once.
    pub(crate) fn take_news(&mut self, most: usize) -> Vec<Arc<str>> {
        let mut fresh: Vec<_> = self.0.iter_mut().filter(|(_, known)| known.left > 0).collect();
        fresh.sort_by_key(|(_, known)| std::cmp::Reverse(known.left));
        let taken = fresh.into_iter().take(most);
        taken
            .map(|(name, known)| {
                known.left -= 1;
                name.clone()
            })
            .collect()
    }

    /// Forgets names that are not there.
    pub(crate) fn keep(&mut self, there: impl Fn(&str) -> bool) {
        self.0.retain(|name, _| there(name));
    }
}
