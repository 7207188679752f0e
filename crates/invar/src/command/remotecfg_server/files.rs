//! The files that are served.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Larger files are not served: collectors refuse them.
const MOST_BYTES: u64 = 16 << 20;
/// What is served if there is no file for the collector itself.
const DEFAULT: &str = "default";

/// A file as it is served.
#[derive(Debug, PartialEq, Eq)]
pub struct Served {
    /// Its name.
    pub file: String,
    /// SHA-256 of the content.
    pub hash: String,
    /// The content.
    pub content: String,
}

/// Whether a text is the name of a file, and of none that is hidden.
pub fn is_file_name(text: &str) -> bool {
    let plain = |c: char| c != '/' && c != '\\' && !c.is_control();
    !text.is_empty() && text.len() <= 200 && !text.starts_with('.') && text.chars().all(plain)
}

/// The first file that there is: one for each of the names, in order, and the default one.
pub fn find(dir: &Path, names: &[String]) -> Result<Option<Served>, String> {
    let names = names.iter().map(String::as_str).filter(|name| is_file_name(name));
    for name in names.chain([DEFAULT]) {
        let file = format!("{name}.alloy");
        let wrong = |error: &dyn std::fmt::Display| format!("{file}: {error}");
        let opened = match File::open(dir.join(&file)) {
            Ok(opened) => opened,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(wrong(&error)),
        };
        let mut content = String::new();
        let size = opened.take(MOST_BYTES + 1).read_to_string(&mut content);
        if size.map_err(|error| wrong(&error))? as u64 > MOST_BYTES {
            return Err(wrong(&format!("more than {} MiB", MOST_BYTES >> 20)));
        }
        if content.is_empty() {
            // Collectors take an empty text for none. This one means the same as an empty file.
            content.push('\n');
        }
        let hash: String = Sha256::digest(&content)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        return Ok(Some(Served { file, hash, content }));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_nearest_file_is_served_and_none_outside() {
        let dir = tempfile::tempdir().unwrap();
        let inside = dir.path().join("inside");
        fs::create_dir(&inside).unwrap();
        fs::write(dir.path().join("secret.alloy"), "s").unwrap();
        let names = |names: [&str; 2]| {
            let names = names.map(str::to_owned);
            find(&inside, &names).unwrap().map(|served| served.file)
        };
        assert_eq!(names(["id", "name"]), None);
        for name in ["default", "name", "id"] {
            fs::write(inside.join(format!("{name}.alloy")), name).unwrap();
            assert_eq!(names(["id", "name"]), Some(format!("{name}.alloy")));
        }
        for outside in ["../secret", "/etc/passwd", ".", "..", "", ".id", "a\\b", "a\0b", "a\nb"] {
            assert!(!is_file_name(outside), "{outside:?}");
            assert_eq!(names([outside, outside]), Some("default.alloy".to_owned()));
        }
        fs::write(inside.join("id.alloy"), "").unwrap();
        let served = find(&inside, &["id".to_owned(), String::new()]).unwrap().unwrap();
        assert_eq!(served.content, "\n");
        fs::write(inside.join("id.alloy"), [0xff]).unwrap();
        assert!(find(&inside, &["id".to_owned(), String::new()]).is_err());
    }
}
