//! Names of rotated files.
//!
//! `app.log` becomes `app.log.1`, `app.log-20240131`, `app.log.old`, `app-2024-01-31T10-00-00.000.log`, `app.1.log`, each also with the suffix of
//! a compression. A name belongs to the family only if what was added looks like a number or a date, so that `app-errors.log` does not.

use crate::source::Format;
use std::cmp::Reverse;

/// Suffixes of compressions that cannot be read; a file with one is still a rotated one.
const FOREIGN: [&str; 4] = [".zst", ".xz", ".lz4", ".zip"];
/// Words that programs put behind the name of the last generation.
const WORDS: [&str; 3] = ["old", "bak", "prev"];
const SEPARATORS: [char; 3] = ['.', '-', '_'];

/// A name without the suffix of its compression.
fn uncompressed(name: &str) -> &str {
    Format::of_name(name)
        .map(|(_, stem)| stem)
        .or_else(|| FOREIGN.iter().find_map(|suffix| name.strip_suffix(suffix)))
        .unwrap_or(name)
}

/// Whether a name ends like that of a compressed file that cannot be read here.
pub(crate) fn is_foreign(name: &str) -> bool {
    FOREIGN.iter().any(|suffix| name.ends_with(suffix))
}

/// Whether `text` is what a rotation adds: a number, a date, or a word such as `old`.
fn is_stamp(text: &str) -> bool {
    if WORDS.contains(&text) {
        return true;
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'+' | b'T' | b'Z' | b'@'));
    digits > 0 && plain && text.starts_with(|first: char| first.is_ascii_digit())
}

/// The stamp in `name` if it names a rotated generation of `base`.
fn stamp<'a>(name: &'a str, base: &str) -> Option<&'a str> {
    let plain = uncompressed(name);
    if plain == base {
        return (plain.len() != name.len()).then_some("");
    }
    let after = |prefix: &str| {
        plain
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix(SEPARATORS))
    };
    if let Some(stamp) = after(base).filter(|text| is_stamp(text)) {
        return Some(stamp);
    }
    let (stem, extension) = base.rsplit_once('.').filter(|(stem, _)| !stem.is_empty())?;
    after(stem)?
        .strip_suffix(extension)?
        .strip_suffix('.')
        .filter(|text| is_stamp(text))
}

/// Whether `name` is how a rotation may have renamed `base`.
pub(crate) fn is_rotation_of(name: &str, base: &str) -> bool {
    stamp(name, base).is_some()
}

/// The name that rotated names have in common with the one they come from.
pub(crate) fn root(name: &str) -> String {
    let mut plain = uncompressed(name);
    // `app.log.1`, `app.log-20240131-1`: cut behind the first part that is followed by a stamp only.
    for (at, _) in plain.match_indices(SEPARATORS).filter(|(at, _)| *at > 0) {
        if is_stamp(&plain[at + 1..]) {
            plain = &plain[..at];
            break;
        }
    }
    // `app-2024-01-31.log`, `app.1.log`
    if let Some((stem, extension)) = plain.rsplit_once('.') {
        for (at, _) in stem.match_indices(SEPARATORS).filter(|(at, _)| *at > 0) {
            if is_stamp(&stem[at + 1..]) {
                return format!("{}.{extension}", &stem[..at]);
            }
        }
    }
    plain.to_owned()
}

/// What a rotated name says about its age; orders oldest first among comparable ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Age {
    /// A generation number: counts backwards.
    Number(Reverse<u32>),
    /// A date.
    Date(String),
}

impl Age {
    /// Whether the order of the two means something.
    pub(crate) fn comparable(&self, other: &Age) -> bool {
        match (self, other) {
            (Age::Number(_), Age::Number(_)) => true,
            (Age::Date(a), Age::Date(b)) => a.len() == b.len(),
            _ => false,
        }
    }
}

/// The age that a rotated name of `base` states.
pub(crate) fn age(name: &str, base: &str) -> Option<Age> {
    let stamp = stamp(name, base)?;
    if stamp.len() <= 4
        && let Ok(number) = stamp.parse()
    {
        return Some(Age::Number(Reverse(number)));
    }
    let digits = stamp.bytes().filter(u8::is_ascii_digit).count();
    (digits >= 8).then(|| Age::Date(stamp.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_names_are_recognised_and_others_are_not() {
        for name in [
            "app.log.1",
            "app.log.12.gz",
            "app.log-20240131",
            "app.log-2024-01-31-1706700000.gz",
            "app.log.2024-01-31T10:00:00.bz2",
            "app-2024-01-31T10-00-00.000.log",
            "app-2024-01-31T10-00-00.000.log.gz",
            "app.1.log",
            "app_20240131.log.zst",
            "app.log.old",
            "app.log.gz",
        ] {
            assert!(is_rotation_of(name, "app.log"), "{name}");
            assert_eq!(root(name), "app.log", "{name}");
        }
        for name in [
            "app.log",
            "app-errors.log",
            "app.log.err",
            "application.log.1",
            "app.logs",
            "app",
            "app.log.",
        ] {
            assert!(!is_rotation_of(name, "app.log"), "{name}");
        }
        assert!(is_rotation_of("0.log.20240131-100000", "0.log"));
        assert!(!is_rotation_of("1.log", "0.log"));
        assert!(is_rotation_of("syslog.1", "syslog"));
        assert_eq!(root("0.log"), "0.log");
        assert_eq!(root("syslog.2.gz"), "syslog");
    }

    #[test]
    fn numbers_count_backwards_and_dates_forwards() {
        let age = |name| age(name, "a.log").expect("a name with an age");
        assert!(age("a.log.10") < age("a.log.9.gz"));
        assert!(age("a.log-20240101") < age("a-20240102.log"));
        assert!(!age("a.log.1").comparable(&age("a.log-20240102")));
        assert_eq!(super::age("a.log.old", "a.log"), None);
    }
}
