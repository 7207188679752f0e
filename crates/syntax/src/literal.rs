//! String literals: from source text to bytes and back.

use std::fmt;

/// Why a string literal has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnquoteError {
    /// Not enclosed in a pair of double or back quotes.
    Quotes,
    /// An escape sequence that the language does not know, or a cut off one; the offset in bytes of its backslash.
    Escape(usize),
    /// A newline or the closing quote inside of the literal; its offset in bytes.
    Character(usize),
}

impl fmt::Display for UnquoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnquoteError::Quotes => f.write_str("string literal must be enclosed in double quotes or back quotes"),
            UnquoteError::Escape(at) => write!(f, "invalid escape sequence at byte {at} of the string literal"),
            UnquoteError::Character(at) => write!(f, "invalid character at byte {at} of the string literal"),
        }
    }
}

impl std::error::Error for UnquoteError {}

/// The value of a string literal given with its quotes.
///
/// Strings are bytes: `\xHH` and `\NNN` may give invalid UTF-8. Carriage returns in back-quoted literals are dropped.
pub fn unquote(literal: &[u8]) -> Result<Vec<u8>, UnquoteError> {
    match literal {
        [b'`', inner @ .., b'`'] => match inner.iter().position(|b| *b == b'`') {
            Some(at) => Err(UnquoteError::Character(at + 1)),
            None => Ok(inner.iter().copied().filter(|b| *b != b'\r').collect()),
        },
        [b'"', inner @ .., b'"'] => unescape(inner),
        _ => Err(UnquoteError::Quotes),
    }
}

fn unescape(inner: &[u8]) -> Result<Vec<u8>, UnquoteError> {
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some((&first, tail)) = rest.split_first() {
        // Offset in the literal, which has one quote before `inner`.
        let at = inner.len() - rest.len() + 1;
        rest = tail;
        match first {
            b'"' | b'\n' => return Err(UnquoteError::Character(at)),
            b'\\' => rest = escape(rest, &mut out).ok_or(UnquoteError::Escape(at))?,
            b => out.push(b),
        }
    }
    Ok(out)
}

/// Decodes one escape sequence after its backslash and returns what follows it.
fn escape<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (&kind, tail) = text.split_first()?;
    let simple = match kind {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' | b'"' => kind,
        b'0'..=b'7' => {
            out.push(u8::try_from(digits(text.get(..3)?, 8)?).ok()?);
            return text.get(3..);
        }
        b'x' => {
            out.push(u8::try_from(digits(tail.get(..2)?, 16)?).ok()?);
            return tail.get(2..);
        }
        b'u' | b'U' => {
            let len = if kind == b'u' { 4 } else { 8 };
            let c = char::from_u32(digits(tail.get(..len)?, 16)?)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return tail.get(len..);
        }
        _ => return None,
    };
    out.push(simple);
    Some(tail)
}

fn digits(text: &[u8], base: u32) -> Option<u32> {
    text.iter().try_fold(0u32, |value, b| {
        value.checked_mul(base)?.checked_add((*b as char).to_digit(base)?)
    })
}

/// A double-quoted literal of the bytes that reads back as the same bytes. Printable characters stay; others, and bytes that are
/// not UTF-8, become `\a \b \f \n \r \t \v`, `\xHH`, `\uHHHH` or `\UHHHHHHHH`, as Go's `%q` does.
pub fn quote(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().for_each(|c| quote_char(c, &mut out));
        chunk
            .invalid()
            .iter()
            .for_each(|b| out.push_str(&format!("\\x{b:02x}")));
    }
    out.push('"');
    out
}

fn quote_char(c: char, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        c if is_printable(c) => out.push(c),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c if c < ' ' || c == '\x7f' => out.push_str(&format!("\\x{:02x}", c as u32)),
        c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04x}", c as u32)),
        c => out.push_str(&format!("\\U{:08x}", c as u32)),
    }
}

/// Whether a character is a letter, mark, number, punctuation, symbol or the ASCII space.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    // The debug form of a string escapes exactly the characters that are not printable, and, at its start only, grapheme
    // extenders: hence the letter in front.
    let mut buf = [b'x'; 5];
    let len = c.encode_utf8(&mut buf[1..]).len();
    let text = std::str::from_utf8(&buf[..=len]).expect("a letter and an encoded character are UTF-8");
    text.escape_debug().nth(1) == Some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unquotes_escapes() {
        let ok = |text: &str| unquote(text.as_bytes());
        assert_eq!(
            ok(r#""a\a\b\f\n\r\t\v\\\"z""#),
            Ok(b"a\x07\x08\x0c\n\r\t\x0b\\\"z".to_vec())
        );
        assert_eq!(
            ok(r#""\101\xff\u00e9\U0001F600""#),
            Ok([b"A\xff", "é😀".as_bytes()].concat())
        );
        assert_eq!(ok("`a\\n\r\nb`"), Ok(b"a\\n\nb".to_vec()));
        assert_eq!(ok("\"\""), Ok(Vec::new()));
        for (text, error) in [
            (r#""\'""#, UnquoteError::Escape(1)),
            (r#""ab\400""#, UnquoteError::Escape(3)),
            (r#""\ud800""#, UnquoteError::Escape(1)),
            (r#""\x4""#, UnquoteError::Escape(1)),
            (r#""\""#, UnquoteError::Escape(1)),
            ("\"a\nb\"", UnquoteError::Character(2)),
            ("\"a\"b\"", UnquoteError::Character(2)),
            ("`a`b`", UnquoteError::Character(2)),
            ("'a'", UnquoteError::Quotes),
            ("\"", UnquoteError::Quotes),
            ("", UnquoteError::Quotes),
        ] {
            assert_eq!(ok(text), Err(error), "{text}");
        }
    }

    #[test]
    fn quotes_like_go() {
        assert_eq!(
            quote("a\"\\\n\t\x07\x00\x7f é日\u{301}😀".as_bytes()),
            "\"a\\\"\\\\\\n\\t\\a\\x00\\x7f é日\u{301}😀\""
        );
        assert_eq!(
            quote("\u{a0}\u{200b}\u{e000}\u{10ffff}".as_bytes()),
            r#""\u00a0\u200b\ue000\U0010ffff""#
        );
        assert_eq!(quote(b"\xff\xe9x"), r#""\xff\xe9x""#);
    }

    #[test]
    fn quoting_is_undone_by_unquoting() {
        let all: Vec<u8> = (0..=255).chain("é\u{a0}\u{feff}\u{10ffff}".bytes()).collect();
        assert_eq!(unquote(quote(&all).as_bytes()), Ok(all));
    }
}
