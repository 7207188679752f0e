//! Looking at the beginning of a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes that tell what a file is.
const HEAD: u64 = 4096;

/// How the lines of a file are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Not at all.
    Plain,
    /// As container runtimes of Kubernetes do: time, stream, flag, line.
    Cri,
    /// As Docker does: JSON with `log`, `stream` and `time`.
    Docker,
}

/// What a file holds; `None` if it is not text.
pub fn kind(path: &Path) -> io::Result<Option<Kind>> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    Ok(kind_of(&head, path))
}

fn kind_of(head: &[u8], path: &Path) -> Option<Kind> {
    if !is_text(head) {
        return None;
    }
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    if is_cri(line) {
        return Some(Kind::Cri);
    }
    if is_docker(line) {
        return Some(Kind::Docker);
    }
    // An empty file is what its place says.
    let path = path.to_str().unwrap_or_default();
    Some(match () {
        () if !head.is_empty() => Kind::Plain,
        () if path.contains("/pods/") || path.contains("/log/containers/") => Kind::Cri,
        () if path.ends_with("-json.log") => Kind::Docker,
        () => Kind::Plain,
    })
}

fn is_text(head: &[u8]) -> bool {
    const COMPRESSED: [&[u8]; 4] = [b"\x1f\x8b", b"\xfd7zXZ", b"BZh", b"\x28\xb5\x2f\xfd"];
    if COMPRESSED.iter().any(|magic| head.starts_with(magic)) {
        return false;
    }
    // UTF-16 has zeros and says so.
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return true;
    }
    let strange = |b: &&u8| **b < b' ' && !matches!(**b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b | 0x08);
    !head.contains(&0) && head.iter().filter(strange).count() * 20 <= head.len()
}

fn is_cri(line: &[u8]) -> bool {
    let mut words = line.splitn(4, |b| *b == b' ');
    let time = words.next().unwrap_or_default();
    let stream = words.next().unwrap_or_default();
    let flag = words.next().unwrap_or_default();
    time.len() >= 20
        && time[4] == b'-'
        && time[10] == b'T'
        && matches!(stream, b"stdout" | b"stderr")
        && matches!(flag, b"F" | b"P")
}

fn is_docker(line: &[u8]) -> bool {
    let has = |key: &[u8]| line.windows(key.len()).any(|part| part == key);
    line.starts_with(b"{\"log\":") && has(b"\"stream\":") && (has(b"\"time\":") || line.len() as u64 >= HEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &[u8], path: &str, expect: Option<Kind>) {
        assert_eq!(kind_of(head, Path::new(path)), expect, "{}", head.escape_ascii());
    }

    #[test]
    fn heads_tell_what_a_file_is() {
        check(b"", "/a/b.log", Some(Kind::Plain));
        check(b"", "/var/log/pods/a/b/0.log", Some(Kind::Cri));
        check(b"", "/var/lib/docker/containers/a/a-json.log", Some(Kind::Docker));
        check("Größe 5\n\u{1b}[32minfo\u{1b}[0m\n".as_bytes(), "/a", Some(Kind::Plain));
        check(b"caf\xe9 latin1\n", "/a", Some(Kind::Plain));
        check(b"\xff\xfea\0\n\0", "/a", Some(Kind::Plain));
        check(
            b"2026-01-02T03:04:05.000000001Z stdout F hello\n",
            "/a",
            Some(Kind::Cri),
        );
        check(
            b"2026-01-02T03:04:05.000000001Z stdin F hello\n",
            "/a",
            Some(Kind::Plain),
        );
        check(
            br#"{"log":"hello\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}"#,
            "/a",
            Some(Kind::Docker),
        );
        check(br#"{"log":"hello"}"#, "/a", Some(Kind::Plain));
        check(b"LPKSHHRH\0\0", "/a", None);
        check(b"\x1f\x8b\x08\x01", "/a.log", None);
        check(b"\x01\x02\x03\x04\x05", "/a", None);
    }
}
