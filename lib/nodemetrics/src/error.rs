//! What can be wrong with the options, and with a collector.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Options that no collector can work with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// An expression that is not one.
    Regex {
        /// The option, such as `netdev.device_exclude`.
        option: &'static str,
        /// Go's words for what is wrong.
        message: String,
    },
    /// Both what to include and what to exclude is said.
    Exclusive {
        /// The option that includes.
        include: &'static str,
        /// The option that excludes.
        exclude: &'static str,
    },
    /// A collector that does not exist.
    UnknownCollector(String),
    /// A label that servers of IPVS do not have.
    UnknownIpvsLabel(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Regex { option, message } => write!(f, "{option}: {message}"),
            Error::Exclusive { include, exclude } => write!(f, "{include} and {exclude} are mutually exclusive"),
            Error::UnknownCollector(name) => write!(f, "unknown collector: {name}"),
            Error::UnknownIpvsLabel(name) => write!(f, "unknown IPVS backend label: {name}"),
        }
    }
}

impl std::error::Error for Error {}

/// Why a collector did not succeed in one gather.
#[derive(Debug)]
pub enum Failure {
    /// The machine has nothing of the kind.
    NoData,
    /// A file could not be read.
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A file has not the expected form.
    Parse {
        /// The file.
        path: PathBuf,
        /// The part that is wrong.
        text: String,
    },
    /// The system refused a call.
    System {
        /// The call.
        call: &'static str,
        /// The system's error.
        error: io::Error,
    },
}

impl Failure {
    pub(crate) fn read(path: &Path, error: io::Error) -> Failure {
        let path = path.to_path_buf();
        Failure::Read { path, error }
    }

    pub(crate) fn parse(path: &Path, text: &str) -> Failure {
        Failure::Parse {
            path: path.to_path_buf(),
            text: text.chars().take(120).collect(),
        }
    }

    /// The system's kind of error, if it was the system.
    pub(crate) fn kind(&self) -> Option<ErrorKind> {
        match self {
            Failure::Read { error, .. } | Failure::System { error, .. } => Some(error.kind()),
            Failure::NoData | Failure::Parse { .. } => None,
        }
    }

    /// Says that there is no data where a file is missing.
    pub(crate) fn or_no_data(self) -> Failure {
        match self.kind() {
            Some(ErrorKind::NotFound) => Failure::NoData,
            _ => self,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NoData => f.write_str("collector returned no data"),
            Failure::Read { path, error } => write!(f, "{}: {error}", path.display()),
            Failure::Parse { path, text } => write!(f, "{}: unexpected {text:?}", path.display()),
            Failure::System { call, error } => write!(f, "{call}: {error}"),
        }
    }
}

impl std::error::Error for Failure {}
