//! OTLP/JSON, in both directions: JSON to the bytes of a request and back, without anything in between.
//!
//! What differs from protobuf's own JSON: identifiers of traces and spans are hexadecimal, and values of an `enum` are written as numbers.
//! What is read is what the OpenTelemetry Collector reads: names in camel case or as in the `.proto`, numbers of 64 bits as numbers or strings, values of an
//! `enum` as numbers or names, `NaN` and `Infinity` as strings, `null` for what is absent; names that are not known are ignored.
//!
//! Source: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.

mod decode;
mod encode;
mod parse;
mod text;

use crate::Signal;
use crate::regular::receive;
use crate::wire::MAX_DEPTH;
use bytes::Bytes;
use std::fmt;

pub(crate) use text::push_text;

/// Why a text is no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Offset in the text.
    pub at: usize,
    /// What is wrong is there: names of fields and indices, `resourceLogs[0].scopeLogs[1]`.
    pub path: String,
    /// What is wrong.
    pub reason: &'static str,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed OTLP/JSON at byte {}", self.at)?;
        if !self.path.is_empty() {
            write!(f, " ({})", self.path)?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl std::error::Error for Error {}

/// Reads a request in JSON. Returns the request in protobuf, regular as [`receive`] makes it, and the number of its records.
///
/// # Errors
///
/// The first thing that is wrong, and where.
pub fn decode(signal: Signal, text: &[u8]) -> Result<(Bytes, usize), Error> {
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut parser = parse::Parser::new(text);
    decode::message(&mut parser, signal.schema(), &mut out, MAX_DEPTH)?;
    parser.end()?;
    receive(signal, out.into()).map_err(|error| Error {
        at: 0,
        path: String::new(),
        reason: error.reason,
    })
}

/// Writes a request in JSON. Texts that are not UTF-8 get U+FFFD. Fields that OTLP does not know are left out.
pub fn encode(signal: Signal, request: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(request.len() * 2);
    encode::message(&mut out, signal.schema(), request, MAX_DEPTH);
    out
}
