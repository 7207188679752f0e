//! `invar queue verify`

use super::find::{self, Log};
use super::{count, explain};
use crate::cli::Verify;
use crate::command::{Failure, Outcome};
use crate::output;
use serde::Serialize;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use wal::{Damage, Error, Inspect, RealDisk, What};

/// How long a record that a running process is writing may look like a torn end.
const SETTLING: Duration = Duration::from_millis(300);

/// A log with what is wrong in it.
#[derive(Serialize)]
struct Report {
    component: String,
    log: String,
    directory: String,
    segments: usize,
    /// Those that can be read.
    records: u64,
    damage: Vec<Place>,
}

/// A damaged place.
#[derive(Serialize)]
pub struct Place {
    segment: String,
    offset: u64,
    len: u64,
    seq: Option<u64>,
    what: String,
    #[serde(skip)]
    text: String,
}

impl From<&Damage> for Place {
    fn from(damage: &Damage) -> Place {
        Place {
            segment: format!("{:020}.seg", damage.segment),
            offset: damage.offset,
            len: damage.len,
            seq: damage.seq,
            what: damage.what.to_string(),
            text: match damage.what {
                What::Cursors => damage.what.to_string(),
                _ => damage.to_string(),
            },
        }
    }
}

impl Place {
    /// As a person reads it.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Reads everything. Damage is a failure of the command.
pub fn run(options: &Verify) -> Outcome {
    let place = &options.place;
    let mut reports = Vec::new();
    let mut out = String::new();
    for log in find::all(&place.dirs, &place.storage)? {
        let report = report(&log).map_err(|error| explain(&error, &log.dir))?;
        let held = format!(
            "{} in {}",
            count(report.records, "good record"),
            count(report.segments as u64, "segment")
        );
        let _ = match report.damage.len() as u64 {
            0 => writeln!(out, "{}: {held}, no damage", log.title()),
            n => writeln!(out, "{}: {held}, {}", log.title(), count(n, "damaged place")),
        };
        if !report.damage.is_empty() {
            let _ = writeln!(out, "  {}", report.directory);
        }
        for place in &report.damage {
            let _ = writeln!(out, "  {}", place.text);
        }
        reports.push(report);
    }
    if place.json {
        out = serde_json::to_string_pretty(&reports)?;
        out.push('\n');
    } else if reports.is_empty() {
        out.push_str("There is no queue.\n");
    }
    output::write(out.as_bytes())?;
    let damaged: u64 = reports.iter().map(|report| report.damage.len() as u64).sum();
    if damaged > 0 {
        return Err(Failure::Message(format!(
            "{}; \"invar queue repair DIR\" moves the bytes to quarantine",
            count(damaged, "damaged place")
        )));
    }
    Ok(())
}

fn report(log: &Log) -> Result<Report, Error> {
    let inspect = Inspect::new(Arc::new(RealDisk), &log.dir);
    let damage = settled(&inspect)?;
    let segments = inspect.segments()?;
    // What a segment says of itself counts the damaged ones too.
    let mut records = 0;
    inspect.records(0, |_| {
        records += 1;
        true
    })?;
    Ok(Report {
        component: log.component.clone(),
        log: log.role.clone(),
        directory: log.dir.display().to_string(),
        segments: segments.len(),
        records,
        damage: damage.iter().map(Place::from).collect(),
    })
}

/// What is wrong, without what is only being written or removed at this moment.
fn settled(inspect: &Inspect) -> Result<Vec<Damage>, Error> {
    let moves = |damage: &Damage| !matches!(damage.what, What::Payload | What::Addresses | What::SegmentHeader);
    let first = inspect.verify()?;
    if !first.iter().any(moves) {
        return Ok(first);
    }
    std::thread::sleep(SETTLING);
    let again = inspect.verify()?;
    Ok(again
        .into_iter()
        .filter(|damage| !moves(damage) || first.contains(damage))
        .collect())
}
