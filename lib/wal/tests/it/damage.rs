//! Flipped bits and arbitrary bytes.

use fastrand::Rng;
use host::ManualClock;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wal::testing::SimDisk;
use wal::{Append, Disk, Inspect, Options, RealDisk, Targets, Wal, What, repair};

const SEEDS: u64 = 100;

fn options() -> Options {
    Options {
        segment_bytes: 20_000,
        ..Options::default()
    }
}

fn open(disk: &Arc<dyn Disk>, dir: &Path) -> Wal {
    Wal::open(disk.clone(), Arc::new(ManualClock::at(5)), dir, options()).expect("opening needs no help")
}

/// A closed log with records of one cursor: what each holds.
fn fill(disk: &Arc<dyn Disk>, dir: &Path, rng: &mut Rng) -> BTreeMap<u64, Vec<u8>> {
    let log = open(disk, dir);
    log.cursor("a").expect("it can be created");
    let mut records = BTreeMap::new();
    for _ in 0..200 {
        let len = rng.usize(0..1500);
        let payload: Vec<u8> = (0..len).map(|_| rng.u8(..)).collect();
        let append = Append {
            kind: 1,
            items: 1,
            bytes: len as u64,
            targets: if rng.bool() {
                Targets::All
            } else {
                Targets::Named(&["a"])
            },
            keys: &[1, 2],
            payload: &[&payload],
        };
        records.insert(log.append(&append).expect("it fits"), payload);
    }
    log.close().expect("it can be closed");
    records
}

/// Where each record lies, learnt from the files themselves before they are damaged.
fn places(disk: &Arc<dyn Disk>, dir: &Path, records: &BTreeMap<u64, Vec<u8>>) -> BTreeMap<u64, (PathBuf, u64, u64)> {
    let mut places = BTreeMap::new();
    for info in Inspect::new(disk.clone(), dir).segments().expect("it can be listed") {
        let path = dir.join(format!("{:020}.seg", info.first));
        let file = disk.open(&path, false).expect("it is there");
        let mut offset = 32;
        for (seq, payload) in records.range(info.first..=info.last) {
            let mut targets = [0; 2];
            file.read_at(&mut targets, offset + 36).expect("it can be read");
            let named = if targets == [0xff; 2] { 0 } else { 8 };
            let len = 64 + named + 16 + payload.len() as u64;
            places.insert(*seq, (path.clone(), offset, offset + len));
            offset += len;
        }
    }
    places
}

fn check(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    seed: u64,
    files: &[(PathBuf, u64)],
    flip: &dyn Fn(&Path, u64, u8),
    records: &BTreeMap<u64, Vec<u8>>,
) {
    let mut rng = Rng::with_seed(seed);
    let places = places(disk, dir, records);
    assert_eq!(places.len(), records.len());
    let mut flipped = Vec::new();
    for _ in 0..20 {
        let (path, len) = &files[rng.usize(0..files.len())];
        if *len > 0 {
            let at = rng.u64(0..*len);
            flip(path, at, rng.u8(0..8));
            flipped.push((path.clone(), at));
        }
    }
    let hit: BTreeSet<u64> = places
        .iter()
        .filter(|(_, (path, from, until))| {
            flipped
                .iter()
                .any(|(other, at)| other == path && at >= from && at < until)
        })
        .map(|(seq, _)| *seq)
        .collect();
    let found = Inspect::new(disk.clone(), dir).verify().expect("it can be listed");
    // Two flips may undo each other.
    let undone = |path: &Path, at: u64| {
        flipped
            .iter()
            .filter(|(other, place)| other == path && *place == at)
            .count()
            > 1
    };
    for seq in &hit {
        let (path, from, until) = &places[seq];
        let named = found.iter().any(|damage| {
            path.ends_with(format!("{:020}.seg", damage.segment))
                && damage.offset < *until
                && damage.offset + damage.len > *from
        });
        let any_undone = (*from..*until).any(|at| undone(path, at));
        assert!(
            named || any_undone,
            "seed {seed}: record {seq} at {from}..{until} is not named: {found:#?}"
        );
    }
    let log = open(disk, dir);
    let reader = log.cursor("a").expect("it is there, or begins at the start");
    let mut missing: BTreeSet<u64> = records.keys().copied().collect();
    while let Some(record) = reader.next().expect("it can be read") {
        assert_eq!(&records[&record.entry.seq], &record.payload, "seed {seed}");
        assert!(
            missing.remove(&record.entry.seq),
            "seed {seed}: {} came twice",
            record.entry.seq
        );
    }
    assert!(
        missing.is_subset(&hit),
        "seed {seed}: {missing:?} are missing, but {hit:?} were hit"
    );
    log.close().expect("it can be closed");
    repair(disk, dir, 1 << 20).expect("it can be repaired");
    let left = Inspect::new(disk.clone(), dir).verify().expect("it can be listed");
    assert_eq!(left, [], "seed {seed}");
    let mut good = BTreeSet::new();
    let mut keep = |record: wal::Record| {
        assert_eq!(&records[&record.entry.seq], &record.payload, "seed {seed}");
        good.insert(record.entry.seq)
    };
    Inspect::new(disk.clone(), dir)
        .records(0, &mut keep)
        .expect("they can be read");
    let lost: BTreeSet<u64> = records.keys().copied().filter(|seq| !good.contains(seq)).collect();
    assert_eq!(lost, missing, "seed {seed}: after the repair");
}

#[test]
fn flipped_bits_cost_only_the_records_they_hit() {
    for seed in 0..SEEDS {
        let sim = SimDisk::new(seed);
        let disk: Arc<dyn Disk> = Arc::new(sim.clone());
        let dir = Path::new("/queue");
        let records = fill(&disk, dir, &mut Rng::with_seed(seed));
        check(
            &disk,
            dir,
            seed,
            &sim.files(),
            &|path, at, bit| sim.flip(path, at, bit),
            &records,
        );
    }
}

#[test]
fn flipped_bits_on_the_real_disk() {
    let dir = tempfile::tempdir().expect("there is a directory for temporary files");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let records = fill(&disk, dir.path(), &mut Rng::with_seed(1));
    let files: Vec<(PathBuf, u64)> = disk
        .list(dir.path())
        .expect("it can be listed")
        .into_iter()
        .map(|(name, len)| (dir.path().join(name), len))
        .collect();
    let flip = |path: &Path, at: u64, bit: u8| {
        let mut bytes = std::fs::read(path).expect("it can be read");
        bytes[at as usize] ^= 1 << bit;
        std::fs::write(path, bytes).expect("it can be written");
    };
    check(&disk, dir.path(), 7, &files, &flip, &records);
}

#[test]
fn lost_cursors_and_lost_segments_are_told() {
    let sim = SimDisk::new(3);
    let disk: Arc<dyn Disk> = Arc::new(sim.clone());
    let dir = Path::new("/queue");
    let records = fill(&disk, dir, &mut Rng::with_seed(3));
    let first = sim
        .files()
        .iter()
        .find(|(path, _)| path.extension().is_some())
        .map(|(path, _)| path.clone());
    for name in ["cursors.0", "cursors.1"] {
        sim.put(&dir.join(name), b"nothing of use");
    }
    let log = open(&disk, dir);
    assert!(log.take_damage().iter().any(|damage| damage.what == What::Cursors));
    let reader = log.cursor("a").expect("it can be created");
    let mut count = 0;
    while reader.next().expect("it can be read").is_some() {
        count += 1;
    }
    assert_eq!(count, records.len());
    log.close().expect("it can be closed");
    let gone = sim
        .files()
        .into_iter()
        .find(|(path, _)| path.extension().is_some_and(|extension| extension == "seg"))
        .expect("there are segments");
    assert!(first.is_some());
    disk.remove(&gone.0).expect("it is there");
    assert!(
        Inspect::new(disk.clone(), dir)
            .verify()
            .expect("it can be listed")
            .iter()
            .any(|damage| damage.what == What::Missing)
    );
    let log = open(&disk, dir);
    assert!(log.take_damage().iter().any(|damage| damage.what == What::Missing));
    assert!(
        log.cursor("a")
            .expect("it is there")
            .next()
            .expect("it can be read")
            .is_some()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn arbitrary_bytes_do_no_harm(mut bytes in prop::collection::vec(any::<u8>(), 0..400), cursors in prop::collection::vec(any::<u8>(), 0..100), headed in any::<bool>(), second in any::<bool>()) {
        let sim = SimDisk::new(1);
        let disk: Arc<dyn Disk> = Arc::new(sim.clone());
        let dir = Path::new("/queue");
        if headed {
            // What looks like a record gets further.
            let good = SimDisk::new(1);
            let good_disk: Arc<dyn Disk> = Arc::new(good.clone());
            fill(&good_disk, dir, &mut Rng::with_seed(1));
            let mut whole = good.content(&dir.join(format!("{:020}.seg", 1))).expect("it is there");
            let at = bytes.first().map_or(0, |byte| usize::from(*byte) * whole.len() / 256);
            whole.truncate(at);
            whole.append(&mut bytes);
            bytes = whole;
        }
        sim.put(&dir.join(format!("{:020}.seg", 1)), &bytes);
        if second {
            sim.put(&dir.join(format!("{:020}.seg", 5)), &bytes);
        }
        sim.put(&dir.join("cursors.0"), &cursors);
        let inspect = Inspect::new(disk.clone(), dir);
        inspect.verify().expect("it can be listed");
        inspect.cursors().expect("it can be listed");
        inspect.records(0, |_| true).expect("they can be read");
        let log = open(&disk, dir);
        let reader = log.cursor("a").expect("it can be created");
        while let Some(record) = reader.next().expect("it can be read") {
            prop_assert!(reader.ack(record.entry.seq));
        }
        log.maintain().expect("it can be saved");
        log.append(&Append { kind: 0, items: 0, bytes: 0, targets: Targets::All, keys: &[], payload: &[b"x"] }).expect("it fits");
        prop_assert!(reader.next().expect("it can be read").is_some());
        log.close().expect("it can be closed");
        repair(&disk, dir, 1000).expect("it can be repaired");
    }
}

pub fn open_real(dir: &Path) -> Wal {
    Wal::open(Arc::new(RealDisk), Arc::new(host::SystemClock), dir, options()).expect("it can be opened")
}
