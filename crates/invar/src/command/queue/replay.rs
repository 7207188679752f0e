//! `invar queue replay`

use super::payload::{DEAD_LETTER, Letter, PUSH, Push};
use super::{count, explain, find, mend};
use crate::cli::Replay;
use crate::client::Pusher;
use crate::command::{Failure, Outcome};
use crate::output;
use lokipush::{Compressor, Encoder};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use wal::{Inspect, Reader, RealDisk, Record, Wal};

/// Dead letters that are sent together, by number and by bytes of their payloads.
const LETTERS: usize = 500;
const LETTER_BYTES: usize = 1 << 20;

/// Records after which the acknowledgements are made durable; they come again if the command is killed before.
const SAVE_EVERY: u64 = 64;

/// Sends what a cursor has not acknowledged.
pub fn run(options: &Replay) -> Outcome {
    find::one(&options.dir)?;
    let pusher = Pusher::new("--url", &options.url)?;
    let inspect = Inspect::new(Arc::new(RealDisk), &options.dir);
    let cursor = cursor(&inspect, &options.dir, options.cursor.as_deref())?;
    let mut courier = Courier::new(&pusher, options.tenant.as_deref());
    let (stopped, left) = if options.keep {
        view(&inspect, &options.dir, &cursor, &mut courier)?
    } else {
        work(&options.dir, &cursor, &mut courier)?
    };
    tell(options, &cursor, &courier, stopped, left)
}

#[derive(Serialize)]
struct Told<'a> {
    cursor: &'a str,
    url: &'a str,
    sent_records: u64,
    sent_items: u64,
    /// Records that are not acknowledged.
    left_records: u64,
    error: Option<&'a str>,
}

fn tell(options: &Replay, cursor: &str, courier: &Courier<'_>, stopped: Option<String>, left: u64) -> Outcome {
    let url = courier.pusher.url().as_str();
    if options.json {
        let mut text = serde_json::to_string(&Told {
            cursor,
            url,
            sent_records: courier.records,
            sent_items: courier.items,
            left_records: left,
            error: stopped.as_deref(),
        })?;
        text.push('\n');
        output::write(text.as_bytes())?;
    }
    let sent = format!(
        "{} with {}",
        count(courier.records, "record"),
        count(courier.items, "item")
    );
    let kept = if options.keep {
        "; nothing is removed from the log"
    } else {
        ""
    };
    match stopped {
        Some(why) => {
            let before = match courier.records {
                0 => String::new(),
                _ => format!("; before that {sent} went there{kept}"),
            };
            let left = match left {
                1 => "1 record is left".to_owned(),
                n => format!("{n} records are left"),
            };
            Err(Failure::Message(format!("{why}{before}; {left}")))
        }
        None => {
            if !options.json {
                let text = match courier.records {
                    0 => format!("There is nothing to send for {cursor}.\n"),
                    _ => format!("{sent} went from {cursor} to {url}{kept}.\n"),
                };
                output::write(text.as_bytes())?;
            }
            Ok(())
        }
    }
}

/// The cursor that was named, or the only one that there is. If all are lost, any name will do, and everything is sent.
fn cursor(inspect: &Inspect, dir: &Path, named: Option<&str>) -> Result<String, String> {
    let cursors = inspect.cursors().map_err(|error| explain(&error, dir))?;
    let mut names: Vec<String> = cursors.into_iter().map(|cursor| cursor.name).collect();
    match named {
        Some(name) if names.is_empty() || names.iter().any(|other| other == name) => Ok(name.to_owned()),
        Some(name) => Err(explain(&wal::Error::NoCursor(name.to_owned()), dir)),
        None if names.len() == 1 => Ok(names.remove(0)),
        None if names.is_empty() => Err(format!(
            "{}: the cursors are lost, so nobody knows what was delivered; with --cursor NAME everything is sent, and is done for NAME",
            dir.display()
        )),
        None => Err(format!(
            "{} has several cursors; name one with --cursor: {}",
            dir.display(),
            names.join(", ")
        )),
    }
}

/// Why it ended before the end, and how many records are not acknowledged.
type Ended = (Option<String>, u64);

/// Sends without taking the log.
fn view(inspect: &Inspect, dir: &Path, cursor: &str, courier: &mut Courier<'_>) -> Result<Ended, String> {
    let fail = |error: wal::Error| explain(&error, dir);
    let cursors = inspect.cursors().map_err(fail)?;
    let depth = cursors.iter().find(|other| other.name == cursor).map(|own| own.depth);
    let mut stopped = None;
    let each = |record: Record| match courier.take(record, &mut |_| {}) {
        Ok(()) => true,
        Err(why) => {
            stopped = Some(why);
            false
        }
    };
    match depth {
        Some(_) => inspect.backlog(cursor, 0, each).map_err(fail)?,
        None => inspect.records(0, each).map_err(fail)?,
    }
    if stopped.is_none() {
        stopped = courier.flush(&mut |_| {}).err();
    }
    let left = match depth {
        Some(depth) => depth.records,
        None => inspect
            .segments()
            .map_err(fail)?
            .iter()
            .map(|segment| segment.records)
            .sum(),
    };
    Ok((stopped, left))
}

/// Sends and acknowledges.
fn work(dir: &Path, cursor: &str, courier: &mut Courier<'_>) -> Result<Ended, String> {
    let log = mend::open(dir)?;
    let fail = |error: wal::Error| explain(&error, dir);
    let reader = log.cursor(cursor).map_err(fail)?;
    let ended = drain(&log, &reader, courier);
    mend::warn(&log);
    let depth = log.stats().cursors.into_iter().find(|own| own.name == cursor);
    let left = depth.map_or(0, |own| own.depth.records);
    // What was held and not acknowledged is there again after this.
    log.close().map_err(fail)?;
    let stopped = ended.map_err(fail)?;
    Ok((stopped, left))
}

fn drain(log: &Wal, reader: &Reader, courier: &mut Courier<'_>) -> Result<Option<String>, wal::Error> {
    let mut saved = 0;
    let mut acknowledge = |seq: u64| {
        reader.ack(seq);
    };
    while let Some(record) = reader.next()? {
        if let Err(why) = courier.take(record, &mut acknowledge) {
            return Ok(Some(why));
        }
        if courier.records >= saved + SAVE_EVERY {
            saved = courier.records;
            log.save()?;
        }
    }
    Ok(courier.flush(&mut acknowledge).err())
}

/// Sends records in the order in which it gets them.
struct Courier<'a> {
    pusher: &'a Pusher,
    tenant: Option<&'a str>,
    compressor: Compressor,
    /// Dead letters of one tenant that go together.
    letters: Vec<(Record, Letter)>,
    letter_bytes: usize,
    /// Taken by the destination.
    records: u64,
    items: u64,
}

impl<'a> Courier<'a> {
    fn new(pusher: &'a Pusher, tenant: Option<&'a str>) -> Self {
        Courier {
            pusher,
            tenant,
            compressor: Compressor::new(),
            letters: Vec::new(),
            letter_bytes: 0,
            records: 0,
            items: 0,
        }
    }

    /// Sends a record, now or with those that follow. `done` gets the sequence numbers of those that were taken.
    fn take(&mut self, record: Record, done: &mut dyn FnMut(u64)) -> Result<(), String> {
        let entry = &record.entry;
        let about = |error: String| format!("record {} cannot be sent: {error}", entry.seq);
        match entry.kind {
            PUSH => {
                self.flush(done)?;
                let push = Push::parse(&record.payload).map_err(about)?;
                let tenant = self.tenant.unwrap_or(push.tenant);
                let sent = self.pusher.push(tenant, push.body.to_vec());
                sent.map_err(|refused| format!("record {} was not taken: {}", entry.seq, refused.message))?;
                self.taken(&record, done);
                Ok(())
            }
            DEAD_LETTER => {
                let letter = Letter::parse(&record.payload).map_err(about)?;
                letter.nanos().map_err(about)?;
                let other = |(_, first): &(Record, Letter)| first.tenant != letter.tenant;
                if self.letters.first().is_some_and(other)
                    || self.letters.len() >= LETTERS
                    || self.letter_bytes + record.payload.len() > LETTER_BYTES
                {
                    self.flush(done)?;
                }
                self.letter_bytes += record.payload.len();
                self.letters.push((record, letter));
                Ok(())
            }
            kind => {
                self.flush(done)?;
                Err(about(format!("this version does not know kind {kind}")))
            }
        }
    }

    /// Sends the dead letters that wait. If they are refused together, they are sent one by one, so that it is known which one is
    /// refused.
    fn flush(&mut self, done: &mut dyn FnMut(u64)) -> Result<(), String> {
        self.letter_bytes = 0;
        let letters = std::mem::take(&mut self.letters);
        if letters.is_empty() {
            return Ok(());
        }
        match self.send(&letters) {
            Ok(()) => letters.iter().for_each(|(record, _)| self.taken(record, done)),
            Err((Some(400..=499), _)) if letters.len() > 1 => {
                for one in &letters {
                    self.send(std::slice::from_ref(one))
                        .map_err(|(_, why)| format!("record {} was not taken: {why}", one.0.entry.seq))?;
                    self.taken(&one.0, done);
                }
            }
            Err((_, why)) => {
                let first = letters.first().map_or(0, |(record, _)| record.entry.seq);
                return Err(format!("record {first} was not taken: {why}"));
            }
        }
        Ok(())
    }

    fn send(&mut self, letters: &[(Record, Letter)]) -> Result<(), (Option<u16>, String)> {
        let mut encoder = Encoder::new();
        let mut open: Option<&str> = None;
        for (_, letter) in letters {
            if open != Some(&letter.stream) {
                encoder.begin_stream(&letter.stream);
                open = Some(&letter.stream);
            }
            let nanos = letter.nanos().map_err(|why| (None, why))?;
            let metadata = letter.structured_metadata.iter().flatten();
            encoder.entry(
                nanos,
                letter.line.as_bytes(),
                metadata.map(|(name, value)| (name.as_str(), value.as_str())),
            );
        }
        let body = self.compressor.compress(encoder.finish());
        let body = body.map_err(|error| (None, error.to_string()))?.to_vec();
        let own = letters.first().and_then(|(_, letter)| letter.tenant.as_deref());
        let tenant = self.tenant.or(own).unwrap_or_default();
        self.pusher
            .push(tenant, body)
            .map_err(|refused| (refused.status, refused.message))
    }

    fn taken(&mut self, record: &Record, done: &mut dyn FnMut(u64)) {
        self.records += 1;
        self.items += u64::from(record.entry.items);
        done(record.entry.seq);
    }
}
