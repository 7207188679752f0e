//! Random schedules of appending, reading, acknowledging, saving, failing, crashing and reopening, compared with a model.
//!
//! `WAL_SEEDS=10000` runs more of them, `WAL_SEED=7` a single one.

use crate::model::{Fault, Model};
use fastrand::Rng;
use host::ManualClock;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use wal::testing::{Faults, SimDisk};
use wal::{Append, Durability, Error, OnFull, Options, Reader, Targets, Trim, Wal};

/// Short form.
const SEEDS: u64 = 3_000;
const DIR: &str = "/data/queue";
const NAMES: [&str; 3] = ["a", "b", "c"];

struct World {
    rng: Rng,
    disk: SimDisk,
    clock: Arc<ManualClock>,
    options: Options,
    profile: Faults,
    /// The disk was full at some time, so that cursors may not have been saved before a segment went.
    squeezed: bool,
    wal: Option<Wal>,
    model: Model,
    log: Vec<String>,
}

fn options(rng: &mut Rng) -> Options {
    Options {
        segment_bytes: rng.u64(300..4000),
        max_bytes: if rng.u32(0..3) == 0 {
            rng.u64(6_000..20_000)
        } else {
            1 << 20
        },
        on_full: if rng.bool() { OnFull::Refuse } else { OnFull::DropOldest },
        max_age: (rng.u32(0..4) == 0).then(|| Duration::from_nanos(rng.u64(5..60))),
        durability: match rng.u32(0..10) {
            0 => Durability::Never,
            1 => Durability::Every(Duration::from_nanos(rng.u64(0..20))),
            _ => Durability::Always,
        },
        quarantine_bytes: 4000,
    }
}

fn profile(rng: &mut Rng) -> Faults {
    let mut some = |p: f64| if rng.u32(0..3) == 0 { rng.f64() * p } else { 0.0 };
    Faults {
        short_write: some(0.5),
        no_space: some(0.3),
        write_error: some(0.2),
        sync_error: some(0.3),
        read_error: 0.0,
        other_error: some(0.2),
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let options = options(&mut rng);
        World {
            disk: SimDisk::new(rng.u64(..)),
            clock: Arc::new(ManualClock::at(1_000)),
            profile: profile(&mut rng),
            wal: None,
            squeezed: false,
            model: Model::new(options.durability == Durability::Always),
            log: vec![format!("seed {seed}: {options:?}")],
            options,
            rng,
        }
    }

    fn say(&mut self, what: impl Into<String>) {
        self.log.push(what.into());
    }

    fn open(&mut self) -> Result<(), String> {
        if self.rng.u32(0..8) == 0 {
            let fuse = self.rng.u64(1..8);
            self.disk.crash_after(fuse);
        }
        for _ in 0..3 {
            match Wal::open(
                Arc::new(self.disk.clone()),
                self.clock.clone(),
                Path::new(DIR),
                self.options.clone(),
            ) {
                Ok(wal) => {
                    if self.disk.is_off() {
                        drop(wal);
                        self.say("crash while opening");
                        self.disk.crash();
                        self.model.crashed();
                        continue;
                    }
                    self.disk.disarm();
                    let allowed = self.model.always && self.profile == Faults::default();
                    for damage in wal.take_damage() {
                        self.log.push(format!("open: {damage}"));
                        let missing = self.squeezed && damage.what == wal::What::Missing;
                        if allowed && !missing && damage.what != wal::What::TornTail {
                            return Err(format!("damage without a fault: {damage}"));
                        }
                    }
                    let names = wal.cursors();
                    self.say(format!("open: {names:?}"));
                    self.model.reopened(&names)?;
                    self.wal = Some(wal);
                    return Ok(());
                }
                Err(error) if self.disk.is_off() => {
                    self.say(format!("crash while opening: {error}"));
                    self.disk.crash();
                    self.model.crashed();
                }
                Err(error) => return Err(format!("cannot be opened: {error}")),
            }
        }
        Err("cannot be opened three times".into())
    }

    fn cutoff(&self) -> i64 {
        let now = host::Clock::now(&*self.clock);
        self.options.max_age.map_or(i64::MIN, |age| now - age.as_nanos() as i64)
    }

    fn wal(&self) -> Wal {
        self.wal.clone().expect("it is open between the steps")
    }

    fn reader(&mut self, name: &str) -> Option<Reader> {
        let wal = self.wal();
        if !self.model.has(name) && self.rng.u32(0..4) != 0 && self.model.any() {
            return None;
        }
        let new = !self.model.has(name);
        match wal.cursor(name) {
            Ok(reader) => {
                if new {
                    self.say(format!("new cursor {name}"));
                    self.model.created(name);
                }
                Some(reader)
            }
            Err(error) => {
                self.say(format!("cursor {name}: {error}"));
                self.model.creation_failed(name);
                None
            }
        }
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.rng.usize(0..NAMES.len())]
    }

    fn append(&mut self) -> Result<(), String> {
        let names: Vec<&str> = NAMES.into_iter().filter(|name| self.model.has(name)).collect();
        let named: Vec<&str> = names.iter().copied().filter(|_| self.rng.bool()).collect();
        let all = named.is_empty() || self.rng.u32(0..3) > 0;
        let len = match self.rng.u32(0..10) {
            0 => 0,
            1 => self.rng.usize(0..3000),
            _ => self.rng.usize(0..300),
        };
        let mut payload = self.model.fresh_id().to_le_bytes().to_vec();
        payload.extend((0..len).map(|_| self.rng.u8(..)));
        let keys: Vec<u64> = (0..self.rng.usize(0..4)).map(|_| self.rng.u64(..)).collect();
        let cut = self.rng.usize(0..=payload.len());
        let items = self.rng.u32(0..9);
        let append = Append {
            kind: self.rng.u16(..),
            items,
            bytes: u64::from(items) * 10,
            targets: if all { Targets::All } else { Targets::Named(&named) },
            keys: &keys,
            payload: &[&payload[..cut], &payload[cut..]],
        };
        let wal = self.wal();
        let result = wal.append(&append);
        let targets = if all { &names } else { &named };
        match result {
            Ok(seq) => {
                self.log.push(format!("append {seq} to {targets:?}"));
                self.model
                    .appended(seq, &append, payload.clone(), targets, host::Clock::now(&*self.clock))?;
            }
            Err(error) => {
                self.log.push(format!("append: {error}"));
                let fault = match &error {
                    Error::NoCursor(_) if targets.is_empty() => return Ok(()),
                    Error::Full { .. }
                        if self.options.on_full == OnFull::Refuse
                            || self.disk.is_off()
                            || self.profile.other_error > 0.0 =>
                    {
                        Fault::Never
                    }
                    Error::TooLarge { .. } if self.options.max_bytes < 1 << 20 => Fault::Never,
                    Error::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => Fault::Never,
                    Error::Io { .. } => Fault::Maybe,
                    other => return Err(format!("append: {other}")),
                };
                self.model.failed(payload.clone(), fault, &append, targets);
            }
        }
        self.after_drop()
    }

    /// Takes in what was given up for being too much.
    fn after_drop(&mut self) -> Result<(), String> {
        if self.options.on_full == OnFull::DropOldest {
            let stats = self.wal().stats();
            for cursor in &stats.cursors {
                let cutoff = self.cutoff();
                self.model.dropped(
                    &cursor.name,
                    stats.oldest_segment.unwrap_or(u64::MAX),
                    cursor.fates.expired_size.records,
                    cutoff,
                )?;
            }
        }
        Ok(())
    }

    fn read(&mut self, name: &str) -> Result<bool, String> {
        let Some(reader) = self.reader(name) else {
            return Ok(false);
        };
        let now = host::Clock::now(&*self.clock);
        let cutoff = self.options.max_age.map_or(i64::MIN, |age| now - age.as_nanos() as i64);
        match reader.next() {
            Ok(record) => {
                let seq = record.as_ref().map(|record| record.entry.seq);
                self.say(format!("{name} reads {seq:?}"));
                self.model.delivered(name, record, cutoff)?;
                Ok(seq.is_some())
            }
            Err(error) if self.disk.is_off() => {
                self.say(format!("{name} reads: {error}"));
                Ok(false)
            }
            Err(error) => Err(format!("{name} reads: {error}")),
        }
    }

    fn ack(&mut self, name: &str) -> Result<(), String> {
        let Some(reader) = self.reader(name) else { return Ok(()) };
        let held = self.model.held(name);
        if held.is_empty() {
            return Ok(());
        }
        let seq = held[self.rng.usize(0..held.len())];
        if self.rng.u32(0..8) == 0 {
            self.say(format!("{name} hands back {seq}"));
            if !reader.nack(seq) {
                return Err(format!("{name} does not hold {seq}"));
            }
            self.model.nacked(name, seq);
        } else {
            self.say(format!("{name} acknowledges {seq}"));
            if !reader.ack(seq) {
                return Err(format!("{name} does not hold {seq}"));
            }
            self.model.acked(name, seq);
        }
        Ok(())
    }

    fn result(&mut self, what: &str, result: Result<(), Error>) -> bool {
        self.say(format!("{what}: {result:?}"));
        self.failures();
        result.is_ok()
    }

    fn failures(&mut self) {
        if self.wal().stats().sync_failures > 0 {
            self.model.sync_failed();
        }
    }

    fn restart(&mut self, power: bool) -> Result<(), String> {
        self.failures();
        self.wal = None;
        if power || self.disk.is_off() {
            self.say("crash");
            self.disk.crash();
            self.model.crashed();
        } else {
            self.say("kill");
            self.disk.kill();
            self.model.killed();
        }
        self.open()
    }

    fn close(&mut self) -> Result<(), String> {
        let wal = self.wal();
        let result = wal.close();
        if self.result("close", result) {
            self.model.closed();
            if self.rng.bool() {
                self.say("crash after closing");
                self.disk.crash();
                self.model.crashed();
            }
        } else if self.disk.is_off() {
            return self.restart(true);
        } else {
            self.disk.kill();
            self.model.killed();
        }
        self.wal = None;
        self.disk.set_faults(Faults::default());
        self.open()
    }

    fn step(&mut self) -> Result<(), String> {
        self.clock.advance(self.rng.i64(0..3));
        let name = self.name();
        let wal = self.wal();
        match self.rng.u32(0..100) {
            0..34 => self.append()?,
            34..55 => {
                self.read(name)?;
            }
            55..76 => self.ack(name)?,
            76..79 => {
                let result = wal.save();
                if self.result("save", result) {
                    self.model.saved();
                }
            }
            79..83 => {
                let now = host::Clock::now(&*self.clock);
                let result = wal.maintain();
                if self.result("maintain", result) {
                    self.model.saved();
                }
                let _ = now;
            }
            83..85 => {
                let result = wal.sync();
                if self.result("sync", result) {
                    self.model.synced();
                }
            }
            85..86 => {
                if let Some(reader) = self.reader(name) {
                    self.say(format!("{name} rewinds"));
                    reader.rewind();
                    self.model.rewound(name);
                }
            }
            86..87 => {
                self.say(format!("remove {name}"));
                let removed = wal.remove_cursor(name);
                self.model.removed(name, removed.is_ok());
            }
            87..88 => {
                let before = self.model.middle(name);
                let trim = Trim {
                    cursor: Some(name),
                    before_seq: Some(before),
                    before_time: None,
                };
                if self.model.has(name) {
                    let result = wal.trim(trim);
                    if self.result(&format!("trim {name} before {before}"), result) {
                        self.model.trimmed(name, before);
                        self.model.saved();
                    } else {
                        self.model.maybe_trimmed(name, before);
                    }
                }
            }
            88..90 => self.close()?,
            90..92 => {
                let power = self.rng.bool();
                self.restart(power)?;
            }
            92..95 => {
                let fuse = self.rng.u64(1..20);
                self.say(format!("the power fails after {fuse} changes"));
                self.disk.crash_after(fuse);
            }
            95..97 => {
                let room = self.disk.files().iter().map(|(_, len)| len).sum::<u64>() + self.rng.u64(0..2000);
                let capacity = self.rng.bool().then_some(room);
                self.say(format!("capacity {capacity:?}"));
                self.disk.set_capacity(capacity);
                self.squeezed |= capacity.is_some();
            }
            _ => {
                let faults = if self.rng.bool() {
                    self.profile
                } else {
                    Faults::default()
                };
                self.say(format!("{faults:?}"));
                self.disk.set_faults(faults);
            }
        }
        if self.disk.is_off() {
            return self.restart(true);
        }
        self.bounds()
    }

    fn bounds(&mut self) -> Result<(), String> {
        let used: u64 = self
            .disk
            .files()
            .iter()
            .filter(|(path, _)| segment(path).is_some())
            .map(|(_, len)| len)
            .sum();
        // What cannot be cut off or removed may stay for a while.
        let slack = if self.profile == Faults::default() { 0 } else { 16_000 };
        if used > self.options.max_bytes + slack {
            return Err(format!("{used} bytes are used of {}", self.options.max_bytes));
        }
        for cursor in self.wal().stats().cursors {
            let mut sum = cursor.depth;
            let fates = cursor.fates;
            for part in [
                fates.acked,
                fates.expired_age,
                fates.expired_size,
                fates.trimmed,
                fates.damaged,
            ] {
                sum.add(part);
            }
            if sum != fates.appended {
                return Err(format!("the sums differ: {cursor:?}"));
            }
            self.model
                .depth(&cursor.name, cursor.depth, self.options.max_age.is_some())?;
        }
        Ok(())
    }

    /// With everything repaired, everything is delivered, and the log takes no space.
    fn drain(&mut self) -> Result<(), String> {
        self.disk.set_faults(Faults::default());
        self.disk.set_capacity(None);
        self.say("drain");
        match self.rng.u32(0..3) {
            0 => self.restart(true)?,
            1 => self.restart(false)?,
            _ => self.close()?,
        }
        for name in NAMES {
            if self.model.has(name) {
                while self.read(name)? {}
                let reader = self.wal().cursor(name).map_err(|error| error.to_string())?;
                for seq in self.model.held(name) {
                    if !reader.ack(seq) {
                        return Err(format!("{name} does not hold {seq}"));
                    }
                    self.model.acked(name, seq);
                }
            }
        }
        self.bounds()?;
        self.wal().maintain().map_err(|error| error.to_string())?;
        self.model.saved();
        let left: Vec<_> = self
            .disk
            .files()
            .into_iter()
            .filter(|(path, _)| segment(path).is_some())
            .collect();
        if !left.is_empty() {
            return Err(format!("space is not given back: {left:?}\n{:#?}", self.wal().stats()));
        }
        self.close()?;
        for name in NAMES {
            if self.model.has(name) && self.read(name)? {
                return Err("something was delivered that was acknowledged before closing".into());
            }
        }
        Ok(())
    }
}

fn segment(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    (path.parent() == Some(Path::new(DIR))).then(|| name.strip_suffix(".seg")?.parse().ok())?
}

fn check(seed: u64) -> Result<(), String> {
    let mut world = World::new(seed);
    let run = |world: &mut World| {
        world.open()?;
        for _ in 0..world.rng.usize(10..150) {
            world.step()?;
        }
        world.drain()
    };
    run(&mut world).map_err(|failure| {
        format!(
            "{failure}\n{}\nWAL_SEED={seed} cargo test -p wal simulation",
            world.log.join("\n")
        )
    })
}

#[test]
fn what_is_durable_is_delivered_and_what_is_acknowledged_is_not() {
    if let Ok(seed) = std::env::var("WAL_SEED") {
        let seed = seed.parse().expect("WAL_SEED is a number");
        check(seed).unwrap_or_else(|failure| panic!("{failure}"));
        return;
    }
    let seeds = std::env::var("WAL_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(SEEDS);
    let failed: Vec<(u64, String)> = (0..seeds).filter_map(|seed| Some((seed, check(seed).err()?))).collect();
    let shortest = failed.iter().min_by_key(|(_, failure)| failure.len());
    let numbers: Vec<u64> = failed.iter().map(|(seed, _)| *seed).collect();
    if let Some((_, failure)) = shortest {
        panic!("{} of {seeds} seeds failed: {numbers:?}\n{failure}", failed.len());
    }
}
