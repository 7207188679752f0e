//! `invar queue trim` and `invar queue repair`: what writes to a log that no process uses.

use super::verify::Place;
use super::{count, explain, find, size};
use crate::cli::{Repair, Trim};
use crate::command::Outcome;
use crate::output;
use host::Clock;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use wal::{Disk, Error, Options, RealDisk, Wal};

/// Opens a log that is there, and says what it found damaged.
pub fn open(dir: &Path) -> Result<Wal, String> {
    let log = Wal::open(Arc::new(RealDisk), Arc::new(host::SystemClock), dir, Options::default())
        .map_err(|error| explain(&error, dir))?;
    warn(&log);
    Ok(log)
}

/// Says what was found damaged since it was asked last.
pub fn warn(log: &Wal) {
    for damage in log.take_damage() {
        output::complain(&format!("Warning: {}", Place::from(&damage).text()));
    }
}

#[derive(Serialize)]
struct Trimmed {
    cursor: String,
    dropped: Amount,
    left: Amount,
}

#[derive(Serialize)]
struct Amount {
    records: u64,
    items: u64,
    bytes: u64,
}

impl From<wal::Totals> for Amount {
    fn from(totals: wal::Totals) -> Amount {
        Amount {
            records: totals.records,
            items: totals.items,
            bytes: totals.bytes,
        }
    }
}

/// Drops records.
pub fn trim(options: &Trim) -> Outcome {
    find::one(&options.dir)?;
    let before_time = options.older_than.map(|age| {
        let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
        host::SystemClock.now().saturating_sub(age)
    });
    let log = open(&options.dir)?;
    let fail = |error: Error| explain(&error, &options.dir);
    log.trim(wal::Trim {
        cursor: options.cursor.as_deref(),
        before_seq: options.before_seq,
        before_time,
    })
    .map_err(fail)?;
    warn(&log);
    let cursors: Vec<Trimmed> = log
        .stats()
        .cursors
        .into_iter()
        .filter(|cursor| options.cursor.as_ref().is_none_or(|name| *name == cursor.name))
        .map(|cursor| Trimmed {
            dropped: cursor.fates.trimmed.into(),
            left: cursor.depth.into(),
            cursor: cursor.name,
        })
        .collect();
    log.close().map_err(fail)?;
    let mut out = String::new();
    if options.json {
        out = serde_json::to_string_pretty(&cursors)?;
        out.push('\n');
    } else if cursors.is_empty() {
        out.push_str("There is no cursor, so there is nothing that is not acknowledged.\n");
    } else {
        for one in &cursors {
            let _ = writeln!(
                out,
                "{}: dropped {} with {}, {} left",
                one.cursor,
                count(one.dropped.records, "record"),
                count(one.dropped.items, "item"),
                count(one.left.records, "record")
            );
        }
    }
    output::write(out.as_bytes())?;
    Ok(())
}

/// Moves damaged bytes to quarantine.
pub fn repair(options: &Repair) -> Outcome {
    find::one(&options.dir)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    // Somebody is going to look at what is moved: all of it is kept.
    let found = wal::repair(&disk, &options.dir, u64::MAX).map_err(|error| explain(&error, &options.dir))?;
    let places: Vec<Place> = found.iter().map(Place::from).collect();
    let mut out = String::new();
    if options.json {
        out = serde_json::to_string_pretty(&places)?;
        out.push('\n');
    } else if places.is_empty() {
        out.push_str("Nothing is damaged.\n");
    } else {
        for place in &places {
            let _ = writeln!(out, "{}", place.text());
        }
        let _ = writeln!(
            out,
            "{} mended; {} are in {}",
            count(places.len() as u64, "place"),
            size(found.iter().map(|damage| damage.len).sum()),
            options.dir.join("quarantine").display()
        );
    }
    output::write(out.as_bytes())?;
    Ok(())
}
