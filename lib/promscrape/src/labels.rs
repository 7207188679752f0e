//! Decoded labels.

use crate::error::Error;

/// Labels of one series, sorted by name; a buffer that is used again and again.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuf {
    text: String,
    labels: Vec<Label>,
}

/// Ends of the name and the value in the text, which starts at `start`.
#[derive(Clone, Copy, Debug)]
struct Label {
    start: usize,
    middle: usize,
    end: usize,
}

impl LabelsBuf {
    /// An empty buffer.
    pub fn new() -> LabelsBuf {
        LabelsBuf::default()
    }

    /// Removes all labels and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.labels.clear();
    }

    /// How many labels there are, the name of the metric included.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The labels by name, `__name__` among them. A label that was exposed twice is here twice, in the order of the body.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.labels.iter().map(|label| self.name_value(label))
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    fn name_value(&self, label: &Label) -> (&str, &str) {
        (
            &self.text[label.start..label.middle],
            &self.text[label.middle..label.end],
        )
    }

    /// Becomes a copy of other labels, in the memory that is there.
    pub(crate) fn copy_from(&mut self, other: &LabelsBuf) {
        self.clear();
        self.text.push_str(&other.text);
        self.labels.extend_from_slice(&other.labels);
    }

    pub(crate) fn push(&mut self, name: &str, value: &str) {
        let start = self.text.len();
        self.text.push_str(name);
        let middle = self.text.len();
        self.text.push_str(value);
        self.labels.push(Label {
            start,
            middle,
            end: self.text.len(),
        });
    }

    /// Adds a label whose parts are escaped as in the text format.
    #[inline]
    pub(crate) fn push_escaped(&mut self, name: &str, value: &str) {
        let start = self.text.len();
        unescape(&mut self.text, name, true);
        let middle = self.text.len();
        unescape(&mut self.text, value, true);
        self.labels.push(Label {
            start,
            middle,
            end: self.text.len(),
        });
    }

    /// Makes the value of the last label longer.
    pub(crate) fn extend_last(&mut self, suffix: &str) {
        if let Some(last) = self.labels.last_mut() {
            self.text.push_str(suffix);
            last.end = self.text.len();
        }
    }

    /// Replaces the value of the last label.
    pub(crate) fn replace_last(&mut self, write: impl FnOnce(&mut String)) {
        if let Some(last) = self.labels.last_mut() {
            self.text.truncate(last.middle);
            write(&mut self.text);
            last.end = self.text.len();
        }
    }

    /// Removes the last label.
    pub(crate) fn pop(&mut self) {
        if let Some(last) = self.labels.pop() {
            self.text.truncate(last.start);
        }
    }

    /// The last label.
    pub(crate) fn last(&self) -> Option<(&str, &str)> {
        self.labels.last().map(|label| self.name_value(label))
    }

    /// Sorts by name. Labels of one name keep their order.
    pub(crate) fn sort(&mut self) {
        let text = &self.text;
        let key = |label: &Label| (&text[label.start..label.middle], label.start);
        self.labels.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    }
}

pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Error> {
    // What Prometheus says of the whole label set, once it looks at it.
    std::str::from_utf8(bytes).map_err(|_| Error::new(0, "invalid metric name or label names"))
}

/// Appends text without its escapes: `\\` and `\n`, and with `quotes` also `\"`. Any other backslash stays (Prometheus: `lvalReplacer`,
/// `helpReplacer`).
pub(crate) fn unescape(out: &mut String, mut text: &str, quotes: bool) {
    while let Some(at) = memchr::memchr(b'\\', text.as_bytes()) {
        out.push_str(&text[..at]);
        let rest = &text[at + 1..];
        let plain = match rest.as_bytes().first() {
            Some(b'\\') => "\\",
            Some(b'n') => "\n",
            Some(b'"') if quotes => "\"",
            _ => {
                out.push('\\');
                text = rest;
                continue;
            }
        };
        out.push_str(plain);
        text = &rest[1..];
    }
    out.push_str(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        for (text, quotes, expect) in [
            (r"plain", true, "plain"),
            (r#"a\"b"#, true, "a\"b"),
            (r#"a\"b"#, false, "a\\\"b"),
            (r"\\n\n\x\", true, "\\n\n\\x\\"),
        ] {
            let mut out = String::new();
            unescape(&mut out, text, quotes);
            assert_eq!(out, expect);
        }
    }

    #[test]
    fn sorted_and_stable() {
        let mut labels = LabelsBuf::new();
        for (name, value) in [("b", "1"), ("__name__", "m"), ("a", "2"), ("b", "0"), ("A", "3")] {
            labels.push(name, value);
        }
        labels.sort();
        let all: Vec<_> = labels.iter().collect();
        assert_eq!(all, [("A", "3"), ("__name__", "m"), ("a", "2"), ("b", "1"), ("b", "0")]);
        assert_eq!(labels.get("a"), Some("2"));
        assert_eq!(labels.get("z"), None);
    }
}
