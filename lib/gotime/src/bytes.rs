//! Byte sizes with base-2 units, by the rules of the Go package `alecthomas/units` (`Base2Bytes`): `KiB` and `KB` are
//! both 1024 bytes, `kB` does not exist.

use crate::duration::{leading_fraction, leading_int};
use std::fmt;

/// A text that is not a byte size, with the text of the Go package's error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BytesError {
    /// `units: invalid abc`
    Invalid(String),
    /// `units: unknown unit x in 3x`
    UnknownUnit {
        /// The unit; empty if there is none.
        unit: String,
        /// The whole text.
        size: String,
    },
    /// `units: overflow parsing unit`
    Overflow,
}

impl fmt::Display for BytesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BytesError::Invalid(size) => write!(f, "units: invalid {size}"),
            BytesError::UnknownUnit { unit, size } => write!(f, "units: unknown unit {unit} in {size}"),
            BytesError::Overflow => f.write_str("units: overflow parsing unit"),
        }
    }
}

impl std::error::Error for BytesError {}

const PREFIXES: &str = "KMGTPE";

/// Parses a size like `10KiB`, `8KB`, `1.5GiB` or `1KiB512B`. Bytes; truncates below one.
pub fn parse_bytes(text: &str) -> Result<i64, BytesError> {
    // The two spellings cannot be mixed in one text; the error reported is that of the second.
    parse_with(text, "iB").or_else(|_| parse_with(text, "B"))
}

fn unit_bytes(unit: &str, suffix: &str) -> Option<f64> {
    if unit == "B" {
        return Some(1.0);
    }
    let mut chars = unit.chars();
    let power = PREFIXES.find(chars.next()?)? + 1;
    (chars.as_str() == suffix).then(|| 1024f64.powi(power as i32))
}

fn parse_with(text: &str, suffix: &str) -> Result<i64, BytesError> {
    let invalid = || BytesError::Invalid(text.to_owned());
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0f64;
    while !rest.is_empty() {
        let (whole, after) = leading_int(rest).ok_or_else(invalid)?;
        let mut digits = after.len() != rest.len();
        rest = after;
        let mut value = whole as f64;
        if let Some(body) = rest.strip_prefix('.') {
            let (fraction, scale, after) = leading_fraction(body);
            digits |= after.len() != body.len();
            value += fraction as f64 / scale;
            rest = after;
        }
        if !digits {
            return Err(invalid());
        }
        let end = rest
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit = unit_bytes(&rest[..end], suffix).ok_or_else(|| BytesError::UnknownUnit {
            unit: rest[..end].to_owned(),
            size: text.to_owned(),
        })?;
        rest = &rest[end..];
        total += value * unit;
    }
    if total >= 2f64.powi(63) {
        return Err(BytesError::Overflow);
    }
    Ok(if negative { -(total as i64) } else { total as i64 })
}

/// Formats a size in the units of [`parse_bytes`]: `10MiB`, `1KiB512B`, `0B`.
pub fn format_bytes(bytes: i64) -> String {
    if bytes == 0 {
        return "0B".to_owned();
    }
    let mut parts = Vec::new();
    let mut rest = bytes;
    for prefix in std::iter::once(None).chain(PREFIXES.chars().map(Some)) {
        let digit = rest % 1024;
        if digit != 0 {
            parts.push(match prefix {
                None => format!("{digit}B"),
                Some(prefix) => format!("{digit}{prefix}iB"),
            });
        }
        rest /= 1024;
    }
    parts.reverse();
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_parse_and_print() {
        for (text, bytes, printed) in [
            ("0", 0, "0B"),
            ("0B", 0, "0B"),
            ("1B", 1, "1B"),
            ("10KiB", 10 << 10, "10KiB"),
            ("8KB", 8 << 10, "8KiB"),
            ("1MiB", 1 << 20, "1MiB"),
            ("1.5GiB", 3 << 29, "1GiB512MiB"),
            ("1KiB512B", 1536, "1KiB512B"),
            ("-1KiB", -1024, "-1KiB"),
            ("2TB", 2 << 40, "2TiB"),
            ("7EiB", 7 << 60, "7EiB"),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
            assert_eq!(format_bytes(bytes), printed);
            assert_eq!(parse_bytes(printed), Ok(bytes));
        }
    }

    #[test]
    fn errors() {
        for (text, expect) in [
            ("", "units: invalid "),
            ("abc", "units: invalid abc"),
            ("1024", "units: unknown unit  in 1024"),
            ("1kB", "units: unknown unit kB in 1kB"),
            ("1KiB2KB", "units: unknown unit KiB in 1KiB2KB"),
            ("8EiB", "units: unknown unit EiB in 8EiB"),
            ("8EB", "units: overflow parsing unit"),
        ] {
            assert_eq!(parse_bytes(text).unwrap_err().to_string(), expect);
        }
    }
}
