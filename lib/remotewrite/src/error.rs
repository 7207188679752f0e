//! What is wrong with a request.

use std::fmt;

/// Why bytes are no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// They are no protobuf message, or one of another type.
    Protobuf(protowire::Error),
    /// A name or value is not UTF-8.
    Text,
    /// A 2.0 series refers to a symbol that the request does not have, or has a name without a value.
    Symbol(u64),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Protobuf(error) => error.fmt(f),
            Error::Text => f.write_str("a label or a text of metadata is not UTF-8"),
            Error::Symbol(number) => write!(f, "the request has no symbol {number}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<protowire::Error> for Error {
    fn from(error: protowire::Error) -> Self {
        Error::Protobuf(error)
    }
}
