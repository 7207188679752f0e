//! Reading the protobuf form lazily: nothing is allocated, lines are slices of the message.

use std::borrow::Cow;

use crate::Error;
use protowire::{Field, Reader};

/// The streams of a `PushRequest` that is not compressed (see [`crate::decompress`]).
#[derive(Clone, Debug)]
pub struct Streams<'a>(Reader<'a>);

/// One stream: its label text, which need not be valid, and its entries, which are read when asked for.
#[derive(Clone, Copy, Debug)]
pub struct StreamRef<'a> {
    /// Label text; see [`crate::labels::parse`].
    pub labels: &'a [u8],
    body: Reader<'a>,
}

/// The entries of a stream.
#[derive(Clone, Debug)]
pub struct Entries<'a>(Reader<'a>);

/// One entry.
#[derive(Clone, Copy, Debug)]
pub struct EntryRef<'a> {
    /// Nanoseconds since 1970.
    pub timestamp: i64,
    /// The line; any bytes.
    pub line: &'a [u8],
    body: Reader<'a>,
    has_metadata: bool,
}

/// The structured metadata of an entry, in the order of the message.
#[derive(Clone, Debug)]
pub struct Metadata<'a>(Option<Reader<'a>>);

impl<'a> Streams<'a> {
    /// Reads `message`. Iteration ends after the first error.
    pub fn new(message: &'a [u8]) -> Self {
        Streams(Reader::new(message))
    }
}

impl<'a> Iterator for Streams<'a> {
    type Item = Result<StreamRef<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.0.field() {
                Ok(None) => return None,
                Ok(Some((1, Field::Bytes(_, body)))) => return Some(stop_on_error(&mut self.0, stream(body))),
                Ok(Some((1, _))) => {
                    let error = self.0.error("a stream must be a message");
                    return Some(stop_on_error(&mut self.0, Err(error.into())));
                }
                Ok(Some(_)) => {}
                Err(error) => return Some(stop_on_error(&mut self.0, Err(error.into()))),
            }
        }
    }
}

/// Labels may stand behind the entries, so the fields are walked over once to find them.
fn stream(body: Reader<'_>) -> Result<StreamRef<'_>, Error> {
    let mut labels: &[u8] = b"";
    let mut reader = body;
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (1, Field::Bytes(text, _)) => labels = text,
            (1, _) => return Err(reader.error("labels must be a string").into()),
            _ => {}
        }
    }
    Ok(StreamRef { labels, body })
}

impl<'a> StreamRef<'a> {
    /// The entries, in the order of the message. Iteration ends after the first error.
    pub fn entries(&self) -> Entries<'a> {
        Entries(self.body)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<EntryRef<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.0.field() {
                Ok(None) => return None,
                Ok(Some((2, Field::Bytes(_, body)))) => return Some(stop_on_error(&mut self.0, entry(body))),
                Ok(Some((2, _))) => {
                    let error = self.0.error("an entry must be a message");
                    return Some(stop_on_error(&mut self.0, Err(error.into())));
                }
                Ok(Some(_)) => {}
                Err(error) => return Some(stop_on_error(&mut self.0, Err(error.into()))),
            }
        }
    }
}

fn entry(body: Reader<'_>) -> Result<EntryRef<'_>, Error> {
    let mut entry = EntryRef {
        timestamp: 0,
        line: b"",
        body,
        has_metadata: false,
    };
    let mut reader = body;
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (1, Field::Bytes(_, inner)) => entry.timestamp = timestamp(inner)?,
            (2, Field::Bytes(line, _)) => entry.line = line,
            (3, Field::Bytes(_, mut pair)) => {
                // Checked here, so that `Metadata` has no errors to report.
                while let Some((number, field)) = pair.field()? {
                    if matches!(number, 1 | 2) && !matches!(field, Field::Bytes(..)) {
                        return Err(pair.error("structured metadata must be strings").into());
                    }
                }
                entry.has_metadata = true;
            }
            (1..=3, _) => {
                return Err(reader
                    .error("timestamp, line and structured metadata must be length-delimited")
                    .into());
            }
            _ => {}
        }
    }
    Ok(entry)
}

fn timestamp(mut reader: Reader<'_>) -> Result<i64, Error> {
    let (mut seconds, mut nanos) = (0i64, 0i64);
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (1, Field::Varint(v)) => seconds = v as i64,
            // An int32 is sign-extended to 64 bits; what is above does not belong to it.
            (2, Field::Varint(v)) => nanos = i64::from(v as i32),
            (1 | 2, _) => return Err(reader.error("seconds and nanoseconds must be numbers").into()),
            _ => {}
        }
    }
    // In 128 bits: the earliest timestamps are whole negative seconds beyond the range plus nanoseconds that lead back in.
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    i64::try_from(total).map_err(|_| Error::Timestamp { seconds })
}

impl<'a> EntryRef<'a> {
    /// Structured metadata: name and value, with U+FFFD for what is not UTF-8.
    pub fn metadata(&self) -> Metadata<'a> {
        Metadata(self.has_metadata.then_some(self.body))
    }
}

impl<'a> Iterator for Metadata<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.0.as_mut()?;
        // Errors were found when the entry was read.
        while let Ok(Some((number, field))) = reader.field() {
            let (3, Field::Bytes(_, mut pair)) = (number, field) else {
                continue;
            };
            let (mut name, mut value): (&[u8], &[u8]) = (b"", b"");
            while let Ok(Some((number, field))) = pair.field() {
                match (number, field) {
                    (1, Field::Bytes(text, _)) => name = text,
                    (2, Field::Bytes(text, _)) => value = text,
                    _ => {}
                }
            }
            return Some((String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        }
        None
    }
}

fn stop_on_error<'a, T>(reader: &mut Reader<'a>, result: Result<T, Error>) -> Result<T, Error> {
    if result.is_err() {
        *reader = Reader::new(b"");
    }
    result
}
