//! Text to tokens.

use crate::eval::QueryError;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A name, a keyword or a function: letters, digits, `_` and `:`.
    Word(String),
    Number(f64),
    /// Milliseconds.
    Duration(i64),
    Text(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// A token and the offset of its first byte.
pub(crate) struct Spanned {
    pub token: Token,
    pub at: usize,
}

/// Longer ones first.
const SIGNS: [&str; 25] = [
    "==", "!=", "=~", "!~", "<=", ">=", "(", ")", "{", "}", "[", "]", ",", "=", "<", ">", "+", "-", "*", "/", "%", "^",
    "@", ":", ";",
];

/// Tokens of a text; the last one is [`Token::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Spanned>, QueryError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        if first == '#' {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let (token, length) = if first.is_ascii_alphabetic() || first == '_' || starts_name(rest) {
            word(rest)
        } else if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            number(text, at)?
        } else if matches!(first, '"' | '\'' | '`') {
            string(text, at)?
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            return Err(QueryError::syntax(text, at, format!("unexpected character {first:?}")));
        };
        tokens.push(Spanned { token, at });
        at += length;
    }
    tokens.push(Spanned {
        token: Token::End,
        at: text.len(),
    });
    Ok(tokens)
}

/// Names of recording rules may start with a colon.
fn starts_name(rest: &str) -> bool {
    let mut chars = rest.chars();
    chars.next() == Some(':')
        && chars
            .next()
            .is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == ':')
}

fn word(rest: &str) -> (Token, usize) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    let word = &rest[..length];
    let token = match word.to_ascii_lowercase().as_str() {
        "inf" => Token::Number(f64::INFINITY),
        "nan" => Token::Number(f64::from_bits(prommodel::NORMAL_NAN)),
        _ => Token::Word(word.to_owned()),
    };
    (token, length)
}

/// A number, or a duration: `5m`, `1h30m`.
fn number(text: &str, at: usize) -> Result<(Token, usize), QueryError> {
    let rest = &text.as_bytes()[at..];
    let hex = rest.len() > 1 && rest[0] == b'0' && matches!(rest[1], b'x' | b'X');
    let mut length = 0;
    while let Some(byte) = rest.get(length) {
        let after_exponent = length > 0 && matches!(rest[length - 1], b'e' | b'E') && !hex;
        let sign = matches!(byte, b'+' | b'-') && after_exponent;
        if !(byte.is_ascii_alphanumeric() || *byte == b'.' || sign) {
            break;
        }
        length += 1;
    }
    let word = &text[at..at + length];
    let token = if hex {
        u64::from_str_radix(&word[2..], 16)
            .ok()
            .map(|number| Token::Number(number as f64))
    } else if let Ok(number) = word.parse() {
        Some(Token::Number(number))
    } else {
        let duration = gotime::parse_prometheus_duration(word).ok();
        duration.and_then(|ms| i64::try_from(ms).ok()).map(Token::Duration)
    };
    let token =
        token.ok_or_else(|| QueryError::syntax(text, at, format!("bad number or duration syntax: {word:?}")))?;
    Ok((token, length))
}

/// A string as in Go: escapes in double and single quotes, none in backquotes.
fn string(text: &str, at: usize) -> Result<(Token, usize), QueryError> {
    let rest = &text[at..];
    let quote = rest.as_bytes()[0] as char;
    let unterminated = || QueryError::syntax(text, at, "unterminated string".to_owned());
    if quote == '`' {
        let length = rest[1..].find('`').ok_or_else(unterminated)?;
        return Ok((Token::Text(rest[1..=length].to_owned()), length + 2));
    }
    // Escapes may name single bytes, so that the result is checked when it is complete.
    let mut out = Vec::new();
    let mut chars = rest.char_indices().skip(1);
    loop {
        let (offset, c) = chars.next().ok_or_else(unterminated)?;
        match c {
            c if c == quote => {
                let value = String::from_utf8(out)
                    .map_err(|_| QueryError::syntax(text, at, "a string is not UTF-8".to_owned()))?;
                return Ok((Token::Text(value), offset + 1));
            }
            '\n' => return Err(unterminated()),
            '\\' => {
                let (_, escape) = chars.next().ok_or_else(unterminated)?;
                let wrong = || QueryError::syntax(text, at + offset, "unknown escape sequence".to_owned());
                let code = |chars: &mut dyn Iterator<Item = (usize, char)>, start: u32, digits: usize, radix: u32| {
                    let mut code = start;
                    for _ in 0..digits {
                        let digit = chars.next().and_then(|(_, c)| c.to_digit(radix))?;
                        code = code.checked_mul(radix)?.checked_add(digit)?;
                    }
                    Some(code)
                };
                match escape {
                    'a' => out.push(7),
                    'b' => out.push(8),
                    'f' => out.push(12),
                    'n' => out.push(b'\n'),
                    'r' => out.push(b'\r'),
                    't' => out.push(b'\t'),
                    'v' => out.push(11),
                    '\\' => out.push(b'\\'),
                    c if c == quote => out.push(c as u8),
                    'x' => {
                        let code = code(&mut chars, 0, 2, 16).ok_or_else(wrong)?;
                        out.push(u8::try_from(code).map_err(|_| wrong())?);
                    }
                    '0'..='7' => {
                        let first = escape.to_digit(8).ok_or_else(wrong)?;
                        let code = code(&mut chars, first, 2, 8).ok_or_else(wrong)?;
                        out.push(u8::try_from(code).map_err(|_| wrong())?);
                    }
                    'u' | 'U' => {
                        let digits = if escape == 'u' { 4 } else { 8 };
                        let code = code(&mut chars, 0, digits, 16)
                            .and_then(char::from_u32)
                            .ok_or_else(wrong)?;
                        out.extend_from_slice(code.encode_utf8(&mut [0; 4]).as_bytes());
                    }
                    _ => return Err(wrong()),
                }
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}
