//! What is worth a line in a log.

use std::fmt;
use std::path::PathBuf;

/// Something that happened to a followed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The file at the path is another one; the old one is read to its end first.
    Rotated {
        /// Where the old one was found, if it still has a name.
        to: Option<PathBuf>,
    },
    /// The file was truncated in place.
    Truncated {
        /// Offset up to which it had been read.
        read: u64,
        /// The copy that was made before; the rest is read from it.
        copy: Option<PathBuf>,
    },
    /// The file was replaced by one that begins with everything that was read: only what was added is read.
    Rewritten,
    /// A rotated generation was found that had never been at the path when somebody looked.
    Missed {
        /// Where it is.
        path: PathBuf,
    },
    /// A generation from before the restart is gone; what was written to it after `offset` cannot be read.
    Gone {
        /// Where it was last.
        path: PathBuf,
        /// Offset up to which it had been acknowledged.
        offset: u64,
    },
    /// A line exceeded the limit and was cut into pieces.
    LongLine {
        /// Where the piece ends.
        offset: u64,
    },
    /// A rotated file cannot be read, or not to its end.
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// Why.
        error: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Rotated { to: Some(to) } => write!(f, "file was rotated to \"{}\"", to.display()),
            Event::Rotated { to: None } => f.write_str("file was deleted or moved away, and is read to its end"),
            Event::Truncated { read, copy: Some(copy) } => write!(
                f,
                "file was truncated after {read} bytes were read, the rest is read from its copy \"{}\"",
                copy.display()
            ),
            Event::Truncated { read, copy: None } => write!(
                f,
                "file was truncated after {read} bytes were read, there is no copy of what was written after them"
            ),
            Event::Rewritten => {
                f.write_str("file was replaced by one with the same beginning, only what was added is read")
            }
            Event::Missed { path } => write!(f, "found rotated file \"{}\" that was not seen before", path.display()),
            Event::Gone { path, offset } => write!(
                f,
                "file that was at \"{}\" is gone, what was written to it after offset {offset} cannot be read",
                path.display()
            ),
            Event::LongLine { offset } => write!(f, "line is longer than the limit and is cut at offset {offset}"),
            Event::Unreadable { path, error } => write!(f, "cannot read rotated file \"{}\": {error}", path.display()),
        }
    }
}
