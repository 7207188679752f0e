//! Prometheus' JSON shapes.

use crate::eval::Answer;
use prommodel::Label;
use serde_json::Value;
use std::fmt::Write;

/// `{"status":"success","data":...}` around JSON.
pub(crate) fn success(data: &str) -> String {
    format!(r#"{{"status":"success","data":{data}}}"#)
}

/// An error; `kind` is one of Prometheus' error types.
pub(crate) fn error(kind: &str, message: &str) -> String {
    serde_json::json!({"status": "error", "errorType": kind, "error": message}).to_string()
}

/// A string of JSON.
fn text(out: &mut String, text: &str) {
    let _ = write!(out, "{}", Value::from(text));
}

/// A list of strings.
pub(crate) fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    Value::Array(texts.into_iter().map(Value::from).collect()).to_string()
}

/// An object of names and values.
pub(crate) fn labels<'l>(out: &mut String, labels: impl IntoIterator<Item = &'l Label>) {
    out.push('{');
    for (i, label) in labels.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        text(out, label.name());
        out.push(':');
        text(out, label.value());
    }
    out.push('}');
}

/// A number as Go writes it: without an exponent unless it is very large or very small.
pub(crate) fn number(out: &mut String, value: f64) {
    // Writing to a string does not fail.
    let _ = if value.is_nan() {
        write!(out, "NaN")
    } else if value.is_infinite() {
        write!(out, "{}Inf", if value > 0.0 { '+' } else { '-' })
    } else if value != 0.0 && !(1e-6..1e21).contains(&value.abs()) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        write!(out, "{mantissa}e{sign}{digits:0>2}")
    } else {
        write!(out, "{value}")
    };
}

/// Seconds, with three digits behind the point if they are not whole.
fn time(out: &mut String, milliseconds: i64) {
    if milliseconds < 0 {
        out.push('-');
    }
    let _ = write!(out, "{}", (milliseconds / 1000).abs());
    let rest = (milliseconds % 1000).abs();
    if rest != 0 {
        let _ = write!(out, ".{rest:03}");
    }
}

fn point(out: &mut String, at: i64, value: f64) {
    out.push('[');
    time(out, at);
    out.push_str(",\"");
    number(out, value);
    out.push_str("\"]");
}

/// `data` of the answer to a query at `at`, in milliseconds since 1970.
pub(crate) fn answer(answer: &Answer, at: i64) -> String {
    let mut out = String::new();
    let kind = match answer {
        Answer::Scalar(_) => "scalar",
        Answer::Vector(_) => "vector",
        Answer::Matrix(_) => "matrix",
    };
    let _ = write!(out, r#"{{"resultType":"{kind}","result":"#);
    match answer {
        Answer::Scalar(value) => point(&mut out, at, *value),
        Answer::Vector(samples) => list(&mut out, samples, |out, sample| {
            out.push_str(r#"{"metric":"#);
            labels(out, sample.labels.iter());
            out.push_str(r#","value":"#);
            point(out, at, sample.value);
            out.push('}');
        }),
        Answer::Matrix(tracks) => list(&mut out, tracks, |out, track| {
            out.push_str(r#"{"metric":"#);
            labels(out, track.labels.iter());
            out.push_str(r#","values":"#);
            list(out, &track.points, |out, (at, value)| point(out, *at, *value));
            out.push('}');
        }),
    }
    out.push('}');
    out
}

pub(crate) fn list<T>(out: &mut String, items: &[T], mut each: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        each(out, item);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_does() {
        for (value, expect) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-07"),
            (0.000001, "0.000001"),
            (-1e300, "-1e+300"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            let mut out = String::new();
            number(&mut out, value);
            assert_eq!(out, expect);
        }
    }

    #[test]
    fn times_have_three_digits_or_none() {
        for (at, expect) in [
            (0, "0"),
            (1_700_000_000_000, "1700000000"),
            (1_500, "1.500"),
            (1_007, "1.007"),
            (-1_007, "-1.007"),
            (-7, "-0.007"),
        ] {
            let mut out = String::new();
            time(&mut out, at);
            assert_eq!(out, expect);
        }
    }
}
