//! Reading the text format. Simple rather than fast: for tests and small pages. Reads OpenMetrics too, without its
//! exemplars.

use std::fmt;

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name, with `_bucket` and the like.
    pub name: String,
    /// The labels in the order of the text.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: f64,
    /// The timestamp as written: milliseconds in the text format, seconds in OpenMetrics.
    pub timestamp: Option<String>,
}

/// A scrape, line by line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scrape {
    /// Name and type from `# TYPE` lines.
    pub types: Vec<(String, String)>,
    /// Name and text from `# HELP` lines.
    pub help: Vec<(String, String)>,
    /// The samples.
    pub samples: Vec<Sample>,
}

impl Scrape {
    /// The value of the sample with this name and all of these labels; it may have more labels. The first, if there are
    /// several.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &&Sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|&(name, value)| sample.labels.iter().any(|(n, v)| n == name && v == value))
        };
        self.samples.iter().find(has).map(|sample| sample.value)
    }
}

/// A line that is not in the format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Its number, from 1.
    pub line: usize,
    /// What was expected.
    pub message: &'static str,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ParseError {}

/// Reads a scrape.
pub fn parse_text(text: &str) -> Result<Scrape, ParseError> {
    let mut scrape = Scrape::default();
    for (index, line) in text.lines().enumerate() {
        parse_line(line.trim(), &mut scrape).map_err(|message| ParseError {
            line: index + 1,
            message,
        })?;
    }
    Ok(scrape)
}

fn parse_line(line: &str, scrape: &mut Scrape) -> Result<(), &'static str> {
    if line.is_empty() {
        return Ok(());
    }
    if let Some(comment) = line.strip_prefix('#') {
        let mut cursor = Cursor(comment.trim_start());
        let keyword = cursor.until(|c| c == ' ' || c == '\t').to_owned();
        cursor.space();
        if keyword == "TYPE" || keyword == "HELP" {
            let name = cursor.name()?;
            cursor.space();
            let list = if keyword == "TYPE" {
                &mut scrape.types
            } else {
                &mut scrape.help
            };
            list.push((name, unescape(cursor.0)));
        }
        return Ok(());
    }
    let mut cursor = Cursor(line);
    let mut name = None;
    if !line.starts_with('{') {
        name = Some(cursor.name()?);
        cursor.space();
    }
    let mut labels = Vec::new();
    if cursor.eat('{') {
        loop {
            cursor.space();
            if cursor.eat('}') {
                break;
            }
            let key = cursor.name()?;
            cursor.space();
            if cursor.eat('=') {
                cursor.space();
                labels.push((key, cursor.string()?));
            } else if name.is_none() {
                name = Some(key);
            } else {
                return Err("expected '=' after the name of a label");
            }
            cursor.space();
            if !cursor.eat(',') && !cursor.0.starts_with('}') {
                return Err("expected ',' or '}' after a label");
            }
        }
    }
    let name = name.ok_or("expected the name of a metric")?;
    cursor.space();
    let value = parse_number(cursor.until(char::is_whitespace)).ok_or("expected a number")?;
    cursor.space();
    let timestamp = cursor.until(char::is_whitespace);
    let timestamp = if timestamp.is_empty() || timestamp == "#" {
        None
    } else {
        Some(timestamp.to_owned())
    };
    scrape.samples.push(Sample {
        name,
        labels,
        value,
        timestamp,
    });
    Ok(())
}

/// Go's `ParseFloat`, of which Rust lacks only hexadecimal numbers.
fn parse_number(text: &str) -> Option<f64> {
    text.parse().ok()
}

struct Cursor<'t>(&'t str);

impl<'t> Cursor<'t> {
    fn until(&mut self, stop: impl Fn(char) -> bool) -> &'t str {
        let (head, rest) = self.0.split_at(self.0.find(stop).unwrap_or(self.0.len()));
        self.0 = rest;
        head
    }

    fn space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn eat(&mut self, c: char) -> bool {
        match self.0.strip_prefix(c) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn name(&mut self) -> Result<String, &'static str> {
        if self.0.starts_with('"') {
            return self.string();
        }
        match self.until(|c| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')) {
            "" => Err("expected a name"),
            name => Ok(name.to_owned()),
        }
    }

    fn string(&mut self) -> Result<String, &'static str> {
        if !self.eat('"') {
            return Err("expected a quoted string");
        }
        let mut escaped = false;
        let end = self.0.find(|c| match c {
            '\\' if !escaped => {
                escaped = true;
                false
            }
            '"' if !escaped => true,
            _ => {
                escaped = false;
                false
            }
        });
        let end = end.ok_or("unterminated string")?;
        let text = unescape(&self.0[..end]);
        self.0 = &self.0[end + 1..];
        Ok(text)
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some(c @ ('"' | '\\')) => out.push(c),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, Registry, encode};

    #[test]
    fn what_is_written_reads_back() {
        let root = Registry::new();
        let odd = "a\"b\\c\nd\\n";
        root.counter_vec("x_total", odd, &["l"]).unwrap().with(&[odd]).add(7);
        root.histogram("h", "", &[1.0]).unwrap().observe(0.5);
        for format in [Format::Text, Format::OpenMetrics] {
            let scrape = parse_text(&encode(&root.gather().families, format)).unwrap();
            assert_eq!(scrape.value("x_total", &[("l", odd)]), Some(7.0));
            assert_eq!(scrape.value("h_bucket", &[("le", "+Inf")]), Some(1.0));
            assert_eq!(scrape.value("nope", &[]), None);
            assert_eq!(scrape.help[0].1, odd);
            assert_eq!(scrape.types.len(), 2);
        }
    }

    #[test]
    fn lines_of_others() {
        let text =
            "# a comment\n\nmetric{ a = \"b\" , c=\"\\x\", } +Inf 1395066363000\n{\"odd.name\",k=\"v\"} 1 # {} 1\n";
        let scrape = parse_text(text).unwrap();
        assert_eq!(
            scrape.samples[0].labels,
            [("a".into(), "b".into()), ("c".into(), "\\x".into())]
        );
        assert_eq!(scrape.samples[0].timestamp.as_deref(), Some("1395066363000"));
        assert_eq!(scrape.value("odd.name", &[("k", "v")]), Some(1.0));
        for (text, message) in [
            ("a{b} 1", "expected '=' after the name of a label"),
            ("a{b=c} 1", "expected a quoted string"),
            ("a{b=\"c} 1", "unterminated string"),
            ("a{b=\"c\" d=\"e\"} 1", "expected ',' or '}' after a label"),
            ("a x", "expected a number"),
            ("{} 1", "expected the name of a metric"),
            ("é 1", "expected a name"),
        ] {
            assert_eq!(parse_text(text), Err(ParseError { line: 1, message }), "{text}");
        }
    }
}
