//! What this node does about statements that concern its own name.

use super::packets::Effects;
use super::{Gossip, Life, News};
use crate::config::Config;
use crate::foca_codec::NodeCodec;
use crate::node::{MAX_GENERATION, Node};
use crate::wire::{Entry, Liveness};
use foca::Foca;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Conflicts that are remembered so that each is reported once.
const CONFLICTS: usize = 64;
/// The worst health score.
const WORST: u32 = 8;

impl Gossip {
    /// Somebody says something about this node's name.
    pub(super) fn about_me(&mut self, entry: &Entry) {
        let me = self.me().clone();
        if entry.node == me {
            if entry.liveness == Liveness::Suspect {
                self.stats.health_score = (self.stats.health_score + 1).min(WORST);
            }
            // It objects to being suspected by a higher incarnation and to being down by a new generation.
            let member = member(entry);
            self.swim(|foca, effects| foca.apply_many([member].into_iter(), true, effects));
            // Nobody but this node says what state it is in.
            if self.me() == &me && entry.state > self.state() {
                self.renew(me.generation);
            }
        } else if entry.node.wins(&me) {
            if entry.liveness == Liveness::Down || entry.node.address == me.address {
                // An earlier life of this node, by a clock that was ahead, or another that is gone.
                self.renew(entry.node.generation);
            } else {
                self.conflict(entry.node.clone());
            }
        }
    }

    /// A packet comes from another node with this node's name.
    pub(super) fn namesake(&mut self, other: Node) {
        if other.address == self.me().address {
            // A packet of an earlier life that was long on its way.
            if other.wins(self.me()) {
                self.renew(other.generation);
            }
            return;
        }
        if !other.wins(self.me()) {
            self.send_stale(other.address, self.my_entry());
        }
        self.conflict(other);
    }

    /// Reports that there are two; this node is displaced if it is the one that does not count.
    pub(super) fn conflict(&mut self, other: Node) {
        let won = !other.wins(self.me());
        if self.conflicts.len() >= CONFLICTS {
            self.conflicts.clear();
        }
        if self.conflicts.insert(other.clone()) {
            self.out.news.push(News::Conflict {
                other: other.clone(),
                won,
            });
        }
        if !won && matches!(self.life, Life::Member) {
            self.displace(other);
        }
    }

    /// Takes a generation above the one that is in the way.
    fn renew(&mut self, above: u64) {
        let before = self.me().clone();
        let generation = above.max(before.generation) + 1;
        if generation > MAX_GENERATION {
            return;
        }
        let new = Node { generation, ..before };
        self.swim(|foca, effects: &mut Effects| {
            foca.change_identity(new, &mut *effects)?;
            effects.renewed = true;
            // It begins to probe again.
            foca.apply_many(std::iter::empty(), false, effects)
        });
    }

    /// What a new generation of this node needs; called after `foca` has taken it.
    pub(super) fn renewed(&mut self, before: &Node) {
        let me = self.me().clone();
        let (state, _) = self.lore.of(before);
        self.incarnation = 0;
        self.lamport += 1;
        self.lore
            .learn(&me, state, self.lamport, Config::transmissions(self.size));
        self.out.news.push(News::Renewed(me.generation));
        self.dirty = true;
    }

    /// Takes part again, after it had been displaced.
    pub(super) fn restore(&mut self, generation: u64) {
        let before = self.me().clone();
        if generation > MAX_GENERATION {
            return;
        }
        let me = Node {
            generation,
            ..before.clone()
        };
        let rng = SmallRng::seed_from_u64(self.rng.random());
        self.foca = Foca::new(me, self.config.foca(self.size), rng, NodeCodec);
        self.life = Life::Member;
        self.renewed(&before);
        self.out.news.push(News::Restored);
        self.start_timers();
        for address in self.joined.clone() {
            self.send_list(address, "", true);
        }
    }
}

/// What `foca` makes of an entry.
pub(super) fn member(entry: &Entry) -> foca::Member<Node> {
    let state = match entry.liveness {
        Liveness::Alive => foca::State::Alive,
        Liveness::Suspect => foca::State::Suspect,
        Liveness::Down => foca::State::Down,
    };
    foca::Member::new(entry.node.clone(), entry.incarnation, state)
}
