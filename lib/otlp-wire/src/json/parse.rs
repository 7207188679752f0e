//! JSON, token by token.

use super::Error;
use memchr::memchr2;
use std::borrow::Cow;

/// How deep values are followed that nobody asked for.
const MAX_SKIPPED: u32 = 200;

pub(super) struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

/// What a value begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Parser { text, at: 0 }
    }

    #[cold]
    pub(super) fn error<T>(&self, reason: &'static str) -> Result<T, Error> {
        self.error_at(self.at, reason)
    }

    #[cold]
    pub(super) fn error_at<T>(&self, at: usize, reason: &'static str) -> Result<T, Error> {
        Err(Error {
            at,
            path: String::new(),
            reason,
        })
    }

    /// Where the next token begins.
    pub(super) fn position(&mut self) -> usize {
        self.blanks();
        self.at
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    /// The next byte that is not blank.
    fn peek(&mut self) -> Option<u8> {
        self.blanks();
        self.text.get(self.at).copied()
    }

    /// Passes over a byte if it comes next.
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// What comes next.
    pub(super) fn kind(&mut self) -> Result<Kind, Error> {
        Ok(match self.peek() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            Some(_) => return self.error("a value is expected"),
            None => return self.error("the text ends too early"),
        })
    }

    /// Only blanks are left.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.error("something stands behind the request"),
        }
    }

    /// The key of the next member of an object, which `begun` says is not the first.
    pub(super) fn key(&mut self, begun: bool) -> Result<Option<Cow<'a, [u8]>>, Error> {
        if !begun {
            if !self.eat(b'{') {
                return self.error("an object is expected");
            }
            if self.eat(b'}') {
                return Ok(None);
            }
        } else if self.eat(b'}') {
            return Ok(None);
        } else if !self.eat(b',') {
            return self.error("a comma or the end of the object is expected");
        }
        let key = self.string()?;
        if !self.eat(b':') {
            return self.error("a colon is expected");
        }
        Ok(Some(key))
    }

    /// Whether an array, which `begun` says is not at its first element, has another element.
    pub(super) fn element(&mut self, begun: bool) -> Result<bool, Error> {
        if !begun {
            if !self.eat(b'[') {
                return self.error("an array is expected");
            }
            return Ok(!self.eat(b']'));
        }
        if self.eat(b']') {
            return Ok(false);
        }
        if !self.eat(b',') {
            return self.error("a comma or the end of the array is expected");
        }
        Ok(true)
    }

    pub(super) fn null(&mut self) -> Result<(), Error> {
        self.word("null")
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Error> {
        let value = self.peek() == Some(b't');
        self.word(if value { "true" } else { "false" })?;
        Ok(value)
    }

    fn word(&mut self, word: &'static str) -> Result<(), Error> {
        self.blanks();
        if !self.text[self.at..].starts_with(word.as_bytes()) {
            return self.error("a value is expected");
        }
        self.at += word.len();
        Ok(())
    }

    /// A number as it is written.
    pub(super) fn number(&mut self) -> Result<&'a str, Error> {
        let start = self.position();
        while let Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') = self.text.get(self.at) {
            self.at += 1;
        }
        match std::str::from_utf8(&self.text[start..self.at]) {
            Ok(number) if !number.is_empty() => Ok(number),
            _ => self.error_at(start, "a number is expected"),
        }
    }

    /// A string, without quotes and escapes.
    pub(super) fn string(&mut self) -> Result<Cow<'a, [u8]>, Error> {
        if !self.eat(b'"') {
            return self.error("a string is expected");
        }
        let plain = self.plain()?;
        if self.text[self.at] == b'"' {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut out = plain.to_vec();
        loop {
            if self.text[self.at] == b'"' {
                self.at += 1;
                return Ok(Cow::Owned(out));
            }
            self.at += 1;
            self.escape(&mut out)?;
            out.extend_from_slice(self.plain()?);
        }
    }

    /// What comes before the next quote or backslash, at which it stops.
    fn plain(&mut self) -> Result<&'a [u8], Error> {
        let rest = &self.text[self.at..];
        let Some(len) = memchr2(b'"', b'\\', rest) else {
            return self.error("a string has no end");
        };
        let plain = &rest[..len];
        if plain.iter().any(|byte| *byte < 0x20) {
            return self.error("a string has a control character in it");
        }
        self.at += len;
        Ok(plain)
    }

    /// An escape, behind its backslash.
    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let byte = match self.text.get(self.at) {
            Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                self.at += 1;
                let mut unit = self.unit()?;
                // Two halves of a character beyond U+FFFF; a half alone is no character.
                if (0xd800..0xdc00).contains(&unit) && self.text[self.at..].starts_with(b"\\u") {
                    let before = self.at;
                    self.at += 2;
                    let low = self.unit()?;
                    if (0xdc00..0xe000).contains(&low) {
                        unit = 0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00));
                    } else {
                        self.at = before;
                    }
                }
                let c = char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return self.error("an escape is not one of JSON"),
        };
        out.push(byte);
        self.at += 1;
        Ok(())
    }

    fn unit(&mut self) -> Result<u32, Error> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.text.get(self.at).and_then(|byte| char::from(*byte).to_digit(16));
            let Some(digit) = digit else {
                return self.error("an escape has fewer than four digits");
            };
            unit = unit << 4 | digit;
            self.at += 1;
        }
        Ok(unit)
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self) -> Result<(), Error> {
        self.skip_below(MAX_SKIPPED)
    }

    fn skip_below(&mut self, depth: u32) -> Result<(), Error> {
        if depth == 0 {
            return self.error("values are nested too deeply");
        }
        match self.kind()? {
            Kind::Object => {
                let mut begun = false;
                while self.key(begun)?.is_some() {
                    self.skip_below(depth - 1)?;
                    begun = true;
                }
            }
            Kind::Array => {
                let mut begun = false;
                while self.element(begun)? {
                    self.skip_below(depth - 1)?;
                    begun = true;
                }
            }
            Kind::String => drop(self.string()?),
            Kind::Number => drop(self.number()?),
            Kind::Bool => drop(self.boolean()?),
            Kind::Null => self.null()?,
        }
        Ok(())
    }
}
