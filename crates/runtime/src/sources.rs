//! Reads configuration files.

use host::{FileKind, Fs};
use std::fmt;
use std::path::{Path, PathBuf};

/// One configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Name for diagnostics: the path as it was given.
    pub name: String,
    /// Content.
    pub text: Vec<u8>,
}

/// Why the configuration could not be read.
#[derive(Debug)]
pub struct ReadError {
    path: PathBuf,
    message: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reading config path \"{}\": {}", self.path.display(), self.message)
    }
}

impl std::error::Error for ReadError {}

/// Reads a file, or every `*.alloy` file directly inside a directory in the order of their names.
pub fn read(fs: &dyn Fs, path: &Path) -> Result<Vec<SourceFile>, ReadError> {
    let fail = |path: &Path, error: &dyn fmt::Display| ReadError {
        path: path.to_path_buf(),
        message: error.to_string(),
    };
    let meta = fs.meta(path).map_err(|error| fail(path, &error))?;
    let paths = if meta.kind == FileKind::Dir {
        let mut names: Vec<PathBuf> = fs
            .read_dir(path)
            .map_err(|error| fail(path, &error))?
            .into_iter()
            // A link may lead to a file; a ConfigMap mount consists of links.
            .filter(|entry| entry.kind != Some(FileKind::Dir))
            .map(|entry| path.join(entry.name))
            .filter(|file| file.extension().is_some_and(|extension| extension == "alloy"))
            .collect();
        names.sort();
        names
    } else {
        vec![path.to_path_buf()]
    };
    paths
        .into_iter()
        .map(|file| {
            let text = fs.read(&file).map_err(|error| fail(&file, &error))?;
            check_encoding(&text).map_err(|error| fail(&file, &error))?;
            Ok(SourceFile {
                name: file.display().to_string(),
                text,
            })
        })
        .collect()
}

fn check_encoding(text: &[u8]) -> Result<(), String> {
    let other = match text {
        [0xef, 0xbb, 0xbf, ..] => return Ok(()),
        [0xff, 0xfe, 0, 0, ..] => Some("UTF-32LE"),
        [0, 0, 0xfe, 0xff, ..] => Some("UTF-32BE"),
        [0xff, 0xfe, ..] => Some("UTF-16LE"),
        [0xfe, 0xff, ..] => Some("UTF-16BE"),
        _ => None,
    };
    match other {
        Some(name) => Err(format!("configuration is encoded with {name} but must be utf8")),
        None if std::str::from_utf8(text).is_err() => Err("unknown encoding for config".to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::{ManualClock, MemFs};
    use std::sync::Arc;

    #[test]
    fn a_directory_is_its_alloy_files_in_order() {
        let fs = MemFs::new(Arc::new(ManualClock::at(0)));
        fs.create("/etc/alloy/b.alloy", b"b");
        fs.create("/etc/alloy/a.alloy", b"a");
        fs.create("/etc/alloy/notes.txt", b"n");
        fs.create("/etc/alloy/deep/c.alloy", b"c");
        let names: Vec<String> = read(&fs, Path::new("/etc/alloy/a.alloy"))
            .unwrap()
            .into_iter()
            .map(|f| f.name)
            .collect();
        assert_eq!(names, ["/etc/alloy/a.alloy"]);
    }

    #[test]
    fn other_encodings_are_named() {
        assert_eq!(
            check_encoding(b"\xff\xfea\0").unwrap_err(),
            "configuration is encoded with UTF-16LE but must be utf8"
        );
        assert_eq!(check_encoding(b"a\xff").unwrap_err(), "unknown encoding for config");
        assert_eq!(check_encoding(b"\xef\xbb\xbfa = 1"), Ok(()));
    }
}
