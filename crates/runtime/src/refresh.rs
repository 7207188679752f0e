//! Does parts of the running configuration again: an import that has new content, a `foreach` with another collection.
//!
//! Each time is a transaction like a load. What fails leaves everything as it is, says so in the health of the node that it
//! started from, and is tried again.

use crate::controller::{Again, Inner, LoadError};
use crate::scope::{Slot, locate};
use component::{Fetched, Result as ComponentResult};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// Pause before what failed is tried again; doubles up to [`MAX_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// What waits to be done again. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Refresh(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// By global id, with the new content of an import.
    waiting: Mutex<BTreeMap<String, Option<Fetched>>>,
    wake: Notify,
}

impl Refresh {
    fn waiting(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Option<Fetched>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nodes whose own arguments are concerned by a change.
    pub(crate) fn again(&self, ids: BTreeSet<String>) {
        if ids.is_empty() {
            return;
        }
        let mut waiting = self.waiting();
        for id in ids {
            waiting.entry(id).or_default();
        }
        drop(waiting);
        self.0.wake.notify_one();
    }

    /// An import has new content.
    fn content(&self, id: &str, fetched: Fetched) {
        self.waiting().insert(id.to_owned(), Some(fetched));
        self.0.wake.notify_one();
    }

    fn take(&self) -> BTreeMap<String, Option<Fetched>> {
        std::mem::take(&mut *self.waiting())
    }

    /// New content that waits, or was refused.
    pub(crate) fn contents(&self) -> HashMap<String, Fetched> {
        let waiting = self.waiting();
        let contents = waiting
            .iter()
            .filter_map(|(id, fetched)| Some((id.clone(), fetched.clone()?)));
        contents.collect()
    }

    /// This content is used now.
    pub(crate) fn done(&self, contents: &HashMap<String, Fetched>) {
        self.waiting()
            .retain(|id, fetched| fetched.is_none() || fetched.as_ref() != contents.get(id));
    }

    /// What failed waits again, unless there is something newer by now.
    fn put_back(&self, failed: BTreeMap<String, Option<Fetched>>) {
        let mut waiting = self.waiting();
        for (id, fetched) in failed {
            match waiting.entry(id) {
                std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(fetched)),
                std::collections::btree_map::Entry::Occupied(mut entry) => {
                    if entry.get().is_none() {
                        entry.insert(fetched);
                    }
                }
            }
        }
    }
}

/// Runs until the controller is gone.
pub(crate) async fn refresh(controller: Weak<Inner>, refresh: Refresh) {
    let mut pause = FIRST_PAUSE;
    let mut failed_before = false;
    loop {
        if failed_before {
            let woken = tokio::time::timeout(pause, refresh.0.wake.notified()).await;
            pause = match woken {
                Ok(()) => FIRST_PAUSE,
                Err(_) => (pause * 2).min(MAX_PAUSE),
            };
        } else {
            refresh.0.wake.notified().await;
            pause = FIRST_PAUSE;
        }
        let waiting = refresh.take();
        let Some(inner) = controller.upgrade() else { return };
        let failed = inner.refresh_all(waiting).await;
        failed_before = !failed.is_empty();
        refresh.put_back(failed);
    }
}

impl Inner {
    /// Does all of them in one transaction; if that fails, one after the other, so that a bad one holds up no other. Gives back
    /// those that failed.
    async fn refresh_all(
        self: &Arc<Self>,
        mut waiting: BTreeMap<String, Option<Fetched>>,
    ) -> BTreeMap<String, Option<Fetched>> {
        let live = self.live.load_full();
        // What went in the meantime needs nothing; content that is there already neither.
        waiting.retain(|id, fetched| match (self.slot(&live, id), fetched) {
            (Some(Slot::Import { import, .. }), Some(fetched)) => {
                let same = import.content == fetched.content;
                if same {
                    self.content_is(&import.vitals, fetched.caveat.as_deref());
                }
                !same
            }
            (Some(Slot::Import { .. } | Slot::Foreach { .. }), None) => true,
            _ => false,
        });
        if waiting.is_empty() {
            return waiting;
        }
        if waiting.len() > 1 && self.try_again(&waiting).await.is_ok() {
            return BTreeMap::new();
        }
        let mut failed = BTreeMap::new();
        for (id, fetched) in waiting {
            let one = BTreeMap::from([(id.clone(), fetched.clone())]);
            if let Err(error) = self.try_again(&one).await {
                self.refused(&id, fetched.is_some(), &error);
                failed.insert(id, fetched);
            }
        }
        failed
    }

    fn slot(&self, live: &Arc<crate::scope::Scope>, id: &str) -> Option<Slot> {
        let located = locate(live, id)?;
        located.scope().slots.get(located.id).cloned()
    }

    async fn try_again(self: &Arc<Self>, what: &BTreeMap<String, Option<Fetched>>) -> Result<(), LoadError> {
        let contents = what
            .iter()
            .filter_map(|(id, fetched)| Some((id.clone(), fetched.clone()?)));
        let again = Again {
            dirty: what.keys().cloned().collect(),
            contents: contents.collect(),
        };
        let loaded = self.again(again).await?;
        for warning in loaded.warnings.iter() {
            tracing::warn!(place = warning.place(), "{}", warning.message);
        }
        for id in what.keys() {
            tracing::info!(node_id = id, "module updated");
        }
        Ok(())
    }

    fn refused(&self, id: &str, content: bool, error: &LoadError) {
        tracing::error!(
            node_id = id,
            err = %error.diagnostics,
            "an update was refused, what ran before runs on - will retry"
        );
        let now = self.options.host.clock.now();
        match self.slot(&self.live.load_full(), id) {
            Some(Slot::Import { import, .. }) if content => {
                let name = id.rsplit('/').next().unwrap_or(id);
                let message = format!("imported content from \"{name}\" is invalid: {}", error.diagnostics);
                import.vitals.content(Err(&message), now);
            }
            Some(Slot::Import { import, .. }) => import.vitals.evaluated(Err(&error.diagnostics.to_string()), now),
            Some(Slot::Foreach { vitals, .. }) => {
                vitals.evaluated(Err(&error.diagnostics.to_string()), now);
            }
            _ => {}
        }
    }

    /// What an import said about fetching.
    pub(crate) fn fetched(self: &Arc<Self>, id: &str, result: ComponentResult<Fetched>) {
        let Some(Slot::Import { import, .. }) = self.slot(&self.live.load_full(), id) else {
            return;
        };
        match result {
            Ok(fetched) if fetched.content == import.content => {
                self.refresh.waiting().remove(id);
                self.content_is(&import.vitals, fetched.caveat.as_deref());
            }
            Ok(fetched) => self.refresh.content(id, fetched),
            Err(error) => {
                tracing::error!(node_id = id, err = %error, "failed to fetch the content of an import, what it had is used on");
                let message = format!("fetching the content failed: {error}");
                import.vitals.content(Err(&message), self.options.host.clock.now());
            }
        }
    }

    fn content_is(&self, vitals: &crate::node::Vitals, caveat: Option<&str>) {
        let now = self.options.host.clock.now();
        match caveat {
            Some(caveat) => vitals.content(Err(caveat), now),
            None => vitals.content(Ok("content updated"), now),
        }
    }
}
