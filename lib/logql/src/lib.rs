//! The part of LogQL that selects: streams by their labels, lines by what they contain.
//!
//! ```
//! use logql::{Dialect, Selector};
//! let selector = Selector::parse(r#"{app="web",env=~"prod|test"} |= "error" !~ "health.*""#, Dialect::Loki).unwrap();
//! let labels = [("app", "web"), ("env", "prod")];
//! let find = |name: &str| labels.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_bytes());
//! assert!(selector.matches_labels(find));
//! assert!(selector.matches_line(b"an error"));
//! assert!(!selector.matches_line(b"error in healthz"));
//! ```

mod lex;
mod parse;

use goregex::Regex;
use memchr::memmem::Finder;
use std::fmt;

/// Whose language it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// What `stage.match` of `loki.process` takes: at least one matcher, strings in double quotes only.
    Process,
    /// What Loki's query API takes, as far as stream selectors and line filters go: strings in back-ticks too, `or`
    /// between the strings of a filter, and an empty selector, which selects everything.
    Loki,
}

/// Why a selector does not parse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where in the text, in bytes.
    pub offset: usize,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parse error at offset {}: {}", self.offset, self.message)
    }
}

impl std::error::Error for Error {}

/// A stream selector with line filters.
#[derive(Clone, Debug)]
pub struct Selector {
    text: String,
    matchers: Vec<Matcher>,
    filters: Vec<LineFilter>,
}

impl Selector {
    /// Parses a selector. Regular expressions are compiled: those for labels have to match the whole value, those for
    /// lines any part of them.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Selector, Error> {
        let (matchers, filters) = parse::parse(text, dialect)?;
        Ok(Selector {
            text: text.to_owned(),
            matchers,
            filters,
        })
    }

    /// The text that was parsed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The matchers, all of which have to match.
    pub fn matchers(&self) -> &[Matcher] {
        &self.matchers
    }

    /// Whether there are line filters.
    pub fn has_line_filters(&self) -> bool {
        !self.filters.is_empty()
    }

    /// Whether a stream with these labels is selected. `label` finds the value of a label by its name; a missing one is
    /// as good as an empty one.
    pub fn matches_labels<'l>(&self, label: impl Fn(&str) -> Option<&'l [u8]>) -> bool {
        self.matchers
            .iter()
            .all(|matcher| matcher.matches(label(&matcher.name).unwrap_or_default()))
    }

    /// Whether a line passes all filters.
    pub fn matches_line(&self, line: &[u8]) -> bool {
        self.filters.iter().all(|filter| filter.matches(line))
    }
}

impl PartialEq for Selector {
    fn eq(&self, other: &Selector) -> bool {
        self.text == other.text
    }
}

impl Eq for Selector {}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A condition on one label.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: String,
    negated: bool,
    test: LabelTest,
}

#[derive(Clone, Debug)]
enum LabelTest {
    Equal(Vec<u8>),
    Regex(Regex),
}

impl Matcher {
    /// The name of the label.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value that the label has to have, for a matcher with `=`.
    pub fn exact(&self) -> Option<&[u8]> {
        match &self.test {
            LabelTest::Equal(value) if !self.negated => Some(value),
            _ => None,
        }
    }

    /// Whether the label may have this value.
    pub fn matches(&self, value: &[u8]) -> bool {
        let found = match &self.test {
            LabelTest::Equal(wanted) => wanted == value,
            LabelTest::Regex(regex) => regex.is_match(value),
        };
        found != self.negated
    }
}

/// A condition on the line. With several alternatives it is enough that one is found; negated, none may be.
#[derive(Clone, Debug)]
struct LineFilter {
    negated: bool,
    alternatives: Vec<LineTest>,
}

#[derive(Clone, Debug)]
enum LineTest {
    Contains(Finder<'static>),
    Regex(Regex),
}

impl LineFilter {
    fn matches(&self, line: &[u8]) -> bool {
        let found = self.alternatives.iter().any(|test| match test {
            LineTest::Contains(finder) => finder.find(line).is_some(),
            LineTest::Regex(regex) => regex.is_match(line),
        });
        found != self.negated
    }
}

#[cfg(test)]
mod tests;
