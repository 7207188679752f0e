//! Who of the cluster is responsible for what.

use futures_util::future::BoxFuture;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;
use value::Block;

/// The block `clustering` of components that share work.
#[derive(Block, Clone, Debug, Default, PartialEq)]
pub struct ClusteringArgs {
    /// Whether each member of the cluster takes a part.
    #[arg]
    pub enabled: bool,
}

/// What a member does in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerState {
    /// It sees the others and is responsible for nothing yet.
    Viewer,
    /// It takes its share.
    Participant,
    /// It is about to go, and can still be asked for what it had.
    Terminating,
}

impl PeerState {
    /// `viewer`, `participant` or `terminating`.
    pub fn as_str(self) -> &'static str {
        match self {
            PeerState::Viewer => "viewer",
            PeerState::Participant => "participant",
            PeerState::Terminating => "terminating",
        }
    }
}

impl fmt::Display for PeerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name, which no other member has.
    pub name: String,
    /// Host and port of its HTTP server.
    pub addr: String,
    /// Whether it is this process.
    pub is_self: bool,
    /// What it does.
    pub state: PeerState,
}

/// What an owner is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Who may be asked for something: participants, and those that are about to go.
    Read,
    /// Who does the work: participants only.
    ReadWrite,
}

/// Gives away what a component was responsible for.
pub trait HandOver: Send + Sync + 'static {
    /// Another member is responsible for `key` now. The component finishes and commits what is under way for it, works on it no more, and
    /// answers with its position as JSON; with nothing if it has none. Asked again for the same key it answers the same.
    ///
    /// The future is dropped when whoever asked has no more patience, after about two seconds; what was begun should be finished all the same.
    fn take(&self, key: &str) -> BoxFuture<'static, Option<Vec<u8>>>;
}

/// What a component tells others of a key that it works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What [`Cluster::owns`] is asked with.
    pub hash: u64,
    /// What the component calls it.
    pub key: String,
    /// Its position, as [`HandOver::take`] would answer.
    pub value: Vec<u8>,
}

/// As long as it lives, a component can be asked for what it had.
pub struct Offer(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Offer {
    /// An offer that is withdrawn by `withdraw`.
    pub fn new(withdraw: impl FnOnce() + Send + Sync + 'static) -> Self {
        Offer(Some(Box::new(withdraw)))
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        if let Some(withdraw) = self.0.take() {
            withdraw();
        }
    }
}

/// What a cluster does for components; [`Cluster`] has the methods that they call.
pub trait ClusterView: Send + Sync + 'static {
    /// The member that is responsible for a key; `None` if there is none, or while it is not known whether this process counts.
    fn owner(&self, key: u64, op: Op) -> Option<Peer>;
    /// Whether this process does the work for a key.
    fn owns(&self, key: u64) -> bool;
    /// Whether there are as many members as the work needs.
    fn ready(&self) -> bool;
    /// All members, by name.
    fn peers(&self) -> Vec<Peer>;
    /// A number that grows when members, states or readiness change.
    fn changes(&self) -> watch::Receiver<u64>;
    /// Lets others ask a component, by its global id, for what it had.
    fn offer(&self, component: &str, source: Arc<dyn HandOver>) -> Offer;
    /// Asks those that were responsible for a key before.
    fn ask_previous(&self, component: &str, hash: u64, key: &str) -> BoxFuture<'static, Option<Vec<u8>>>;
    /// Tells those who would be next for some keys where a component has got to.
    fn publish(&self, component: &str, positions: Vec<Published>) {
        let _ = (component, positions);
    }
}

/// The cluster, as a service for components: `cx.service::<Cluster>()`. Cheap to clone.
#[derive(Clone)]
pub struct Cluster(Arc<dyn ClusterView>);

impl Cluster {
    /// A cluster.
    pub fn new(view: Arc<dyn ClusterView>) -> Self {
        Cluster(view)
    }

    /// A cluster of this process alone: it is responsible for everything, and ready.
    pub fn alone(name: &str, addr: &str) -> Self {
        Cluster(Arc::new(Alone {
            me: Peer {
                name: name.to_owned(),
                addr: addr.to_owned(),
                is_self: true,
                state: PeerState::Participant,
            },
            changes: watch::channel(0).0,
        }))
    }

    /// Whether this process does the work for a key: a hash of labels or of a text (`hashring`). Of nothing while the cluster is not ready; of
    /// everything while nobody takes part yet, since doing something twice is better than not at all.
    pub fn owns(&self, key: u64) -> bool {
        self.0.owns(key)
    }

    /// The member that is responsible for a key.
    pub fn owner(&self, key: u64, op: Op) -> Option<Peer> {
        self.0.owner(key, op)
    }

    /// Whether the cluster has the size that was asked for, or the time to wait for that is over.
    pub fn ready(&self) -> bool {
        self.0.ready()
    }

    /// All members, this process included, by name.
    pub fn peers(&self) -> Vec<Peer> {
        self.0.peers()
    }

    /// Tells that owners may have changed: at most once a second, the first time at once.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes()
    }

    /// Lets others ask the component with a global id for what it had, as long as the result lives. A later offer of the same id takes its place.
    #[must_use = "the offer ends when this is dropped"]
    pub fn offer(&self, component: &str, source: Arc<dyn HandOver>) -> Offer {
        self.0.offer(component, source)
    }

    /// The position of whoever was responsible for a key until it passed to this process: `component` is the global id, the same on all members, `hash`
    /// what [`Cluster::owns`] was asked with, `key` what the component calls it. `None` if nobody was, is there, or answers within two seconds.
    pub async fn ask_previous(&self, component: &str, hash: u64, key: &str) -> Option<Vec<u8>> {
        self.0.ask_previous(component, hash, key).await
    }
}

impl Cluster {
    /// Tells those who would be next for some keys, if this process vanished, where a component has got to: then [`Cluster::ask_previous`] answers
    /// them with that. Returns at once; what does not arrive is missed by nobody but who would have to repeat work.
    pub fn publish(&self, component: &str, positions: Vec<Published>) {
        self.0.publish(component, positions);
    }
}

/// Waits until owners may have changed, by what [`Cluster::changes`] gave; for ever without a cluster.
pub async fn owners_changed(changes: &mut Option<watch::Receiver<u64>>) {
    if let Some(changes) = changes
        && changes.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

struct Alone {
    me: Peer,
    /// Kept so that receivers wait instead of failing.
    changes: watch::Sender<u64>,
}

impl ClusterView for Alone {
    fn owner(&self, _: u64, _: Op) -> Option<Peer> {
        Some(self.me.clone())
    }

    fn owns(&self, _: u64) -> bool {
        true
    }

    fn ready(&self) -> bool {
        true
    }

    fn peers(&self) -> Vec<Peer> {
        vec![self.me.clone()]
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn offer(&self, _: &str, _: Arc<dyn HandOver>) -> Offer {
        Offer(None)
    }

    fn ask_previous(&self, _: &str, _: u64, _: &str) -> BoxFuture<'static, Option<Vec<u8>>> {
        Box::pin(std::future::ready(None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_alone_is_responsible_for_everything() {
        let cluster = Cluster::alone("me", "127.0.0.1:1");
        assert!(cluster.ready() && cluster.owns(0) && cluster.owns(u64::MAX));
        assert_eq!(cluster.owner(7, Op::ReadWrite), Some(cluster.peers()[0].clone()));
        assert_eq!(cluster.peers()[0].state.as_str(), "participant");
        assert!(!cluster.changes().has_changed().unwrap());
    }
}
