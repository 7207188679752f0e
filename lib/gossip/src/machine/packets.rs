//! Packets that come in and go out.

use super::names::member;
use super::timers::Timer;
use super::{Gossip, Life, Packet, Swim};
use crate::config::Config;
use crate::foca_codec;
use crate::node::{Node, State};
use crate::wire::{Body, Entry, Frame, Liveness, MAX_MEMBERS, Malformed, Reader};
use foca::{Notification, Runtime};
use std::net::SocketAddr;
use std::time::Duration;

/// States that travel with a message beside what `foca` says.
const NEWS_OF_A_PACKET: usize = 64;

/// What `foca` wants done.
#[derive(Default)]
pub(super) struct Effects {
    sends: Vec<(Node, Vec<u8>)>,
    timers: Vec<(Duration, foca::Timer<Node>)>,
    pub(super) renewed: bool,
    changed: bool,
}

impl Runtime<Node> for Effects {
    fn notify(&mut self, notification: Notification<'_, Node>) {
        match notification {
            Notification::Rejoin(_) => self.renewed = true,
            Notification::MemberUp(_) | Notification::MemberDown(_) | Notification::Rename(..) => self.changed = true,
            Notification::Active | Notification::Idle | Notification::Defunct => {}
        }
    }

    fn send_to(&mut self, to: Node, data: &[u8]) {
        self.sends.push((to, data.to_vec()));
    }

    fn submit_after(&mut self, timer: foca::Timer<Node>, after: Duration) {
        self.timers.push((after, timer));
    }
}

impl Gossip {
    /// Lets `foca` do something and does what it wants. Its errors are about packets that it does not like and have no effect.
    pub(super) fn swim(&mut self, work: impl FnOnce(&mut Swim, &mut Effects) -> Result<(), foca::Error>) {
        let mut effects = Effects::default();
        let before = self.me().clone();
        if work(&mut self.foca, &mut effects).is_err() {
            self.stats.malformed += 1;
        }
        self.dirty |= effects.changed;
        if effects.renewed {
            self.renewed(&before);
        }
        for (after, timer) in effects.timers {
            self.timers.set(self.now + after, Timer::Swim(timer));
        }
        if !effects.sends.is_empty() {
            // So that the packets' digest is that of what they say.
            self.refresh();
        }
        for (to, data) in effects.sends {
            self.send_message(&to, &data);
        }
    }

    fn send(&mut self, to: SocketAddr, body: Body<'_>) {
        let frame = Frame {
            cluster: &self.cluster,
            sender: self.my_entry(),
            digest: self.digest,
            body,
        };
        let data = frame.encode();
        self.out.packets.push(Packet { to, data });
    }

    /// Sends what `foca` says, with states.
    fn send_message(&mut self, to: &Node, data: &[u8]) {
        let Ok((header, updates, length)) = taken_apart(data) else {
            debug_assert!(false, "foca's packets can be read");
            return;
        };
        if header.src == *self.me() {
            self.incarnation = self.incarnation.max(header.src_incarnation);
        }
        let mut entries: Vec<Entry> = updates.iter().map(|update| self.entry(update)).collect();
        for name in self.lore.take_news(NEWS_OF_A_PACKET) {
            if entries.iter().any(|entry| entry.node.name == name) {
                continue;
            }
            if let Some(known) = self.known(&name) {
                entries.push(self.entry(known));
                self.stats.broadcasts += 1;
            }
        }
        self.send(
            to.address,
            Body::Message {
                header: &data[..length],
                entries,
            },
        );
    }

    /// Sends the list of all members; asks for the receiver's if it is a request.
    pub(super) fn send_list(&mut self, to: SocketAddr, name: &str, request: bool) {
        self.refresh();
        let mut entries: Vec<Entry> = self
            .foca
            .iter_membership_state()
            .map(|member| self.entry(member))
            .collect();
        entries.sort_by_key(|entry| entry.liveness == Liveness::Down);
        entries.truncate(MAX_MEMBERS);
        self.send(
            to,
            Body::List {
                to: name,
                request,
                entries,
            },
        );
    }

    pub(super) fn send_stale(&mut self, to: SocketAddr, entry: Entry) {
        self.send(to, Body::Stale(entry));
    }

    pub(super) fn packet(&mut self, data: &[u8]) {
        let frame = match Frame::decode(data) {
            Ok(frame) => frame,
            Err(Malformed::Version) => return self.stats.versions += 1,
            Err(Malformed::Other) => return self.stats.malformed += 1,
        };
        if frame.cluster != &*self.cluster {
            return self.stats.foreign += 1;
        }
        let sender = frame.sender.node.clone();
        if sender == *self.me() {
            return;
        }
        match self.life {
            Life::Left => return,
            Life::Displaced { .. } => return self.packet_while_displaced(&frame),
            Life::Member => {}
        }
        if sender.name == self.me().name {
            return self.namesake(sender);
        }
        if let Body::Stale(entry) = &frame.body {
            // Not answered in any way: two nodes with old ideas of each other would go on forever.
            self.stats.stale += 1;
            let me = self.me().clone();
            if entry.node.name == me.name {
                self.about_me(entry);
            }
            if *self.me() != me && matches!(self.life, Life::Member) {
                self.send_list(sender.address, &sender.name, true);
            }
            return;
        }
        match self.known(&sender.name) {
            Some(known) if known.id() != &sender && known.id().wins(&sender) => {
                let entry = self.entry(known);
                return self.send_stale(sender.address, entry);
            }
            None if self.foca.iter_membership_state().len() >= MAX_MEMBERS => return,
            _ => {}
        }
        let me = self.me().clone();
        let rest = match frame.body {
            Body::Stale(_) => return,
            Body::Message { header, entries } => {
                let whole = foca_codec::header(&mut Reader::new(header));
                match whole {
                    // An address may have passed to another node.
                    Ok(whole) if whole.dst.name != me.name => return,
                    Ok(whole) if whole.src == sender => {}
                    _ => return self.stats.malformed += 1,
                }
                self.stats.messages += 1;
                (Some(header), false, entries, true)
            }
            Body::List { to, request, entries } => {
                if !to.is_empty() && *to != *me.name {
                    return;
                }
                match request {
                    true => self.stats.requests += 1,
                    false => self.stats.lists += 1,
                }
                (None, request, entries, false)
            }
        };
        let (header, request, entries, first_hand) = rest;
        self.accused.remove(&sender);
        let alive = foca::Member::new(sender.clone(), frame.sender.incarnation, foca::State::Alive);
        self.swim(|foca, effects| foca.apply_many([alive].into_iter(), true, effects));
        self.learn(&sender, frame.sender.state, frame.sender.time);
        if self.is_active(&sender) || !first_hand {
            self.apply(&entries, first_hand);
        }
        if let Some(header) = header {
            self.swim(|foca, effects| foca.handle_data(header, effects));
        }
        if !matches!(self.life, Life::Member) {
            return;
        }
        let renewed = *self.me() != me;
        if renewed {
            // It begins to probe again.
            self.swim(|foca, effects| foca.apply_many(std::iter::empty(), false, effects));
        }
        self.refresh();
        if request || renewed {
            // Whoever thought that this node is down hears of its new life at once.
            self.send_list(sender.address, &sender.name, renewed);
        } else if frame.digest != self.digest && self.may_repair(sender.address) {
            self.send_list(sender.address, &sender.name, true);
        }
    }

    /// Only its namesake is of interest to a displaced node, and whoever tells of one.
    fn packet_while_displaced(&mut self, frame: &Frame<'_>) {
        let me = self.me().clone();
        let sender = &frame.sender.node;
        let told = match &frame.body {
            _ if sender.name == me.name => sender,
            Body::Stale(entry) if entry.node.name == me.name && entry.liveness != Liveness::Down => &entry.node,
            _ => return,
        };
        let Life::Displaced { by, asked, .. } = &mut self.life else {
            return;
        };
        if told == by || told.wins(by) {
            if told != by && told.address != me.address {
                *by = told.clone();
            }
            if sender.name == me.name {
                *asked = 0;
            }
        }
    }

    /// Whether a list may be asked for because of another digest, now.
    fn may_repair(&mut self, from: SocketAddr) -> bool {
        let since = |at: Option<Duration>| at.map_or(Duration::MAX, |at| self.now.saturating_sub(at));
        let (last, peer) = (since(self.last_repair), since(self.repaired.get(&from).copied()));
        if last < self.config.repair || peer < self.config.repair * 2 {
            return false;
        }
        self.last_repair = Some(self.now);
        self.repaired.insert(from, self.now);
        true
    }

    /// Takes note of somebody's state.
    fn learn(&mut self, node: &Node, state: State, time: u64) {
        // A time of the far future would leave no later one.
        let time = time.min(u64::MAX >> 1);
        self.lamport = self.lamport.max(time);
        if self.is_active(node) {
            let transmissions = Config::transmissions(self.size);
            self.dirty |= self.lore.learn(node, state, time, transmissions);
        }
    }

    /// Believes what a member says; what it only has from others about members that are down has to be confirmed.
    fn apply(&mut self, entries: &[Entry], first_hand: bool) {
        let mut updates = Vec::with_capacity(entries.len());
        let mut room = MAX_MEMBERS.saturating_sub(self.foca.iter_membership_state().len());
        let mut accused = Vec::new();
        for entry in entries {
            if entry.node.name == self.me().name {
                self.about_me(entry);
                if !matches!(self.life, Life::Member) {
                    return;
                }
                continue;
            }
            match self.known(&entry.node.name) {
                None if entry.liveness == Liveness::Down || room == 0 => continue,
                None => room -= 1,
                Some(known)
                    if !first_hand
                        && entry.liveness == Liveness::Down
                        && known.id() == &entry.node
                        && known.state() != foca::State::Down =>
                {
                    accused.push(entry.node.clone());
                    continue;
                }
                Some(_) => {}
            }
            updates.push(member(entry));
        }
        self.swim(|foca, effects| foca.apply_many(updates.into_iter(), true, effects));
        for entry in entries {
            // Not of this node, which is never active among the others.
            self.learn(&entry.node, entry.state, entry.time);
        }
        for node in accused {
            if self.accused.insert(node.clone()) {
                self.send_list(node.address, &node.name, true);
                self.timers.set(self.now + self.config.suspicion, Timer::Verdict(node));
            }
        }
    }
}

/// Header, updates, and the length of the header.
fn taken_apart(data: &[u8]) -> Result<(foca::Header<Node>, Vec<foca::Member<Node>>, usize), Malformed> {
    let mut reader = Reader::new(data);
    let header = foca_codec::header(&mut reader)?;
    let length = data.len() - reader.rest.len();
    let mut updates = Vec::new();
    if !reader.rest.is_empty() {
        for _ in 0..reader.u16()? {
            updates.push(foca_codec::member(&mut reader)?);
        }
    }
    Ok((header, updates, length))
}
