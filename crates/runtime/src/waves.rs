//! The order in which everything stops.

use crate::scope::{Scope, Slot};
use std::collections::HashMap;
use std::sync::Arc;

/// Ids in the order in which they stop: each wave when the one before has ended.
pub(crate) fn waves(root: &Arc<Scope>) -> Vec<Vec<String>> {
    let mut waves: Vec<Vec<String>> = Vec::new();
    scope_waves(root, 0, &mut waves);
    waves
}

/// Puts the nodes of a scope into waves, none before `first`; gives the number after the last that is used.
fn scope_waves(scope: &Arc<Scope>, first: usize, waves: &mut Vec<Vec<String>>) -> usize {
    let mut after: HashMap<&str, usize> = HashMap::new();
    let mut last = first;
    for id in scope.configuration.order.iter().rev() {
        let dependants = scope.configuration.graph.dependants(id);
        let at = dependants
            .iter()
            .filter_map(|dependant| after.get(dependant))
            .max()
            .map_or(first, |after| *after);
        let end = match scope.slots.get(id) {
            Some(Slot::Component(_)) => put(waves, at, scope.global(id)),
            Some(Slot::Import { scope: inner, .. }) => {
                let end = put(waves, at, scope.global(id));
                scope_waves(inner, at, waves).max(end)
            }
            Some(Slot::Custom { scope: inner, .. }) => scope_waves(inner, at, waves),
            Some(Slot::Foreach { children, .. }) => children
                .iter()
                .map(|(_, child)| scope_waves(child, at, waves))
                .max()
                .unwrap_or(at),
            Some(Slot::Value(_)) | None => at,
        };
        after.insert(id, end);
        last = last.max(end);
    }
    last
}

fn put(waves: &mut Vec<Vec<String>>, at: usize, id: String) -> usize {
    if waves.len() <= at {
        waves.resize_with(at + 1, Vec::new);
    }
    waves[at].push(id);
    at + 1
}
