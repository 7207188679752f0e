//! `invar queue dump`

use super::{explain, find, payload};
use crate::cli::Dump;
use crate::command::Outcome;
use crate::output;
use std::sync::Arc;
use wal::{Inspect, RealDisk, Record};

/// Bytes that are collected before they are printed.
const CHUNK: usize = 64 << 10;

/// Prints the lines of a log.
pub fn run(options: &Dump) -> Outcome {
    let log = find::only(options.dir.as_deref(), &options.storage)?;
    let inspect = Inspect::new(Arc::new(RealDisk), &log.dir);
    let mut left = options.limit.unwrap_or(u64::MAX);
    let mut out = String::new();
    let mut failed: Outcome = Ok(());
    let mut each = |record: Record| {
        let shown = payload::lines(&record, &mut |line| {
            if left == 0 {
                return false;
            }
            left -= 1;
            out.push_str(&line);
            out.push('\n');
            left > 0
        });
        failed = shown.map_err(Into::into);
        if failed.is_ok() && out.len() >= CHUNK {
            failed = output::write(out.as_bytes()).map_err(Into::into);
            out.clear();
        }
        failed.is_ok() && left > 0
    };
    let walked = match &options.cursor {
        _ if options.limit == Some(0) => Ok(()),
        Some(cursor) => inspect.backlog(cursor, options.from, &mut each),
        None => inspect.records(options.from, &mut each),
    };
    failed?;
    output::write(out.as_bytes())?;
    walked.map_err(|error| explain(&error, &log.dir))?;
    Ok(())
}
