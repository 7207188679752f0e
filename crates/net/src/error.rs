//! Errors.

use std::error::Error;
use std::fmt;

/// Why no client, or no server, can be made from a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(String);

impl ConfigError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        ConfigError(message.into())
    }

    pub(crate) fn caused(message: impl fmt::Display, source: impl fmt::Display) -> Self {
        ConfigError(format!("{message}: {source}"))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for ConfigError {}

/// Why a request got no answer. Trying again may help: the other side may come back, a file may be corrected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    message: String,
    timeout: bool,
}

impl SendError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        SendError {
            message: message.into(),
            timeout: false,
        }
    }

    pub(crate) fn timeout() -> Self {
        SendError {
            message: "no answer in time".to_owned(),
            timeout: true,
        }
    }

    /// The error of the HTTP library without the address, which may hold a password, and without its outermost layers,
    /// which only say that a request failed.
    pub(crate) fn from_reqwest(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return SendError::timeout();
        }
        let error = error.without_url();
        let message = match error.source() {
            Some(source) => chain(source),
            None => error.to_string(),
        };
        SendError::new(message)
    }

    /// An error with what is behind it, and what it is about in front.
    pub(crate) fn told(about: &str, error: &(dyn Error + 'static)) -> Self {
        let text = chain(error);
        SendError::new(if about.is_empty() {
            text
        } else {
            format!("{about}: {text}")
        })
    }

    /// Whether there was no answer within the request's time.
    pub fn is_timeout(&self) -> bool {
        self.timeout
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for SendError {}

/// The texts of an error and of those behind it.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts = Vec::new();
    let mut source = Some(error);
    while let Some(inner) = source {
        let text = inner.to_string();
        source = inner.source();
        // Some layers repeat what is in them.
        if source.is_none_or(|deeper| !text.contains(&deeper.to_string())) {
            texts.push(text);
        } else if let Some(deeper) = source {
            let own = text.replace(&deeper.to_string(), "");
            texts.extend(Some(own.trim_end_matches([':', ' ']).to_owned()).filter(|own| !own.is_empty()));
        }
    }
    texts.join(": ")
}
