//! `invar queue ls`

use super::find::{self, Log};
use super::{count, explain, size, time};
use crate::cli::Ls;
use crate::command::Outcome;
use crate::output;
use serde::Serialize;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use wal::{CursorInfo, Error, Inspect, RealDisk};

/// A log as it is shown.
#[derive(Serialize)]
struct Row {
    component: String,
    log: String,
    directory: String,
    bytes: u64,
    segments: usize,
    records: u64,
    /// Places that were moved to quarantine: how many, and their bytes.
    quarantined: Quarantined,
    cursors: Vec<CursorRow>,
    #[serde(skip)]
    title: String,
}

#[derive(Serialize, Default)]
struct Quarantined {
    places: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct CursorRow {
    name: String,
    records: u64,
    items: u64,
    bytes: u64,
    /// Sequence number of the oldest record that is not acknowledged.
    oldest_seq: Option<u64>,
    /// When it was appended.
    oldest: Option<String>,
}

/// Lists logs.
pub fn run(options: &Ls) -> Outcome {
    let place = &options.place;
    let mut rows = Vec::new();
    for log in find::all(&place.dirs, &place.storage)? {
        rows.push(row(&log).map_err(|error| explain(&error, &log.dir))?);
    }
    if place.json {
        let mut text = serde_json::to_string_pretty(&rows)?;
        text.push('\n');
        output::write(text.as_bytes())?;
        return Ok(());
    }
    let text = match rows.is_empty() {
        true => "There is no queue: nothing had to wait on disk.\n".to_owned(),
        false => rows.iter().map(text).collect::<Vec<_>>().join("\n"),
    };
    output::write(text.as_bytes())?;
    Ok(())
}

fn row(log: &Log) -> Result<Row, Error> {
    let inspect = Inspect::new(Arc::new(RealDisk), &log.dir);
    let segments = inspect.segments()?;
    let mut cursors = Vec::new();
    for cursor in inspect.cursors()? {
        cursors.push(cursor_row(&inspect, cursor)?);
    }
    cursors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Row {
        component: log.component.clone(),
        log: log.role.clone(),
        directory: log.dir.display().to_string(),
        bytes: segments.iter().map(|segment| segment.len).sum(),
        segments: segments.len(),
        records: segments.iter().map(|segment| segment.records).sum(),
        quarantined: quarantined(&log.dir),
        cursors,
        title: log.title(),
    })
}

fn cursor_row(inspect: &Inspect, cursor: CursorInfo) -> Result<CursorRow, Error> {
    let mut oldest = None;
    inspect.backlog(&cursor.name, 0, |record| {
        oldest = Some(record.entry);
        false
    })?;
    Ok(CursorRow {
        records: cursor.depth.records,
        items: cursor.depth.items,
        bytes: cursor.depth.bytes,
        oldest_seq: oldest.as_ref().map(|entry| entry.seq),
        oldest: oldest.as_ref().map(|entry| time(entry.time)),
        name: cursor.name,
    })
}

fn quarantined(dir: &Path) -> Quarantined {
    let mut all = Quarantined::default();
    // Without damage there is no such folder.
    for entry in fs::read_dir(dir.join("quarantine")).into_iter().flatten().flatten() {
        all.places += 1;
        all.bytes += entry.metadata().map_or(0, |meta| meta.len());
    }
    all
}

fn text(row: &Row) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{}: {} in {}, {}",
        row.title,
        count(row.records, "record"),
        count(row.segments as u64, "segment"),
        size(row.bytes)
    );
    let _ = writeln!(out, "  {}", row.directory);
    if row.quarantined.places > 0 {
        let _ = writeln!(
            out,
            "  {} in quarantine, {}",
            count(row.quarantined.places, "damaged place"),
            size(row.quarantined.bytes)
        );
    }
    if row.cursors.is_empty() && row.records > 0 {
        let _ = writeln!(out, "  the cursors are lost: everything is delivered again");
    }
    for cursor in &row.cursors {
        let _ = write!(out, "  {}: ", cursor.name);
        let _ = match cursor.records {
            0 => writeln!(out, "nothing waits"),
            n => writeln!(
                out,
                "{} with {} waiting, {}",
                count(n, "record"),
                count(cursor.items, "item"),
                size(cursor.bytes)
            ),
        };
        if let (Some(seq), Some(oldest)) = (cursor.oldest_seq, &cursor.oldest) {
            let _ = writeln!(out, "    oldest: record {seq} of {oldest}");
        }
    }
    out
}
