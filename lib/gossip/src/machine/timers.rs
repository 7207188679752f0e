//! What happens as time passes.

use super::packets::Effects;
use super::{Gossip, JOINED, Life};
use crate::node::Node;
use rand::RngExt;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

#[derive(Debug)]
pub(super) enum Timer {
    /// `foca`'s own.
    Swim(foca::Timer<Node>),
    /// Passes news on.
    Spread,
    /// Exchanges lists with somebody.
    Exchange,
    /// Asks some of those that are down.
    Heal,
    /// An accused member had time to answer.
    Verdict(Node),
    /// A displaced node asks the one in its place.
    Contend,
}

/// Timers in the order in which they are due, and in which they were set.
#[derive(Default)]
pub(super) struct Timers {
    due: BTreeMap<(Duration, u64), Timer>,
    set: u64,
}

impl Timers {
    pub(super) fn set(&mut self, at: Duration, timer: Timer) {
        self.set += 1;
        self.due.insert((at, self.set), timer);
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn clear(&mut self) {
        self.due.clear();
    }

    fn take(&mut self, now: Duration) -> Option<Timer> {
        self.due
            .first_entry()
            .filter(|first| first.key().0 <= now)
            .map(|first| first.remove())
    }
}

/// Members that are asked at once whether they are back.
const HEALED: usize = 2;
/// How often the node in a displaced one's place is asked in vain before it is taken for gone.
const CONTENDED: u32 = 5;
/// Members that a displaced node keeps in mind.
const REMEMBERED: usize = 8;
/// Above this the table of repairs is cleaned up.
const REPAIRS: usize = 1024;

impl Gossip {
    pub(super) fn start_timers(&mut self) {
        self.later(self.config.spread, Timer::Spread);
        self.later(self.config.exchange, Timer::Exchange);
        self.later(self.config.heal, Timer::Heal);
    }

    /// Sets a timer, a little sooner or later so that members do not march in step.
    fn later(&mut self, after: Duration, timer: Timer) {
        let after = after.mul_f64(self.rng.random_range(0.8..1.2));
        self.timers.set(self.now + after, timer);
    }

    pub(super) fn run_timers(&mut self) {
        while let Some(timer) = self.timers.take(self.now) {
            self.timer(timer);
        }
    }

    fn timer(&mut self, timer: Timer) {
        match timer {
            Timer::Contend => return self.contend(),
            _ if !matches!(self.life, Life::Member) => return,
            _ => {}
        }
        match timer {
            Timer::Swim(timer) => self.swim(|foca, effects: &mut Effects| foca.handle_timer(timer, effects)),
            Timer::Spread => {
                if self.lore.has_news() || self.foca.updates_backlog() > 0 {
                    self.swim(|foca, effects| foca.gossip(effects));
                }
                self.later(self.config.spread, Timer::Spread);
            }
            Timer::Exchange => {
                let active: Vec<Node> = self.foca.iter_members().map(|member| member.id().clone()).collect();
                if !active.is_empty() {
                    let one = &active[self.rng.random_range(0..active.len())];
                    self.send_list(one.address, &one.name, true);
                }
                if self.repaired.len() > REPAIRS {
                    let old = self.now.saturating_sub(self.config.exchange);
                    self.repaired.retain(|_, at| *at > old);
                }
                self.later(self.config.exchange, Timer::Exchange);
            }
            Timer::Heal => {
                self.heal();
                self.later(self.config.heal, Timer::Heal);
            }
            Timer::Verdict(node) => {
                if self.accused.remove(&node) && self.is_active(&node) {
                    let down = foca::Member::down(node);
                    self.swim(|foca, effects| foca.apply_many([down].into_iter(), true, effects));
                }
            }
            Timer::Contend => {}
        }
    }

    fn heal(&mut self) {
        self.stats.health_score = self.stats.health_score.saturating_sub(1);
        let mut down: Vec<Node> = self
            .foca
            .iter_membership_state()
            .filter(|member| member.state() == foca::State::Down)
            .map(|member| member.id().clone())
            .collect();
        for _ in 0..HEALED.min(down.len()) {
            let node = down.swap_remove(self.rng.random_range(0..down.len()));
            self.send_list(node.address, &node.name, true);
        }
        // Where it joined there may be others of whom it knows nothing: the rest of a cluster that fell apart.
        let there: Vec<SocketAddr> = self.foca.iter_members().map(|member| member.id().address).collect();
        let others = self.joined.iter().filter(|address| !there.contains(address));
        let others: Vec<SocketAddr> = others.copied().collect();
        if !others.is_empty() {
            let at = self.rng.random_range(0..others.len());
            self.send_list(others[at], "", true);
        }
    }

    /// A displaced node asks the one that has its name, and takes its place when that is gone.
    fn contend(&mut self) {
        let Life::Displaced { by, asked } = &mut self.life else {
            return;
        };
        if *asked >= CONTENDED {
            let generation = by.generation + 1;
            return self.restore(generation);
        }
        *asked += 1;
        let by = by.clone();
        self.send_list(by.address, &by.name, true);
        self.later(self.config.contend, Timer::Contend);
    }

    /// Begins to be displaced.
    pub(super) fn displace(&mut self, by: Node) {
        // Whom to ask on the way back.
        let active: Vec<SocketAddr> = self.foca.iter_members().map(|member| member.id().address).collect();
        self.joined.extend(active.into_iter().take(REMEMBERED));
        self.joined.truncate(JOINED);
        self.life = Life::Displaced { by, asked: 0 };
        self.accused.clear();
        self.timers.clear();
        self.dirty = true;
        self.later(self.config.contend, Timer::Contend);
    }
}
