//! Single properties, one case each.

use host::ManualClock;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use wal::testing::{Faults, SimDisk};
use wal::{Append, Durability, Error, OnFull, Options, Targets, Trim, Wal};

const DIR: &str = "/queue";

fn open(disk: &SimDisk, clock: &Arc<ManualClock>, options: Options) -> Wal {
    Wal::open(Arc::new(disk.clone()), clock.clone(), Path::new(DIR), options).expect("opening needs no help")
}

fn put(log: &Wal, payload: &[u8], targets: Targets<'_>) -> Result<u64, Error> {
    log.append(&Append {
        kind: 3,
        items: 2,
        bytes: payload.len() as u64,
        targets,
        keys: &[payload.len() as u64],
        payload: &[payload],
    })
}

fn world(options: Options) -> (SimDisk, Arc<ManualClock>, Wal) {
    let (disk, clock) = (SimDisk::new(1), Arc::new(ManualClock::at(0)));
    let log = open(&disk, &clock, options);
    (disk, clock, log)
}

#[test]
fn a_full_disk_refuses_the_record_and_goes_on_when_there_is_room() {
    let (disk, clock, log) = world(Options::default());
    let reader = log.cursor("a").expect("it can be created");
    let one = put(&log, &[1; 300], Targets::All).expect("it fits");
    let used = disk.files().iter().map(|(_, len)| len).sum::<u64>();
    disk.set_capacity(Some(used + 100));
    let error = put(&log, &[2; 300], Targets::All).expect_err("there is no room");
    assert!(error.retryable(), "{error}");
    disk.set_capacity(None);
    let three = put(&log, &[3; 300], Targets::All).expect("it fits");
    disk.kill();
    let log = {
        drop(reader);
        open(&disk, &clock, Options::default())
    };
    assert!(log.take_damage().is_empty());
    let reader = log.cursor("a").expect("it is there");
    let mut seen = Vec::new();
    while let Some(record) = reader.next().expect("it can be read") {
        seen.push((record.entry.seq, record.payload[0]));
    }
    assert_eq!(seen, [(one, 1), (three, 3)]);
}

#[test]
fn a_failed_sync_fails_its_record_and_the_next_one_lies_in_another_file() {
    let (disk, _clock, log) = world(Options::default());
    let reader = log.cursor("a").expect("it can be created");
    put(&log, b"one", Targets::All).expect("it fits");
    disk.set_faults(Faults {
        sync_error: 1.0,
        ..Faults::default()
    });
    assert!(put(&log, b"two", Targets::All).is_err());
    disk.set_faults(Faults::default());
    put(&log, b"three", Targets::All).expect("it fits");
    assert_eq!(log.stats().segments, 2);
    let mut seen = Vec::new();
    while let Some(record) = reader.next().expect("it can be read") {
        seen.push(record.payload);
    }
    assert_eq!(seen, [&b"one"[..], b"three"]);
}

#[test]
fn a_place_that_cannot_be_read_is_skipped_the_third_time() {
    let (disk, _clock, log) = world(Options::default());
    let reader = log.cursor("a").expect("it can be created");
    put(&log, b"one", Targets::All).expect("it fits");
    disk.set_faults(Faults {
        read_error: 1.0,
        ..Faults::default()
    });
    assert!(reader.next().is_err());
    disk.set_faults(Faults::default());
    assert_eq!(
        reader
            .next()
            .expect("it can be read")
            .expect("it is still there")
            .payload,
        &b"one"[..]
    );
    put(&log, b"two", Targets::All).expect("it fits");
    disk.set_faults(Faults {
        read_error: 1.0,
        ..Faults::default()
    });
    assert!(reader.next().is_err());
    assert!(reader.next().is_err());
    assert_eq!(reader.next().expect("it is given up"), None);
    disk.set_faults(Faults::default());
    put(&log, b"three", Targets::All).expect("it fits");
    assert_eq!(
        reader.next().expect("it can be read").expect("it goes on").payload,
        &b"three"[..]
    );
    assert_eq!(log.take_damage().len(), 1);
}

#[test]
fn full_and_old_records_are_counted() {
    let options = Options {
        max_bytes: 8_000,
        on_full: OnFull::DropOldest,
        max_age: Some(Duration::from_nanos(100)),
        ..Options::default()
    };
    let (_disk, clock, log) = world(options);
    let reader = log.cursor("a").expect("it can be created");
    for _ in 0..20 {
        put(&log, &[1; 900], Targets::All).expect("older ones make room");
        assert!(log.stats().disk_bytes <= 8_000);
    }
    clock.set(200);
    put(&log, b"young", Targets::All).expect("older ones make room");
    assert_eq!(
        reader.next().expect("it can be read").expect("there is one").payload,
        &b"young"[..]
    );
    let stats = log.stats();
    let fates = stats.cursors[0].fates;
    assert!(
        fates.expired_size.records > 0 && fates.expired_age.records > 0,
        "{fates:?}"
    );
    assert_eq!(fates.expired_size.records + fates.expired_age.records, 20);
    assert_eq!(fates.expired_age.items, 2 * fates.expired_age.records);
    assert_eq!(stats.cursors[0].oldest, Some(200));
}

#[test]
fn refuses_when_full_until_something_is_acknowledged() {
    let options = Options {
        max_bytes: 4_000,
        ..Options::default()
    };
    let (_disk, _clock, log) = world(options);
    let reader = log.cursor("a").expect("it can be created");
    let mut count = 0;
    let error = loop {
        match put(&log, &[1; 300], Targets::All) {
            Ok(_) => count += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Full { .. }) && error.retryable(), "{error}");
    assert!(count > 5);
    assert!(matches!(
        put(&log, &[1; 5_000], Targets::All),
        Err(Error::TooLarge { .. })
    ));
    while let Some(record) = reader.next().expect("it can be read") {
        assert!(reader.ack(record.entry.seq));
    }
    put(&log, &[1; 300], Targets::All).expect("there is room again");
}

#[test]
fn a_record_is_for_whom_it_names_and_a_removed_cursor_holds_nothing_back() {
    let (disk, _clock, log) = world(Options::default());
    assert!(matches!(put(&log, b"x", Targets::All), Err(Error::NoCursor(_))));
    let (a, b) = (log.cursor("a").expect("created"), log.cursor("b").expect("created"));
    let one = put(&log, b"for b", Targets::Named(&["b"])).expect("it fits");
    assert!(matches!(
        put(&log, b"x", Targets::Named(&["c"])),
        Err(Error::NoCursor(_))
    ));
    assert_eq!(a.next().expect("it can be read"), None);
    let mut keys = Vec::new();
    b.backlog(0, |entry| {
        keys.extend(entry.keys.clone());
        true
    })
    .expect("it can be read");
    assert_eq!(keys, [5]);
    assert_eq!(
        b.next().expect("it can be read").map(|record| record.entry.seq),
        Some(one)
    );
    let late = log.cursor("c").expect("created");
    assert_eq!(
        late.next().expect("it can be read"),
        None,
        "a new cursor begins at the end"
    );
    assert!(log.remove_cursor("b").expect("it can be saved"));
    assert_eq!(log.cursors(), ["a", "c"]);
    assert!(b.next().is_err());
    assert!(
        !disk
            .files()
            .iter()
            .any(|(path, _)| path.extension().is_some_and(|extension| extension == "seg"))
    );
}

#[test]
fn trimming_drops_by_number_and_by_time() {
    let (_disk, clock, log) = world(Options::default());
    let a = log.cursor("a").expect("created");
    for time in 0..10 {
        clock.set(time);
        put(&log, &[1; 10], Targets::All).expect("it fits");
    }
    let trim = Trim {
        cursor: None,
        before_seq: Some(4),
        before_time: None,
    };
    log.trim(trim).expect("it can be saved");
    assert_eq!(a.next().expect("read").map(|record| record.entry.seq), Some(4));
    let trim = Trim {
        cursor: Some("a"),
        before_seq: None,
        before_time: Some(7),
    };
    log.trim(trim).expect("it can be saved");
    assert_eq!(a.next().expect("read").map(|record| record.entry.time), Some(7));
    assert!(!a.ack(4), "it was dropped from the reader's hands");
    assert_eq!(log.stats().cursors[0].fates.trimmed.records, 7);
}

#[test]
fn syncs_are_as_many_as_the_options_say() {
    for (durability, most) in [(Durability::Never, 0), (Durability::Every(Duration::from_nanos(50)), 4)] {
        let (disk, clock, log) = world(Options {
            durability,
            ..Options::default()
        });
        log.cursor("a").expect("created");
        let before = disk.syncs();
        for time in 0..100 {
            clock.set(time);
            put(&log, b"x", Targets::All).expect("it fits");
        }
        let syncs = disk.syncs() - before;
        assert!(syncs <= most && (most == 0 || syncs > 0), "{durability:?}: {syncs}");
    }
}

#[test]
fn opening_cuts_a_torn_end_off_and_nothing_of_it_remains() {
    let mut torn = 0;
    for seed in 0..200 {
        let (disk, clock) = (SimDisk::new(seed), Arc::new(ManualClock::at(0)));
        let log = open(&disk, &clock, Options::default());
        log.cursor("a").expect("it can be created");
        let safe = put(&log, &[1; 2_000], Targets::All).expect("it fits");
        disk.crash_after(1 + seed % 2);
        put(&log, &[2; 2_000], Targets::All).expect_err("the power failed");
        drop(log);
        disk.crash();
        let whole: Arc<dyn wal::Disk> = Arc::new(disk.clone());
        let before = wal::Inspect::new(whole.clone(), Path::new(DIR))
            .verify()
            .expect("it can be listed");
        torn += usize::from(!before.is_empty());
        let log = open(&disk, &clock, Options::default());
        // Cut off for good: another crash does not bring it back.
        disk.crash();
        drop(log);
        let after = wal::Inspect::new(whole, Path::new(DIR))
            .verify()
            .expect("it can be listed");
        assert_eq!(after, [], "seed {seed}");
        let log = open(&disk, &clock, Options::default());
        let reader = log.cursor("a").expect("it is there");
        let first = reader.next().expect("it can be read").expect("it was durable");
        assert_eq!((first.entry.seq, &first.payload[..]), (safe, &[1; 2_000][..]));
        if let Some(second) = reader.next().expect("it can be read") {
            assert_eq!(&second.payload[..], &[2; 2_000], "seed {seed}: all or nothing");
        }
    }
    assert!(torn > 20, "only {torn} ends were torn: the test proves little");
}
