//! A network and the processes on it, in virtual time.

use fastrand::Rng;
use gossip::{Config, Event, Gossip, Member, News, Node, Standing, State};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

pub const SECOND: u64 = 1_000_000;

/// One process.
pub struct Process {
    pub name: String,
    pub address: SocketAddr,
    pub gossip: Gossip,
    /// Its clock: microseconds at the start of the world, and its rate.
    offset: f64,
    rate: f64,
    /// What it was last told to wake up at.
    wake: Option<u64>,
    pub news: Vec<News>,
}

enum Happening {
    Deliver { to: SocketAddr, data: Vec<u8> },
    Wake { process: usize, at: u64 },
}

/// Everything.
pub struct World {
    pub rng: Rng,
    /// Microseconds.
    pub now: u64,
    happenings: BTreeMap<(u64, u64), Happening>,
    count: u64,
    /// By a number that is never used twice.
    pub processes: BTreeMap<usize, Process>,
    next_process: usize,
    /// Groups that do not hear each other, by address; those that are in none are in group 0.
    pub group: BTreeMap<SocketAddr, u8>,
    pub loss: f64,
    pub duplication: f64,
    pub delay: std::ops::Range<u64>,
    /// How many times as long one packet in fifty takes, so that others overtake it.
    pub late: u64,
    pub config: Config,
    pub cluster: &'static str,
    pub packets: u64,
    pub bytes: u64,
    /// The last packets, to make other bytes of.
    pub seen: Vec<Vec<u8>>,
}

impl World {
    pub fn new(seed: u64) -> World {
        World {
            rng: Rng::with_seed(seed),
            now: SECOND,
            happenings: BTreeMap::new(),
            count: 0,
            processes: BTreeMap::new(),
            next_process: 0,
            group: BTreeMap::new(),
            loss: 0.0,
            duplication: 0.0,
            delay: 200..3_000,
            late: 40,
            config: Config::default(),
            cluster: "test",
            packets: 0,
            bytes: 0,
            seen: Vec::new(),
        }
    }

    fn at(&mut self, at: u64, happening: Happening) {
        self.count += 1;
        self.happenings.insert((at.max(self.now), self.count), happening);
    }

    /// Starts a process; its idea of the time of day makes its generation.
    pub fn start(&mut self, name: &str, address: SocketAddr, generation: u64) -> usize {
        let node = Node::new(name, address, generation).expect("the names of the tests are short");
        let gossip = Gossip::new(self.config, self.cluster, node, self.rng.u64(..)).expect("so is that of the cluster");
        let id = self.next_process;
        self.next_process += 1;
        let process = Process {
            name: name.to_owned(),
            address,
            gossip,
            offset: self.rng.f64() * 1e9,
            rate: 0.95 + self.rng.f64() * 0.1,
            wake: None,
            news: Vec::new(),
        };
        self.processes.insert(id, process);
        id
    }

    pub fn kill(&mut self, id: usize) {
        self.processes.remove(&id);
    }

    /// Gives an event to a process, and does what it wants.
    pub fn event(&mut self, id: usize, event: Event<'_>) {
        let now = self.now as f64;
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let local = Duration::from_micros((process.offset + now * process.rate) as u64);
        let output = process.gossip.handle(local, event);
        process.news.extend(output.news);
        let from = process.address;
        if let Some(wake) = output.wake {
            // Rounded up, so that it is due when it happens.
            let at = ((wake.as_micros() as f64 + 2.0 - process.offset) / process.rate).ceil() as u64;
            if process.wake != Some(at) {
                process.wake = Some(at);
                self.at(at, Happening::Wake { process: id, at });
            }
        } else {
            process.wake = None;
        }
        for packet in output.packets {
            self.send(from, packet.to, packet.data);
        }
    }

    fn group_of(&self, address: SocketAddr) -> u8 {
        self.group.get(&address).copied().unwrap_or(0)
    }

    fn send(&mut self, from: SocketAddr, to: SocketAddr, data: Vec<u8>) {
        self.packets += 1;
        self.bytes += data.len() as u64;
        if self.seen.len() < 64 {
            self.seen.push(data.clone());
        } else {
            let at = self.rng.usize(..64);
            self.seen[at].clone_from(&data);
        }
        let copies = 1 + usize::from(self.rng.f64() < self.duplication);
        for _ in 0..copies {
            if self.group_of(from) != self.group_of(to) || self.rng.f64() < self.loss {
                continue;
            }
            let late = if self.rng.u8(..50) == 0 { self.late } else { 1 };
            let at = self.now + self.rng.u64(self.delay.clone()) * late;
            let data = data.clone();
            self.at(at, Happening::Deliver { to, data });
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: u64) {
        let until = self.now + duration;
        while let Some(first) = self.happenings.first_entry() {
            if first.key().0 > until {
                break;
            }
            let ((at, _), happening) = first.remove_entry();
            self.now = at;
            match happening {
                Happening::Deliver { to, data } => {
                    // Who has the address gets it; the processes of a name that is there twice have different ones.
                    let found = self.processes.iter().find(|(_, process)| process.address == to);
                    if let Some((&id, _)) = found {
                        self.event(id, Event::Packet(&data));
                    }
                }
                Happening::Wake { process, at } => {
                    if self.processes.get(&process).is_some_and(|found| found.wake == Some(at)) {
                        self.event(process, Event::Timer);
                    }
                }
            }
        }
        self.now = until;
    }

    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.processes.values().map(|process| process.address).collect()
    }

    pub fn members(&self, id: usize) -> Vec<Member> {
        self.processes[&id].gossip.members()
    }

    /// Why not everybody agrees with the truth; nothing if they do.
    pub fn disagreement(&self) -> Option<String> {
        let truth: BTreeSet<(String, SocketAddr, u64, State)> = self
            .processes
            .values()
            .filter(|process| process.gossip.standing() == Standing::Member)
            .map(|process| {
                let me = process.gossip.me();
                let state = process.gossip.state();
                (me.name.to_string(), me.address, me.generation, state)
            })
            .collect();
        for process in self.processes.values() {
            if process.gossip.standing() != Standing::Member {
                return Some(format!("{} is {:?}", process.name, process.gossip.standing()));
            }
            let believed: BTreeSet<_> = process
                .gossip
                .members()
                .into_iter()
                .map(|member| {
                    let name = member.node.name.to_string();
                    (name, member.node.address, member.node.generation, member.state)
                })
                .collect();
            if believed != truth {
                let missing: Vec<_> = truth.difference(&believed).collect();
                let wrong: Vec<_> = believed.difference(&truth).collect();
                return Some(format!("{} misses {missing:?} and believes {wrong:?}", process.name));
            }
        }
        None
    }

    /// For each key, how many processes believe that it is theirs.
    pub fn owners(&self, keys: impl Iterator<Item = u64> + Clone) -> Vec<usize> {
        let mut owners = vec![0; keys.clone().count()];
        for process in self.processes.values() {
            let members = process.gossip.members();
            let participants = members.iter().filter(|member| member.state == State::Participant);
            let ring = hashring::Ring::new(participants.map(|member| &*member.node.name));
            for (count, key) in owners.iter_mut().zip(keys.clone()) {
                *count += usize::from(ring.owner(key) == Some(&process.name.as_str()));
            }
        }
        owners
    }
}
