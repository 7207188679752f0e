//! The state machine: what happens upon each event.

mod names;
mod packets;
mod timers;

use crate::config::Config;
use crate::foca_codec::NodeCodec;
use crate::lore::Lore;
use crate::node::{Invalid, MAX_NAME, Member, Node, State};
use crate::wire::{Entry, Liveness};
use foca::{Foca, NoCustomBroadcast};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use timers::Timers;

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A packet arrived.
    Packet(&'a [u8]),
    /// The time that [`Output::wake`] named has come.
    Timer,
    /// These may be members: ask them, and now and then ask one that is not among the members again.
    Join(&'a [SocketAddr]),
    /// Exchange lists with a member now.
    Exchange(SocketAddr),
    /// This node has another state now. Going back has no effect.
    SetState(State),
    /// This node goes, and takes part in nothing any more.
    Leave,
}

/// A packet to be sent. It may get lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Where to.
    pub to: SocketAddr,
    /// What.
    pub data: Vec<u8>,
}

/// Something that others may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A member is there that was not.
    Up(Member),
    /// A member is gone, or believed to be.
    Down(Member),
    /// A member, this node too, has another state, address or generation.
    Changed(Member),
    /// Another living node has this node's name. Told once for each.
    Conflict {
        /// The other one.
        other: Node,
        /// Whether this node goes on; otherwise it is displaced.
        won: bool,
    },
    /// This node, which was displaced, takes part again.
    Restored,
    /// This node had been declared down, or an older life of it was in the way, and it has a new generation.
    Renewed(u64),
}

/// What is to be done.
#[derive(Debug, Default)]
pub struct Output {
    /// Packets to be sent, in this order.
    pub packets: Vec<Packet>,
    /// What is new.
    pub news: Vec<News>,
    /// When an [`Event::Timer`] is due, on the scale of the times that were given. Replaces what was said before.
    pub wake: Option<Duration>,
}

/// What part this node has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is a member.
    Member,
    /// Another node has its name and counts.
    Displaced(Node),
    /// It has left.
    Left,
}

/// Numbers since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages of the failure detector that were understood.
    pub messages: u64,
    /// Lists.
    pub lists: u64,
    /// Requests for lists.
    pub requests: u64,
    /// Hints that the sender's name belongs to another node.
    pub stale: u64,
    /// Packets of other clusters, refused.
    pub foreign: u64,
    /// Packets of a version that is not known, refused.
    pub versions: u64,
    /// Packets that were not understood.
    pub malformed: u64,
    /// States that were passed on, and own states that were announced.
    pub broadcasts: u64,
    /// How often this node was suspected within the last minute or so, 0 to 8: what is above zero says that it answers too late.
    pub health_score: u32,
}

/// Addresses that are asked at once when joining.
const JOINED: usize = 64;

enum Life {
    Member,
    Displaced {
        by: Node,
        /// How often it was asked since it was last heard of.
        asked: u32,
    },
    Left,
}

type Swim = Foca<Node, NodeCodec, SmallRng, NoCustomBroadcast>;

/// One node's part in the cluster.
pub struct Gossip {
    config: Config,
    cluster: Box<str>,
    foca: Swim,
    rng: SmallRng,
    life: Life,
    lore: Lore,
    lamport: u64,
    /// This node's incarnation, as far as it was told to anyone.
    incarnation: u16,
    now: Duration,
    started: bool,
    timers: Timers,
    /// Members of which only hearsay says that they are down.
    accused: BTreeSet<Node>,
    /// When lists were asked for because of other digests.
    repaired: HashMap<SocketAddr, Duration>,
    last_repair: Option<Duration>,
    /// Where it joined last, which is asked again now and then.
    joined: Vec<SocketAddr>,
    /// Others with this node's name that were reported.
    conflicts: BTreeSet<Node>,
    /// What was told last.
    told: BTreeMap<Arc<str>, Member>,
    digest: u64,
    /// Whether `told` and `digest` may be out of date.
    dirty: bool,
    size: usize,
    stats: Stats,
    out: Output,
}

impl Gossip {
    /// A node that knows nobody. The same seed gives the same behaviour; nodes should have different ones.
    ///
    /// # Errors
    /// A name of the cluster that is longer than [`MAX_NAME`].
    pub fn new(config: Config, cluster: &str, me: Node, seed: u64) -> Result<Gossip, Invalid> {
        if cluster.len() > MAX_NAME {
            return Err(Invalid::LongName(cluster.to_owned()));
        }
        let mut rng = SmallRng::seed_from_u64(seed);
        let foca = Foca::new(me, config.foca(1), SmallRng::seed_from_u64(rng.random()), NodeCodec);
        let mut gossip = Gossip {
            config,
            cluster: cluster.into(),
            foca,
            rng,
            life: Life::Member,
            lore: Lore::default(),
            lamport: 0,
            incarnation: 0,
            now: Duration::ZERO,
            started: false,
            timers: Timers::default(),
            accused: BTreeSet::new(),
            repaired: HashMap::new(),
            last_repair: None,
            joined: Vec::new(),
            conflicts: BTreeSet::new(),
            told: BTreeMap::new(),
            digest: 0,
            dirty: true,
            size: 1,
            stats: Stats::default(),
            out: Output::default(),
        };
        gossip.refresh();
        gossip.out.news.clear();
        Ok(gossip)
    }

    /// Takes an event in. `now` is the time since any fixed moment, by a clock that does not go back; its rate may be a few percent off.
    pub fn handle(&mut self, now: Duration, event: Event<'_>) -> Output {
        self.now = self.now.max(now);
        if !std::mem::replace(&mut self.started, true) {
            self.start_timers();
        }
        self.run_timers();
        match event {
            Event::Packet(data) => self.packet(data),
            Event::Timer => {}
            Event::Join(addresses) => self.join(addresses),
            Event::Exchange(with) => {
                if matches!(self.life, Life::Member) {
                    self.send_list(with, "", true);
                }
            }
            Event::SetState(state) => self.set_state(state),
            Event::Leave => self.leave(),
        }
        self.refresh();
        self.out.wake = self.timers.next();
        std::mem::take(&mut self.out)
    }

    /// This node, with its present generation.
    pub fn me(&self) -> &Node {
        self.foca.identity()
    }

    /// This node's state.
    pub fn state(&self) -> State {
        self.lore.of(self.me()).0
    }

    /// What part this node has.
    pub fn standing(&self) -> Standing {
        match &self.life {
            Life::Member => Standing::Member,
            Life::Displaced { by, .. } => Standing::Displaced(by.clone()),
            Life::Left => Standing::Left,
        }
    }

    /// Who is there, this node included, by name; nobody if this node is no member.
    pub fn members(&self) -> Vec<Member> {
        self.told.values().cloned().collect()
    }

    /// The Lamport time: above that of every state that was heard of.
    pub fn lamport_time(&self) -> u64 {
        self.lamport
    }

    /// Numbers.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    fn join(&mut self, addresses: &[SocketAddr]) {
        let me = self.me().address;
        let others = addresses.iter().copied().filter(|address| *address != me);
        self.joined = others.take(JOINED).collect();
        if matches!(self.life, Life::Member) {
            for address in self.joined.clone() {
                self.send_list(address, "", true);
            }
        }
    }

    fn set_state(&mut self, state: State) {
        if matches!(self.life, Life::Left) || state <= self.state() {
            return;
        }
        self.lamport += 1;
        let transmissions = Config::transmissions(self.size);
        let me = self.me().clone();
        self.lore.learn(&me, state, self.lamport, transmissions);
        self.stats.broadcasts += 1;
        self.dirty = true;
        if matches!(self.life, Life::Member) {
            self.swim(|foca, effects| foca.gossip(effects));
        }
    }

    fn leave(&mut self) {
        if matches!(self.life, Life::Member) {
            self.swim(|foca, effects| foca.leave_cluster(effects));
        }
        self.life = Life::Left;
        self.timers.clear();
        self.dirty = true;
    }

    /// What is known under a name.
    fn known(&self, name: &str) -> Option<&foca::Member<Node>> {
        self.foca
            .iter_membership_state()
            .find(|member| &*member.id().name == name)
    }

    fn is_active(&self, node: &Node) -> bool {
        self.known(&node.name)
            .is_some_and(|known| known.id() == node && known.state() != foca::State::Down)
    }

    fn entry(&self, member: &foca::Member<Node>) -> Entry {
        let (state, time) = self.lore.of(member.id());
        Entry {
            node: member.id().clone(),
            incarnation: member.incarnation(),
            liveness: match member.state() {
                foca::State::Alive => Liveness::Alive,
                foca::State::Suspect => Liveness::Suspect,
                foca::State::Down => Liveness::Down,
            },
            state,
            time,
        }
    }

    fn my_entry(&self) -> Entry {
        self.entry(&foca::Member::new(
            self.me().clone(),
            self.incarnation,
            foca::State::Alive,
        ))
    }

    /// Tells what changed since the last time, and computes the digest.
    fn refresh(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let mut members = BTreeMap::new();
        if matches!(self.life, Life::Member) {
            let active = self.foca.iter_members().map(|member| member.id());
            let me = self.me();
            for node in active.chain([me]) {
                let (state, time) = self.lore.of(node);
                let member = Member {
                    node: node.clone(),
                    state,
                    time,
                    is_self: node == me,
                };
                members.insert(node.name.clone(), member);
            }
        }
        for (name, before) in &self.told {
            if !members.contains_key(name) {
                self.out.news.push(News::Down(before.clone()));
            }
        }
        for (name, member) in &members {
            match self.told.get(name) {
                None => self.out.news.push(News::Up(member.clone())),
                Some(before) if before != member => self.out.news.push(News::Changed(member.clone())),
                Some(_) => {}
            }
        }
        self.digest = members.values().map(digest).fold(0, |all, one| all ^ one);
        let me = self.me().name.clone();
        self.lore.keep(|name| *name == *me || members.contains_key(name));
        self.accused
            .retain(|node| members.get(&node.name).is_some_and(|member| member.node == *node));
        if members.len().max(1) != self.size {
            self.size = members.len().max(1);
            // Neither period nor timeout of probes change, so that this is not refused.
            let _ = self.foca.set_config(self.config.foca(self.size));
        }
        self.told = members;
    }
}

/// What a member adds to the digest of all.
fn digest(member: &Member) -> u64 {
    let mut hash = xxhash_rust::xxh64::Xxh64::new(0);
    hash.update(member.node.name.as_bytes());
    hash.update(&member.node.generation.to_be_bytes());
    hash.update(&[member.state as u8]);
    hash.digest()
}
