//! Errors.

use std::fmt;

/// Why a repository could not be fetched or read. Holds no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Error(message.into())
    }

    pub(crate) fn caused(message: impl fmt::Display, source: impl fmt::Display) -> Self {
        Error(format!("{message}: {source}"))
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
        Error(text)
    }
}

/// A text without line breaks.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
