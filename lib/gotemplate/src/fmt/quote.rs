//! Go's quoting of strings and characters (`strconv.Quote` and its relatives).

pub use goquote::{is_print, quote, quote_ascii, quote_char};

/// Whether `text` can stand between back-ticks: one line of valid UTF-8 without control characters.
pub(super) fn can_backquote(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| {
        text.chars()
            .all(|c| c != '`' && c != '\u{feff}' && c != '\x7f' && (c >= ' ' || c == '\t'))
    })
}
