//! A file system in memory, a writer with its rotations, and a collector that reads, acknowledges, crashes and restarts.

use flate2::Compression;
use flate2::write::GzEncoder;
use host::{Clock, Fs, ManualClock, MemFs};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tail::{Chunk, Event, Follower, Options, Registry, State};

pub const PATH: &str = "/log/app.log";
const MILLISECOND: i64 = 1_000_000;

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory does not fail");
    encoder.finish().expect("memory does not fail")
}

pub fn rotated(n: usize) -> PathBuf {
    PathBuf::from(format!("{PATH}.{n}"))
}

pub fn zipped(n: usize) -> PathBuf {
    PathBuf::from(format!("{PATH}.{n}.gz"))
}

pub struct World {
    pub fs: MemFs,
    pub clock: Arc<ManualClock>,
}

impl World {
    pub fn new() -> World {
        let clock = Arc::new(ManualClock::at(1_700_000_000_000 * MILLISECOND));
        World {
            fs: MemFs::new(clock.clone()),
            clock,
        }
    }

    pub fn tick(&self) {
        self.clock.advance(MILLISECOND);
    }

    pub fn pass(&self, milliseconds: i64) {
        self.clock.advance(milliseconds * MILLISECOND);
    }

    pub fn append(&self, path: impl AsRef<Path>, bytes: &[u8]) {
        self.tick();
        self.fs.append(path, bytes);
    }

    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.fs.meta(path.as_ref()).is_ok()
    }

    /// Makes room for a new `.1`.
    pub fn shift(&self) {
        self.tick();
        for n in (1..60).rev() {
            for (from, to) in [(rotated(n), rotated(n + 1)), (zipped(n), zipped(n + 1))] {
                if self.exists(&from) {
                    self.fs.rename(from, to).expect("it exists");
                }
            }
        }
    }

    pub fn rename(&self) {
        self.shift();
        self.fs.rename(PATH, rotated(1)).expect("it exists");
    }

    pub fn copytruncate(&self) {
        self.shift();
        let content = self.fs.read(Path::new(PATH)).expect("it exists");
        self.fs.create(rotated(1), &content);
        self.tick();
        self.fs.truncate(PATH, 0).expect("it exists");
    }

    pub fn gzip(&self, n: usize) {
        self.tick();
        let content = self.fs.read(&rotated(n)).expect("it exists");
        self.fs.create(zipped(n), &gzip(&content));
        self.fs.remove_file(&rotated(n)).expect("it exists");
    }

    pub fn collector(&self, path: &str, registry: &Registry, options: Options, state: Option<State>) -> Collector {
        Collector {
            follower: Follower::new(Arc::new(self.fs.clone()), registry, path, options, state),
            clock: self.clock.clone(),
            flying: Vec::new(),
            delivered: Vec::new(),
            events: Vec::new(),
        }
    }

    pub fn follow(&self) -> Collector {
        self.collector(PATH, &Registry::new(), Options::default(), None)
    }
}

pub struct Collector {
    pub follower: Follower,
    pub clock: Arc<ManualClock>,
    /// Read and not acknowledged.
    pub flying: Vec<Chunk>,
    pub delivered: Vec<String>,
    pub events: Vec<Event>,
}

impl Collector {
    pub fn look(&mut self) -> bool {
        let work = self
            .follower
            .observe(self.clock.now())
            .expect("the file can be looked at");
        self.events.extend(self.follower.take_events());
        work
    }

    pub fn read_one(&mut self) -> bool {
        let chunk = self.follower.next(self.clock.now()).expect("the file can be read");
        self.events.extend(self.follower.take_events());
        let some = chunk.is_some();
        self.flying.extend(chunk);
        some
    }

    pub fn ack_one(&mut self) {
        if !self.flying.is_empty() {
            let chunk = self.flying.remove(0);
            self.follower.ack(chunk.generation, chunk.end);
            let lines = chunk.lines().map(|line| String::from_utf8_lossy(&line).into_owned());
            self.delivered.extend(lines);
        }
    }

    /// Looks, reads and acknowledges everything.
    pub fn drain(&mut self) {
        self.look();
        while self.read_one() {}
        while !self.flying.is_empty() {
            self.ack_one();
        }
    }

    pub fn lines(&mut self) -> Vec<String> {
        self.drain();
        std::mem::take(&mut self.delivered)
    }
}

/// Checks `count` seeds and reports the shortest failure. `TAIL_SEEDS` asks for more of them, `TAIL_SEED` for one.
pub fn seeds(count: u64, check: impl Fn(u64) -> Result<(), String>) {
    if let Ok(seed) = std::env::var("TAIL_SEED") {
        let seed = seed.parse().expect("TAIL_SEED is a number");
        check(seed).unwrap_or_else(|failure| panic!("{failure}"));
        return;
    }
    let seeds = std::env::var("TAIL_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(count);
    let mut failed = Vec::new();
    let mut shortest = None;
    for seed in 0..seeds {
        if let Err(failure) = check(seed) {
            let shorter = shortest
                .as_ref()
                .is_none_or(|other: &String| failure.len() < other.len());
            if shorter {
                shortest = Some(failure);
            }
            failed.push(seed);
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {seeds} seeds failed: {failed:?}\n{}",
        failed.len(),
        shortest.unwrap_or_default()
    );
}
