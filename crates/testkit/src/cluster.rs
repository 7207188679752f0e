//! A cluster whose owners a test decides.

use component::{ClusterView, HandOver, Offer, Op, Peer, PeerState};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// One member of a cluster, as its components see it.
pub struct ScriptedCluster {
    owns: Mutex<bool>,
    changes: watch::Sender<u64>,
    sources: Mutex<HashMap<String, Arc<dyn HandOver>>>,
    /// Where those that were responsible before can be asked.
    previous: Mutex<Option<Arc<ScriptedCluster>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ScriptedCluster {
    /// A member that is responsible for everything, or for nothing.
    pub fn new(owns: bool) -> Arc<Self> {
        Arc::new(ScriptedCluster {
            owns: Mutex::new(owns),
            changes: watch::Sender::new(0),
            sources: Mutex::default(),
            previous: Mutex::default(),
        })
    }

    /// From now on it is, or is not.
    pub fn set(&self, owns: bool) {
        *lock(&self.owns) = owns;
        self.changes.send_modify(|generation| *generation += 1);
    }

    /// Who is asked for what was done before.
    pub fn set_previous(&self, previous: Option<Arc<ScriptedCluster>>) {
        *lock(&self.previous) = previous;
    }
}

impl ClusterView for ScriptedCluster {
    fn owner(&self, _: u64, _: Op) -> Option<Peer> {
        self.peers().into_iter().find(|_| *lock(&self.owns))
    }

    fn owns(&self, _: u64) -> bool {
        *lock(&self.owns)
    }

    fn ready(&self) -> bool {
        true
    }

    fn peers(&self) -> Vec<Peer> {
        vec![Peer {
            name: "here".to_owned(),
            addr: "127.0.0.1:1".to_owned(),
            is_self: true,
            state: PeerState::Participant,
        }]
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn offer(&self, component: &str, source: Arc<dyn HandOver>) -> Offer {
        lock(&self.sources).insert(component.to_owned(), source);
        Offer::new(|| {})
    }

    fn ask_previous(&self, component: &str, _: u64, key: &str) -> BoxFuture<'static, Option<Vec<u8>>> {
        let previous = lock(&self.previous).clone();
        let source = previous.and_then(|previous| lock(&previous.sources).get(component).cloned());
        let (source, key) = (source, key.to_owned());
        async move { source?.take(&key).await }.boxed()
    }
}
