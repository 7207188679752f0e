//! Nodes, members and their states.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Bytes of the longest name of a node or a cluster.
pub const MAX_NAME: usize = 255;
/// The highest generation; what comes over the network with more is refused, so that there is always a next one.
pub(crate) const MAX_GENERATION: u64 = u64::MAX >> 1;

/// What a node is not made of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A node without a name.
    #[error("the name of a node must not be empty")]
    NoName,
    /// A name that is too long.
    #[error("the name {0:?} has more than {MAX_NAME} bytes")]
    LongName(String),
    /// A generation beyond all reason.
    #[error("generation {0} is too high")]
    Generation(u64),
}

/// One life of a node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Its name, by which others know it.
    pub name: Arc<str>,
    /// Where it gets packets.
    pub address: SocketAddr,
    /// Which of the lives of this name: the newest counts.
    pub generation: u64,
}

impl Node {
    /// A node.
    ///
    /// # Errors
    /// A name that is empty or longer than [`MAX_NAME`]; a generation above 2^63 - 1.
    pub fn new(name: &str, address: SocketAddr, generation: u64) -> Result<Node, Invalid> {
        match name.len() {
            0 => Err(Invalid::NoName),
            1..=MAX_NAME if generation <= MAX_GENERATION => Ok(Node {
                name: name.into(),
                address,
                generation,
            }),
            1..=MAX_NAME => Err(Invalid::Generation(generation)),
            _ => Err(Invalid::LongName(name.to_owned())),
        }
    }

    /// Whether this is what counts under the name, and not `other`. The address decides only between equal generations.
    pub fn wins(&self, other: &Node) -> bool {
        (self.generation, self.address) > (other.generation, other.address)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}#{}", self.name, self.address, self.generation)
    }
}

impl foca::Identity for Node {
    type Addr = Arc<str>;

    fn renew(&self) -> Option<Node> {
        let generation = self.generation.checked_add(1).filter(|next| *next <= MAX_GENERATION)?;
        Some(Node {
            generation,
            ..self.clone()
        })
    }

    fn addr(&self) -> Arc<str> {
        self.name.clone()
    }

    fn win_addr_conflict(&self, adversary: &Node) -> bool {
        self.wins(adversary)
    }
}

/// What a node does in the cluster. Only goes forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum State {
    /// Sees the others, and is responsible for nothing yet.
    #[default]
    Viewer = 0,
    /// Takes its share.
    Participant = 1,
    /// Is about to go: takes nothing new, and can still be asked for what it had.
    Terminating = 2,
}

impl State {
    /// All of them, in order.
    pub const ALL: [State; 3] = [State::Viewer, State::Participant, State::Terminating];

    /// `viewer`, `participant` or `terminating`.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Viewer => "viewer",
            State::Participant => "participant",
            State::Terminating => "terminating",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A node that is there, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The node.
    pub node: Node,
    /// Its state.
    pub state: State,
    /// The Lamport time at which it took that state.
    pub time: u64,
    /// Whether this is the node that tells.
    pub is_self: bool,
}
