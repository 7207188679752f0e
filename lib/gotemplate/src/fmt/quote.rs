//! Go's quoting of strings and characters (`strconv.Quote` and its relatives).

use std::fmt::Write;
use std::sync::LazyLock;

/// Whether Go prints `c` as it is: letters, marks, numbers, punctuation, symbols, and of all spaces the ASCII one.
pub fn is_print(c: char) -> bool {
    static PRINTABLE: LazyLock<regex::Regex> =
        LazyLock::new(|| regex::Regex::new(r"^[\pL\pM\pN\pP\pS]$").expect("a constant"));
    match c {
        ' '..='~' => true,
        c if c.is_ascii() => false,
        c => PRINTABLE.is_match(c.encode_utf8(&mut [0; 4])),
    }
}

/// Quotes text in double quotes: escapes for what does not print, `\x` for bytes that are not UTF-8.
pub fn quote(text: &[u8]) -> String {
    quote_with(text, false)
}

/// [`quote`] with escapes for everything outside of ASCII.
pub fn quote_ascii(text: &[u8]) -> String {
    quote_with(text, true)
}

fn quote_with(text: &[u8], ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            push(&mut out, c, '"', ascii);
        }
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('"');
    out
}

/// Quotes one character in single quotes.
pub fn quote_char(c: char, ascii: bool) -> String {
    let mut out = String::from("'");
    push(&mut out, c, '\'', ascii);
    out.push('\'');
    out
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
        c if is_print(c) && (!ascii || c.is_ascii()) => return out.push(c),
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

/// Whether `text` can stand between back-ticks: one line of valid UTF-8 without control characters.
pub(super) fn can_backquote(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| {
        text.chars()
            .all(|c| c != '`' && c != '\u{feff}' && c != '\x7f' && (c >= ' ' || c == '\t'))
    })
}
