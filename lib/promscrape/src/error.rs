//! Why a body is not what its content type says.

use std::fmt;

/// A body that cannot be parsed. A scrape that meets one fails as a whole: nothing of the body is kept.
///
/// The message is the one that Prometheus' parsers give, since people search for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    message: String,
    position: usize,
}

impl Error {
    pub(crate) fn new(position: usize, message: impl Into<String>) -> Error {
        Error {
            message: message.into(),
            position,
        }
    }

    /// What is wrong, in Prometheus' words.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The byte of the body at which the parser gave up. In protobuf, the first byte of the family.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
