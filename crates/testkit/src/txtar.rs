//! Several files in one text: a comment, then each file after a line `-- name --`. The format of Go's `txtar`.

use std::fmt;

/// A parsed archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    /// What stands before the first file.
    pub comment: String,
    /// The files in their order.
    pub files: Vec<File>,
}

/// A file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its content, which is empty or ends with a line break.
    pub content: String,
}

impl Archive {
    /// Reads an archive. Every text is one; a text without markers is all comment.
    pub fn parse(text: &str) -> Archive {
        let mut archive = Archive::default();
        for line in text.split_inclusive('\n') {
            if let Some(name) = marker(line) {
                archive.files.push(File {
                    name: name.to_owned(),
                    content: String::new(),
                });
                continue;
            }
            let part = match archive.files.last_mut() {
                Some(file) => &mut file.content,
                None => &mut archive.comment,
            };
            part.push_str(line);
            if !line.ends_with('\n') {
                part.push('\n');
            }
        }
        archive
    }

    /// The content of the first file of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.name == name)
            .map(|file| file.content.as_str())
    }
}

/// The name in a marker line.
fn marker(line: &str) -> Option<&str> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let name = line.strip_prefix("-- ")?.strip_suffix(" --")?.trim();
    (!name.is_empty()).then_some(name)
}

impl fmt::Display for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.comment)?;
        self.files
            .iter()
            .try_for_each(|file| write!(f, "-- {} --\n{}", file.name, file.content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_follow_their_markers() {
        let text =
            "about\n-- a.alloy --\none\n\n--  b c  --\n-- not a marker\n--  --\n-- empty --\n-- last --\nno break";
        let archive = Archive::parse(text);
        assert_eq!(archive.comment, "about\n");
        let names: Vec<&str> = archive.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["a.alloy", "b c", "empty", "last"]);
        assert_eq!(archive.get("a.alloy"), Some("one\n\n"));
        assert_eq!(archive.get("b c"), Some("-- not a marker\n--  --\n"));
        assert_eq!(archive.get("empty"), Some(""));
        assert_eq!(archive.get("last"), Some("no break\n"));
        assert_eq!(archive.get("absent"), None);
        assert_eq!(Archive::parse(&archive.to_string()), archive);
    }

    #[test]
    fn windows_line_breaks_end_a_marker_and_a_text_without_markers_is_comment() {
        assert_eq!(Archive::parse("-- a --\r\nx\r\n").get("a"), Some("x\r\n"));
        let plain = Archive::parse("just text");
        assert_eq!((plain.comment.as_str(), plain.files.len()), ("just text\n", 0));
    }
}
