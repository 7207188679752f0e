//! Where logs are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A log on disk.
pub struct Log {
    /// Its folder.
    pub dir: PathBuf,
    /// Id of the component that it belongs to: the path from the storage folder to the log's parent.
    pub component: String,
    /// What it is for: `queue` or `dead-letters`.
    pub role: String,
}

impl Log {
    fn new(dir: &Path, root: Option<&Path>) -> Log {
        let name = |path: Option<&Path>| {
            let name = path.and_then(Path::file_name);
            name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
        };
        let parent = dir.parent();
        let below = root.and_then(|root| parent?.strip_prefix(root).ok());
        let component = match below {
            Some(below) if !below.as_os_str().is_empty() => below.to_string_lossy().into_owned(),
            _ => name(parent),
        };
        Log {
            dir: dir.to_owned(),
            component,
            role: name(Some(dir)),
        }
    }

    /// How it is called in output.
    pub fn title(&self) -> String {
        match self.component.is_empty() {
            true => self.role.clone(),
            false => format!("{} {}", self.component, self.role),
        }
    }
}

/// Whether a folder holds a log.
pub fn is_log(dir: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let segment = name
            .strip_suffix(".seg")
            .is_some_and(|digits| digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()));
        if segment || name == "cursors.0" || name == "cursors.1" {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The log in a folder.
pub fn one(dir: &Path) -> Result<Log, String> {
    match is_log(dir) {
        Ok(true) => Ok(Log::new(dir, None)),
        Ok(false) => Err(format!(
            "{} is not the folder of a queue or dead-letter log; \"invar queue ls {}\" lists those below it",
            dir.display(),
            dir.display()
        )),
        Err(error) => Err(format!("{}: {error}", dir.display())),
    }
}

/// The logs in and below some folders, or below the storage folder if there are none, by their paths.
pub fn all(dirs: &[PathBuf], storage: &Path) -> Result<Vec<Log>, String> {
    let mut found = Vec::new();
    if dirs.is_empty() {
        below(storage, Some(storage), &mut found).map_err(|error| {
            format!(
                "{}: {error}; --storage.path says where Invar keeps its state",
                storage.display()
            )
        })?;
    }
    for dir in dirs {
        below(dir, None, &mut found).map_err(|error| format!("{}: {error}", dir.display()))?;
    }
    found.sort_by(|a, b| a.dir.cmp(&b.dir));
    found.dedup_by(|a, b| a.dir == b.dir);
    Ok(found)
}

fn below(dir: &Path, root: Option<&Path>, found: &mut Vec<Log>) -> io::Result<()> {
    if is_log(dir)? {
        // What is inside of it, its quarantine for example, is no other log.
        found.push(Log::new(dir, root));
        return Ok(());
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        // Links are not followed: they could lead in a circle.
        if entry.file_type()?.is_dir() {
            below(&entry.path(), Some(root.unwrap_or(dir)), found)?;
        }
    }
    Ok(())
}

/// The log that a command is for: the one that was named, or the only one that there is.
pub fn only(dir: Option<&Path>, storage: &Path) -> Result<Log, String> {
    if let Some(dir) = dir {
        return one(dir);
    }
    let mut logs = all(&[], storage)?;
    match (logs.pop(), logs.is_empty()) {
        (Some(log), true) => Ok(log),
        (None, _) => Err(format!("there is no queue below {}", storage.display())),
        (Some(last), false) => {
            let names: Vec<String> = logs
                .iter()
                .chain([&last])
                .map(|log| log.dir.display().to_string())
                .collect();
            Err(format!("there are several logs; name one of {}", names.join(", ")))
        }
    }
}
