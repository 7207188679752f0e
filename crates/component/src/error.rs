//! Errors of components.

use std::fmt;

/// A result with the contract's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a component could not be built, updated or run: a message for people, and what caused it.
#[derive(Debug)]
pub struct Error {
    message: String,
    argument: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error that says `message`: lower case, no final stop, what to do if that is not obvious.
    pub fn new(message: impl Into<String>) -> Self {
        Error {
            message: message.into(),
            argument: None,
            source: None,
        }
    }

    /// An error for which one argument is to blame.
    pub fn about(argument: impl Into<String>, message: impl Into<String>) -> Self {
        Error {
            argument: Some(argument.into()),
            ..Error::new(message)
        }
    }

    /// The argument to blame, if one is.
    pub fn argument(&self) -> Option<&str> {
        self.argument.as_deref()
    }

    /// An error with its cause; prints as `message: cause`.
    pub fn caused(message: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Error {
            message: message.into(),
            argument: None,
            source: Some(source.into()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(argument) = &self.argument {
            write!(f, "{argument}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().and_then(|source| source.source())
    }
}

impl From<Error> for value::Invalid {
    fn from(error: Error) -> Self {
        let argument = error.argument.clone();
        // Who reads it sees the argument.
        let message = Error {
            argument: None,
            ..error
        }
        .to_string();
        value::Invalid { argument, message }
    }
}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Error::new(message)
    }
}

impl From<&str> for Error {
    fn from(message: &str) -> Self {
        Error::new(message)
    }
}

/// Why a block did not become, or did not update, an instance.
#[derive(Debug)]
pub enum BuildError {
    /// The block does not fit the component's arguments.
    Decode(value::DecodeError),
    /// The component refused the arguments.
    Component(Error),
}

impl From<value::DecodeError> for BuildError {
    fn from(error: value::DecodeError) -> Self {
        BuildError::Decode(error)
    }
}

impl From<Error> for BuildError {
    fn from(error: Error) -> Self {
        BuildError::Component(error)
    }
}
