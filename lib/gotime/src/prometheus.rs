//! Durations as Prometheus writes them: `1h30m`, `15s`, `500ms` (prometheus/common `model.ParseDuration`).

use std::fmt;

const MILLISECOND: u64 = 1;
const SECOND: u64 = 1000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Units from the largest to the smallest. Years and weeks are written only where nothing is left over.
const UNITS: [(&str, u64, bool); 7] = [
    ("y", 365 * DAY, true),
    ("w", 7 * DAY, true),
    ("d", DAY, false),
    ("h", HOUR, false),
    ("m", MINUTE, false),
    ("s", SECOND, false),
    ("ms", MILLISECOND, false),
];

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusDurationError(String);

impl fmt::Display for PrometheusDurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PrometheusDurationError {}

/// Reads a duration; milliseconds. Units come from the largest to the smallest, each at most once, with whole numbers.
///
/// # Errors
/// Anything else, in the words of Prometheus.
pub fn parse_prometheus_duration(text: &str) -> Result<u64, PrometheusDurationError> {
    let error = |message: String| Err(PrometheusDurationError(message));
    match text {
        "0" => return Ok(0),
        "" => return error("empty duration string".to_owned()),
        _ => {}
    }
    let invalid = || PrometheusDurationError(format!("not a valid duration string: {text:?}"));
    let out_of_range = || PrometheusDurationError("duration out of range".to_owned());
    let (mut rest, mut last, mut sum) = (text, None, 0u64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let unit = rest[digits..].bytes().take_while(|byte| !byte.is_ascii_digit()).count();
        if digits == 0 || unit == 0 {
            return Err(invalid());
        }
        let number: u64 = rest[..digits].parse().map_err(|_| out_of_range())?;
        let name = &rest[digits..digits + unit];
        let Some(at) = UNITS.iter().position(|(unit, _, _)| *unit == name) else {
            return error(format!("unknown unit {name:?} in duration {text:?}"));
        };
        if last.is_some_and(|last| last >= at) {
            return Err(invalid());
        }
        last = Some(at);
        let part = number.checked_mul(UNITS[at].1).ok_or_else(out_of_range)?;
        // Go counts nanoseconds.
        sum = sum
            .checked_add(part)
            .filter(|sum| *sum <= i64::MAX as u64 / 1_000_000)
            .ok_or_else(out_of_range)?;
        rest = &rest[digits + unit..];
    }
    Ok(sum)
}

/// Writes milliseconds as a duration.
pub fn format_prometheus_duration(mut milliseconds: u64) -> String {
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, size, exact) in UNITS {
        if exact && !milliseconds.is_multiple_of(size) {
            continue;
        }
        if milliseconds >= size {
            text.push_str(&format!("{}{unit}", milliseconds / size));
            milliseconds %= size;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, milliseconds, again) in [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("1h30m", 90 * MINUTE, "1h30m"),
            ("15s", 15 * SECOND, "15s"),
            ("500ms", 500, "500ms"),
            (
                "1y2w3d4h5m6s7ms",
                365 * DAY + 17 * DAY + 4 * HOUR + 5 * MINUTE + 6007,
                "382d4h5m6s7ms",
            ),
            ("14d", 14 * DAY, "2w"),
            ("60s", MINUTE, "1m"),
        ] {
            assert_eq!(parse_prometheus_duration(text), Ok(milliseconds), "{text}");
            assert_eq!(format_prometheus_duration(milliseconds), again);
        }
        for (text, message) in [
            ("", "empty duration string"),
            ("1", "not a valid duration string: \"1\""),
            ("s", "not a valid duration string: \"s\""),
            ("1.5s", "unknown unit \".\" in duration \"1.5s\""),
            ("1s1m", "not a valid duration string: \"1s1m\""),
            ("2notseconds", "unknown unit \"notseconds\" in duration \"2notseconds\""),
            ("99999999999y", "duration out of range"),
            ("99999999999999999999s", "duration out of range"),
        ] {
            assert_eq!(parse_prometheus_duration(text).unwrap_err().to_string(), message);
        }
    }
}
