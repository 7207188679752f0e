//! What to do to the program.

use crate::config::ConfigFile;
use crate::rotate::Rotation;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program; it is started with `run`.
    pub program: PathBuf,
    /// The user's configuration; the built-in one if empty.
    pub config: Vec<ConfigFile>,
    /// How often it is killed.
    pub kill9: u32,
    /// How often it is stopped with SIGTERM.
    pub sigterm: u32,
    /// How files are rotated; not at all if empty.
    pub rotate: Vec<Rotation>,
    /// Time between two rotations of a file, on average.
    pub rotate_every: Duration,
    /// Lines to write, all files together.
    pub lines: u64,
    /// Files, if the patterns allow so many.
    pub files: u32,
    /// Lines a second.
    pub rate: u64,
    /// Share of the time in which the destination has trouble, from 0 to 1.
    pub outage: f64,
    /// How long the disk with the program's state is full.
    pub disk_full: Option<Duration>,
    /// Bytes to change in the queue of the stopped program.
    pub flip: u32,
    /// The destination refuses one line of so many.
    pub refuse: Option<u64>,
    /// Bound for the program's memory, in bytes.
    pub memory_limit: Option<u64>,
    /// How long after the end nothing new may arrive before the rest counts as lost.
    pub patience: Duration,
    /// Chooses the order of everything and the text of the lines.
    pub seed: u64,
    /// Keep the folder in any case; it also stays if the run fails.
    pub keep: bool,
    /// Set to give up.
    pub stop: Arc<AtomicBool>,
}

impl Options {
    /// How long the lines take to write.
    pub(crate) fn length(&self) -> Duration {
        Duration::from_secs_f64(self.lines as f64 / self.rate.max(1) as f64)
    }

    /// Says what makes no sense.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.lines == 0 || self.rate == 0 || self.files == 0 {
            return Err("there must be lines, files and a rate above 0".to_owned());
        }
        if self.files > crate::line::MOST_FILES || self.lines > crate::line::MOST_LINES {
            return Err(format!(
                "at most {} files and {} lines",
                crate::line::MOST_FILES,
                crate::line::MOST_LINES
            ));
        }
        if !(0.0..1.0).contains(&self.outage) {
            return Err("the share of the outage must be at least 0 and below 1".to_owned());
        }
        if self.refuse.is_some_and(|every| every < 2) {
            return Err("of the lines, one in at least 2 can be refused".to_owned());
        }
        Ok(())
    }
}
