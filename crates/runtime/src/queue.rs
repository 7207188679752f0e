//! Nodes whose exports changed, until the controller looks at them.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// A set of node ids with a wake-up. A node that reports again before it was taken counts once.
#[derive(Default)]
pub struct UpdateQueue {
    changed: Mutex<BTreeSet<String>>,
    wake: Notify,
}

impl UpdateQueue {
    /// Reports that the exports of `id` changed.
    pub fn push(&self, id: &str) {
        self.changed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.to_owned());
        self.wake.notify_one();
    }

    /// Waits until there is something and takes all of it.
    pub async fn take(&self) -> BTreeSet<String> {
        loop {
            let changed = std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner));
            if !changed.is_empty() {
                return changed;
            }
            self.wake.notified().await;
        }
    }

    /// Number of nodes that wait.
    pub fn len(&self) -> usize {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_coalesce_per_node() {
        let queue = UpdateQueue::default();
        for id in ["b", "a", "b"] {
            queue.push(id);
        }
        assert_eq!(queue.take().await, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        assert!(queue.is_empty());
    }
}
