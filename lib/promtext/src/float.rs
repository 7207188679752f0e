//! Numbers as Prometheus writes them, which is as Go's `strconv` does: 0.005, 1e+06, +Inf.

/// The shortest text that reads back as the same number, with an exponent below 1e-4 and from a million on.
pub fn format_float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    // Counters and sizes: whole and short.
    if number.fract() == 0.0 && number.abs() < 1e6 && (number != 0.0 || number.is_sign_positive()) {
        return (number as i64).to_string();
    }
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&power) {
        return format!("{number}");
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", power.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_writes_them() {
        for (number, expect) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.005, "0.005"),
            (0.00001, "1e-05"),
            (123_456.0, "123456"),
            (1_000_000.0, "1e+06"),
            (1_234_567.5, "1.2345675e+06"),
            (1_700_000_000.0, "1.7e+09"),
            (-2.5, "-2.5"),
            (1e300, "1e+300"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(format_float(number), expect);
        }
    }
}
