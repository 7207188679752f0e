//! Tokens.

use crate::{Dialect, Error};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Open,
    Close,
    Comma,
    /// `=`
    Equal,
    /// `!=`, which is an operator of matchers and of filters.
    NotEqual,
    /// `=~`
    Match,
    /// `!~`, of both.
    NotMatch,
    /// `|=`
    Contains,
    /// `|~`
    ContainsMatch,
    /// `|` of a pipeline, or `|>`, `!>`: not for us.
    Pipe,
    Name(String),
    Text(Vec<u8>),
    End,
}

impl Token {
    /// How error messages call it.
    pub(crate) fn describe(&self) -> String {
        let symbol = match self {
            Token::Open => "{",
            Token::Close => "}",
            Token::Comma => ",",
            Token::Equal => "=",
            Token::NotEqual => "!=",
            Token::Match => "=~",
            Token::NotMatch => "!~",
            Token::Contains => "|=",
            Token::ContainsMatch => "|~",
            Token::Pipe => "|",
            Token::Name(name) => name,
            Token::Text(_) => return "a string".to_owned(),
            Token::End => return "the end".to_owned(),
        };
        format!("\"{symbol}\"")
    }
}

/// All tokens with their offsets.
pub(crate) fn lex(text: &str, dialect: Dialect) -> Result<Vec<(usize, Token)>, Error> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let symbol = [
            ("{", Token::Open),
            ("}", Token::Close),
            (",", Token::Comma),
            ("=~", Token::Match),
            ("=", Token::Equal),
            ("!=", Token::NotEqual),
            ("!~", Token::NotMatch),
            ("|=", Token::Contains),
            ("|~", Token::ContainsMatch),
            ("|", Token::Pipe),
            ("!>", Token::Pipe),
        ]
        .into_iter()
        .find(|(symbol, _)| rest.starts_with(symbol));
        let start = at;
        if let Some((symbol, token)) = symbol {
            at += symbol.len();
            tokens.push((start, token));
        } else if c.is_whitespace() {
            at += c.len_utf8();
        } else if c == '#' {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if c == '"' {
            let (value, length) = quoted(rest, at)?;
            at += length;
            tokens.push((start, Token::Text(value)));
        } else if c == '`' {
            if dialect == Dialect::Process {
                return Err(Error {
                    offset: at,
                    message: "strings have to be in double quotes here".to_owned(),
                });
            }
            let Some(end) = rest[1..].find('`') else {
                return Err(unterminated(at));
            };
            at += end + 2;
            tokens.push((start, Token::Text(rest.as_bytes()[1..=end].to_vec())));
        } else if c.is_alphabetic() || c == '_' {
            let length = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            at += length;
            tokens.push((start, Token::Name(rest[..length].to_owned())));
        } else {
            return Err(Error {
                offset: at,
                message: format!("unexpected character \"{}\"", c.escape_debug()),
            });
        }
    }
    tokens.push((text.len(), Token::End));
    Ok(tokens)
}

fn unterminated(offset: usize) -> Error {
    Error {
        offset,
        message: "the string is not terminated".to_owned(),
    }
}

/// A Go string literal at the start of `text`: its value and its length in the source.
fn quoted(text: &str, offset: usize) -> Result<(Vec<u8>, usize), Error> {
    let mut out = Vec::new();
    let mut at = 1;
    loop {
        let rest = &text[at..];
        let c = rest
            .chars()
            .next()
            .filter(|&c| c != '\n')
            .ok_or_else(|| unterminated(offset))?;
        match c {
            '"' => return Ok((out, at + 1)),
            '\\' => {
                let length = escape(rest, &mut out).ok_or_else(|| Error {
                    offset: offset + at,
                    message: format!(
                        "invalid escape \"\\{}\" in the string",
                        rest[1..].chars().next().unwrap_or(' ')
                    ),
                })?;
                at += length;
            }
            c => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                at += c.len_utf8();
            }
        }
    }
}

/// One escape of Go's string literals; its length, or `None` if there is no such escape.
fn escape(text: &str, out: &mut Vec<u8>) -> Option<usize> {
    let digits = |count: usize, radix: u32| {
        let digits = text.get(2..2 + count)?;
        digits
            .bytes()
            .all(|b| b.is_ascii_hexdigit())
            .then(|| u32::from_str_radix(digits, radix).ok())?
    };
    let kind = *text.as_bytes().get(1)?;
    let simple = match kind {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' | b'"' => kind,
        b'x' => {
            out.push(u8::try_from(digits(2, 16)?).ok()?);
            return Some(4);
        }
        b'0'..=b'7' => {
            let value = text.get(1..4).filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?;
            out.push(u8::from_str_radix(value, 8).ok()?);
            return Some(4);
        }
        b'u' | b'U' => {
            let count = if kind == b'u' { 4 } else { 8 };
            let c = char::from_u32(digits(count, 16)?)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(2 + count);
        }
        _ => return None,
    };
    out.push(simple);
    Some(2)
}
