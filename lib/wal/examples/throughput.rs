//! Prints how fast records are appended and read, and how long opening takes: `cargo run --release -p wal --example throughput [DIRECTORY [GIB]]`.

use host::SystemClock;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use wal::{Append, Durability, Options, RealDisk, Targets, Wal};

fn open(dir: &Path, durability: Durability) -> Result<Wal, wal::Error> {
    let options = Options {
        max_bytes: 1 << 40,
        durability,
        ..Options::default()
    };
    Wal::open(Arc::new(RealDisk), Arc::new(SystemClock), dir, options)
}

fn append(log: &Wal, payload: &[u8]) -> Result<u64, wal::Error> {
    log.append(&Append {
        kind: 1,
        items: 100,
        bytes: payload.len() as u64,
        targets: Targets::All,
        keys: &[1, 2, 3],
        payload: &[payload],
    })
}

fn run(dir: &Path, durability: Durability, size: usize, count: usize, threads: usize) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(dir)?;
    let log = open(dir, durability)?;
    let reader = log.cursor("a")?;
    let payload = vec![42; size];
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let work = || (0..count / threads).try_for_each(|_| append(&log, &payload).map(|_| ()));
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running
            .into_iter()
            .try_for_each(|thread| thread.join().expect("appending does not panic"))
    })?;
    let wrote = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    while let Some(record) = reader.next()? {
        reader.ack(record.entry.seq);
    }
    let read = begin.elapsed().as_secs_f64();
    log.close()?;
    std::fs::remove_dir_all(dir)?;
    let mebibytes = (size * count) as f64 / f64::from(1 << 20);
    println!(
        "{durability:?}, {count} records of {size} bytes, {threads} threads: append {:.0} MiB/s ({:.0} records/s), read {:.0} MiB/s",
        mebibytes / wrote,
        count as f64 / wrote,
        mebibytes / read
    );
    Ok(())
}

fn backlog(dir: &Path, gib: usize) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(dir)?;
    let log = open(dir, Durability::Never)?;
    log.cursor("a")?;
    let payload = vec![42; 64 << 10];
    for _ in 0..gib << 14 {
        append(&log, &payload)?;
    }
    log.close()?;
    let begin = Instant::now();
    let log = open(dir, Durability::Always)?;
    let opened = begin.elapsed();
    let first = log.cursor("a")?.next()?;
    println!(
        "{gib} GiB in {} segments: opened in {opened:?}, first record ({}) after {:?}",
        log.stats().segments,
        first.is_some(),
        begin.elapsed()
    );
    drop(log);
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let base = args.next().map_or_else(std::env::temp_dir, Into::into);
    let gib = args.next().and_then(|gib| gib.to_str()?.parse().ok()).unwrap_or(10);
    let dir = base.join(format!("wal-throughput-{}", std::process::id()));
    for durability in [Durability::Always, Durability::Never] {
        run(&dir, durability, 1 << 20, 500, 1)?;
        let count = if durability == Durability::Always {
            3_000
        } else {
            200_000
        };
        run(&dir, durability, 1 << 10, count, 1)?;
        run(&dir, durability, 1 << 10, count, 8)?;
    }
    backlog(&dir, gib)
}
