//! From a body to streams. Everything is checked before anything is passed on.

use bytes::Bytes;
use component::{RelabelRules, RelabelScratch};
use lokipush::{Body, Format, Limits, PushRequest, labels, proto};
use signals::{Entry, Labels, LabelsBuilder, LogStream, Metadata, Permit};
use smol_str::SmolStr;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Label that tells `loki.write` the tenant.
const TENANT: &str = "__tenant_id__";
/// Memory of an entry besides its text, in bytes.
const ENTRY: u64 = size_of::<Entry>() as u64;
/// Number of entries for which memory is asked at a time.
const STEP: u64 = 1024;
/// Bytes of a stream's label text in an error.
const SHOWN: usize = 200;

/// What the arguments say about requests.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) labels: Vec<(SmolStr, SmolStr)>,
    pub(super) rules: RelabelRules,
    pub(super) use_incoming_timestamp: bool,
    /// Bytes of a request, as it came and after each decoding.
    pub(super) max_bytes: usize,
}

/// A request that can be passed on.
pub(super) struct Decoded {
    pub(super) streams: Vec<LogStream>,
    /// Entries in the streams.
    pub(super) entries: u64,
    /// Entries of streams that the rules dropped.
    pub(super) filtered: u64,
    /// For what the streams hold.
    pub(super) permit: Permit,
}

/// Why a request is not passed on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is beyond a limit.
    TooLarge(String),
    /// It is malformed.
    Malformed(String),
    /// The memory budget has no room for it.
    NoRoom,
    /// Decoding broke down, which is not the client's fault.
    Defect(String),
}

impl From<lokipush::Error> for Wrong {
    fn from(error: lokipush::Error) -> Self {
        match error {
            lokipush::Error::NoRoom => Wrong::NoRoom,
            error if error.is_too_large() => Wrong::TooLarge(error.to_string()),
            error => Wrong::Malformed(error.to_string()),
        }
    }
}

/// The head of a push, as far as it matters.
pub(super) struct Head {
    pub(super) content_type: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) tenant: Option<SmolStr>,
}

/// Gives entries the time at which they came, and none of them the same: Loki takes equal lines of one stream with equal times for one
/// line.
#[derive(Clone, Default)]
pub(super) struct Stamps(Arc<AtomicI64>);

impl Stamps {
    /// The first of `count` times in a row, at `now` or as soon after it as times are free.
    fn reserve(&self, count: u64, now: i64) -> i64 {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let next = |last: i64| Some(last.max(now).saturating_add(count));
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            Ok(last) | Err(last) => last.max(now),
        }
    }
}

/// Memory for entries, asked for in steps.
struct Room {
    permit: Permit,
    /// Entries that have memory and are not there yet.
    left: u64,
    entries: u64,
    max_entries: u64,
}

impl Room {
    fn new(permit: Permit, limits: Limits) -> Self {
        Room {
            permit,
            left: 0,
            entries: 0,
            max_entries: limits.max_entries as u64,
        }
    }

    fn entry(&mut self) -> Result<(), Wrong> {
        if self.left == 0 {
            if !self.permit.try_grow(STEP * ENTRY) {
                return Err(Wrong::NoRoom);
            }
            self.left = STEP;
        }
        self.left -= 1;
        self.entries += 1;
        if self.entries > self.max_entries {
            let limit = self.max_entries as usize;
            return Err(lokipush::Error::TooManyEntries { limit }.into());
        }
        Ok(())
    }
}

/// The labels of pushed streams.
struct Labelling<'s> {
    settings: &'s Settings,
    tenant: Option<SmolStr>,
    scratch: RelabelScratch,
}

impl Labelling<'_> {
    /// What becomes of a stream's labels; `None` if it is dropped.
    fn apply<'p>(&mut self, pushed: impl Iterator<Item = (&'p str, &'p str)>) -> Option<Labels> {
        let mut edit = LabelsBuilder::default();
        for (name, value) in pushed {
            edit.set(name, value);
        }
        for (name, value) in &self.settings.labels {
            edit.set(name.clone(), value.clone());
        }
        if !self.settings.rules.apply(&mut edit, &mut self.scratch) || edit.iter().len() == 0 {
            return None;
        }
        edit.retain(|name, _| !name.starts_with("__"));
        if let Some(tenant) = &self.tenant {
            edit.set(TENANT, tenant.clone());
        }
        Some(edit.build())
    }
}

/// Reads a push. `permit` holds the bytes of the body and grows by what is decoded.
pub(super) fn push(
    body: Bytes,
    head: Head,
    settings: &Settings,
    stamps: &Stamps,
    now: i64,
    mut permit: Permit,
) -> Result<Decoded, Wrong> {
    let limits = Limits {
        max_bytes: settings.max_bytes,
        ..Limits::default()
    };
    let opened = Body::open_admitted(
        body,
        head.content_type.as_deref(),
        head.content_encoding.as_deref(),
        limits,
        &mut |bytes| permit.try_grow(bytes),
    )?;
    let labelling = Labelling {
        settings,
        tenant: head.tenant,
        scratch: settings.rules.scratch(),
    };
    let message = opened.bytes().clone();
    let room = Room::new(permit, limits);
    let mut decoded = match opened.format() {
        Format::Protobuf => protobuf(&message, labelling, room)?,
        Format::Json => json(&message, labelling, room, limits)?,
    };
    if !settings.use_incoming_timestamp {
        let mut stamp = stamps.reserve(decoded.entries, now);
        for entry in decoded.streams.iter_mut().flat_map(|stream| &mut stream.entries) {
            entry.timestamp = stamp;
            stamp = stamp.saturating_add(1);
        }
    }
    Ok(decoded)
}

fn malformed(number: usize, text: &str, error: &labels::LabelError) -> Wrong {
    let mut end = text.len().min(SHOWN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let more = if end < text.len() { "..." } else { "" };
    Wrong::Malformed(format!(
        "stream {number} of the request, {}{more}: {error}; nothing of the request was taken",
        &text[..end]
    ))
}

fn protobuf(message: &Bytes, mut labelling: Labelling<'_>, mut room: Room) -> Result<Decoded, Wrong> {
    let (mut streams, mut filtered) = (Vec::new(), 0);
    for (i, stream) in proto::Streams::new(message).enumerate() {
        let stream = stream?;
        let pushed = labels::parse(stream.labels)
            .map_err(|error| malformed(i + 1, &String::from_utf8_lossy(stream.labels), &error))?;
        let labels = labelling.apply(pushed.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let mut entries = Vec::new();
        for entry in stream.entries() {
            let entry = entry?;
            if labels.is_none() {
                filtered += 1;
                continue;
            }
            room.entry()?;
            entries.push(Entry {
                timestamp: entry.timestamp,
                line: message.slice_ref(entry.line),
                metadata: Metadata::from_pairs(entry.metadata()),
            });
        }
        if let Some(labels) = labels.filter(|_| !entries.is_empty()) {
            streams.push(LogStream { labels, entries });
        }
    }
    Ok(finish(streams, filtered, room, message.len()))
}

fn json(message: &Bytes, mut labelling: Labelling<'_>, mut room: Room, limits: Limits) -> Result<Decoded, Wrong> {
    // What the parser makes of it, before it is known what that is.
    if !room.permit.try_grow(message.len() as u64) {
        return Err(Wrong::NoRoom);
    }
    let request = PushRequest::from_json(message, limits)?;
    let (mut streams, mut filtered, mut own) = (Vec::new(), 0, 0);
    for (i, stream) in request.streams.into_iter().enumerate() {
        let pushed = stream
            .labels
            .parse()
            .map_err(|error| malformed(i + 1, &stream.labels.text(), &error))?;
        let Some(labels) = labelling.apply(pushed.iter().map(|(name, value)| (name.as_str(), value.as_str()))) else {
            filtered += stream.entries.len() as u64;
            continue;
        };
        let mut entries = Vec::with_capacity(stream.entries.len());
        for entry in stream.entries {
            room.entry()?;
            let line = match entry.line {
                Cow::Borrowed(line) => message.slice_ref(line),
                Cow::Owned(line) => {
                    own += line.len();
                    line.into()
                }
            };
            entries.push(Entry {
                timestamp: entry.timestamp,
                line,
                metadata: Metadata::from_pairs(entry.metadata),
            });
        }
        if !entries.is_empty() {
            streams.push(LogStream { labels, entries });
        }
    }
    Ok(finish(streams, filtered, room, message.len() + own))
}

/// Plain lines, all of one stream.
pub(super) fn raw(
    body: Bytes,
    settings: &Settings,
    stamps: &Stamps,
    now: i64,
    permit: Permit,
) -> Result<Decoded, Wrong> {
    let mut room = Room::new(permit, Limits::default());
    let mut entries = Vec::new();
    for line in body.split(|b| *b == b'\n') {
        let end = line.iter().rposition(|b| *b != b'\r').map_or(0, |last| last + 1);
        if end > 0 {
            room.entry()?;
            entries.push(Entry::new(0, body.slice_ref(&line[..end])));
        }
    }
    let mut stamp = stamps.reserve(entries.len() as u64, now);
    for entry in &mut entries {
        entry.timestamp = stamp;
        stamp = stamp.saturating_add(1);
    }
    let labels = Labels::from_pairs(settings.labels.iter().cloned());
    let streams = match entries.is_empty() {
        true => Vec::new(),
        false => vec![LogStream { labels, entries }],
    };
    Ok(finish(streams, 0, room, body.len()))
}

fn finish(streams: Vec<LogStream>, filtered: u64, room: Room, text: usize) -> Decoded {
    let Room {
        mut permit, entries, ..
    } = room;
    // What decoding took besides is given back.
    permit.shrink(text as u64 + entries * ENTRY);
    Decoded {
        streams,
        entries,
        filtered,
        permit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_given_twice() {
        let stamps = Stamps::default();
        assert_eq!(stamps.reserve(3, 100), 100);
        assert_eq!(stamps.reserve(1, 101), 103);
        assert_eq!(stamps.reserve(1, 104), 104);
        assert_eq!(stamps.reserve(1, 90), 105);
    }
}
