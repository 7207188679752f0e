//! Double-quoted text as Go's `strconv.Quote` writes it and PromQL reads it.

use std::fmt::Write as _;

/// Appends `text` in double quotes. What is printable stays, the rest is escaped; a byte that is not UTF-8 becomes `\xNN`.
pub fn write(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    if text
        .iter()
        .all(|&b| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\')
    {
        out.extend_from_slice(text);
    } else {
        escape(out, text);
    }
    out.push(b'"');
}

/// `text` in double quotes.
pub fn quote(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    write(&mut out, text.as_bytes());
    String::from_utf8(out).expect("escapes are ASCII and the rest is copied from UTF-8")
}

fn escape(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\x07' => out.extend_from_slice(b"\\a"),
                '\x08' => out.extend_from_slice(b"\\b"),
                '\x0c' => out.extend_from_slice(b"\\f"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                '\x0b' => out.extend_from_slice(b"\\v"),
                c if is_print(c) => {
                    let mut utf8 = [0; 4];
                    out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
                }
                c => {
                    let mut code = String::new();
                    let written = match c as u32 {
                        n if n < 0x80 => write!(code, "\\x{n:02x}"),
                        n if n < 0x1_0000 => write!(code, "\\u{n:04x}"),
                        n => write!(code, "\\U{n:08x}"),
                    };
                    debug_assert!(written.is_ok(), "writing to a string cannot fail");
                    out.extend_from_slice(code.as_bytes());
                }
            }
        }
        for byte in chunk.invalid() {
            let hex = b"0123456789abcdef";
            out.extend_from_slice(&[b'\\', b'x', hex[usize::from(byte >> 4)], hex[usize::from(byte & 15)]]);
        }
    }
}

/// Letters, marks, numbers, punctuation, symbols and the ASCII space. The standard library has the table for its `Debug`
/// of strings but does not give it out; there, a character that is not the first stays as it is exactly if it is in it.
fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    let mut pair = [b'a'; 5];
    let len = c.encode_utf8(&mut pair[1..]).len();
    let text = std::str::from_utf8(&pair[..=len]).expect("two characters");
    text.escape_debug().nth(1) == Some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_does() {
        for (text, expect) in [
            ("", r#""""#),
            ("plain text", r#""plain text""#),
            ("say \"hi\" \\ bye", r#""say \"hi\" \\ bye""#),
            ("\x07\x08\x0c\n\r\t\x0b\0\x7f\x1b", r#""\a\b\f\n\r\t\v\x00\x7f\x1b""#),
            ("grüße 日本 🦀", "\"grüße 日本 🦀\""),
            // a combining mark is printable, a no-break space, a zero-width space and a private-use character are not
            (
                "e\u{301}\u{a0}\u{200b}\u{e000}\u{10ffff}",
                "\"e\u{301}\\u00a0\\u200b\\ue000\\U0010ffff\"",
            ),
            ("\u{fffd}", "\"\u{fffd}\""),
        ] {
            assert_eq!(quote(text), expect);
        }
        let mut out = Vec::new();
        write(&mut out, b"a\xff\xc3(\xed\xa0\x80");
        assert_eq!(String::from_utf8_lossy(&out), r#""a\xff\xc3(\xed\xa0\x80""#);
    }
}
