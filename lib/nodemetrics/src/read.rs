//! Reading the small files of `/proc` and `/sys`.

use crate::error::Failure;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The whole file. Bytes that are not UTF-8 become U+FFFD.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    let bytes = fs::read(path).map_err(|error| Failure::read(path, error))?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(invalid) => String::from_utf8_lossy(invalid.as_bytes()).into_owned(),
    })
}

/// The file without the white space around it.
pub(crate) fn trimmed(path: &Path) -> Result<String, Failure> {
    Ok(text(path)?.trim().to_owned())
}

/// The number in the file, which may be written like `0x1003`.
pub(crate) fn u64(path: &Path) -> Result<u64, Failure> {
    let text = text(path)?;
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(digits) => hex(path, digits),
        None => number(path, text),
    }
}

/// The number in the file, which may be written like `0x1003`.
pub(crate) fn i64(path: &Path) -> Result<i64, Failure> {
    let text = text(path)?;
    integer(text.trim()).ok_or_else(|| Failure::parse(path, text.trim()))
}

fn integer(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The names in a directory, sorted.
pub(crate) fn names(dir: &Path) -> Result<Vec<String>, Failure> {
    let read = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    };
    read().map_err(|error| Failure::read(dir, error))
}

/// The names in a directory, without those of regular files; none if there is no such directory.
pub(crate) fn dirs(dir: &Path) -> Result<Vec<String>, Failure> {
    let read = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if !entry.file_type()?.is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    };
    read().map_err(|error| Failure::read(dir, error))
}

/// What is in `dir` under a name of `prefix` and at least one digit: the path and the name without the prefix. Nothing if `dir` cannot be
/// read, as a shell's pattern finds nothing there.
pub(crate) fn numbered(dir: &Path, prefix: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for name in names(dir).unwrap_or_default() {
        if let Some(rest) = name.strip_prefix(prefix)
            && rest.starts_with(|c: char| c.is_ascii_digit())
        {
            found.push((dir.join(&name), rest.to_owned()));
        }
    }
    found
}

/// What is in `dir` under a name with a dash, such as a UUID.
pub(crate) fn dashed(dir: &Path) -> Vec<(PathBuf, String)> {
    let names = names(dir).unwrap_or_default();
    let dashed = names.into_iter().filter(|name| name.contains('-'));
    dashed.map(|name| (dir.join(&name), name)).collect()
}

/// `None` for a file that is not there.
pub(crate) fn optional<T>(result: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Failure::Read { error, .. }) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// A number of a table in a file.
pub(crate) fn number<T: std::str::FromStr>(path: &Path, text: &str) -> Result<T, Failure> {
    text.parse().map_err(|_| Failure::parse(path, text))
}

/// A hexadecimal number of a table in a file.
pub(crate) fn hex(path: &Path, text: &str) -> Result<u64, Failure> {
    u64::from_str_radix(text, 16).map_err(|_| Failure::parse(path, text))
}

/// A list of CPUs, such as `0-3,8`.
pub(crate) fn cpu_list(path: &Path, text: &str) -> Result<Vec<u32>, Failure> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to): (u32, u32) = (number(path, from)?, number(path, to)?);
        // More than the kernel can be built for is not a list of CPUs.
        if to.saturating_sub(from) > 1 << 16 {
            return Err(Failure::parse(path, part));
        }
        cpus.extend(from..=to);
    }
    Ok(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cpus_has_ranges() {
        let path = Path::new("isolated");
        assert_eq!(cpu_list(path, "0-2,8\n").unwrap(), [0, 1, 2, 8]);
        assert!(cpu_list(path, "\n").unwrap().is_empty());
        assert!(cpu_list(path, "0-4000000000").is_err());
        assert!(cpu_list(path, "a").is_err());
    }

    #[test]
    fn integers_may_be_hexadecimal() {
        assert_eq!(integer("0x1003"), Some(0x1003));
        assert_eq!(integer("-1"), Some(-1));
        assert_eq!(integer(""), None);
    }
}
