//! Why a time does not parse.

use crate::duration::quote;
use std::fmt;

/// A value that does not fit its layout. The text is that of Go's `time.ParseError`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The layout.
    pub layout: String,
    /// The whole value.
    pub value: String,
    /// The element of the layout that could not be read.
    pub element: String,
    /// What was left of the value there.
    pub rest: String,
    /// The reason where there is a better one than "cannot parse", with a leading `: `.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = quote(self.value.as_bytes());
        if !self.message.is_empty() {
            return write!(f, "parsing time {value}{}", self.message);
        }
        let layout = quote(self.layout.as_bytes());
        let rest = quote(self.rest.as_bytes());
        let element = quote(self.element.as_bytes());
        write!(f, "parsing time {value} as {layout}: cannot parse {rest} as {element}")
    }
}

impl std::error::Error for ParseError {}
