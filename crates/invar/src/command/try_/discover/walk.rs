//! Walking folders within bounds.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Names that one walk looks at.
const MAX_NAMES: usize = 50_000;
/// Folders below the first.
const MAX_DEPTH: usize = 8;
/// A network file system may take for ever; the first screen may not.
const MAX_TIME: Duration = Duration::from_secs(1);

/// A regular file, or a link to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub path: PathBuf,
    pub modified: SystemTime,
}

/// The files below a folder, in no order. Links to folders are not followed; folders that cannot be read have no files.
pub struct Walk {
    folders: Vec<(PathBuf, usize)>,
    entries: Option<(fs::ReadDir, usize)>,
    names: usize,
    until: Instant,
}

impl Walk {
    /// A walk through a place that nobody named.
    pub fn new(root: &Path) -> Self {
        Walk {
            folders: vec![(root.to_path_buf(), 0)],
            entries: None,
            names: MAX_NAMES,
            until: Instant::now() + MAX_TIME,
        }
    }
}

impl Iterator for Walk {
    type Item = Seen;

    fn next(&mut self) -> Option<Seen> {
        loop {
            let Some((entries, depth)) = &mut self.entries else {
                let (folder, depth) = self.folders.pop()?;
                self.entries = fs::read_dir(folder).ok().map(|entries| (entries, depth));
                continue;
            };
            let Some(entry) = entries.next() else {
                self.entries = None;
                continue;
            };
            let depth = *depth;
            self.names = self.names.checked_sub(1)?;
            if Instant::now() > self.until {
                return None;
            }
            let Ok(entry) = entry else { continue };
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if depth < MAX_DEPTH {
                    self.folders.push((path, depth + 1));
                }
                continue;
            }
            // Follows a link.
            if let Ok(meta) = fs::metadata(&path)
                && meta.is_file()
            {
                let modified = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                return Some(Seen { path, modified });
            }
        }
    }
}

/// Every `*.log` directly in a folder, whatever it is.
pub fn logs_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "log") && path.is_file())
        .collect()
}

/// Whether a name in a folder for logs tells that this is none, or one that was rotated away: accounting databases, the
/// journal, what is compressed, `syslog.1`, `app.log-20260102`, `README`.
pub fn is_other(path: &Path) -> bool {
    const NAMES: [&[u8]; 8] = [
        b"wtmp",
        b"btmp",
        b"utmp",
        b"lastlog",
        b"faillog",
        b"tallylog",
        b"README",
        b"wtmp.db",
    ];
    const EXTENSIONS: [&str; 18] = [
        "gz", "xz", "bz2", "zst", "lz4", "lzma", "zip", "z", "Z", "tar", "journal", "journal~", "old", "bak", "db",
        "pid", "lock", "sock",
    ];
    let Some(name) = path.file_name().map(OsStrExt::as_bytes) else {
        return true;
    };
    let number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let rotated = name.iter().rposition(|b| matches!(b, b'.' | b'-')).is_some_and(|at| {
        let tail = &name[at + 1..];
        // `0.log` is a name; `12` after a dash may be one too, a date is not.
        number(tail) && (name[at] == b'.' || tail.len() >= 8)
    });
    // `wtmp-20260102` is a rotated `wtmp`.
    NAMES.contains(&name)
        || rotated
        || path
            .extension()
            .and_then(|e| e.to_str())
            .is_some_and(|e| EXTENSIONS.contains(&e))
}
