//! Clusters that suffer, and have to agree in the end.

use crate::network::{SECOND, World};
use fastrand::Rng;
use gossip::{Event, State};
use std::net::SocketAddr;

const SEEDS: u64 = 300;
/// How long after the last disturbance everybody has to agree.
const SETTLED: u64 = 120 * SECOND;

fn address(number: u8) -> SocketAddr {
    ([10, 0, 0, number], 12345).into()
}

/// A place where a process runs, stops and runs again.
struct Machine {
    name: String,
    address: SocketAddr,
    process: Option<usize>,
    /// When it takes part, and when it leaves.
    participate: Option<u64>,
    leave: Option<u64>,
    rejoin: u64,
}

struct Cluster {
    world: World,
    machines: Vec<Machine>,
    /// Processes that have the names of others.
    twins: Vec<usize>,
    addresses: u8,
}

impl Cluster {
    fn new(seed: u64) -> Cluster {
        let mut world = World::new(seed);
        world.loss = [0.0, 0.05, 0.2][world.rng.usize(..3)];
        world.duplication = [0.0, 0.1][world.rng.usize(..2)];
        world.delay = [100..2_000, 1_000..100_000, 50_000..300_000][world.rng.usize(..3)].clone();
        let mut cluster = Cluster {
            world,
            machines: Vec::new(),
            twins: Vec::new(),
            addresses: 0,
        };
        for _ in 0..cluster.world.rng.usize(3..=12) {
            cluster.add();
        }
        cluster
    }

    fn rng(&mut self) -> &mut Rng {
        &mut self.world.rng
    }

    fn add(&mut self) {
        self.addresses += 1;
        let machine = Machine {
            name: format!("node-{}", self.machines.len()),
            address: address(self.addresses),
            process: None,
            participate: None,
            leave: None,
            rejoin: 0,
        };
        self.machines.push(machine);
        self.start(self.machines.len() - 1);
    }

    fn start(&mut self, at: usize) {
        if self.rng().u8(..4) == 0 {
            // Another address: one that nobody had, or one of those that stopped.
            let free = self.machines.iter().filter(|machine| machine.process.is_none());
            let mut free: Vec<SocketAddr> = free.map(|machine| machine.address).collect();
            free.retain(|address| {
                !self
                    .machines
                    .iter()
                    .any(|other| other.process.is_some() && other.address == *address)
            });
            self.addresses += 1;
            free.push(address(self.addresses));
            let chosen = self.rng().usize(..free.len());
            self.machines[at].address = free[chosen];
        } else if self
            .machines
            .iter()
            .any(|other| other.process.is_some() && other.address == self.machines[at].address)
        {
            self.addresses += 1;
            self.machines[at].address = address(self.addresses);
        }
        // Clocks of machines differ by up to ten minutes, and are set.
        let skew = self.rng().u64(..600_000);
        let generation = 1_700_000_000_000 + self.world.now / 1000 + skew;
        let machine = &self.machines[at];
        let process = self.world.start(&machine.name, machine.address, generation);
        let now = self.world.now;
        let participate = now + self.rng().u64(..5 * SECOND);
        let machine = &mut self.machines[at];
        machine.process = Some(process);
        machine.participate = Some(participate);
        machine.leave = None;
        machine.rejoin = now;
    }

    /// Another process with the name of one that runs, started by mistake.
    fn start_twin(&mut self, at: usize) {
        self.addresses += 1;
        let now = self.world.now;
        let generation = 1_700_000_000_000 + now / 1000 + self.rng().u64(..600_000);
        let twin = self
            .world
            .start(&self.machines[at].name, address(self.addresses), generation);
        let addresses = self.world.addresses();
        self.world.event(twin, Event::Join(&addresses));
        self.world.event(twin, Event::SetState(State::Participant));
        self.twins.push(twin);
    }

    /// What processes do by themselves, every tenth of a second.
    fn live(&mut self, duration: u64) {
        let until = self.world.now + duration;
        while self.world.now < until {
            let now = self.world.now;
            for at in 0..self.machines.len() {
                let Some(process) = self.machines[at].process else {
                    continue;
                };
                if self.machines[at].participate.is_some_and(|due| due <= now) {
                    self.machines[at].participate = None;
                    self.world.event(process, Event::SetState(State::Participant));
                }
                if self.machines[at].leave.is_some_and(|due| due <= now) {
                    self.world.event(process, Event::Leave);
                    self.world.kill(process);
                    self.machines[at].process = None;
                    continue;
                }
                if self.machines[at].rejoin <= now {
                    let alone = self.world.members(process).len() < 2;
                    self.machines[at].rejoin = now + if alone { 4 } else { 60 } * SECOND;
                    let mut addresses: Vec<SocketAddr> = self.machines.iter().map(|machine| machine.address).collect();
                    self.rng().shuffle(&mut addresses);
                    addresses.truncate(5);
                    self.world.event(process, Event::Join(&addresses));
                }
            }
            self.world.run(SECOND / 10);
        }
    }

    fn disturb(&mut self) {
        let count = self.machines.len();
        let at = self.rng().usize(..count);
        let running = self.machines[at].process;
        match (self.rng().u8(..11), running) {
            (0..=2, Some(process)) => {
                self.world.kill(process);
                self.machines[at].process = None;
                if self.rng().bool() {
                    self.start(at);
                }
            }
            (3, Some(process)) if self.machines[at].leave.is_none() => {
                self.world.event(process, Event::SetState(State::Terminating));
                self.machines[at].leave = Some(self.world.now + 5 * SECOND);
            }
            (0..=3, None) => self.start(at),
            (4, _) if self.machines.len() < 12 => self.add(),
            (5..=7, _) => {
                let groups = self.rng().u8(2..4);
                self.world.group.clear();
                for address in self.world.addresses() {
                    let group = self.rng().u8(..groups);
                    self.world.group.insert(address, group);
                }
            }
            (8, _) => self.world.group.clear(),
            (9, Some(_)) if self.twins.is_empty() => self.start_twin(at),
            (9 | 10, _) => self.world.loss = self.rng().f64() * 0.6,
            _ => {}
        }
    }

    fn calm(&mut self) {
        self.world.group.clear();
        self.world.loss = 0.0;
        // Twelve seconds on the way are a failure.
        self.world.late = 4;
        for twin in std::mem::take(&mut self.twins) {
            self.world.kill(twin);
        }
        // Whoever was about to leave has left; most of those that stopped come back.
        for at in 0..self.machines.len() {
            self.machines[at].leave = self.machines[at].leave.map(|_| 0);
        }
        self.live(SECOND / 10);
        for at in 0..self.machines.len() {
            if self.machines[at].process.is_none() && self.rng().u8(..3) > 0 {
                self.start(at);
            }
        }
        if self.machines.iter().all(|machine| machine.process.is_none()) {
            self.start(0);
        }
    }
}

/// One cluster; how long it took to agree, in microseconds.
fn run(seed: u64) -> Result<u64, String> {
    let mut cluster = Cluster::new(seed);
    let disturbances = cluster.rng().usize(3..15);
    for _ in 0..disturbances {
        let pause = cluster.rng().u64(SECOND / 2..12 * SECOND);
        cluster.live(pause);
        cluster.disturb();
    }
    cluster.calm();
    let start = cluster.world.now;
    let mut agreed = None;
    while cluster.world.now < start + SETTLED {
        cluster.live(SECOND);
        match cluster.world.disagreement() {
            None => agreed = agreed.or(Some(cluster.world.now - start)),
            Some(_) => agreed = None,
        }
    }
    let Some(agreed) = agreed else {
        return Err(cluster
            .world
            .disagreement()
            .unwrap_or_else(|| "it did not last".to_owned()));
    };
    let keys = (0..10_000u64).map(|key| hashring::text_hash(&key.to_string()));
    let owners = cluster.world.owners(keys);
    match owners.iter().position(|owners| *owners != 1) {
        None => Ok(agreed),
        Some(key) => Err(format!("key {key} has {} owners", owners[key])),
    }
}

#[test]
fn everybody_agrees_and_each_key_has_one_owner() {
    // GOSSIP_SEEDS=1000 or GOSSIP_SEEDS=417..418 looks at others.
    let asked = std::env::var("GOSSIP_SEEDS").unwrap_or_default();
    let seeds = match asked.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => 0..asked.parse().unwrap_or(SEEDS),
    };
    let workers = std::thread::available_parallelism().map_or(1, |count| count.get()) as u64;
    let results: Vec<(u64, Result<u64, String>)> = std::thread::scope(|scope| {
        let seeds = &seeds;
        let handles: Vec<_> = (0..workers)
            .map(|worker| {
                scope.spawn(move || {
                    let mine = seeds.clone().filter(|seed| seed % workers == worker);
                    mine.map(|seed| (seed, run(seed))).collect::<Vec<_>>()
                })
            })
            .collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    });
    let failed: Vec<_> = results.iter().filter(|(_, result)| result.is_err()).collect();
    let mut times: Vec<u64> = results.iter().filter_map(|(_, result)| result.clone().ok()).collect();
    times.sort_unstable();
    if let (Some(middle), Some(last)) = (times.get(times.len() / 2), times.last()) {
        println!(
            "agreed after {} s in the middle, {} s at the latest",
            middle / SECOND,
            last / SECOND
        );
    }
    assert!(failed.is_empty(), "{} seeds: {failed:#?}", failed.len());
}

#[test]
fn the_same_seed_is_the_same_world() {
    let once = |seed| {
        let mut cluster = Cluster::new(seed);
        for _ in 0..5 {
            cluster.live(5 * SECOND);
            cluster.disturb();
        }
        cluster.live(10 * SECOND);
        (cluster.world.packets, cluster.world.seen)
    };
    assert!(once(5) == once(5));
    assert!(once(5) != once(6));
}

#[test]
fn a_partition_heals_without_joining_again() {
    for seed in 0..10 {
        let mut world = World::new(seed);
        let ids: Vec<usize> = (1..=6)
            .map(|number| world.start(&format!("n{number}"), address(number), u64::from(number)))
            .collect();
        let addresses = world.addresses();
        for &id in &ids {
            world.event(id, Event::Join(&addresses[..1]));
            world.event(id, Event::SetState(State::Participant));
        }
        world.run(20 * SECOND);
        assert_eq!(world.disagreement(), None, "seed {seed}");
        // One alone, or halves; long enough that each side has declared the other down.
        let cut = if seed % 2 == 0 { 1 } else { 3 };
        for address in &addresses[..cut] {
            world.group.insert(*address, 1);
        }
        world.run(90 * SECOND);
        assert_eq!(world.members(ids[0]).len(), cut, "seed {seed}");
        assert_eq!(world.members(ids[5]).len(), 6 - cut, "seed {seed}");
        world.group.clear();
        world.run(60 * SECOND);
        assert_eq!(world.disagreement(), None, "seed {seed}");
        assert!(world.owners(0..100).iter().all(|owners| *owners == 1));
    }
}

#[test]
fn a_large_cluster_settles_and_is_quiet() {
    let mut world = World::new(1);
    let addresses: Vec<SocketAddr> = (0..100).map(|number| ([10, 0, 1, number], 80).into()).collect();
    for (at, address) in addresses.iter().enumerate() {
        let id = world.start(&format!("n{at}"), *address, 1);
        world.event(id, Event::Join(&addresses[..1]));
        world.event(id, Event::SetState(State::Participant));
    }
    let mut waited = 0;
    while let Some(why) = world.disagreement() {
        assert!(waited < 60, "{why}");
        world.run(SECOND);
        waited += 1;
    }
    // News are passed on a little longer.
    world.run(30 * SECOND);
    let (before, bytes) = (world.packets, world.bytes);
    world.run(60 * SECOND);
    let a_node_a_second = |count: u64| count as f64 / 60.0 / 100.0;
    println!(
        "agreed after {waited} s; then {:.1} packets and {:.0} bytes a second from each",
        a_node_a_second(world.packets - before),
        a_node_a_second(world.bytes - bytes)
    );
    // A probe and an answer every two seconds, and a list now and then.
    assert!(a_node_a_second(world.packets - before) < 2.0);
    world.kill(7);
    world.run(40 * SECOND);
    assert_eq!(world.disagreement(), None);
}
