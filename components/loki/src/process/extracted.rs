//! Values that stages extract from records.

use bytes::Bytes;
use smol_str::SmolStr;
use std::fmt::Write;

/// A value under a name, as a stage left it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Extracted {
    /// No stage wrote it: the label of that name counts, if the record came with one.
    #[default]
    Unset,
    /// A stage removed it.
    Removed,
    /// JSON's null: there, but not convertible to text.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A piece of the line that the record came with. Offsets, so that the common case counts no references.
    Origin(u32, u32),
    /// Text of its own.
    Text(Bytes),
}

/// A value as a stage sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen<'a> {
    /// There is none.
    Missing,
    /// JSON's null.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text; may hold invalid UTF-8.
    Text(&'a [u8]),
}

impl<'a> Seen<'a> {
    /// Whether there is a value; null is one.
    pub fn is_present(self) -> bool {
        self != Seen::Missing
    }

    /// The value as text by the rules of stages: numbers in decimal without exponent, truth values as words; `None` for
    /// null and for a missing value.
    pub fn text(self) -> Option<Text<'a>> {
        match self {
            Seen::Missing | Seen::Null => None,
            Seen::Bool(true) => Some(Text::Borrowed(b"true")),
            Seen::Bool(false) => Some(Text::Borrowed(b"false")),
            Seen::Number(number) => Some(Text::Owned(format_number(number))),
            Seen::Text(text) => Some(Text::Borrowed(text)),
        }
    }
}

/// Text of a value.
#[derive(Clone, Debug)]
pub enum Text<'a> {
    /// A piece of the record.
    Borrowed(&'a [u8]),
    /// A formatted number.
    Owned(SmolStr),
}

impl std::ops::Deref for Text<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Text::Borrowed(text) => text,
            Text::Owned(text) => text.as_bytes(),
        }
    }
}

/// The shortest decimal form of a number, never with an exponent: Go's `strconv.FormatFloat(f, 'f', -1, 64)`.
pub fn format_number(number: f64) -> SmolStr {
    if number.is_nan() {
        return SmolStr::new_static("NaN");
    }
    if number.is_infinite() {
        return SmolStr::new_static(if number > 0.0 { "+Inf" } else { "-Inf" });
    }
    let mut text = smol_str::SmolStrBuilder::new();
    // Rust prints floats the same way: shortest digits that read back equal, padded with zeros. Writing cannot fail.
    let _ = write!(text, "{number}");
    text.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_go_prints_them() {
        for (number, text) in [
            (5.0, "5"),
            (1.5, "1.5"),
            (-0.0, "-0"),
            (1e21, "1000000000000000000000"),
            (12345678901234567890.0, "12345678901234567000"),
            (1e-7, "0.0000001"),
            (9007199254740993.0, "9007199254740992"),
        ] {
            assert_eq!(format_number(number), text);
        }
    }
}
