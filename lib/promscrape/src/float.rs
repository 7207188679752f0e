//! Numbers as Go reads and writes them.

use std::fmt::Write;

/// The NaN of a sample; any other one could be a stale marker (Prometheus: `value.NormalNaN`).
pub(crate) const NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// Why text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// `p`, `P` or `_`, which the exposition formats never had (Prometheus: `textparse.parseFloat`).
    Character,
    Syntax,
    Range,
}

impl Failure {
    /// The message of Prometheus.
    pub(crate) fn message(self, text: &[u8]) -> String {
        let reason = match self {
            Failure::Character => return "unsupported character in float".to_owned(),
            Failure::Syntax => "invalid syntax",
            Failure::Range => "value out of range",
        };
        format!("strconv.ParseFloat: parsing {}: {reason}", goquote::quote(text))
    }
}

/// A value or a timestamp of a sample.
pub(crate) fn parse_sample(text: &[u8]) -> Result<f64, Failure> {
    if let Some((value, end)) = parse_prefix(text, 0)
        && end == text.len()
    {
        return Ok(value);
    }
    if text.iter().any(|c| matches!(c, b'p' | b'P' | b'_')) {
        return Err(Failure::Character);
    }
    let value = parse_decimal(text)?;
    Ok(if value.is_nan() { NAN } else { value })
}

/// A number as in Go's `strconv.ParseFloat`, hexadecimal ones and underscores included: bounds and quantiles.
pub(crate) fn parse_go(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let hex = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"));
    if !text.contains('_') {
        return match hex {
            Some(hex) => parse_hex(hex).map(|value| if text.starts_with('-') { -value } else { value }),
            None => parse_decimal(text.as_bytes()).ok(),
        };
    }
    // An underscore stands between digits, or between the prefix and a digit.
    let bytes = unsigned.as_bytes();
    let digit = |at: usize| {
        bytes.get(at).is_some_and(|c| {
            if hex.is_some() {
                c.is_ascii_hexdigit()
            } else {
                c.is_ascii_digit()
            }
        })
    };
    let separates = |at: usize| at > 0 && (digit(at - 1) || (hex.is_some() && at == 2)) && digit(at + 1);
    if bytes.iter().enumerate().any(|(at, &c)| c == b'_' && !separates(at)) {
        return None;
    }
    parse_go(&text.replace('_', ""))
}

/// `strconv.ParseFloat` without hexadecimal numbers and underscores.
fn parse_decimal(text: &[u8]) -> Result<f64, Failure> {
    let word = text.strip_prefix(b"+").or(text.strip_prefix(b"-")).unwrap_or(text);
    let infinite = word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity");
    // Rust reads a signed NaN, Go does not.
    if word.len() != text.len() && word.eq_ignore_ascii_case(b"nan") {
        return Err(Failure::Syntax);
    }
    let text = std::str::from_utf8(text).map_err(|_| Failure::Syntax)?;
    let value: f64 = text.parse().map_err(|_| Failure::Syntax)?;
    if value.is_infinite() && !infinite {
        return Err(Failure::Range);
    }
    Ok(value)
}

fn parse_hex(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let (mut value, mut scale) = (0u64, 0i32);
    for c in whole.chars() {
        let digit = c.to_digit(16)?;
        if value >> 60 == 0 {
            value = value << 4 | u64::from(digit);
        } else {
            scale = scale.saturating_add(4);
        }
    }
    for c in fraction.chars() {
        let digit = c.to_digit(16)?;
        if value >> 60 == 0 {
            value = value << 4 | u64::from(digit);
            scale = scale.saturating_sub(4);
        }
    }
    let exponent = exponent
        .parse::<i32>()
        .unwrap_or(if exponent.starts_with('-') { -100_000 } else { 100_000 });
    let value = value as f64 * 2f64.powi(exponent.saturating_add(scale).clamp(-2000, 2000));
    value.is_finite().then_some(value)
}

/// 10 to the power of 0 to 22: all are exact.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// A short decimal number at the front: up to 15 significant digits and a power of ten that is exact, so that one
/// multiplication or division rounds as it should. The number and where it ends; none if it takes more than that.
#[inline]
pub(crate) fn parse_prefix(b: &[u8], start: usize) -> Option<(f64, usize)> {
    let mut i = start;
    let negative = b.get(i) == Some(&b'-');
    i += usize::from(negative);
    let first = i;
    let mut mantissa = 0u64;
    while let Some(digit) = digit(b, i) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
        i += 1;
    }
    let mut digits = i - first;
    let mut exponent = 0i32;
    if b.get(i) == Some(&b'.') {
        i += 1;
        let point = i;
        while let Some(digit) = digit(b, i) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
            i += 1;
        }
        digits += i - point;
        exponent = -((i - point) as i32);
    }
    // 18 digits fit 64 bits.
    if digits == 0 || digits > 18 || mantissa >= 1 << 53 {
        return None;
    }
    if let Some(b'e' | b'E') = b.get(i) {
        i += 1;
        let below = b.get(i) == Some(&b'-');
        i += usize::from(below || b.get(i) == Some(&b'+'));
        let first = i;
        let mut power = 0i32;
        while let Some(digit) = digit(b, i) {
            power = power.wrapping_mul(10).wrapping_add(digit as i32);
            i += 1;
        }
        if i == first || i - first > 4 {
            return None;
        }
        exponent += if below { -power } else { power };
    }
    let value = mantissa as f64;
    let value = if exponent < 0 {
        value / POWERS.get(exponent.unsigned_abs() as usize)?
    } else {
        value * POWERS.get(exponent as usize)?
    };
    Some((if negative { -value } else { value }, i))
}

#[inline(always)]
fn digit(b: &[u8], i: usize) -> Option<u64> {
    let digit = b.get(i)?.wrapping_sub(b'0');
    (digit < 10).then_some(u64::from(digit))
}

/// What has to be appended to a bound that is written almost as [`write_open_metrics`] would: nothing or `.0`. None if that takes a closer
/// look.
pub(crate) fn canonical(text: &str) -> Option<&'static str> {
    if text == "+Inf" {
        return Some("");
    }
    let negative = text.starts_with('-');
    let digits = &text.as_bytes()[usize::from(negative)..];
    let point = digits.iter().position(|&c| c == b'.');
    let (whole, fraction) = digits.split_at(point.unwrap_or(digits.len()));
    let plain = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let zero = whole == b"0";
    if !plain(whole) || whole.is_empty() || whole.len() > 6 || whole[0] == b'0' && !zero {
        return None;
    }
    match fraction {
        [] if zero && negative => None,
        [] => Some(".0"),
        b".0" if zero && negative => None,
        b".0" => Some(""),
        // From 0.0001 on, up to 15 digits, no zero at the end: the shortest text that is this number.
        [b'.', part @ ..] if plain(part) && (1..=9).contains(&part.len()) && part[part.len() - 1] != b'0' => {
            let large = !zero || part.iter().take(4).any(|&c| c != b'0');
            large.then_some("")
        }
        _ => None,
    }
}

/// Appends a bound or a quantile as OpenMetrics writes them: like Go's `%g`, and `.0` after a whole number (Prometheus:
/// `labels.FormatOpenMetricsFloat`).
pub(crate) fn write_open_metrics(out: &mut String, number: f64) {
    if number.is_nan() {
        out.push_str("NaN");
        return;
    }
    if number.is_infinite() {
        out.push_str(if number > 0.0 { "+Inf" } else { "-Inf" });
        return;
    }
    // Writing to a string does not fail.
    if number == 0.0 {
        // Minus zero is zero here.
        out.push_str("0.0");
    } else if (1e-4..1e6).contains(&number.abs()) {
        let _ = write!(out, "{number}");
        if number.fract() == 0.0 {
            out.push_str(".0");
        }
    } else {
        let start = out.len();
        let _ = write!(out, "{number:e}");
        let at = out[start..].find('e').map_or(out.len(), |at| start + at + 1);
        let negative = out[at..].starts_with('-');
        let digits = at + usize::from(negative);
        if out.len() - digits < 2 {
            out.insert(digits, '0');
        }
        if !negative {
            out.insert(at, '+');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_syntax() {
        for (text, expect) in [
            ("0", Ok(0.0)),
            ("-0", Ok(-0.0)),
            ("+1", Ok(1.0)),
            (".5", Ok(0.5)),
            ("5.", Ok(5.0)),
            ("1e3", Ok(1000.0)),
            ("1E-3", Ok(0.001)),
            ("1e22", Ok(1e22)),
            ("9007199254740993", Ok(9007199254740992.0)),
            ("18446744073709551616", Ok(18446744073709551616.0)),
            ("0.1234567890123456789", Ok(0.123_456_789_012_345_68)),
            ("inf", Ok(f64::INFINITY)),
            ("-Infinity", Ok(f64::NEG_INFINITY)),
            ("1e-999", Ok(0.0)),
            ("1e999", Err(Failure::Range)),
            ("-nan", Err(Failure::Syntax)),
            ("0x10", Err(Failure::Syntax)),
            ("", Err(Failure::Syntax)),
            (".", Err(Failure::Syntax)),
            ("1e", Err(Failure::Syntax)),
            ("1 ", Err(Failure::Syntax)),
            ("0x1p3", Err(Failure::Character)),
            ("1_000", Err(Failure::Character)),
        ] {
            let got = parse_sample(text.as_bytes());
            assert_eq!(got.map(f64::to_bits), expect.map(f64::to_bits), "{text}");
        }
        assert_eq!(parse_sample(b"nan").map(f64::to_bits), Ok(NAN.to_bits()));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(5000))]

        #[test]
        fn short_numbers(text in "-?[0-9]{0,12}(\\.[0-9]{0,9})?([eE][-+]?[0-9]{1,2})?") {
            if let Some((value, end)) = parse_prefix(text.as_bytes(), 0) {
                assert_eq!(text[..end].parse::<f64>().map(f64::to_bits), Ok(value.to_bits()), "{text}");
                assert_eq!(end, text.len());
            }
        }
    }

    #[test]
    fn shortcut_for_bounds() {
        let mut texts = vec!["+Inf".to_owned()];
        let wholes = [
            "", "0", "00", "1", "10", "-0", "-7", "123456", "999999", "1234567", "+1",
        ];
        let fractions = [
            "",
            ".",
            ".0",
            ".00",
            ".5",
            ".50",
            ".0001",
            ".00009",
            ".123456789",
            ".000000001",
            ".1234567891",
            ".5x",
        ];
        for whole in wholes {
            texts.extend(fractions.iter().map(|fraction| format!("{whole}{fraction}")));
        }
        let mut hits = 0;
        for text in texts {
            let Some(suffix) = canonical(&text) else { continue };
            let mut expect = String::new();
            write_open_metrics(&mut expect, parse_go(&text).unwrap());
            assert_eq!(format!("{text}{suffix}"), expect);
            hits += 1;
        }
        assert!(hits > 30, "{hits}");
    }

    #[test]
    fn bounds() {
        for (text, expect) in [
            ("0x1p-2", Some(0.25)),
            ("-0x.8P1", Some(-1.0)),
            ("1_0", Some(10.0)),
            ("0x_1p4", Some(16.0)),
            ("_1", None),
            ("1__0", None),
            ("0x1", None),
            ("0x1p99999", None),
        ] {
            assert_eq!(parse_go(text), expect, "{text}");
        }
    }
}
