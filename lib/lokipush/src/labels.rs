//! Label text: `{app="api", env="prod"}`, sorted by name, values quoted as Go does.
//!
//! The grammar is that of a PromQL metric: `name{label="value", ...}`, where the name in front is the label `__name__`,
//! strings are in double, single or back quotes, a name that is not an identifier is quoted, a last comma and comments
//! are allowed.

use std::fmt;

use crate::quote;

/// A label set: name and value, sorted by name, each name once.
pub type Labels = Vec<(String, String)>;

const METRIC_NAME: &str = "__name__";

/// Why text is not a label set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelError {
    at: usize,
    reason: String,
}

impl LabelError {
    /// Offset in the text, in bytes.
    pub fn at(&self) -> usize {
        self.at
    }
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid labels at byte {}: {}", self.at, self.reason)
    }
}

impl std::error::Error for LabelError {}

/// An identifier that a label name can be without quotes: letters, digits and `_`, not starting with a digit.
pub fn is_plain_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(is_name_start) && bytes.all(is_name_byte)
}

fn is_name_start(b: u8) -> bool {
    b.is_ascii_alphabetic() || b == b'_'
}

fn is_name_byte(b: u8) -> bool {
    is_name_start(b) || b.is_ascii_digit()
}

/// Appends label text. The pairs are written in the order given, which must be by name for the text to identify the stream.
pub fn write_text<'l>(out: &mut Vec<u8>, labels: impl IntoIterator<Item = (&'l str, &'l str)>) {
    out.push(b'{');
    for (i, (name, value)) in labels.into_iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(b", ");
        }
        if is_plain_name(name) {
            out.extend_from_slice(name.as_bytes());
        } else {
            quote::write(out, name.as_bytes());
        }
        out.push(b'=');
        quote::write(out, value.as_bytes());
    }
    out.push(b'}');
}

/// Label text of pairs in any order.
pub fn text<'l>(labels: impl IntoIterator<Item = (&'l str, &'l str)>) -> String {
    let mut sorted: Vec<(&str, &str)> = labels.into_iter().collect();
    sorted.sort_unstable();
    let mut out = Vec::new();
    write_text(&mut out, sorted);
    String::from_utf8(out).expect("names and values are UTF-8 and so are their quotes")
}

/// Reads label text. Pairs come out sorted; bytes that are not UTF-8 after unquoting become U+FFFD.
///
/// # Errors
/// Text that does not follow the grammar, or a name given twice.
pub fn parse(text: impl AsRef<[u8]>) -> Result<Labels, LabelError> {
    let mut parser = Parser {
        text: text.as_ref(),
        at: 0,
    };
    let mut labels = parser.metric()?;
    labels.sort_unstable();
    if let Some(pair) = labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let reason = format!("label {} is given twice", quote::quote(&pair[0].0));
        return Err(LabelError { at: 0, reason });
    }
    Ok(labels)
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
}

impl Parser<'_> {
    fn metric(&mut self) -> Result<Labels, LabelError> {
        let mut labels = Labels::new();
        self.blank();
        let start = self.at;
        if self.peek().is_some_and(|b| is_name_start(b) || b == b':') {
            self.skip_while(|b| is_name_byte(b) || b == b':');
            labels.push((METRIC_NAME.to_owned(), self.lossy(start)));
            self.blank();
            if self.at == self.text.len() {
                return Ok(labels);
            }
        }
        self.expect(b'{', "to open the labels, as in {app=\"api\"}")?;
        loop {
            self.blank();
            if self.take(b'}') {
                break;
            }
            self.pair(&mut labels)?;
            self.blank();
            if self.take(b'}') {
                break;
            }
            self.expect(b',', "or \"}\" after a label")?;
        }
        self.blank();
        if self.at < self.text.len() {
            return Err(self.unexpected("nothing may follow the closing \"}\""));
        }
        Ok(labels)
    }

    fn pair(&mut self, labels: &mut Labels) -> Result<(), LabelError> {
        let start = self.at;
        let quoted = matches!(self.peek(), Some(b'"' | b'\'' | b'`'));
        let name = if quoted {
            self.string()?
        } else if self.peek().is_some_and(is_name_start) {
            self.skip_while(is_name_byte);
            self.lossy(start)
        } else {
            return Err(self.unexpected("a label name is expected"));
        };
        self.blank();
        // A quoted string alone is the name of the metric.
        if quoted && matches!(self.peek(), Some(b',' | b'}')) {
            labels.push((METRIC_NAME.to_owned(), name));
            return Ok(());
        }
        self.expect(b'=', "after the label name")?;
        self.blank();
        if !matches!(self.peek(), Some(b'"' | b'\'' | b'`')) {
            return Err(self.unexpected(&format!(
                "the value of label {} must be a quoted string",
                quote::quote(&name)
            )));
        }
        let value = self.string()?;
        labels.push((name, value));
        Ok(())
    }

    /// A string in any of the three quotes, at which the parser stands.
    fn string(&mut self) -> Result<String, LabelError> {
        let start = self.at;
        let quote = self.text[start];
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let plain = self.at;
            self.skip_while(|b| b != quote && (quote == b'`' || (b != b'\\' && b != b'\n')));
            out.extend_from_slice(&self.text[plain..self.at]);
            match self.peek() {
                Some(b) if b == quote => {
                    self.at += 1;
                    return Ok(into_utf8(out));
                }
                Some(b'\\') => self.escape(quote, &mut out)?,
                Some(_) => return Err(self.error("a line break in a string must be written as \\n")),
                None => {
                    self.at = start;
                    return Err(self.error("the string is not closed"));
                }
            }
        }
    }

    fn escape(&mut self, quote: u8, out: &mut Vec<u8>) -> Result<(), LabelError> {
        let start = self.at;
        self.at += 1;
        let Some(kind) = self.peek() else {
            return Err(self.error("the string ends within an escape"));
        };
        self.at += 1;
        let code = match kind {
            b'a' => 0x07,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => u32::from(b'\n'),
            b'r' => u32::from(b'\r'),
            b't' => u32::from(b'\t'),
            b'v' => 0x0b,
            b'\\' => u32::from(b'\\'),
            b'"' | b'\'' if kind == quote => u32::from(quote),
            b'0'..=b'7' => {
                self.at -= 1;
                self.digits(start, 3, 8)?
            }
            b'x' => self.digits(start, 2, 16)?,
            b'u' => self.digits(start, 4, 16)?,
            b'U' => self.digits(start, 8, 16)?,
            _ => {
                self.at = start;
                return Err(self.error("unknown escape: write a backslash as \\\\"));
            }
        };
        // \x and octal escapes are bytes, the others are code points.
        if matches!(kind, b'x' | b'0'..=b'7') {
            match u8::try_from(code) {
                Ok(byte) => out.push(byte),
                Err(_) => {
                    self.at = start;
                    return Err(self.error("an octal escape goes up to \\377"));
                }
            }
        } else if code > u32::from(char::MAX) {
            self.at = start;
            return Err(self.error("the escape is beyond the last code point, U+10FFFF"));
        } else {
            let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }

    fn digits(&mut self, start: usize, count: usize, radix: u32) -> Result<u32, LabelError> {
        let mut code = 0u32;
        for _ in 0..count {
            let Some(digit) = self.peek().and_then(|b| char::from(b).to_digit(radix)) else {
                self.at = start;
                return Err(self.error(&format!("the escape needs {count} digits")));
            };
            // At most eight hexadecimal digits: fits exactly.
            code = code.wrapping_mul(radix).wrapping_add(digit);
            self.at += 1;
        }
        Ok(code)
    }

    /// White space and comments.
    fn blank(&mut self) {
        loop {
            self.skip_while(|b| b.is_ascii_whitespace());
            if self.peek() != Some(b'#') {
                return;
            }
            self.skip_while(|b| b != b'\n');
        }
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: u8, why: &str) -> Result<(), LabelError> {
        if self.take(wanted) {
            return Ok(());
        }
        let wanted = char::from(wanted);
        Err(self.unexpected(&format!("\"{wanted}\" is expected {why}")))
    }

    fn unexpected(&self, wanted: &str) -> LabelError {
        match self.text[self.at..].utf8_chunks().next() {
            None => self.error(&format!("{wanted}, but the text ends")),
            Some(chunk) => match chunk.valid().chars().next() {
                Some(c) => self.error(&format!("{wanted}, found {}", quote::quote(c.encode_utf8(&mut [0; 4])))),
                None => self.error(&format!("{wanted}, found a byte that is not UTF-8")),
            },
        }
    }

    fn error(&self, reason: &str) -> LabelError {
        LabelError {
            at: self.at,
            reason: reason.to_owned(),
        }
    }

    fn lossy(&self, start: usize) -> String {
        String::from_utf8_lossy(&self.text[start..self.at]).into_owned()
    }
}

fn into_utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: impl AsRef<[u8]>, expect: &[(&str, &str)]) {
        let parsed =
            parse(input.as_ref()).unwrap_or_else(|e| panic!("{}: {e}", String::from_utf8_lossy(input.as_ref())));
        let parsed: Vec<(&str, &str)> = parsed.iter().map(|(n, v)| (&n[..], &v[..])).collect();
        assert_eq!(parsed, expect);
    }

    fn check_err(input: impl AsRef<[u8]>, expect: &str) {
        assert_eq!(parse(input).expect_err("must not parse").to_string(), expect);
    }

    #[test]
    fn parses() {
        check("{}", &[]);
        check(" { } ", &[]);
        check(r#"{b="2",a="1"}"#, &[("a", "1"), ("b", "2")]);
        check("{a = \"1\" , # why\n b=\"2\", }", &[("a", "1"), ("b", "2")]);
        check(r#"up:x{job="a"}"#, &[("__name__", "up:x"), ("job", "a")]);
        check("up", &[("__name__", "up")]);
        check(r#"{"up", "k8s.pod"="x"}"#, &[("__name__", "up"), ("k8s.pod", "x")]);
        check(
            r#"{a="",b='x"\'',c=`\n"`}"#,
            &[("a", ""), ("b", "x\"'"), ("c", "\\n\"")],
        );
        check(
            r#"{a="\a\b\f\n\r\t\v\\\"\101\x41\u00e9\U0001F980"}"#,
            &[("a", "\x07\x08\x0c\n\r\t\x0b\\\"AAé🦀")],
        );
        check(r#"{a="\xff\ud800"}"#, &[("a", "\u{fffd}\u{fffd}")]);
        check(b"{a=\"\xff\"}", &[("a", "\u{fffd}")]);
        check("{a=`\n`}", &[("a", "\n")]);
    }

    #[test]
    fn says_where_and_what() {
        check_err(
            "",
            "invalid labels at byte 0: \"{\" is expected to open the labels, as in {app=\"api\"}, but the text ends",
        );
        check_err(
            "{a}",
            "invalid labels at byte 2: \"=\" is expected after the label name, found \"}\"",
        );
        check_err(
            "{a=1}",
            "invalid labels at byte 3: the value of label \"a\" must be a quoted string, found \"1\"",
        );
        check_err("{,}", "invalid labels at byte 1: a label name is expected, found \",\"");
        check_err(
            r#"{a="1" b="2"}"#,
            "invalid labels at byte 7: \",\" is expected or \"}\" after a label, found \"b\"",
        );
        check_err(
            r#"{a="1"} x"#,
            "invalid labels at byte 8: nothing may follow the closing \"}\", found \"x\"",
        );
        check_err(r#"{a="1"#, "invalid labels at byte 3: the string is not closed");
        check_err(
            "{a=\"\n\"}",
            "invalid labels at byte 4: a line break in a string must be written as \\n",
        );
        check_err(
            r#"{a="\q"}"#,
            "invalid labels at byte 4: unknown escape: write a backslash as \\\\",
        );
        check_err(
            r#"{a="\'"}"#,
            "invalid labels at byte 4: unknown escape: write a backslash as \\\\",
        );
        check_err(r#"{a="\x4"}"#, "invalid labels at byte 4: the escape needs 2 digits");
        check_err(
            r#"{a="\777"}"#,
            "invalid labels at byte 4: an octal escape goes up to \\377",
        );
        check_err(
            r#"{a="\UFFFFFFFF"}"#,
            "invalid labels at byte 4: the escape is beyond the last code point, U+10FFFF",
        );
        check_err(
            r#"{a="1", a="2"}"#,
            "invalid labels at byte 0: label \"a\" is given twice",
        );
        check_err(
            b"\xff",
            "invalid labels at byte 0: \"{\" is expected to open the labels, as in {app=\"api\"}, found a byte that is not UTF-8",
        );
    }

    #[test]
    fn prints() {
        assert_eq!(text([]), "{}");
        assert_eq!(text([("b", "2"), ("a", "x\"\n")]), r#"{a="x\"\n", b="2"}"#);
        assert_eq!(text([("k8s.pod", "x"), ("0", "y")]), r#"{"0"="y", "k8s.pod"="x"}"#);
    }
}
