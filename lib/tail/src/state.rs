//! What has to survive a restart.

use crate::identity::{FileKey, Head, Mark};
use std::path::PathBuf;

/// A file that was not read and acknowledged to its end, or the one at the path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// Where it was found last.
    pub path: PathBuf,
    /// Its name on this machine; `None` if all that is known is an offset, as in another program's position file. Then the file at
    /// `path` is taken for the same one, unless it is too short for the offset.
    pub key: Option<FileKey>,
    /// Its first bytes.
    pub head: Head,
    /// Everything before this offset was acknowledged. `u64::MAX`: all of it was read under another name.
    pub offset: u64,
    /// The bytes before `offset`.
    pub check: Mark,
}

/// What a [`Follower`](crate::Follower) needs to go on after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Files with something left to read or acknowledge, oldest first; the last is the one at the path.
    pub files: Vec<Saved>,
    /// Rotated files that are older than this were known: birth time (modification time where there is none) in nanoseconds
    /// since the Unix epoch.
    pub since: i64,
    /// Heads of the newest rotated files that need not be read again, in whatever form they are found.
    pub seen: Vec<Head>,
}

impl State {
    /// The state that a mere offset amounts to.
    pub fn of_offset(path: impl Into<PathBuf>, offset: u64) -> Self {
        State {
            files: vec![Saved {
                path: path.into(),
                offset,
                ..Saved::default()
            }],
            since: i64::MAX,
            seen: Vec::new(),
        }
    }
}
