//! What is wrong with a request.

use std::fmt;

/// Why bytes are no request, or no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Offset in the bytes of what is wrong.
    pub at: usize,
    /// What is wrong.
    pub reason: &'static str,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed OTLP at byte {}: {}", self.at, self.reason)
    }
}

impl std::error::Error for Error {}

impl From<protowire::Error> for Error {
    fn from(error: protowire::Error) -> Self {
        Error {
            at: error.at,
            reason: error.reason,
        }
    }
}
