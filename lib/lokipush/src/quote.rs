//! Double-quoted text as Go's `strconv.Quote` writes it and PromQL reads it.

/// Appends `text` in double quotes. What is printable stays, the rest is escaped; a byte that is not UTF-8 becomes `\xNN`.
pub fn write(out: &mut Vec<u8>, text: &[u8]) {
    // Most names and values have nothing to escape.
    if text
        .iter()
        .all(|&b| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\')
    {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    } else {
        out.extend_from_slice(goquote::quote(text).as_bytes());
    }
}

/// `text` in double quotes.
pub fn quote(text: &str) -> String {
    goquote::quote(text.as_bytes())
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
