//! Floating-point numbers in the forms of Go's `strconv.FormatFloat`.

/// No number has more digits, before or after its point, that are not zeros; and precisions of `format!` end at 65,535.
const MAX_DIGITS: usize = 1100;

/// Formats `number` by `verb`, one of `e E f g G`. Without `precision` as many digits as it takes to read the same
/// number back. `g` has an exponent below 1e-4 and from the precision on; without one, from a million on: 1234567 is
/// 1.234567e+06.
pub fn format_float(number: f64, verb: char, precision: Option<usize>) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let text = match verb.to_ascii_lowercase() {
        'f' => match precision {
            Some(precision) => {
                let digits = precision.min(MAX_DIGITS);
                format!("{number:.digits$}") + &"0".repeat(precision - digits)
            }
            None => format!("{number}"),
        },
        'e' => exponential(number, precision),
        _ => general(number, precision),
    };
    if verb.is_ascii_uppercase() {
        text.to_ascii_uppercase()
    } else {
        text
    }
}

/// Mantissa, and an exponent with a sign and at least two digits.
fn exponential(number: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{number:.*e}", precision.min(MAX_DIGITS)),
        None => format!("{number:e}"),
    };
    let zeros = "0".repeat(precision.unwrap_or(0).saturating_sub(MAX_DIGITS));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}{zeros}e{sign}{digits:0>2}")
}

fn general(number: f64, precision: Option<usize>) -> String {
    let wanted = precision.map(|precision| precision.max(1));
    let text = match wanted {
        Some(precision) => format!("{number:.*e}", (precision - 1).min(MAX_DIGITS)),
        None => format!("{number:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let all: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    // Trailing zeros do not count as digits.
    let digits = all.trim_end_matches('0').len().max(1);
    let threshold = match wanted {
        None => 6,
        Some(precision) if precision > digits && digits as i64 > exponent => digits as i64,
        Some(precision) => precision as i64,
    };
    if exponent < -4 || exponent >= threshold {
        exponential(number, Some(wanted.unwrap_or(digits).min(digits) - 1))
    } else {
        let decimals = usize::try_from(digits as i64 - 1 - exponent).unwrap_or(0);
        format!("{number:.decimals$}")
    }
}
