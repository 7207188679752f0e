//! The run before: the same lines without any trouble, to learn which of them the configuration's own rules let through.

use crate::child::Start;
use crate::options::Options;
use crate::rotate::Log;
use crate::setup::{Setup, cannot_write};
use crate::tally::{Bits, Counts, Expected};
use std::fs;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Lines written at once.
const CHUNK: u64 = 1000;
/// How long nothing may happen before all is taken to be read.
const QUIET: Duration = Duration::from_secs(3);
/// How long nothing may be read at first; longer than the period after which patterns are looked up again.
const BEGIN: Duration = Duration::from_secs(60);
/// How long the program may take to stop.
const STOP: Duration = Duration::from_secs(120);

/// What arrived at an endpoint.
pub struct Calm {
    /// The lines, by file.
    pub bits: Vec<Bits>,
    /// Their counts.
    pub counts: Counts,
}

/// Writes all lines, lets the program read them in peace, and clears up.
pub fn run(
    setup: &Setup,
    options: &Options,
    random: &mut fastrand::Rng,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Calm>, String> {
    let tallies = setup.watch(|_| Expected::All, false);
    let mut total = 0;
    for (index, (path, lines)) in (0..).zip(&setup.files) {
        let mut log = Log::create(index, path, *lines).map_err(|error| cannot_write(path, &error))?;
        while log.left() > 0 {
            log.append(&setup.lines, CHUNK, random)
                .map_err(|error| cannot_write(path, &error))?;
        }
        total += lines;
    }
    let start = Start {
        storage: setup.dir.path().join("calm"),
        ..setup.start.clone()
    };
    let mut child = start.spawn()?;
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        std::thread::sleep(Duration::from_millis(100));
        if options.stop.load(Ordering::Relaxed) {
            return Err("interrupted".to_owned());
        }
        if let Some(status) = child.ended()? {
            return Err(format!(
                "the program does not run this configuration ({status}):\n{}",
                start.last_words()
            ));
        }
        let arrived = tallies.iter().map(|tally| tally.arrived()).sum::<u64>();
        let read = child.metric("loki_source_file_read_lines_total").unwrap_or(0.0) as u64;
        progress(arrived);
        if arrived + read != last {
            (last, moved) = (arrived + read, Instant::now());
        }
        let everything = tallies.iter().all(|tally| tally.arrived() == total);
        if everything || read >= total && moved.elapsed() > QUIET {
            break;
        }
        if moved.elapsed() > BEGIN {
            return Err(format!(
                "the program read {read} of {total} lines in peace and then nothing for {BEGIN:?}:\n{}",
                start.last_words()
            ));
        }
    }
    // What stages hold back and what waits for a full batch comes when it stops.
    child.terminate();
    let asked = Instant::now();
    while child.ended()?.is_none() {
        if asked.elapsed() > STOP {
            return Err(format!("the program did not stop within {STOP:?} of SIGTERM"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::remove_dir_all(&setup.root)
        .and_then(|()| fs::create_dir(&setup.root))
        .map_err(|error| cannot_write(&setup.root, &error))?;
    let written: Vec<u64> = setup.files.iter().map(|(_, lines)| *lines).collect();
    let calm = tallies.iter().map(|tally| Calm {
        counts: tally.counts(&written),
        bits: tally.into_bits(),
    });
    Ok(calm.collect())
}
