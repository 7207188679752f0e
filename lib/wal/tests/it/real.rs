//! On the real file system.

use crate::damage::open_real;
use host::SystemClock;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use wal::{Append, Durability, Error, Options, RealDisk, Targets, Wal};

fn append<'a>(payload: &'a [&'a [u8]]) -> Append<'a> {
    Append {
        kind: 1,
        items: 1,
        bytes: 8,
        targets: Targets::All,
        keys: &[],
        payload,
    }
}

#[test]
fn many_appenders_and_readers_share_one_log() {
    const THREADS: u64 = 8;
    const EACH: u64 = 60;
    let dir = tempfile::tempdir().expect("there is a directory for temporary files");
    let options = Options {
        segment_bytes: 8_000,
        durability: Durability::Always,
        ..Options::default()
    };
    let log =
        Wal::open(Arc::new(RealDisk), Arc::new(SystemClock), dir.path(), options.clone()).expect("it can be opened");
    let readers = [
        log.cursor("a").expect("it can be created"),
        log.cursor("b").expect("it can be created"),
    ];
    let appended = Mutex::new(BTreeSet::new());
    let seen = [Mutex::new(Vec::new()), Mutex::new(Vec::new())];
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (log, appended) = (&log, &appended);
            scope.spawn(move || {
                for n in 0..EACH {
                    let payload = (thread * EACH + n).to_le_bytes();
                    let seq = log.append(&append(&[&payload, &[7; 100]])).expect("it fits");
                    assert!(
                        appended
                            .lock()
                            .expect("nobody panicked")
                            .insert((seq, thread * EACH + n))
                    );
                }
            });
        }
        for (reader, seen) in readers.iter().zip(&seen) {
            scope.spawn(move || {
                let mut count = 0;
                while count < THREADS * EACH {
                    let Some(record) = reader.next().expect("it can be read") else {
                        std::thread::yield_now();
                        continue;
                    };
                    count += 1;
                    let id = u64::from_le_bytes(*record.payload.first_chunk().expect("it is long enough"));
                    seen.lock().expect("nobody panicked").push((record.entry.seq, id));
                    assert!(reader.ack(record.entry.seq));
                }
            });
        }
    });
    let appended: Vec<_> = appended.into_inner().expect("nobody panicked").into_iter().collect();
    for seen in seen {
        assert_eq!(
            seen.into_inner().expect("nobody panicked"),
            appended,
            "in the order of appending"
        );
    }
    log.maintain().expect("it can be saved");
    let stats = log.stats();
    assert_eq!(stats.disk_bytes, 0, "{stats:#?}");
    log.close().expect("it can be closed");
    let log = Wal::open(Arc::new(RealDisk), Arc::new(SystemClock), dir.path(), options).expect("it can be opened");
    assert!(
        log.cursor("a")
            .expect("it is there")
            .next()
            .expect("it can be read")
            .is_none()
    );
}

#[test]
fn one_writer_at_a_time() {
    let dir = tempfile::tempdir().expect("there is a directory for temporary files");
    let log = open_real(dir.path());
    let second = Wal::open(
        Arc::new(RealDisk),
        Arc::new(SystemClock),
        dir.path(),
        Options::default(),
    );
    assert!(matches!(second, Err(Error::Locked(_))));
    let disk: Arc<dyn wal::Disk> = Arc::new(RealDisk);
    assert!(matches!(wal::repair(&disk, dir.path(), 0), Err(Error::Locked(_))));
    log.close().expect("it can be closed");
    open_real(dir.path());
}
