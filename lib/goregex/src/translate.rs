//! From Go's syntax to the engine's.

use crate::class::{self, push_literal};
use crate::error::{Error, ErrorKind};

/// Largest repeat count, that of nested repeats multiplied (RE2).
const MAX_REPEAT: u32 = 1000;
/// Deepest nesting of groups (Go's parser).
const MAX_DEPTH: usize = 1000;

pub(crate) struct Translated {
    pub(crate) pattern: String,
    /// Group names by index. The groups in `pattern` have none: Go's names can be used twice and start with a digit.
    pub(crate) names: Vec<Option<String>>,
    /// Whether something in the pattern can match U+FFFD.
    pub(crate) sees_invalid: bool,
}

pub(crate) fn translate(pattern: &str) -> Result<Translated, Error> {
    let mut translator = Translator {
        pattern,
        at: 0,
        out: String::with_capacity(pattern.len() + 16),
        names: vec![None],
        sees_invalid: false,
        groups: Vec::new(),
        atom: None,
        repeats: 1,
    };
    translator.run()?;
    Ok(Translated {
        pattern: translator.out,
        names: translator.names,
        sees_invalid: translator.sees_invalid,
    })
}

struct Translator<'p> {
    pattern: &'p str,
    at: usize,
    out: String,
    names: Vec<Option<String>>,
    sees_invalid: bool,
    /// For each open group, the largest product of repeat counts in it before the group began.
    groups: Vec<u32>,
    /// What a repetition operator would apply to.
    atom: Option<Atom>,
    /// The largest product of repeat counts in the current group.
    repeats: u32,
}

#[derive(Clone, Copy)]
struct Atom {
    /// Product of the repeat counts inside.
    repeats: u32,
    /// Where in the pattern the repetition operator stands that was applied already.
    operator: Option<usize>,
}

impl<'p> Translator<'p> {
    fn rest(&self) -> &'p str {
        &self.pattern[self.at..]
    }

    fn take(&mut self, length: usize) {
        self.at += length;
    }

    fn new_atom(&mut self) {
        self.atom = Some(Atom {
            repeats: 1,
            operator: None,
        });
    }

    fn literal(&mut self, c: char) {
        self.sees_invalid |= c == '\u{FFFD}';
        push_literal(&mut self.out, c);
        self.new_atom();
    }

    fn run(&mut self) -> Result<(), Error> {
        while let Some(c) = self.rest().chars().next() {
            match c {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.out.push('|');
                    self.atom = None;
                    self.take(1);
                }
                '^' | '$' => {
                    self.out.push(c);
                    self.new_atom();
                    self.take(1);
                }
                '.' => {
                    self.sees_invalid = true;
                    self.out.push('.');
                    self.new_atom();
                    self.take(1);
                }
                '[' => {
                    let length = class::bracket(self.rest(), &mut self.out, &mut self.sees_invalid)?;
                    self.new_atom();
                    self.take(length);
                }
                '*' | '+' | '?' => self.repeat(1, None)?,
                '{' => match counts(self.rest()) {
                    Some((low, high, length)) => self.repeat(length, Some((low, high)))?,
                    None => {
                        self.literal('{');
                        self.take(1);
                    }
                },
                '\\' => self.escape()?,
                c => {
                    self.literal(c);
                    self.take(c.len_utf8());
                }
            }
        }
        if self.groups.is_empty() {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::MissingParen, self.pattern))
        }
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(outer) = self.groups.pop() else {
            return Err(Error::new(ErrorKind::UnexpectedParen, self.pattern));
        };
        self.out.push(')');
        self.atom = Some(Atom {
            repeats: self.repeats,
            operator: None,
        });
        self.repeats = self.repeats.max(outer);
        self.take(1);
        Ok(())
    }

    fn push_group(&mut self) -> Result<(), Error> {
        if self.groups.len() >= MAX_DEPTH {
            return Err(Error::new(ErrorKind::NestingDepth, self.pattern));
        }
        self.groups.push(std::mem::replace(&mut self.repeats, 1));
        self.atom = None;
        Ok(())
    }

    fn open(&mut self) -> Result<(), Error> {
        let rest = self.rest();
        if !rest.starts_with("(?") {
            self.names.push(None);
            self.out.push('(');
            self.take(1);
            return self.push_group();
        }
        for around in ["(?=", "(?!", "(?<=", "(?<!"] {
            if rest.starts_with(around) {
                return Err(Error::new(ErrorKind::InvalidPerlOp, around).hint("look-around is not supported"));
            }
        }
        if let Some(body) = rest.strip_prefix("(?P<").or_else(|| rest.strip_prefix("(?<")) {
            let Some(end) = body.find('>') else {
                return Err(Error::new(ErrorKind::InvalidNamedCapture, rest));
            };
            let name = &body[..end];
            let length = rest.len() - body.len() + end + 1;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(Error::new(ErrorKind::InvalidNamedCapture, &rest[..length]));
            }
            self.names.push(Some(name.to_owned()));
            self.out.push('(');
            self.take(length);
            return self.push_group();
        }
        self.flags(rest)
    }

    /// `(?flags)` and `(?flags:`.
    fn flags(&mut self, rest: &str) -> Result<(), Error> {
        let mut settings: Vec<(char, bool)> = Vec::new();
        let mut on = true;
        let mut since_sign = 0;
        for (at, c) in rest.char_indices().skip(2) {
            match c {
                'i' | 'm' | 's' | 'U' => {
                    settings.retain(|&(flag, _)| flag != c);
                    settings.push((c, on));
                    since_sign += 1;
                }
                '-' if on => {
                    on = false;
                    since_sign = 0;
                }
                ':' | ')' if on || since_sign > 0 => {
                    self.take(at + 1);
                    let listed = |on: bool| settings.iter().filter(move |s| s.1 == on).map(|s| s.0);
                    let set: String = listed(true).collect();
                    let cleared: String = listed(false).collect();
                    let dash = if cleared.is_empty() { "" } else { "-" };
                    // `(?)` sets nothing and means nothing.
                    if c == ':' || !settings.is_empty() {
                        self.out.push_str(&format!("(?{set}{dash}{cleared}{c}"));
                    }
                    return if c == ':' { self.push_group() } else { Ok(()) };
                }
                _ => return Err(Error::new(ErrorKind::InvalidPerlOp, &rest[..at + c.len_utf8()])),
            }
        }
        Err(Error::new(ErrorKind::MissingParen, self.pattern))
    }

    fn repeat(&mut self, length: usize, counts: Option<(u32, Option<u32>)>) -> Result<(), Error> {
        let start = self.at;
        let operator = &self.rest()[..length];
        let lazy = self.rest()[length..].starts_with('?');
        self.take(length + usize::from(lazy));
        let whole = &self.pattern[start..self.at];
        if let Some((low, high)) = counts
            && (low > MAX_REPEAT || high.is_some_and(|high| high > MAX_REPEAT || high < low))
        {
            return Err(Error::new(ErrorKind::InvalidRepeatSize, operator));
        }
        let Some(atom) = self.atom else {
            return Err(Error::new(ErrorKind::MissingRepeatArgument, whole));
        };
        if let Some(first) = atom.operator {
            return Err(Error::new(ErrorKind::InvalidRepeatOp, &self.pattern[first..self.at]));
        }
        // The most copies that the compiler has to make; `*`, `+` and `?` make none.
        let copies = counts.map_or(1, |(low, high)| high.unwrap_or(low).max(1));
        let repeats = atom.repeats.saturating_mul(copies);
        if repeats > MAX_REPEAT {
            return Err(Error::new(ErrorKind::InvalidRepeatSize, operator));
        }
        self.repeats = self.repeats.max(repeats);
        self.out.push_str(whole);
        self.atom = Some(Atom {
            repeats,
            operator: Some(start),
        });
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Error> {
        let rest = self.rest();
        match rest.as_bytes().get(1) {
            Some(b'A' | b'z') => {
                self.out.push_str(&rest[..2]);
                self.new_atom();
                self.take(2);
            }
            // Without `u`, a word is made of ASCII.
            Some(b'b' | b'B') => {
                self.out.push_str("(?-u:");
                self.out.push_str(&rest[..2]);
                self.out.push(')');
                self.new_atom();
                self.take(2);
            }
            Some(b'C') => {
                let error = Error::new(ErrorKind::InvalidEscape, r"\C");
                return Err(error.hint("matching single bytes is not supported"));
            }
            Some(b'Q') => {
                let body = &rest[2..];
                let (quoted, length) = match body.find(r"\E") {
                    Some(end) => (&body[..end], 2 + end + 2),
                    None => (body, rest.len()),
                };
                for c in quoted.chars() {
                    self.literal(c);
                }
                self.take(length);
            }
            Some(b'p' | b'P') => {
                let (class, length) = class::unicode(rest)?;
                self.sees_invalid = true;
                self.out.push_str(&class);
                self.new_atom();
                self.take(length);
            }
            Some(&letter) if class::perl(letter).is_some() => {
                if let Some((ranges, negated)) = class::perl(letter) {
                    self.sees_invalid |= negated;
                    self.out.push_str(if negated { "[^" } else { "[" });
                    self.out.push_str(ranges);
                    self.out.push(']');
                }
                self.new_atom();
                self.take(2);
            }
            _ => {
                let (c, length) = class::escape(rest)?;
                self.literal(c);
                self.take(length);
            }
        }
        Ok(())
    }
}

/// `{n}`, `{n,}`, `{n,m}` at the start of `text`: the bounds and the number of bytes; `None` if the brace is a literal.
/// A number too large to hold is one above the limit.
fn counts(text: &str) -> Option<(u32, Option<u32>, usize)> {
    let body = text.strip_prefix('{')?;
    let end = body.find('}')?;
    let number = |digits: &str| -> Option<u32> {
        let wellformed = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        // Go takes no leading zeros here.
        (wellformed && (digits.len() == 1 || !digits.starts_with('0')))
            .then(|| digits.parse().unwrap_or(MAX_REPEAT + 1))
    };
    let length = 1 + end + 1;
    match body[..end].split_once(',') {
        None => number(&body[..end]).map(|n| (n, Some(n), length)),
        Some((low, "")) => number(low).map(|n| (n, None, length)),
        Some((low, high)) => Some((number(low)?, Some(number(high)?), length)),
    }
}
