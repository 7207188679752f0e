//! Loki's push wire format, in both directions and without generated code.
//!
//! A push request is a list of streams; a stream is a label set and entries; an entry is a timestamp, a line (bytes, not
//! necessarily UTF-8) and structured metadata. On the wire it is a protobuf message in one snappy *block*, or JSON.
//!
//! - Sending: [`Encoder`] writes a request into a buffer that is reused, [`entry`] encodes single entries for a sender
//!   that batches by stream, [`Compressor`] makes the snappy block.
//! - Receiving: [`Body::open`] takes an HTTP body off its encodings under [`Limits`], [`Body::decode`] reads it;
//!   [`proto::Streams`] reads protobuf lazily, without any allocation.
//! - [`labels`] prints and parses label text (`{app="api", env="prod"}`), [`quote`] quotes as Go does.
//!
//! The protobuf schema (field numbers of `logproto.PushRequest`):
//!
//! ```text
//! PushRequest { 1: repeated Stream }
//! Stream      { 1: labels string, 2: repeated Entry, 3: hash uint64 (not used) }
//! Entry       { 1: Timestamp { 1: seconds int64, 2: nanos int32 }, 2: line bytes, 3: repeated Pair }
//! Pair        { 1: name string, 2: value string }
//! ```

mod block;
mod body;
mod encode;
pub mod entry;
mod json;
pub mod labels;
pub mod proto;
pub mod quote;
mod request;

pub use block::{Compressor, decompress};
pub use body::{Body, Format};
pub use encode::Encoder;
pub use labels::{LabelError, Labels};
pub use request::{Entry, PushRequest, Stream, StreamLabels};

/// What a receiver is willing to take. A request beyond a limit is refused before memory is spent on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body, as received and after each decoding.
    pub max_bytes: usize,
    /// Entries of one request, over all its streams.
    pub max_entries: usize,
}

impl Default for Limits {
    /// 100 MiB (the default of `loki.source.api`) and 4,000,000 entries.
    fn default() -> Self {
        Limits {
            max_bytes: 100 << 20,
            max_entries: 4_000_000,
        }
    }
}

/// Why a push request could not be read (or written). Each but [`Error::NoRoom`] is the sender's fault: answer
/// 400, or 413 if [`Error::is_too_large`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No `Content-Type` header.
    #[error("the Content-Type header is missing: send application/x-protobuf or application/json")]
    MissingContentType,
    /// The `Content-Type` header is not a media type.
    #[error("Content-Type \"{0}\" is not a media type: send application/x-protobuf or application/json")]
    BadContentType(String),
    /// An encoding that nobody here can undo.
    #[error("Content-Encoding \"{0}\" is not supported: use snappy, gzip, deflate or none")]
    BadContentEncoding(String),
    /// Larger than [`Limits::max_bytes`].
    #[error("the {what} has {size} bytes, the limit is {limit}: send smaller batches")]
    TooLarge {
        /// Which form of the body.
        what: &'static str,
        /// Its size in bytes, or the size at which reading stopped.
        size: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// More entries than [`Limits::max_entries`].
    #[error("the request has more than {limit} entries: send smaller batches")]
    TooManyEntries {
        /// The limit.
        limit: usize,
    },
    /// The body is not the snappy block that a protobuf push must be.
    #[error("the body is not a snappy block: {0}")]
    Snappy(String),
    /// The body is not what `Content-Encoding` says.
    #[error("the body is not valid {encoding}: {reason}")]
    Encoding {
        /// `gzip` or `deflate`.
        encoding: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// Not the protobuf message.
    #[error("malformed protobuf at byte {at}: {reason}")]
    Protobuf {
        /// Offset in the decompressed message.
        at: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// Not the JSON document. The text has line and column.
    #[error("malformed JSON push request: {0}")]
    Json(String),
    /// The receiver's memory budget has no room for the body at the moment; see [`Body::open_admitted`].
    #[error("there is no room for the body at the moment")]
    NoRoom,
    /// A timestamp that nanoseconds since 1970 in 64 bits cannot hold.
    #[error("timestamp {seconds} s is outside of the years 1677 to 2262")]
    Timestamp {
        /// Seconds since 1970.
        seconds: i64,
    },
}

impl Error {
    /// The request broke a limit (HTTP 413), as opposed to being malformed (HTTP 400).
    pub fn is_too_large(&self) -> bool {
        matches!(self, Error::TooLarge { .. } | Error::TooManyEntries { .. })
    }
}

impl From<protowire::Error> for Error {
    fn from(error: protowire::Error) -> Self {
        Error::Protobuf {
            at: error.at,
            reason: error.reason,
        }
    }
}
