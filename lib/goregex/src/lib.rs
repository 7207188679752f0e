//! Go regular expressions on the `regex` crate.
//!
//! The `regex` crate and Go's `regexp` share RE2's semantics (leftmost-first, linear time) but not its syntax: Go takes
//! a lone `{` as a literal, knows `\Q..\E`, keeps `\d`, `\w`, `\s` and `\b` to ASCII and allows a group name twice.
//! A pattern is translated once, when it is compiled; matching is the crate's own.
//!
//! Text is bytes. As in Go, a byte that is not part of valid UTF-8 counts as one U+FFFD.
//!
//! ```
//! let re = goregex::Regex::new(r#"^{"level":"(?P<level>\w+)""#).unwrap();
//! let mut locations = re.capture_locations();
//! re.captures(&mut locations, br#"{"level":"warn"}"#).unwrap();
//! assert_eq!(locations.get(1), Some(10..14));
//! assert_eq!(re.group_names()[1].as_deref(), Some("level"));
//! ```

mod class;
mod error;
mod expand;
mod lossy;
mod translate;

pub use error::{Error, ErrorKind};
pub use lossy::Locations;

use lossy::Lossy;
use std::borrow::Cow;
use std::ops::Range;

/// How much memory one compiled expression may take, bytes.
const SIZE_LIMIT: usize = 32 << 20;

/// A compiled Go regular expression.
#[derive(Clone)]
pub struct Regex {
    inner: regex::bytes::Regex,
    pattern: String,
    names: Vec<Option<String>>,
    /// Whether the expression can match U+FFFD, which is what a byte of invalid UTF-8 looks like to Go.
    sees_invalid: bool,
}

impl Regex {
    /// Compiles `pattern`, which matches anywhere in the text. Errors carry Go's text.
    pub fn new(pattern: &str) -> Result<Regex, Error> {
        let translated = translate::translate(pattern)?;
        Regex::compile(pattern, &translated.pattern, translated.names, translated.sees_invalid)
    }

    /// Compiles `pattern` so that it has to match the whole text and `.` matches a line feed: the form that Prometheus
    /// and Loki give to label matchers.
    pub fn anchored(pattern: &str) -> Result<Regex, Error> {
        let translated = translate::translate(pattern)?;
        let anchored = format!("^(?s:{})$", translated.pattern);
        Regex::compile(pattern, &anchored, translated.names, translated.sees_invalid)
    }

    fn compile(
        pattern: &str,
        translated: &str,
        names: Vec<Option<String>>,
        sees_invalid: bool,
    ) -> Result<Regex, Error> {
        let inner = regex::bytes::RegexBuilder::new(translated)
            .size_limit(SIZE_LIMIT)
            .nest_limit(1000)
            .build()
            .map_err(|error| Error::from_engine(pattern, &error))?;
        // A group that is repeated zero times is not in the engine.
        debug_assert!(inner.captures_len() <= names.len());
        Ok(Regex {
            inner,
            pattern: pattern.to_owned(),
            names,
            sees_invalid,
        })
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// The name of each group by its index; group 0, the whole match, has none. A name may occur more than once, then
    /// Go programs that build a map of the groups let the last one win.
    pub fn group_names(&self) -> &[Option<String>] {
        &self.names
    }

    /// Whether the expression matches somewhere in `text`.
    pub fn is_match(&self, text: &[u8]) -> bool {
        match self.lossy(text) {
            None => self.inner.is_match(text),
            Some(lossy) => self.inner.is_match(&lossy.text),
        }
    }

    /// The byte range of the leftmost match.
    pub fn find(&self, text: &[u8]) -> Option<Range<usize>> {
        match self.lossy(text) {
            None => self.inner.find(text).map(|m| m.range()),
            Some(lossy) => self.inner.find(&lossy.text).map(|m| lossy.range(m.range())),
        }
    }

    /// Room for the groups of one match, to be used for many calls of [`Regex::captures`].
    pub fn capture_locations(&self) -> Locations {
        Locations::new(self.inner.capture_locations())
    }

    /// The leftmost match: its byte range, and the ranges of its groups in `locations`. `locations` must come from
    /// [`Regex::capture_locations`] of the same expression.
    pub fn captures(&self, locations: &mut Locations, text: &[u8]) -> Option<Range<usize>> {
        match self.lossy(text) {
            None => {
                locations.direct();
                self.inner.captures_read(&mut locations.inner, text).map(|m| m.range())
            }
            Some(lossy) => {
                let found = self
                    .inner
                    .captures_read(&mut locations.inner, &lossy.text)
                    .map(|m| lossy.range(m.range()));
                locations.map(&lossy);
                found
            }
        }
    }

    /// Calls `each` with the groups of every match, in order, as Go's `FindAll` finds them: an empty match right after
    /// another match does not count.
    pub fn for_each_match(&self, text: &[u8], mut each: impl FnMut(&Locations)) {
        let mut locations = self.capture_locations();
        let lossy = self.lossy(text);
        let searched: &[u8] = lossy.as_ref().map_or(text, |lossy| &lossy.text);
        let mut previous_end = None;
        let mut position = 0;
        while position <= searched.len() {
            let Some(found) = self.inner.captures_read_at(&mut locations.inner, searched, position) else {
                return;
            };
            let found = found.range();
            if !is_boundary(searched, found.start) {
                position = next_boundary(searched, found.start);
                continue;
            }
            let accepted = !found.is_empty() || previous_end != Some(found.start);
            position = if found.end > position {
                found.end
            } else {
                next_boundary(searched, position)
            };
            if found.is_empty() && found.start >= position {
                position = next_boundary(searched, found.start);
            }
            previous_end = Some(found.end);
            if accepted {
                match &lossy {
                    None => locations.direct(),
                    Some(lossy) => locations.map(lossy),
                }
                each(&locations);
            }
        }
    }

    /// Replaces every match with `replacement`, in which `$1`, `${1}`, `$name` and `${name}` stand for groups and `$$`
    /// for a dollar sign. A name is as long as it can be: `$1x` is the group named `1x`. Unknown groups are empty.
    pub fn replace_all<'t>(&self, text: &'t [u8], replacement: &[u8]) -> Cow<'t, [u8]> {
        if !replacement.contains(&b'$') {
            return self.replace_all_literal(text, replacement);
        }
        self.replace_all_with(text, |locations, out| {
            expand::expand(replacement, &self.names, locations, text, out);
        })
    }

    /// Replaces every match with `replacement`, taken as it is.
    pub fn replace_all_literal<'t>(&self, text: &'t [u8], replacement: &[u8]) -> Cow<'t, [u8]> {
        self.replace_all_with(text, |_, out| out.extend_from_slice(replacement))
    }

    /// Replaces every match with what `replace` appends for it.
    pub fn replace_all_with<'t>(
        &self,
        text: &'t [u8],
        mut replace: impl FnMut(&Locations, &mut Vec<u8>),
    ) -> Cow<'t, [u8]> {
        let mut out = Vec::new();
        let mut copied = 0;
        let mut any = false;
        self.for_each_match(text, |locations| {
            let Some(found) = locations.get(0) else { return };
            any = true;
            out.extend_from_slice(&text[copied..found.start]);
            copied = found.end;
            replace(locations, &mut out);
        });
        if !any {
            return Cow::Borrowed(text);
        }
        out.extend_from_slice(&text[copied..]);
        Cow::Owned(out)
    }

    /// Appends `template` to `out` with the groups in it expanded by the rules of [`Regex::replace_all`].
    pub fn expand(&self, template: &[u8], locations: &Locations, text: &[u8], out: &mut Vec<u8>) {
        expand::expand(template, &self.names, locations, text, out);
    }

    fn lossy(&self, text: &[u8]) -> Option<Lossy> {
        if self.sees_invalid && std::str::from_utf8(text).is_err() {
            Some(Lossy::new(text))
        } else {
            None
        }
    }
}

impl std::fmt::Debug for Regex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Regex").field(&self.pattern).finish()
    }
}

impl std::fmt::Display for Regex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.pattern)
    }
}

impl std::str::FromStr for Regex {
    type Err = Error;

    fn from_str(pattern: &str) -> Result<Regex, Error> {
        Regex::new(pattern)
    }
}

/// Two expressions are equal if their patterns are. (Anchoring is a property of the place where one is used.)
impl PartialEq for Regex {
    fn eq(&self, other: &Regex) -> bool {
        self.pattern == other.pattern && self.inner.as_str() == other.inner.as_str()
    }
}

impl Eq for Regex {}

/// Escapes `text` so that as an expression it matches itself, as Go's `QuoteMeta`.
pub fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Whether a character starts at `at`. The engine works on bytes and finds empty matches inside of characters, Go
/// never does.
fn is_boundary(text: &[u8], at: usize) -> bool {
    match text.get(at) {
        None => true,
        Some(byte) if byte & 0xC0 != 0x80 => true,
        // A continuation byte: inside of a character only if one that reaches this far starts before it.
        Some(_) => {
            let start = (1..=3)
                .map_while(|back| at.checked_sub(back))
                .find(|&i| text[i] & 0xC0 != 0x80);
            start.is_none_or(|start| start + width(&text[start..]) <= at)
        }
    }
}

fn next_boundary(text: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while !is_boundary(text, next) {
        next += 1;
    }
    next
}

/// Bytes of the first character of `text`; 1 for a byte that does not start a valid one, as Go counts it.
fn width(text: &[u8]) -> usize {
    let head = &text[..text.len().min(4)];
    match std::str::from_utf8(head) {
        Ok(valid) => valid.chars().next().map_or(1, char::len_utf8),
        Err(error) => {
            let valid = std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default();
            valid.chars().next().map_or(1, char::len_utf8)
        }
    }
}

#[cfg(test)]
mod tests;
