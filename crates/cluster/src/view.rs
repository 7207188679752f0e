//! What is known of the cluster, for those who ask.

use component::{Op, Peer, PeerState};
use gossip::{Member, State};
use hashring::Ring;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;

/// How long it is remembered who was responsible for what.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Past distributions that are remembered.
const PAST: usize = 16;
/// Previous owners of a key that are asked.
const ASKED: usize = 3;

/// The cluster at one moment.
#[derive(Default)]
pub(crate) struct Seen {
    /// This process's name.
    pub(crate) me: Arc<str>,
    /// Whether it is a member as far as it knows; otherwise another one has its name, it has left, or it is about to find out.
    pub(crate) counts: bool,
    pub(crate) ready: bool,
    pub(crate) members: Vec<Member>,
    write: Ring<Arc<str>>,
    /// With those that are about to go, if there are any.
    read: Option<Ring<Arc<str>>>,
    /// Participants but for this process; made when it is needed.
    others: OnceLock<Ring<Arc<str>>>,
}

impl Seen {
    pub(crate) fn new(me: Arc<str>, counts: bool, ready: bool, members: Vec<Member>) -> Self {
        let ring = |may: fn(State) -> bool| {
            let members = members.iter().filter(|member| may(member.state));
            Ring::new(members.map(|member| member.node.name.clone()))
        };
        let going = members.iter().any(|member| member.state == State::Terminating);
        Seen {
            write: ring(|state| state == State::Participant),
            read: going.then(|| ring(|state| state != State::Viewer)),
            others: OnceLock::new(),
            me,
            counts,
            ready,
            members,
        }
    }

    /// The same, but nothing if that is what `before` says: the same members with the same states at the same places.
    pub(crate) fn new_if(before: &Seen, me: Arc<str>, counts: bool, ready: bool, members: Vec<Member>) -> Option<Self> {
        let key = |member: &Member| (member.node.name.clone(), member.node.address, member.state);
        let same = (before.counts, before.ready) == (counts, ready)
            && before.members.iter().map(key).eq(members.iter().map(key));
        (!same).then(|| Seen::new(me, counts, ready, members))
    }

    fn ring(&self, op: Op) -> &Ring<Arc<str>> {
        match op {
            Op::Read => self.read.as_ref().unwrap_or(&self.write),
            Op::ReadWrite => &self.write,
        }
    }

    pub(crate) fn owner(&self, key: u64, op: Op) -> Option<Peer> {
        if !self.counts {
            return None;
        }
        let name = self.ring(op).owner(key)?;
        self.members.iter().find(|member| member.node.name == *name).map(peer)
    }

    pub(crate) fn owns(&self, key: u64) -> bool {
        let owner = || self.write.owner(key);
        self.ready && self.counts && owner().is_none_or(|owner| *owner == self.me)
    }

    /// Whether this process is the one that is responsible, and not for want of another.
    pub(crate) fn is_owner(&self, key: u64) -> bool {
        self.counts && self.write.owner(key) == Some(&self.me)
    }

    /// Where the member is that would be responsible for a key if this process vanished.
    pub(crate) fn next_owner(&self, key: u64) -> Option<SocketAddr> {
        let others = self.others.get_or_init(|| {
            let participants = self
                .members
                .iter()
                .filter(|member| member.state == State::Participant && member.node.name != self.me);
            Ring::new(participants.map(|member| member.node.name.clone()))
        });
        let name = others.owner(key).filter(|_| self.counts)?;
        let mut places = self.members.iter().filter(|member| member.node.name == *name);
        places.next().map(|member| member.node.address)
    }

    /// The name of the one who does the work for a key.
    pub(crate) fn owner_name(&self, key: u64) -> Option<&str> {
        self.write.owner(key).map(|name| &**name)
    }

    /// Whether a member has this address.
    pub(crate) fn is_there(&self, address: SocketAddr) -> bool {
        self.members.iter().any(|member| member.node.address == address)
    }

    /// What others see who do not see this process.
    pub(crate) fn without_me(&self) -> Seen {
        let others = self.members.iter().filter(|member| !member.is_self).cloned();
        Seen::new(self.me.clone(), false, self.ready, others.collect())
    }

    pub(crate) fn peers(&self) -> Vec<Peer> {
        self.members.iter().map(peer).collect()
    }
}

fn peer(member: &Member) -> Peer {
    Peer {
        name: member.node.name.to_string(),
        addr: member.node.address.to_string(),
        is_self: member.is_self,
        state: match member.state {
            State::Viewer => PeerState::Viewer,
            State::Participant => PeerState::Participant,
            State::Terminating => PeerState::Terminating,
        },
    }
}

/// Somebody who was responsible for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Previous {
    pub(crate) name: Arc<str>,
    pub(crate) address: SocketAddr,
    /// Whether it is a member now.
    pub(crate) present: bool,
}

/// Who was responsible before.
#[derive(Default)]
pub(crate) struct Past(VecDeque<(Instant, Arc<Seen>)>);

impl Past {
    /// What was seen until now is over.
    pub(crate) fn push(&mut self, seen: Arc<Seen>, now: Instant) {
        self.0.retain(|(until, _)| now.duration_since(*until) < REMEMBERED);
        self.0.truncate(PAST - 1);
        self.0.push_front((now, seen));
    }

    /// Where to ask for what was done about a key, the last owner first.
    pub(crate) fn owners(&self, key: u64, present: &Seen, now: Instant) -> Vec<Previous> {
        let recent = self
            .0
            .iter()
            .filter(|(until, _)| now.duration_since(*until) < REMEMBERED);
        let write = recent.clone().map(|(_, seen)| (&**seen, seen.write.owner(key)));
        // Those that are about to go, also if they were that when this process came.
        let read = recent.map(|(_, seen)| (&**seen, seen.ring(Op::Read).owner(key)));
        let present_read = std::iter::once((present, present.ring(Op::Read).owner(key)));
        let mut found: Vec<Previous> = Vec::new();
        for (seen, name) in present_read.chain(write).chain(read) {
            let Some(name) = name.filter(|name| **name != present.me) else {
                continue;
            };
            if found.iter().any(|other| other.name == *name) {
                continue;
            }
            // Where it is now, if it is there.
            let place = |seen: &Seen| {
                let mut members = seen.members.iter().filter(|member| member.node.name == *name);
                members.next().map(|member| member.node.address)
            };
            let now = place(present);
            if let Some(address) = now.or_else(|| place(seen)) {
                found.push(Previous {
                    name: name.clone(),
                    address,
                    present: now.is_some(),
                });
            }
        }
        found.truncate(ASKED);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gossip::Node;

    fn seen(me: &str, members: &[(&str, State)]) -> Seen {
        let members = members.iter().enumerate().map(|(at, (name, state))| Member {
            node: Node::new(name, ([10, 0, 0, at as u8], 1).into(), 1).unwrap(),
            state: *state,
            time: 1,
            is_self: *name == me,
        });
        Seen::new(me.into(), true, true, members.collect())
    }

    fn key(seen: &Seen, owner: &str) -> u64 {
        let mut keys = (0..).map(|number: u64| hashring::text_hash(&number.to_string()));
        keys.find(|key| seen.owner(*key, Op::ReadWrite).unwrap().name == owner)
            .unwrap()
    }

    use State::{Participant, Terminating, Viewer};

    #[test]
    fn participants_own_and_nobody_owns_what_is_not_ready() {
        let two = [("a", Participant), ("b", Participant), ("c", Viewer)];
        let (a, b, c) = (seen("a", &two), seen("b", &two), seen("c", &two));
        for number in 0..1000 {
            let key = hashring::text_hash(&number.to_string());
            assert_eq!(usize::from(a.owns(key)) + usize::from(b.owns(key)), 1);
            assert!(!c.owns(key) && !c.is_owner(key));
        }
        let mut waiting = seen("a", &two);
        waiting.ready = false;
        assert!((0..100).all(|key| !waiting.owns(key)));
        let mut displaced = seen("a", &two);
        displaced.counts = false;
        assert!((0..100).all(|key| !displaced.owns(key) && displaced.owner(key, Op::Read).is_none()));
    }

    #[test]
    fn while_nobody_takes_part_everything_is_kept() {
        let alone = seen("a", &[("a", Viewer), ("b", Viewer)]);
        assert!(alone.owns(7) && !alone.is_owner(7));
        assert_eq!(alone.owner(7, Op::ReadWrite), None);
    }

    #[test]
    fn those_that_go_can_be_read_from() {
        let both = seen("b", &[("a", Participant), ("b", Participant)]);
        let going = seen("b", &[("a", Terminating), ("b", Participant)]);
        let key = key(&both, "a");
        assert_eq!(going.owner(key, Op::Read).unwrap().name, "a");
        assert_eq!(going.owner(key, Op::ReadWrite).unwrap().name, "b");
    }

    #[test]
    fn the_next_owner_is_who_owns_without_this_process() {
        let three = [
            ("a", Participant),
            ("b", Participant),
            ("c", Participant),
            ("d", Viewer),
        ];
        let (a, without) = (seen("a", &three), seen("b", &[("-", Viewer), three[1], three[2]]));
        for number in 0..1000 {
            let key = hashring::text_hash(&number.to_string());
            let next = without
                .members
                .iter()
                .find(|member| Some(&*member.node.name) == without.owner_name(key));
            assert_eq!(a.next_owner(key), next.map(|member| member.node.address));
        }
        assert_eq!(seen("a", &[("a", Participant), ("d", Viewer)]).next_owner(7), None);
        let left = a.without_me();
        assert!(!left.counts && left.members.len() == 3 && left.owner_name(7).is_some_and(|owner| owner != "a"));
    }

    #[tokio::test(start_paused = true)]
    async fn previous_owners_are_those_of_the_last_minute() {
        let now = Instant::now();
        let mut past = Past::default();
        let first = Arc::new(seen("b", &[("a", Participant), ("b", Viewer)]));
        let second = Arc::new(seen("b", &[("a", Participant), ("b", Participant)]));
        let (mine, others) = (key(&second, "b"), key(&second, "a"));
        past.push(first.clone(), now);
        let mut a = Previous {
            name: "a".into(),
            address: "10.0.0.0:1".parse().unwrap(),
            present: true,
        };
        assert_eq!(past.owners(mine, &second, now), std::slice::from_ref(&a));
        // It is not there any more, but was.
        let alone = Arc::new(seen("b", &[("b", Participant)]));
        past.push(second, now);
        a.present = false;
        assert_eq!(past.owners(others, &alone, now), [a]);
        assert!(past.owners(others, &alone, now + REMEMBERED).is_empty());
        past.push(alone, now + REMEMBERED);
        assert_eq!(past.0.len(), 1, "what is older is dropped");
    }
}
