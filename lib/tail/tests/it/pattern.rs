//! A pattern that matches the rotated names as well: one follower for each name, and every line exactly once.

use crate::world::{Collector, PATH, World, rotated, zipped};
use fastrand::Rng;
use host::Fs;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tail::{Options, Registry, State};

const SEEDS: u64 = 2_000;

struct Fleet {
    registry: Registry,
    collectors: BTreeMap<PathBuf, Collector>,
    saved: BTreeMap<PathBuf, State>,
    delivered: Vec<String>,
}

impl Fleet {
    fn new(saved: BTreeMap<PathBuf, State>, delivered: Vec<String>) -> Fleet {
        let registry = Registry::new();
        for (path, state) in &saved {
            registry.seed(path, state);
        }
        Fleet {
            registry,
            collectors: BTreeMap::new(),
            saved,
            delivered,
        }
    }

    /// What matches the pattern now gets a follower; what does not any more loses its own.
    fn sync(&mut self, world: &World, rng: &mut Rng) {
        let entries = world.fs.read_dir(Path::new("/log")).unwrap_or_default();
        let mut found: Vec<PathBuf> = entries
            .iter()
            .map(|entry| Path::new("/log").join(&entry.name))
            .collect();
        rng.shuffle(&mut found);
        let gone: Vec<PathBuf> = self
            .collectors
            .keys()
            .filter(|path| !found.contains(path))
            .cloned()
            .collect();
        for path in gone {
            if let Some(mut collector) = self.collectors.remove(&path) {
                collector.follower.drain();
                collector.drain();
                self.delivered.append(&mut collector.delivered);
                self.saved.remove(&path);
            }
        }
        for path in found {
            if !self.collectors.contains_key(&path) {
                let state = self.saved.get(&path).cloned();
                let name = path.to_str().expect("names are text");
                let mut collector = world.collector(name, &self.registry, Options::default(), state);
                collector.look();
                self.collectors.insert(path, collector);
            }
        }
    }

    fn each(&mut self, rng: &mut Rng, mut act: impl FnMut(&mut Collector)) {
        let mut paths: Vec<PathBuf> = self.collectors.keys().cloned().collect();
        rng.shuffle(&mut paths);
        for path in paths {
            if let Some(collector) = self.collectors.get_mut(&path) {
                act(collector);
                self.delivered.append(&mut collector.delivered);
            }
        }
    }

    fn restart(mut self) -> Fleet {
        let saved = std::mem::take(&mut self.collectors)
            .into_iter()
            .filter_map(|(path, collector)| Some((path, collector.follower.state()?)))
            .collect();
        Fleet::new(saved, self.delivered)
    }
}

fn check(seed: u64) -> Result<(), String> {
    let mut rng = Rng::with_seed(seed);
    let copies = rng.bool();
    let world = World::new();
    let mut log = vec![format!("seed {seed} copies {copies}")];
    let (mut next, mut lines) = (0, Vec::new());
    let mut write = |rng: &mut Rng, log: &mut Vec<String>| {
        let mut text = String::new();
        for _ in 0..rng.usize(1..10) {
            next += 1;
            let padding = if rng.u32(0..10) == 0 { rng.usize(0..2000) } else { 1 };
            let line = format!("{next} {}", "x".repeat(padding));
            text.push_str(&line);
            text.push('\n');
            lines.push(line);
        }
        world.append(PATH, text.as_bytes());
        log.push(format!("write to {next}"));
    };
    write(&mut rng, &mut log);
    let mut fleet = Fleet::new(BTreeMap::new(), Vec::new());
    fleet.sync(&world, &mut rng);
    for _ in 0..rng.usize(5..50) {
        world.tick();
        match rng.u32(0..100) {
            0..30 => write(&mut rng, &mut log),
            30..42 if world.exists(PATH) => {
                log.push("rotate".into());
                if copies {
                    world.copytruncate();
                } else {
                    world.rename();
                }
                write(&mut rng, &mut log);
            }
            42..48 => {
                let n = rng.usize(1..4);
                if world.exists(rotated(n)) && !world.exists(zipped(n)) {
                    log.push(format!("gzip {n}"));
                    world.gzip(n);
                }
            }
            48..64 => {
                log.push("sync".into());
                fleet.sync(&world, &mut rng);
            }
            64..76 => {
                log.push("look".into());
                fleet.each(&mut rng, |collector| {
                    collector.look();
                });
            }
            76..92 => {
                log.push("look, read, ack".into());
                fleet.each(&mut rng, |collector| {
                    collector.look();
                    collector.read_one();
                    collector.ack_one();
                });
            }
            92..95 => world.pass(20_000),
            _ => {
                fleet = fleet.restart();
                log.push(format!("restart with {}: {:?}", fleet.delivered.len(), fleet.saved));
                fleet.sync(&world, &mut rng);
            }
        }
    }
    for _ in 0..12 {
        world.pass(1500);
        fleet.sync(&world, &mut rng);
        fleet.each(&mut rng, Collector::drain);
    }
    let number = |line: &String| line.split(' ').next().and_then(|n| n.parse::<u64>().ok());
    let mut delivered = fleet.delivered.clone();
    delivered.sort_by_key(number);
    if delivered == lines {
        return Ok(());
    }
    let at = delivered
        .iter()
        .zip(&lines)
        .position(|(got, expected)| got != expected)
        .unwrap_or(delivered.len());
    Err(format!(
        "line {at} of {}: got {:.20?} ({} delivered)\n{}",
        lines.len(),
        delivered.get(at),
        delivered.len(),
        log.join("\n")
    ))
}

#[test]
fn every_line_arrives_once_under_whatever_name() {
    crate::world::seeds(SEEDS, check);
}
