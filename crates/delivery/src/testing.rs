//! A protocol for unit tests: lines by stream, as text.

use crate::protocol::{Decoded, EntryRef, Meter, Piece, Protocol, Slice, StreamKey, Words, stable_hash};
use crate::request::Request;
use crate::spec::Target;
use bytes::Bytes;
use net::Body;
use serde_json::{Map, Value};
use signals::{Amount, Labels, LogStream, Logs};
use std::fmt::Write;
use std::sync::Arc;

/// Lines of streams that are known by their label `name`.
pub(crate) struct Lines;

/// `{name="..."}`.
#[derive(Clone)]
pub(crate) struct Name(pub(crate) Arc<str>);

impl StreamKey for Name {
    fn hash(&self) -> u64 {
        stable_hash(self.0.as_bytes())
    }

    fn same(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn tenant(&self) -> Option<&Arc<str>> {
        None
    }
}

/// A stream of a payload as a piece.
pub(crate) fn piece(payload: &[LogStream], number: usize) -> Piece<Lines> {
    let stream = &payload[number];
    let name = stream.labels.get("name").map(|name| name.as_str()).unwrap_or_default();
    Piece {
        stream: Name(Arc::from(format!("{{name={name:?}}}"))),
        selection: number,
        range: 0..stream.entries.len(),
        amount: stream.amount(),
    }
}

/// Counts nothing.
pub(crate) struct Silent;

impl Meter<Lines> for Silent {
    fn attempted(&self, _: Option<u16>, _: f64) {}
    fn retried(&self) {}
    fn delivered(&self, _: u64, _: u64, _: Option<&Request<Lines>>) {}
    fn dropped(&self, _: &str, _: u64, _: u64, _: Option<&Request<Lines>>) {}
    fn request_size(&self, _: u64) {}
    fn latency(&self, _: f64) {}
}

impl Protocol for Lines {
    type Payload = Logs;
    type Stream = Name;
    type Selection = usize;
    type Settings = ();
    type Encoding = String;
    type Metrics = ();
    type Meter = Silent;
    type Error = std::fmt::Error;

    const WORDS: Words = Words {
        entries: "lines",
        refused: "ingester_error",
        batch_bytes: "batch_size",
        max_retries: "max_retries",
    };

    fn cut(
        &self,
        payload: &Logs,
        targets: &[Arc<Target<Self>>],
        mut give: impl FnMut(usize, Piece<Self>),
    ) -> Vec<(&'static str, Amount)> {
        for number in 0..payload.len() {
            for target in 0..targets.len() {
                give(target, piece(payload, number));
            }
        }
        Vec::new()
    }

    fn entries<'a>(slice: Slice<'a, Self>) -> impl Iterator<Item = (usize, u64)> + 'a {
        let entries = &slice.payload[*slice.selection].entries;
        slice.range.map(|index| (index, entries[index].size()))
    }

    fn list(selection: &usize) -> usize {
        *selection
    }

    fn size(payload: &Logs, list: usize, index: usize) -> u64 {
        payload[list].entries[index].size()
    }

    fn encode(_: &Target<Self>, text: &mut String, request: &Request<Self>) -> Result<Body, std::fmt::Error> {
        text.clear();
        for (name, slices) in request.groups() {
            for slice in slices {
                for entry in &slice.payload[*slice.selection].entries[slice.range] {
                    writeln!(text, "{} {}", name.0, String::from_utf8_lossy(&entry.line))?;
                }
            }
        }
        Ok(Bytes::copy_from_slice(text.as_bytes()).into())
    }

    fn shrink_encoding(text: &mut String, keep: usize) {
        text.shrink_to(keep);
    }

    fn decode(_: &Target<Self>, _: &Bytes, _: &Arc<str>) -> Result<Decoded<Self>, std::fmt::Error> {
        Err(std::fmt::Error)
    }

    fn letter(_: EntryRef<'_, Self>) -> Map<String, Value> {
        Map::new()
    }

    fn example(entry: EntryRef<'_, Self>) -> (Labels, Bytes) {
        let entry = &entry.payload[*entry.selection].entries[entry.index];
        (Labels::empty(), entry.line.clone())
    }

    fn meter(_: &Arc<()>, _: &Target<Self>, _: &str) -> Silent {
        Silent
    }
}

/// A number and size of entries.
pub(crate) fn amount(items: u64, bytes: u64) -> Amount {
    Amount { items, bytes }
}
