//! Where to start in files that are there already: a few lines before their end, so that there is something to see at once.
//!
//! The configuration says that files are read from their beginning. What has been read is state, so the start is written as
//! state: a positions file in the folder of each source, in Alloy's format.

use super::config::source_id;
use super::discover::Target;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use syntax::literal::quote;

/// Lines of one file, if there are few files.
const MOST_LINES: usize = 10;
/// Lines of all files together, as long as that is at least one for each.
const ALL_LINES: usize = 200;
/// How far to look back for them, in bytes.
const LOOK_BACK: u64 = 256 << 10;

/// Writes positions below `storage`, so that the last lines of each file are read and not the ones before.
pub fn at_last_lines(storage: &Path, targets: &[Target]) -> io::Result<()> {
    let files: usize = targets.iter().map(|target| target.files.len()).sum();
    let lines = (ALL_LINES / files.max(1)).clamp(1, MOST_LINES);
    // By component: each file once, even if two patterns match it.
    let mut positions = BTreeMap::<String, BTreeSet<String>>::new();
    for target in targets {
        for file in &target.files {
            let (Some(path), Ok(Some(offset))) = (file.to_str(), last_lines(file, lines)) else {
                continue;
            };
            let labels = format!("{{job={}}}", quote(target.job.as_bytes()));
            let (path, labels) = (serde_json::to_string(path)?, serde_json::to_string(&labels)?);
            // A JSON string is a YAML string.
            let position = format!("  ? path: {path}\n    labels: {labels}\n  : \"{offset}\"\n");
            positions.entry(source_id(target.kind)).or_default().insert(position);
        }
    }
    for (id, positions) in positions {
        let folder = storage.join(id);
        fs::create_dir_all(&folder)?;
        let text: String = positions.into_iter().collect();
        fs::write(folder.join("positions.yml"), format!("positions:\n{text}"))?;
    }
    Ok(())
}

/// Offset of the last `lines` complete lines; `None` if all of the file is to be read.
fn last_lines(path: &Path, lines: usize) -> io::Result<Option<u64>> {
    let file = File::open(path)?;
    let meta = file.metadata()?;
    let size = meta.size();
    let from = size.saturating_sub(LOOK_BACK);
    let mut tail = vec![0; (size - from) as usize];
    if !meta.is_file() || file.read_exact_at(&mut tail, from).is_err() {
        // A file that shrinks while it is read is new soon.
        return Ok(None);
    }
    let mut head = [0; 2];
    let wide = file.read_at(&mut head, 0)? == 2 && matches!(head, [0xff, 0xfe] | [0xfe, 0xff]);
    if wide {
        // Lines of UTF-16 end in two bytes; only a reader that decodes can tell where.
        return Ok(None);
    }
    let mut ends = tail
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| from + at as u64 + 1);
    // The first end is that of the last line; the line that is wanted starts where the one before ends.
    let last = ends.next();
    let start = match ends.nth(lines - 1) {
        Some(start) => Some(start),
        None if from == 0 => None,
        // Longer lines than one looks back: fewer of them, or none.
        None => tail
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|at| from + at as u64 + 1)
            .or(last)
            .or(Some(size)),
    };
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::super::discover::Kind;
    use super::*;

    fn check(content: &[u8], lines: usize, expect: Option<u64>) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("a.log");
        fs::write(&path, content).expect("it can be written");
        assert_eq!(
            last_lines(&path, lines).expect("it can be read"),
            expect,
            "{} bytes",
            content.len()
        );
    }

    #[test]
    fn the_last_lines_start_after_a_line() {
        check(b"", 2, None);
        check(b"a\nb\n", 2, None);
        check(b"a\nb\nc\n", 2, Some(2));
        check(b"a\nb\nc\nd", 2, Some(2));
        check(b"no line", 2, None);
        check(b"\xff\xfea\0\n\0b\0\n\0c\0\n\0", 1, None);
        let long = vec![b'x'; LOOK_BACK as usize];
        check(&long, 2, None);
        check(&[&long[..], b"x"].concat(), 2, Some(LOOK_BACK + 1));
        check(&[&long[..], b"\nb\nc\n"].concat(), 2, Some(LOOK_BACK + 1));
        check(&[&long[..], b"\nb\n"].concat(), 2, Some(LOOK_BACK + 1));
        check(&[&long[..], b"\n"].concat(), 2, Some(LOOK_BACK + 1));
    }

    #[test]
    fn positions_are_written_for_each_source() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("a\"b.log");
        fs::write(&path, "line\n".repeat(30)).expect("it can be written");
        let short = dir.path().join("short.log");
        fs::write(&short, "line\n").expect("it can be written");
        let target = Target {
            pattern: "unused".to_owned(),
            job: "it's \"x\"".to_owned(),
            kind: Kind::Cri,
            files: vec![path.clone(), short],
        };
        let storage = dir.path().join("state");
        at_last_lines(&storage, &[target.clone(), target]).expect("it can be written");
        let text = fs::read_to_string(storage.join("loki.source.file.pods/positions.yml")).expect("it is there");
        let name = path.display().to_string().replace('"', "\\\"");
        let labels = r#"{job=\"it's \\\"x\\\"\"}"#;
        assert_eq!(
            text,
            format!("positions:\n  ? path: \"{name}\"\n    labels: \"{labels}\"\n  : \"100\"\n")
        );
    }
}
