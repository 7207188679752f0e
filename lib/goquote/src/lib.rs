//! Go's quoting of strings and characters (`strconv.Quote` and its relatives, the `%q` of package `fmt`).

use std::fmt::Write;

/// Whether Go prints `c` as it is: letters, marks, numbers, punctuation, symbols, and of all spaces the ASCII one.
pub fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    // The standard library has the table for its `Debug` of strings but does not give it out. There a character stays as it
    // is exactly if it is in the table; grapheme extenders are escaped at the start too, hence the letter before them.
    let mut pair = [b'a'; 5];
    let len = c.encode_utf8(&mut pair[1..]).len();
    let text = std::str::from_utf8(&pair[..=len]).expect("a letter and an encoded character are UTF-8");
    text.escape_debug().nth(1) == Some(c)
}

/// Quotes text in double quotes: escapes for what does not print, `\x` for bytes that are not UTF-8.
pub fn quote(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote_into(&mut out, text);
    out
}

/// Appends [`quote`] of `text`.
pub fn quote_into(out: &mut String, text: &[u8]) {
    push_text(out, text, false);
}

/// [`quote`] with escapes for everything outside of ASCII (`strconv.QuoteToASCII`).
pub fn quote_ascii(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_text(&mut out, text, true);
    out
}

/// Quotes one character in single quotes (`strconv.QuoteRune`); with `ascii`, everything outside of ASCII is escaped.
pub fn quote_char(c: char, ascii: bool) -> String {
    let mut out = String::from("'");
    push(&mut out, c, '\'', ascii);
    out.push('\'');
    out
}

fn push_text(out: &mut String, text: &[u8], ascii: bool) {
    out.push('"');
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            push(out, c, '"', ascii);
        }
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
}

fn push(out: &mut String, c: char, delimiter: char, ascii: bool) {
    let escape = match c {
        '\x07' => 'a',
        '\x08' => 'b',
        '\x0c' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\x0b' => 'v',
        c if c == delimiter || c == '\\' => c,
        c if (!ascii || c.is_ascii()) && is_print(c) => return out.push(c),
        c => {
            // Writing to a string does not fail.
            let _ = match u32::from(c) {
                code @ 0..0x80 => write!(out, "\\x{code:02x}"),
                code @ 0x80..0x10000 => write!(out, "\\u{code:04x}"),
                code => write!(out, "\\U{code:08x}"),
            };
            return;
        }
    };
    out.push('\\');
    out.push(escape);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        for (text, expect) in [
            ("", r#""""#),
            ("plain text", r#""plain text""#),
            ("say \"hi\" \\ bye, it's", r#""say \"hi\" \\ bye, it's""#),
            ("\x07\x08\x0c\n\r\t\x0b\0\x7f\x1b", r#""\a\b\f\n\r\t\v\x00\x7f\x1b""#),
            ("grüße 日本 🦀", "\"grüße 日本 🦀\""),
            // A combining mark prints, also at the start; a no-break space, a zero-width space, a soft hyphen, the line
            // separator, a byte order mark and private-use characters do not.
            ("\u{301}e\u{301}", "\"\u{301}e\u{301}\""),
            (
                "\u{a0}\u{200b}\u{ad}\u{2028}\u{feff}",
                r#""\u00a0\u200b\u00ad\u2028\ufeff""#,
            ),
            ("\u{e000}\u{e0001}\u{10ffff}", r#""\ue000\U000e0001\U0010ffff""#),
            ("\u{fffd}", "\"\u{fffd}\""),
        ] {
            assert_eq!(quote(text.as_bytes()), expect);
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_hexadecimal() {
        assert_eq!(quote(b"a\xff\xc3(\xed\xa0\x80"), r#""a\xff\xc3(\xed\xa0\x80""#);
        assert_eq!(quote_ascii(b"\xff\xe9x"), r#""\xff\xe9x""#);
    }

    #[test]
    fn appends() {
        let mut out = String::from("k=");
        quote_into(&mut out, b"a b");
        assert_eq!(out, r#"k="a b""#);
    }

    #[test]
    fn ascii_escapes_the_rest() {
        assert_eq!(
            quote_ascii("aé日😀\n\"'".as_bytes()),
            r#""a\u00e9\u65e5\U0001f600\n\"'""#
        );
    }

    #[test]
    fn characters_escape_their_own_delimiter() {
        for (c, ascii, expect) in [
            ('x', false, "'x'"),
            ('\'', false, r"'\''"),
            ('"', false, "'\"'"),
            ('\\', false, r"'\\'"),
            ('日', false, "'日'"),
            ('日', true, r"'\u65e5'"),
            ('\0', false, r"'\x00'"),
        ] {
            assert_eq!(quote_char(c, ascii), expect);
        }
    }

    #[test]
    fn of_ascii_the_range_from_space_to_tilde_prints() {
        let printable: String = ('\0'..='\x7f').filter(|&c| is_print(c)).collect();
        assert_eq!(
            (printable.len(), printable.chars().min(), printable.chars().max()),
            (95, Some(' '), Some('~'))
        );
    }
}
