//! Writes the load: all files from one thread, evenly over time, with a rotation now and then.

use crate::line::Lines;
use crate::rotate::{Log, Rotation};
use crate::tally::Tally;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time between two looks at the clock.
const TICK: Duration = Duration::from_millis(5);

/// What to write.
pub struct Load {
    /// The lines.
    pub lines: Lines,
    /// Files and how many lines each gets.
    pub files: Vec<(PathBuf, u64)>,
    /// Lines a second, all files together.
    pub rate: u64,
    /// How files are rotated, one of them each time.
    pub rotate: Vec<Rotation>,
    /// Time between two rotations of a file, on average.
    pub every: Duration,
    /// Order and sizes of everything.
    pub random: fastrand::Rng,
    /// Who says what was delivered.
    pub tallies: Vec<Arc<Tally>>,
}

/// A writer at work.
pub struct Writer {
    written: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Written, String>>,
}

/// What a writer did.
pub struct Written {
    /// Lines of each file.
    pub lines: Vec<u64>,
    /// Bytes of all.
    pub bytes: u64,
    /// How often files were rotated in each way.
    pub rotations: BTreeMap<String, u64>,
}

impl Writer {
    /// Makes the files and begins.
    pub fn start(load: Load) -> Result<Writer, String> {
        let mut logs = Vec::new();
        for (index, (path, lines)) in (0..).zip(&load.files) {
            let log = Log::create(index, path, *lines)
                .map_err(|error| format!("cannot write {:?}: {error}", path.display().to_string()))?;
            logs.push(log);
        }
        let (written, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stopped) = (written.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            write(load, logs, &count, &stopped).map_err(|error| format!("cannot write the load: {error}"))
        });
        Ok(Writer { written, stop, thread })
    }

    /// Lines written so far.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Whether it has ended.
    pub fn is_done(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends it, if it has not, and gives what it did.
    pub fn finish(self) -> Result<Written, String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| "the writer of the load panicked".to_owned())?
    }
}

/// A time between half the mean and one and a half of it.
fn around(mean: Duration, random: &mut fastrand::Rng) -> Duration {
    mean.mul_f64(0.5 + random.f64())
}

fn write(mut load: Load, mut logs: Vec<Log>, count: &AtomicU64, stop: &AtomicBool) -> std::io::Result<Written> {
    let started = Instant::now();
    let mut bytes = 0;
    let mut rotations = BTreeMap::new();
    let mut due: Vec<Instant> = logs
        .iter()
        .map(|_| started + around(load.every, &mut load.random))
        .collect();
    while !stop.load(Ordering::Relaxed) && logs.iter().any(|log| log.left() > 0) {
        std::thread::sleep(TICK);
        let target = (started.elapsed().as_secs_f64() * load.rate as f64) as u64;
        let missing = target.saturating_sub(count.load(Ordering::Relaxed));
        let open = logs.iter().filter(|log| log.left() > 0).count().max(1) as u64;
        for (log, due) in logs.iter_mut().zip(&mut due) {
            let before = log.written();
            bytes += log.append(&load.lines, missing.div_ceil(open), &mut load.random)?;
            count.fetch_add(log.written() - before, Ordering::Relaxed);
            if load.rotate.is_empty() || Instant::now() < *due || log.left() == 0 {
                continue;
            }
            let how = load.rotate[load.random.usize(0..load.rotate.len())];
            if log.rotate(how)? {
                *rotations.entry(how.to_string()).or_default() += 1;
            }
            let written = log.written();
            let delivered = load.tallies.iter().map(|tally| tally.delivered(log.index, written));
            log.prune(delivered.min().unwrap_or(0))?;
            *due = Instant::now() + around(load.every, &mut load.random);
        }
    }
    Ok(Written {
        lines: logs.iter().map(Log::written).collect(),
        bytes,
        rotations,
    })
}
