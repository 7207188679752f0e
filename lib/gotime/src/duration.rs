//! Durations: `1h30m`, `1.5s`.

use std::fmt::{self, Write};

/// A text that is not a duration, with the text of Go's error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DurationError {
    /// `time: invalid duration "abc"`
    Invalid(String),
    /// `time: missing unit in duration "3"`
    MissingUnit(String),
    /// `time: unknown unit "x" in duration "3x"`
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        duration: String,
    },
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let q = |text: &String| quote(text.as_bytes());
        match self {
            DurationError::Invalid(duration) => write!(f, "time: invalid duration {}", q(duration)),
            DurationError::MissingUnit(duration) => write!(f, "time: missing unit in duration {}", q(duration)),
            DurationError::UnknownUnit { unit, duration } => {
                write!(f, "time: unknown unit {} in duration {}", q(unit), q(duration))
            }
        }
    }
}

impl std::error::Error for DurationError {}

/// Quotes as Go's `time` package does: bytes outside of printable ASCII as `\xHH`, nothing else but `"` and `\` escaped.
pub fn quote(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push('"');
    out
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        // U+00B5 is the micro sign, U+03BC the Greek letter.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// Splits the digits off the front of `text`; `None` if they make more than 2^63.
pub(crate) fn leading_int(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let mut value: u64 = 0;
    for digit in text[..digits].bytes() {
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        if value > 1 << 63 {
            return None;
        }
    }
    Some((value, &text[digits..]))
}

/// Splits the digits of a fraction off the front: their value, the power of ten they are divided by, the rest. Digits
/// beyond what fits are read and ignored.
pub(crate) fn leading_fraction(text: &str) -> (u64, f64, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let mut value: u64 = 0;
    let mut scale = 1.0;
    for digit in text[..digits].bytes() {
        match value
            .checked_mul(10)
            .and_then(|v| v.checked_add(u64::from(digit - b'0')))
        {
            Some(next) if next <= 1 << 63 => {
                value = next;
                scale *= 10.0;
            }
            _ => break,
        }
    }
    (value, scale, &text[digits..])
}

/// Parses a duration by the grammar of Go's `time.ParseDuration`. Nanoseconds; units `ns us µs ms s m h`.
pub fn parse_duration(text: &str) -> Result<i64, DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
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
    let mut total: u64 = 0;
    while !rest.is_empty() {
        if !rest.starts_with(|c: char| c == '.' || c.is_ascii_digit()) {
            return Err(invalid());
        }
        let (whole, after) = leading_int(rest).ok_or_else(invalid)?;
        let mut digits = after.len() != rest.len();
        rest = after;
        let (mut fraction, mut scale) = (0, 1.0);
        if let Some(body) = rest.strip_prefix('.') {
            let after;
            (fraction, scale, after) = leading_fraction(body);
            digits |= after.len() != body.len();
            rest = after;
        }
        if !digits {
            return Err(invalid());
        }
        let end = rest
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(rest.len());
        if end == 0 {
            return Err(DurationError::MissingUnit(text.to_owned()));
        }
        let unit = unit_nanos(&rest[..end]).ok_or_else(|| DurationError::UnknownUnit {
            unit: rest[..end].to_owned(),
            duration: text.to_owned(),
        })?;
        rest = &rest[end..];
        let mut value = whole.checked_mul(unit).filter(|&v| v <= 1 << 63).ok_or_else(invalid)?;
        if fraction > 0 {
            // In floating point, as Go: below a nanosecond it truncates.
            value += (fraction as f64 * (unit as f64 / scale)) as u64;
        }
        total = total.checked_add(value).filter(|&t| t <= 1 << 63).ok_or_else(invalid)?;
    }
    if negative {
        // 2^63 is representable only with the sign.
        return Ok((total as i64).wrapping_neg());
    }
    i64::try_from(total).map_err(|_| invalid())
}

/// Formats nanoseconds as Go's `Duration.String`: `1h30m0s`, `1.5s`, `300ms`, `0s`.
pub fn format_duration(nanos: i64) -> String {
    let magnitude = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    if magnitude == 0 {
        return "0s".to_owned();
    }
    let (unit, decimals) = match magnitude {
        0..1_000 => ("ns", 0),
        1_000..1_000_000 => ("\u{b5}s", 3),
        1_000_000..1_000_000_000 => ("ms", 6),
        _ => ("s", 9),
    };
    let scale = 10u64.pow(decimals);
    let (whole, fraction) = (magnitude / scale, magnitude % scale);
    let mut out = sign.to_owned();
    let seconds = if unit == "s" {
        let (hours, minutes) = (whole / 3600, whole / 60 % 60);
        if hours > 0 {
            out.push_str(&format!("{hours}h"));
        }
        if whole >= 60 {
            out.push_str(&format!("{minutes}m"));
        }
        whole % 60
    } else {
        whole
    };
    out.push_str(&seconds.to_string());
    if fraction > 0 {
        let digits = format!("{fraction:0width$}", width = decimals as usize);
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
    out.push_str(unit);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_parse() {
        const S: i64 = 1_000_000_000;
        for (text, nanos) in [
            ("0", 0),
            ("-0", 0),
            ("5s", 5 * S),
            ("+5s", 5 * S),
            ("-.5s", -S / 2),
            ("1.s", S),
            ("1h30m", 5400 * S),
            ("1.5h", 5400 * S),
            ("10.5s4m", 250 * S + S / 2),
            ("3ns", 3),
            ("11us", 11_000),
            ("12µs", 12_000),
            ("12μs", 12_000),
            ("13ms", 13_000_000),
            ("0.3333333333333333333h", 1200 * S),
            ("9007199254740993ns", (1 << 53) + 1),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("0.100000000000000000000h", 360 * S),
            ("0.9ns", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(nanos), "{text}");
        }
    }

    #[test]
    fn errors_have_the_text_of_go() {
        for (text, expect) in [
            ("abc", r#"time: invalid duration "abc""#),
            ("", r#"time: invalid duration """#),
            ("-", r#"time: invalid duration "-""#),
            (".", r#"time: invalid duration ".""#),
            (".s", r#"time: invalid duration ".s""#),
            ("3", r#"time: missing unit in duration "3""#),
            ("1h3", r#"time: missing unit in duration "1h3""#),
            ("3x", r#"time: unknown unit "x" in duration "3x""#),
            ("1d", r#"time: unknown unit "d" in duration "1d""#),
            ("1 s", r#"time: unknown unit " s" in duration "1 s""#),
            (
                "9223372036854775808ns",
                r#"time: invalid duration "9223372036854775808ns""#,
            ),
            ("3000000h", r#"time: invalid duration "3000000h""#),
            (
                "-9223372036854775809ns",
                r#"time: invalid duration "-9223372036854775809ns""#,
            ),
            ("é", r#"time: invalid duration "\xc3\xa9""#),
        ] {
            assert_eq!(parse_duration(text).unwrap_err().to_string(), expect);
        }
    }

    #[test]
    fn durations_print() {
        for (nanos, expect) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (5_000_000_000, "5s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (480_000_000_001, "8m0.000000001s"),
            (3_600_000_000_000, "1h0m0s"),
            (-1_500_000_000, "-1.5s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(format_duration(nanos), expect);
        }
    }
}
