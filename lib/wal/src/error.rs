//! What can go wrong, and whether trying again helps.

use std::io;
use std::path::PathBuf;

/// Why an operation on the log failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log holds as much as it may. Acknowledging or trimming makes room.
    #[error("the log is full: {used} of {max} bytes are used and {wanted} more are wanted")]
    Full {
        /// Bytes that the segments take.
        used: u64,
        /// `Options::max_bytes`.
        max: u64,
        /// Bytes that the record needs.
        wanted: u64,
    },
    /// The record can never fit.
    #[error("a record of {wanted} bytes is larger than the limit of {max}")]
    TooLarge {
        /// Bytes that the record needs.
        wanted: u64,
        /// What a record may take.
        max: u64,
    },
    /// The operating system refused. Nothing of the record will be read from the running log.
    #[error("{path}: {action}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Somebody else has the log open for writing.
    #[error("{path}: the log is in use by another process", path = .0.display())]
    Locked(PathBuf),
    /// A record is addressed to a cursor that does not exist, or to none.
    #[error("there is no cursor {0:?}")]
    NoCursor(String),
    /// The call makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
}

impl Error {
    /// Whether the same call may succeed later. After a failed append nothing of the record is delivered by the running log; if making
    /// it durable failed at the operating system (EIO), and a crash follows, it may be found again, so a retry may then deliver it twice.
    pub fn retryable(&self) -> bool {
        matches!(self, Error::Full { .. } | Error::Io { .. } | Error::Locked(_))
    }

    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { action, path, source }
    }
}
