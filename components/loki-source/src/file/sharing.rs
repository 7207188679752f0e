//! Files that several members of a cluster can reach: who reads which, and how positions pass from one to the next.

use super::positions::{Key, Position, Positions, state_from_json, state_to_json};
use super::tailer::Handle;
use super::{File, lock};
use component::{BoxFuture, Cluster, HandOver, Published};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tail::State;
use tokio::sync::watch;
use tokio::time::Instant;

/// For so long a file that was given away is left to whoever asked for it, though this process is responsible for it by what it knows.
const GIVEN: Duration = Duration::from_secs(10);
/// For so long this process answers with its position of a file that it reads no more; a position that is older is worth less than whatever
/// the one who asks has got.
const KNOWN: Duration = Duration::from_secs(60);
/// How often it is looked whether somebody reads what was given away.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// How often it is looked whether a reader has ended.
const PAUSE: Duration = Duration::from_millis(10);

/// A file's name among members of a cluster.
#[derive(Serialize, Deserialize)]
struct Name {
    path: String,
    labels: String,
}

fn name(key: &Key) -> String {
    let name = Name {
        path: key.path.clone(),
        labels: key.labels.clone(),
    };
    // Two texts are JSON.
    serde_json::to_string(&name).unwrap_or_default()
}

fn hash(key: &Key) -> u64 {
    hashring::text_hash(&name(key))
}

/// What a `loki.source.file` has to do with its cluster.
#[derive(Default)]
pub(super) struct Sharing {
    cluster: Option<Arc<Cluster>>,
    /// What others asked for, and when.
    given: Mutex<BTreeMap<Key, Instant>>,
    /// What this process reads and has asked for: its own position is the newest.
    held: Mutex<BTreeSet<Key>>,
    /// What it read until lately, and when it stopped.
    left: Mutex<BTreeMap<Key, Instant>>,
    /// What others were told of positions.
    told: Mutex<Positions>,
}

impl Sharing {
    pub(super) fn new(cluster: Option<Arc<Cluster>>) -> Self {
        Sharing {
            cluster,
            ..Sharing::default()
        }
    }

    pub(super) fn members(&self) -> Option<watch::Receiver<u64>> {
        self.cluster.as_ref().map(|cluster| cluster.changes())
    }

    /// Whether this process reads a file.
    pub(super) fn is_ours(&self, key: &Key) -> bool {
        let Some(cluster) = &self.cluster else { return true };
        let owned = cluster.owns(hash(key));
        let mut given = lock(&self.given);
        let ours = match given.get(key) {
            Some(at) if owned && at.elapsed() < GIVEN => false,
            Some(_) => {
                given.remove(key);
                owned
            }
            None => owned,
        };
        drop(given);
        if !ours && lock(&self.held).remove(key) {
            self.leave(key);
        }
        ours
    }

    /// This process reads a file no more.
    fn leave(&self, key: &Key) {
        lock(&self.left).insert(key.clone(), Instant::now());
    }

    /// Whether this process's position of a file may be the newest.
    fn knows(&self, key: &Key) -> bool {
        let lately = |at: &Instant| at.elapsed() < KNOWN;
        lock(&self.held).contains(key) || lock(&self.left).get(key).is_some_and(lately)
    }

    /// Forgets what does not matter any more.
    pub(super) fn tidy(&self, wanted: impl Fn(&Key) -> bool) {
        for key in lock(&self.held).extract_if(.., |key| !wanted(key)) {
            self.leave(&key);
        }
        lock(&self.left).retain(|_, at| at.elapsed() < KNOWN);
        lock(&self.given).retain(|_, at| at.elapsed() < GIVEN);
    }

    /// What the reader of a file asks before it passes lines on.
    pub(super) fn claim(&self, key: &Key) -> Claim {
        Claim(self.cluster.clone().map(|cluster| (cluster, hash(key))))
    }

    /// The position at which another member stopped, if this process takes the file over; not if it only begins to read it again.
    pub(super) async fn taken_over(&self, id: &str, key: &Key) -> Option<State> {
        let cluster = self.cluster.as_ref()?;
        if lock(&self.held).contains(key) {
            return None;
        }
        let answer = cluster.ask_previous(id, hash(key), &name(key)).await;
        if cluster.owns(hash(key)) {
            lock(&self.held).insert(key.clone());
        }
        let answer = answer?;
        let state = state_from_json(&answer);
        match &state {
            Ok(_) => tracing::info!(path = key.path, "another member of the cluster has given the file over"),
            Err(error) => {
                tracing::error!(
                    path = key.path,
                    err = error,
                    "the position from another member is not understood"
                );
            }
        }
        state.ok()
    }

    /// Tells those who would be next where this process has got to, so that they can go on if it vanishes.
    pub(super) fn tell(&self, id: &str, positions: &Positions, again: bool) {
        let Some(cluster) = &self.cluster else { return };
        let mut told = lock(&self.told);
        let alone = cluster.peers().len() < 2;
        if again || alone {
            told.clear();
        }
        if alone {
            // Whoever comes is told everything.
            return;
        }
        let held = lock(&self.held);
        let mut news = Vec::new();
        for (key, position) in positions {
            let Position::State(state) = position else { continue };
            // What is about to be taken over has a newer position elsewhere.
            if told.get(key) == Some(position) || !held.contains(key) || !cluster.owns(hash(key)) {
                continue;
            }
            told.insert(key.clone(), position.clone());
            if let Some(value) = state_to_json(state) {
                news.push(Published {
                    hash: hash(key),
                    key: name(key),
                    value,
                });
            }
        }
        told.retain(|key, _| positions.contains_key(key));
        if !news.is_empty() {
            cluster.publish(id, news);
        }
    }

    /// Lets others ask for what this component had.
    pub(super) fn offer(&self, file: &Arc<File>) -> Option<component::Offer> {
        let cluster = self.cluster.as_ref()?;
        Some(cluster.offer(file.shared.cx.id(), Arc::new(Giver(Arc::downgrade(file)))))
    }
}

/// Says whether a file is still this process's to read.
#[derive(Clone, Default)]
pub(super) struct Claim(Option<(Arc<Cluster>, u64)>);

impl Claim {
    /// Whether lines that were read may be passed on. A process that was stopped for a while finds out here that others may have gone on with the file.
    pub(super) fn holds(&self) -> bool {
        self.0.as_ref().is_none_or(|(cluster, hash)| cluster.owns(*hash))
    }
}

struct Giver(Weak<File>);

impl HandOver for Giver {
    fn take(&self, key: &str) -> BoxFuture<'static, Option<Vec<u8>>> {
        let (file, name) = (self.0.clone(), serde_json::from_str::<Name>(key));
        Box::pin(async move {
            let Name { path, labels } = name.ok()?;
            let key = Key { path, labels };
            let file = file.upgrade()?;
            let reader = lock(&file.tailers).get(&key).cloned();
            // A position of long ago must not beat that of the one who asks, who may have read the file since then.
            if reader.is_none() && !file.sharing.knows(&key) {
                return None;
            }
            lock(&file.sharing.given).insert(key.clone(), Instant::now());
            if let Some(reader) = reader {
                reader.stop.cancel();
                // Whoever asks may have to ask again.
                file.sharing.leave(&key);
                // It delivers what it has read, and notes its position, before it ends; one that is started after it is not waited for.
                let there = |now: &Arc<Handle>| Arc::ptr_eq(now, &reader);
                while lock(&file.tailers).get(&key).is_some_and(there) {
                    tokio::time::sleep(PAUSE).await;
                }
            }
            match file.shared.positions.of(&key)? {
                Position::State(state) => state_to_json(&state),
                Position::Unreadable(_) => None,
            }
        })
    }
}
