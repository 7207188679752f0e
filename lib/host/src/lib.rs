//! The machine as a library sees it: wall clock, files, environment and randomness behind object-safe traits.
//!
//! Nothing in Invar asks the operating system for these directly: they are handed in, so that a test can run on paused
//! time, on a file system in memory or on one that fails, and reproduce a run from a seed. Timers come from `tokio::time`,
//! which a test pauses by itself; [`Clock`] is only for the time of day.

mod clock;
mod env;
mod fs;
mod mem;
mod random;
mod startup;

pub use clock::{Clock, ManualClock, SystemClock};
pub use env::{Env, FixedEnv, SystemEnv};
pub use fs::{DirEntry, File, FileId, FileKind, Fs, Meta, RealFs};
pub use mem::MemFs;
pub use random::{Random, SeededRandom, SystemRandom};
pub use startup::forget_startup_pages;

use std::sync::Arc;

/// What a component may ask of the machine it runs on. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    /// Time of day.
    pub clock: Arc<dyn Clock>,
    /// Files.
    pub fs: Arc<dyn Fs>,
    /// Environment variables.
    pub env: Arc<dyn Env>,
    /// Randomness that is good enough for jitter and sampling, not for keys.
    pub random: Arc<dyn Random>,
}

impl Host {
    /// The real machine.
    pub fn real() -> Self {
        Host {
            clock: Arc::new(SystemClock),
            fs: Arc::new(RealFs),
            env: Arc::new(SystemEnv),
            random: Arc::new(SystemRandom),
        }
    }
}
