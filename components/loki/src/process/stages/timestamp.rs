//! `stage.timestamp`: sets the time of a record from an extracted value.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use foldhash::fast::FixedState;
use gotime::{Layout, Location};
use hashbrown::HashMap;
use signals::Labels;
use std::sync::{Arc, Mutex, MutexGuard};
use value::Block;

/// Sets the time of a record from an extracted value.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Name of the extracted value.
    #[arg]
    pub source: String,
    /// Its format: a layout of Go, or the name of one, or `Unix`, `UnixMs`, `UnixUs`, `UnixNs`.
    #[arg]
    pub format: String,
    /// Formats to try if that one does not fit.
    #[arg(default)]
    pub fallback_formats: Vec<String>,
    /// Time zone (IANA name) of times that do not say theirs.
    #[arg(default)]
    pub location: Option<String>,
    /// What to do if no format fits: `fudge` takes the last time of the stream plus one nanosecond, `skip` leaves the
    /// record's time.
    #[arg(default = "fudge".to_owned())]
    pub action_on_failure: String,
    /// What to do if the time is that of the record before: `fudge` adds one nanosecond, `keep` does not.
    #[arg(default = "fudge".to_owned())]
    pub action_on_duplicate_timestamp: String,
}

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        reads.name(&self.source);
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if self.source.is_empty() {
            return Err(Error::about("source", "must not be empty: name an extracted value"));
        }
        if self.format.is_empty() {
            return Err(Error::about("format", "must not be empty"));
        }
        let choice = |argument: &str, value: &str, other: &str| match value {
            "fudge" => Ok(true),
            value if value == other => Ok(false),
            value => {
                let message = format!("must be \"fudge\" or {other:?}, not {value:?}");
                Err(Error::about(argument, message))
            }
        };
        let fudge_failures = choice("action_on_failure", &self.action_on_failure, "skip")?;
        let fudge_duplicates = choice(
            "action_on_duplicate_timestamp",
            &self.action_on_duplicate_timestamp,
            "keep",
        )?;
        let location = match &self.location {
            None => None,
            Some(name) => Some(Location::load(name).map_err(|error| Error::about("location", error.to_string()))?),
        };
        let formats = std::iter::once(&self.format).chain(&self.fallback_formats);
        let stage = Timestamp {
            source: compiler.read(&self.source),
            formats: formats.map(|format| Format::new(format, location.as_ref())).collect(),
            local: Location::local(),
            fudge_failures,
            fudge_duplicates,
            last: Mutex::default(),
            room: compiler.room(|| None::<(Labels, Arc<Mutex<Last>>)>),
        };
        compiler.step("stage.timestamp", stage);
        Ok(())
    }
}

enum Format {
    /// Seconds with an optional fraction.
    Unix,
    /// A whole number of units of so many nanoseconds.
    Units(i64),
    /// RFC 3339, the common case.
    Rfc3339(Layout),
    Layout(Layout, Location),
}

impl Format {
    fn new(format: &str, location: Option<&Location>) -> Format {
        match format {
            "Unix" => Format::Unix,
            "UnixMs" => Format::Units(1_000_000),
            "UnixUs" => Format::Units(1_000),
            "UnixNs" => Format::Units(1),
            "RFC3339" | "RFC3339Nano" => Format::Rfc3339(Layout::new(gotime::layouts::RFC3339_NANO)),
            "ANSIC" | "UnixDate" | "RubyDate" | "RFC822" | "RFC822Z" | "RFC850" | "RFC1123" | "RFC1123Z" => {
                Format::Layout(Layout::new(gotime::named(format).unwrap_or(format)), Location::utc())
            }
            layout => Format::Layout(Layout::new(layout), location.cloned().unwrap_or(Location::utc())),
        }
    }

    /// The time in nanoseconds since 1970; `None` if the text does not fit, or the time is beyond 1677 to 2262.
    fn parse(&self, text: &[u8], local: &Location, now: i64) -> Option<i64> {
        if let Format::Rfc3339(_) = self
            && let Some(time) = gotime::parse_rfc3339_nano(text)
        {
            return Some(time);
        }
        let text = std::str::from_utf8(text).ok()?;
        match self {
            Format::Unix => unix(text),
            Format::Units(unit) => text.parse::<i64>().ok()?.checked_mul(*unit),
            Format::Rfc3339(layout) => layout.parse_with(text, &Location::utc(), local).ok()?.unix_nanos(),
            Format::Layout(layout, location) => {
                let local = if *location == Location::utc() { local } else { location };
                let parsed = if layout.has_year() {
                    layout.parse_with(text, location, local)
                } else {
                    layout.parse_yearless(text, location, local, now.div_euclid(1_000_000_000))
                };
                parsed.ok()?.unix_nanos()
            }
        }
    }
}

/// Seconds with an optional fraction, which counts up even if the seconds are negative.
fn unix(text: &str) -> Option<i64> {
    let Some((seconds, fraction)) = text.split_once('.') else {
        return text.parse::<i64>().ok()?.checked_mul(1_000_000_000);
    };
    let seconds: i64 = seconds.parse().ok()?;
    let digits = i32::try_from(fraction.len()).ok()?;
    let nanos = fraction.parse::<i64>().ok()? as f64 * 10_f64.powi(9 - digits);
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos as i64)
}

/// The latest times of a stream.
#[derive(Clone, Copy)]
struct Last {
    parsed: Option<i64>,
    given: i64,
}

/// Streams whose latest times are remembered.
const STREAMS: usize = 10_000;

/// Latest times by label set. When half of the bound is new, the half before that is forgotten.
#[derive(Default)]
struct Latest {
    recent: HashMap<Labels, Arc<Mutex<Last>>, FixedState>,
    older: HashMap<Labels, Arc<Mutex<Last>>, FixedState>,
}

impl Latest {
    fn get(&mut self, labels: &Labels, create: Option<Last>) -> Option<Arc<Mutex<Last>>> {
        if let Some(known) = self.recent.get(labels) {
            return Some(known.clone());
        }
        let entry = match self.older.remove(labels) {
            Some(known) => known,
            None => Arc::new(Mutex::new(create?)),
        };
        if self.recent.len() >= STREAMS / 2 {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(labels.clone(), entry.clone());
        Some(entry)
    }
}

struct Timestamp {
    source: Slot,
    formats: Vec<Format>,
    /// The machine's own place, whose zone abbreviations are understood.
    local: Location,
    fudge_failures: bool,
    fudge_duplicates: bool,
    last: Mutex<Latest>,
    room: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Step for Timestamp {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let parsed = record.text(&self.source).and_then(|text| {
            self.formats
                .iter()
                .find_map(|format| format.parse(&text, &self.local, cx.now))
        });
        if !self.fudge_failures && (parsed.is_none() || !self.fudge_duplicates) {
            record.timestamp = parsed.unwrap_or(record.timestamp);
            return Flow::Next;
        }
        let new = parsed.map(|time| Last {
            parsed: None,
            given: time,
        });
        let room = cx.tools.room::<Option<(Labels, Arc<Mutex<Last>>)>>(self.room);
        let last = match room {
            Some((labels, last)) if labels.same(&record.labels) => last,
            _ => {
                let Some(last) = lock(&self.last).get(&record.labels, new) else {
                    // Nothing is known of the stream and this record does not say its time.
                    return Flow::Next;
                };
                &room.insert((record.labels.clone(), last)).1
            }
        };
        let mut last = lock(last);
        record.timestamp = match parsed {
            Some(time) if self.fudge_duplicates && last.parsed == Some(time) => last.given.saturating_add(1),
            Some(time) => time,
            None => last.given.saturating_add(1),
        };
        last.parsed = parsed.or(last.parsed);
        last.given = record.timestamp;
        Flow::Next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_times() {
        for (text, expected) in [
            ("1700000000", Some(1_700_000_000_000_000_000)),
            ("1700000000.123", Some(1_700_000_000_123_000_000)),
            ("-1.5", Some(-500_000_000)),
            ("1700000000.", None),
            ("1.2.3", None),
            (" 1", None),
            ("9999999999999", None),
        ] {
            assert_eq!(unix(text), expected, "{text}");
        }
    }

    #[test]
    fn latest_times_are_bounded() {
        let mut latest = Latest::default();
        for i in 0..30_000 {
            let labels = Labels::from_pairs([("i", i.to_string())]);
            latest.get(&labels, Some(Last { parsed: None, given: i }));
            assert!(latest.recent.len() + latest.older.len() <= STREAMS);
        }
        let known = Labels::from_pairs([("i", "29000")]);
        assert!(latest.get(&known, None).is_some());
        assert!(latest.get(&Labels::from_pairs([("i", "0")]), None).is_none());
    }
}
