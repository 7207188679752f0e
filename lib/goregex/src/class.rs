//! Character classes: `[...]` and the escapes that stand for one.

use crate::error::{Error, ErrorKind};
use std::fmt::Write;

/// A `\d`-like class in Go's ASCII meaning, without its brackets; the flag says that it is negated.
pub(crate) fn perl(letter: u8) -> Option<(&'static str, bool)> {
    let ranges = match letter.to_ascii_lowercase() {
        b'd' => "0-9",
        b's' => r"\t\n\f\r ",
        b'w' => "0-9A-Za-z_",
        _ => return None,
    };
    Some((ranges, letter.is_ascii_uppercase()))
}

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// `\pN`, `\p{Greek}`, `\P{^Greek}` at the start of `text`: the engine's form and the number of bytes read.
pub(crate) fn unicode(text: &str) -> Result<(String, usize), Error> {
    let mut negated = text.as_bytes()[1] == b'P';
    let rest = &text[2..];
    let Some(first) = rest.chars().next() else {
        return Err(Error::new(ErrorKind::InvalidCharRange, text));
    };
    let (name, length) = if first == '{' {
        let Some(end) = rest.find('}') else {
            return Err(Error::new(ErrorKind::InvalidCharRange, text));
        };
        (&rest[1..end], 2 + end + 1)
    } else {
        (&rest[..first.len_utf8()], 2 + first.len_utf8())
    };
    let (name, inverted) = match name.strip_prefix('^') {
        Some(name) => (name, true),
        None => (name, false),
    };
    negated ^= inverted;
    let known = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && {
        // Whether the engine has a table of this name is known by asking it.
        regex::bytes::Regex::new(&format!(r"\p{{{name}}}")).is_ok()
    };
    if !known {
        return Err(Error::new(ErrorKind::InvalidCharRange, &text[..length]));
    }
    Ok((format!(r"\{}{{{name}}}", if negated { 'P' } else { 'p' }), length))
}

/// Appends `c` so that it stands for itself inside and outside of brackets.
pub(crate) fn push_literal(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || c == '_' || (!c.is_ascii() && !c.is_control()) {
        out.push(c);
    } else {
        // Writing to a string does not fail.
        let _ = write!(out, "\\x{{{:X}}}", u32::from(c));
    }
}

/// Translates the class at the start of `text`, which begins with `[`. Returns the number of bytes read.
pub(crate) fn bracket(text: &str, out: &mut String, sees_invalid: &mut bool) -> Result<usize, Error> {
    out.push('[');
    let mut at = 1;
    if text[at..].starts_with('^') {
        out.push('^');
        at += 1;
        *sees_invalid = true;
    }
    let mut first = true;
    loop {
        let rest = &text[at..];
        let Some(next) = rest.bytes().next() else {
            return Err(Error::new(ErrorKind::MissingBracket, text));
        };
        if next == b']' && !first {
            out.push(']');
            return Ok(at + 1);
        }
        first = false;
        if let Some(length) = posix(rest, out, sees_invalid)? {
            at += length;
            continue;
        }
        if rest.starts_with(r"\p") || rest.starts_with(r"\P") {
            let (class, length) = unicode(rest)?;
            out.push_str(&class);
            *sees_invalid = true;
            at += length;
            continue;
        }
        if let Some((ranges, negated)) = rest
            .strip_prefix('\\')
            .and_then(|rest| rest.bytes().next())
            .and_then(perl)
        {
            if negated {
                *sees_invalid = true;
                out.push_str("[^");
                out.push_str(ranges);
                out.push(']');
            } else {
                out.push_str(ranges);
            }
            at += 2;
            continue;
        }
        let (low, length) = class_char(rest, text)?;
        let mut end = length;
        let mut high = low;
        let after = &rest[length..];
        if after.len() >= 2 && after.starts_with('-') && after.as_bytes()[1] != b']' {
            let (to, to_length) = class_char(&after[1..], text)?;
            high = to;
            end = length + 1 + to_length;
            if high < low {
                return Err(Error::new(ErrorKind::InvalidCharRange, &rest[..end]));
            }
        }
        if (low..=high).contains(&'\u{FFFD}') {
            *sees_invalid = true;
        }
        push_literal(out, low);
        if high != low {
            out.push('-');
            push_literal(out, high);
        }
        at += end;
    }
}

/// `[:alpha:]` at the start of `rest`, which is inside of brackets.
fn posix(rest: &str, out: &mut String, sees_invalid: &mut bool) -> Result<Option<usize>, Error> {
    let Some(body) = rest.strip_prefix("[:") else {
        return Ok(None);
    };
    let Some(end) = body.find(":]") else { return Ok(None) };
    let length = 2 + end + 2;
    let name = body[..end].strip_prefix('^').unwrap_or(&body[..end]);
    if !POSIX.contains(&name) {
        return Err(Error::new(ErrorKind::InvalidCharRange, &rest[..length]));
    }
    *sees_invalid |= name.len() != end;
    out.push_str(&rest[..length]);
    Ok(Some(length))
}

fn class_char(rest: &str, class: &str) -> Result<(char, usize), Error> {
    match rest.chars().next() {
        None => Err(Error::new(ErrorKind::MissingBracket, class)),
        Some('\\') => escape(rest),
        Some(c) => Ok((c, c.len_utf8())),
    }
}

/// An escape that stands for one character, at the start of `text`: the character and the number of bytes read.
pub(crate) fn escape(text: &str) -> Result<(char, usize), Error> {
    let mut chars = text.chars();
    chars.next();
    let Some(c) = chars.next() else {
        return Err(Error::new(ErrorKind::TrailingBackslash, ""));
    };
    let bytes = text.as_bytes();
    let invalid = |length: usize| Error::new(ErrorKind::InvalidEscape, &text[..length]);
    let octal = |at: usize| {
        bytes
            .get(at)
            .filter(|b| (b'0'..=b'7').contains(b))
            .map(|b| u32::from(b - b'0'))
    };
    match c {
        '1'..='9' if c > '7' || octal(2).is_none() => Err(invalid(2).hint("back-references are not supported")),
        '0'..='7' => {
            let mut value = u32::from(c) - u32::from('0');
            let mut length = 2;
            while let (true, Some(digit)) = (length < 4, octal(length)) {
                value = value * 8 + digit;
                length += 1;
            }
            // At most 0o777, which is always a character.
            char::from_u32(value)
                .map(|c| (c, length))
                .ok_or_else(|| invalid(length))
        }
        'x' => {
            let rest = &text[2..];
            if let Some(body) = rest.strip_prefix('{') {
                let end = body.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(body.len());
                let length = 3 + end + 1;
                if end == 0 || !body[end..].starts_with('}') {
                    let shown = text
                        .len()
                        .min(3 + end + body[end..].chars().next().map_or(0, char::len_utf8));
                    return Err(invalid(shown));
                }
                let value = u32::from_str_radix(&body[..end], 16).ok().and_then(char::from_u32);
                return value.map(|c| (c, length)).ok_or_else(|| invalid(length));
            }
            let digits = rest.bytes().take(2).take_while(u8::is_ascii_hexdigit).count();
            if digits < 2 {
                let shown: usize = text.chars().take(digits + 3).map(char::len_utf8).sum();
                return Err(invalid(shown));
            }
            let value = u32::from_str_radix(&rest[..2], 16).ok().and_then(char::from_u32);
            value.map(|c| (c, 4)).ok_or_else(|| invalid(4))
        }
        'a' => Ok(('\x07', 2)),
        'f' => Ok(('\x0C', 2)),
        'n' => Ok(('\n', 2)),
        'r' => Ok(('\r', 2)),
        't' => Ok(('\t', 2)),
        'v' => Ok(('\x0B', 2)),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok((c, 2)),
        c => Err(invalid(1 + c.len_utf8())),
    }
}
