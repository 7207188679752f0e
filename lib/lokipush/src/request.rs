//! A push request in memory, whichever form it came in.

use std::borrow::Cow;

use crate::labels::{self, LabelError, Labels};
use crate::{Error, Limits, proto};

/// A decoded push request. Borrows from the body wherever it can.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PushRequest<'a> {
    /// The streams in the order of the request; the same labels may come more than once.
    pub streams: Vec<Stream<'a>>,
}

/// The entries of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream<'a> {
    /// The label set as it was sent.
    pub labels: StreamLabels<'a>,
    /// The entries in the order of the request.
    pub entries: Vec<Entry<'a>>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Nanoseconds since 1970.
    pub timestamp: i64,
    /// The line; any bytes.
    pub line: Cow<'a, [u8]>,
    /// Structured metadata in the order of the request; names may repeat.
    pub metadata: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// A label set that is read when asked for, so that one bad stream does not take the others with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamLabels<'a> {
    /// Label text (protobuf).
    Text(&'a [u8]),
    /// Pairs, sorted by name, each name once (JSON).
    Pairs(Labels),
}

impl StreamLabels<'_> {
    /// The pairs, sorted by name.
    ///
    /// # Errors
    /// If the text does not parse.
    pub fn parse(&self) -> Result<Cow<'_, Labels>, LabelError> {
        match self {
            StreamLabels::Text(text) => labels::parse(text).map(Cow::Owned),
            StreamLabels::Pairs(pairs) => Ok(Cow::Borrowed(pairs)),
        }
    }

    /// Label text, as sent or printed.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            StreamLabels::Text(text) => String::from_utf8_lossy(text),
            StreamLabels::Pairs(pairs) => Cow::Owned(labels::text(pairs.iter().map(|(n, v)| (&n[..], &v[..])))),
        }
    }
}

impl<'a> PushRequest<'a> {
    /// Reads a protobuf message that is not compressed any more.
    ///
    /// # Errors
    /// [`Error::Protobuf`], [`Error::Timestamp`], [`Error::TooManyEntries`].
    pub fn from_protobuf(message: &'a [u8], limits: Limits) -> Result<Self, Error> {
        let mut streams = Vec::new();
        let mut entries_left = limits.max_entries;
        for stream in proto::Streams::new(message) {
            let stream = stream?;
            let mut entries = Vec::new();
            for entry in stream.entries() {
                let entry = entry?;
                entries_left = entries_left.checked_sub(1).ok_or(Error::TooManyEntries {
                    limit: limits.max_entries,
                })?;
                entries.push(Entry {
                    timestamp: entry.timestamp,
                    line: Cow::Borrowed(entry.line),
                    metadata: entry.metadata().collect(),
                });
            }
            let labels = StreamLabels::Text(stream.labels);
            streams.push(Stream { labels, entries });
        }
        Ok(PushRequest { streams })
    }

    /// Number of entries over all streams.
    pub fn entry_count(&self) -> usize {
        self.streams.iter().map(|stream| stream.entries.len()).sum()
    }
}
