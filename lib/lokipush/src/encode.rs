//! Writing a push request.

use crate::entry;
use protowire::{push_varint, put_varint};

const TAG_STREAM: u8 = 1 << 3 | 2;
const TAG_LABELS: u8 = 1 << 3 | 2;

/// Width of the length in front of a stream whose size is not known yet. Five bytes hold 32 bits and more; a varint may be
/// padded, so nothing has to be moved when the stream is complete.
const RESERVED: usize = 5;

/// Streaming encoder of one `PushRequest`; the buffer is reused between requests.
///
/// ```
/// let mut encoder = lokipush::Encoder::new();
/// encoder.begin_stream("{app=\"api\"}");
/// encoder.plain_entry(1_700_000_000_000_000_000, b"hello");
/// encoder.entry(1_700_000_000_000_000_001, b"world", [("trace_id", "4bf9")]);
/// let mut compressor = lokipush::Compressor::new();
/// let body = compressor.compress(encoder.finish()).expect("far below 4 GiB");
/// assert!(!body.is_empty());
/// encoder.clear();
/// ```
#[derive(Debug, Default)]
pub struct Encoder {
    buf: Vec<u8>,
    /// Where the open stream's tag is, and where its content starts to hold entries.
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    tag: usize,
    entries: usize,
}

impl Encoder {
    /// An empty request.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty request that writes into `buf`, whose content is discarded and whose capacity is kept.
    pub fn with_buffer(mut buf: Vec<u8>) -> Self {
        buf.clear();
        Encoder { buf, open: None }
    }

    /// Starts a stream with the given label text (see [`crate::labels::text`]) and closes the one before. A stream that gets
    /// no entry leaves no trace. The same stream may be begun again later: Loki joins the parts in the order they are in.
    pub fn begin_stream(&mut self, labels: &str) {
        self.close();
        let tag = self.buf.len();
        self.buf.push(TAG_STREAM);
        self.buf.extend_from_slice(&[0; RESERVED]);
        self.labels(labels);
        self.open = Some(Open {
            tag,
            entries: self.buf.len(),
        });
    }

    /// Appends an entry to the stream begun last. `timestamp` is in nanoseconds since 1970.
    ///
    /// # Panics
    /// In debug builds, if no stream was begun.
    #[inline]
    pub fn plain_entry(&mut self, timestamp: i64, line: &[u8]) {
        debug_assert!(self.open.is_some(), "entry without a stream");
        entry::write_plain(&mut self.buf, timestamp, line);
    }

    /// Appends an entry with structured metadata to the stream begun last. `timestamp` is in nanoseconds since 1970.
    ///
    /// # Panics
    /// In debug builds, if no stream was begun.
    #[inline]
    pub fn entry<'m, I>(&mut self, timestamp: i64, line: &[u8], metadata: I)
    where
        I: IntoIterator<Item = (&'m str, &'m str)>,
        I::IntoIter: Clone,
    {
        debug_assert!(self.open.is_some(), "entry without a stream");
        entry::write(&mut self.buf, timestamp, line, metadata);
    }

    /// Appends a whole stream whose entries were encoded by [`entry::write()`] before. Without entries nothing is written.
    pub fn encoded_stream(&mut self, labels: &str, entries: &[u8]) {
        self.close();
        if entries.is_empty() {
            return;
        }
        let mut scratch = [0; 10];
        let labels_len = 1 + put_varint(&mut scratch, 0, labels.len() as u64) + labels.len();
        self.buf.reserve(1 + RESERVED + labels_len + entries.len());
        self.buf.push(TAG_STREAM);
        push_varint(&mut self.buf, (labels_len + entries.len()) as u64);
        self.labels(labels);
        self.buf.extend_from_slice(entries);
    }

    fn labels(&mut self, labels: &str) {
        self.buf.push(TAG_LABELS);
        push_varint(&mut self.buf, labels.len() as u64);
        self.buf.extend_from_slice(labels.as_bytes());
    }

    fn close(&mut self) {
        let Some(Open { tag, entries }) = self.open.take() else {
            return;
        };
        if self.buf.len() == entries {
            self.buf.truncate(tag);
            return;
        }
        let mut len = self.buf.len() - tag - 1 - RESERVED;
        // 35 bits; a request of that size does not fit a snappy block either, which `Compressor` reports.
        debug_assert!(len < 1 << 35, "stream of 32 GiB");
        for i in 0..RESERVED {
            let more = if i + 1 < RESERVED { 0x80 } else { 0 };
            self.buf[tag + 1 + i] = (len & 0x7f) as u8 | more;
            len >>= 7;
        }
    }

    /// Bytes written so far, headers included.
    pub fn len(&self) -> usize {
        self.buf.len()
    }

    /// No stream has been begun.
    pub fn is_empty(&self) -> bool {
        self.buf.is_empty()
    }

    /// Completes the request: the protobuf message, not compressed. May be called again; further streams may follow.
    pub fn finish(&mut self) -> &[u8] {
        self.close();
        &self.buf
    }

    /// Completes the request and gives the buffer away.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.close();
        self.buf
    }

    /// Empties the request and keeps the buffer.
    pub fn clear(&mut self) {
        self.buf.clear();
        self.open = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_without_entries_leave_no_trace() {
        let mut encoder = Encoder::new();
        encoder.begin_stream("{a=\"1\"}");
        encoder.begin_stream("{a=\"2\"}");
        encoder.encoded_stream("{a=\"3\"}", &[]);
        assert_eq!(encoder.finish(), b"");
    }

    #[test]
    fn both_ways_of_writing_say_the_same() {
        let mut entries = Vec::new();
        entry::write_plain(&mut entries, 7, b"x");
        let mut whole = Encoder::new();
        whole.encoded_stream("{}", &entries);
        assert_eq!(
            whole.finish(),
            [0x0a, 13, 0x0a, 2, b'{', b'}', 0x12, 7, 0x0a, 2, 0x10, 7, 0x12, 1, b'x']
        );
        let mut streamed = Encoder::with_buffer(vec![1, 2, 3]);
        streamed.begin_stream("{}");
        streamed.plain_entry(7, b"x");
        let bytes = streamed.into_bytes();
        assert_eq!(bytes[..6], [0x0a, 0x8d, 0x80, 0x80, 0x80, 0]);
        assert_eq!(bytes[6..], whole.finish()[2..]);
    }
}
