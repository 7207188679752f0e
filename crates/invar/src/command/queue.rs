//! `invar queue`: for people, when a destination was down for long, or a disk went bad.

mod dump;
mod find;
mod ls;
mod mend;
mod payload;
mod replay;
mod verify;

use super::Outcome;
use crate::cli::{Queue, QueueCommand};
use std::path::Path;
use wal::Error;

/// Runs one of the commands.
pub fn run(options: &Queue) -> Outcome {
    match &options.command {
        QueueCommand::Ls(options) => ls::run(options),
        QueueCommand::Verify(options) => verify::run(options),
        QueueCommand::Dump(options) => dump::run(options),
        QueueCommand::Replay(options) => replay::run(options),
        QueueCommand::Trim(options) => mend::trim(options),
        QueueCommand::Repair(options) => mend::repair(options),
    }
}

/// What is wrong, and what to do about it where that is known.
fn explain(error: &Error, dir: &Path) -> String {
    match error {
        Error::Locked(_) => format!(
            "{} is in use by a running process: stop it first; ls, verify, dump and replay --keep work while it runs",
            dir.display()
        ),
        Error::NoCursor(name) => format!(
            "{} has no cursor {name:?}; \"invar queue ls\" lists those that it has",
            dir.display()
        ),
        other => other.to_string(),
    }
}

/// A number with its noun.
fn count(n: u64, one: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{n} {one}s")
    }
}

/// Nanoseconds since the Unix epoch, as RFC 3339.
fn time(nanos: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(nanos))
        .map_or_else(|_| nanos.to_string(), |timestamp| timestamp.to_string())
}

/// A size for people.
fn size(bytes: u64) -> String {
    super::top::words::size(bytes as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        assert_eq!(count(1, "line"), "1 line");
        assert_eq!(count(0, "line"), "0 lines");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 << 40), "5.0 TiB");
        assert_eq!(time(1_700_000_000_000_000_001), "2023-11-14T22:13:20.000000001Z");
    }
}
