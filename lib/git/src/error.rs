//! Errors.

use std::fmt;

/// Why a repository could not be fetched or read. Holds no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    message: String,
    /// The revision itself is to blame: fetching it again changes nothing.
    limit: bool,
}

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Error {
            message: message.into(),
            limit: false,
        }
    }

    /// The revision holds more than it may.
    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Error {
            limit: true,
            ..Error::new(message)
        }
    }

    pub(crate) fn is_limit(&self) -> bool {
        self.limit
    }

    pub(crate) fn caused(message: impl fmt::Display, source: impl fmt::Display) -> Self {
        Error::new(format!("{message}: {source}"))
    }

    /// The whole chain of an error of the git library, whose `Display` shows the outermost only.
    pub(crate) fn git(message: impl fmt::Display, error: &gix::Error) -> Self {
        let mut text = message.to_string();
        for cause in error.iter_errors() {
            let cause = cause.to_string();
            let cause = one_line(&cause);
            if !cause.is_empty() && !text.contains(&cause) {
                text.push_str(": ");
                text.push_str(&cause);
            }
        }
        Error::new(text)
    }
}

/// A text without line breaks.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
