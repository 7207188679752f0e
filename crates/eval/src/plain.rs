//! Values as plain JSON.

use std::fmt;
use value::{Number, Value};

/// Why a value has no JSON form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainJsonError {
    /// A number is infinite or not a number.
    Number,
    /// There are functions in it.
    Function,
}

impl fmt::Display for PlainJsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PlainJsonError::Number => "infinite numbers and NaN have no JSON form",
            PlainJsonError::Function => "functions have no JSON form",
        })
    }
}

impl std::error::Error for PlainJsonError {}

/// A value as JSON without type tags: `[1,2.5,{"a":true}]`. Keys are sorted unless they are fields of a struct. Secrets are
/// `"(secret)"`, other capsules without fields their text.
pub fn to_plain_json(value: &Value) -> Result<String, PlainJsonError> {
    let mut out = String::new();
    write(value, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut String) -> Result<(), PlainJsonError> {
    if let Some(items) = value.items() {
        return list(items.iter(), out, ('[', ']'), write);
    }
    if let Some(object) = value.fields() {
        return list(object.iter(), out, ('{', '}'), |(name, value), out| {
            string(name.as_bytes(), out);
            out.push(':');
            write(value, out)
        });
    }
    match value {
        Value::Number(n) => out.push_str(&number(*n).ok_or(PlainJsonError::Number)?),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::String(text) => string(text.as_bytes(), out),
        Value::Function(_) => return Err(PlainJsonError::Function),
        Value::Capsule(capsule) => string(&visible(capsule), out),
        Value::Null | Value::Array(_) | Value::Bytes(_) | Value::Object(_) => out.push_str("null"),
    }
    Ok(())
}

/// What may be shown of a capsule.
fn visible(capsule: &value::Capsule) -> Vec<u8> {
    match capsule.downcast_ref::<value::OptionalSecret>() {
        Some(optional) if !optional.is_secret => optional.expose().as_bytes().to_vec(),
        _ => value::to_text(&Value::Capsule(capsule.clone())).into_bytes(),
    }
}

/// Items between brackets, separated by commas.
pub(crate) fn list<T, E>(
    items: impl Iterator<Item = T>,
    out: &mut String,
    (open, close): (char, char),
    mut write: impl FnMut(T, &mut String) -> Result<(), E>,
) -> Result<(), E> {
    out.push(open);
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(item, out)?;
    }
    out.push(close);
    Ok(())
}

/// A string; what is not UTF-8 becomes U+FFFD.
pub(crate) fn string(bytes: &[u8], out: &mut String) {
    let text = String::from_utf8_lossy(bytes);
    out.push_str(&serde_json::Value::from(text.as_ref()).to_string());
}

/// A number as Go's JSON encoder writes it: exponents only for very large and very small ones. `None` if it has no JSON form.
pub(crate) fn number(number: Number) -> Option<String> {
    let Number::Float(n) = number else {
        return Some(number.to_text());
    };
    if !n.is_finite() {
        return None;
    }
    if n != 0.0 && !(1e-6..1e21).contains(&n.abs()) {
        let text = format!("{n:e}");
        return Some(match text.split_once("e-") {
            Some(_) => text,
            None => text.replace('e', "e+"),
        });
    }
    Some(number.to_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_does() {
        let check = |n: f64, expect: &str| assert_eq!(number(Number::Float(n)).as_deref(), Some(expect));
        check(2.5, "2.5");
        check(1.0, "1");
        check(1e20, "100000000000000000000");
        check(1e21, "1e+21");
        check(-1.5e300, "-1.5e+300");
        check(0.000001, "0.000001");
        check(1e-7, "1e-7");
        check(0.0, "0");
        assert_eq!(number(Number::Float(f64::NAN)), None);
    }
}
