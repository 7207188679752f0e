//! OTLP's values as texts, as the Collector's `AsString` and Go's JSON write them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use otlp_wire::common::{AnyValue, Attributes};
use std::borrow::Cow;
use std::fmt::Write as _;

/// A value as text: strings as they are, lists and maps in JSON, bytes in base64.
pub(crate) fn as_string<'a>(value: &AnyValue<'a>) -> Cow<'a, str> {
    match value {
        AnyValue::Empty => Cow::Borrowed(""),
        AnyValue::String(text) => String::from_utf8_lossy(text),
        AnyValue::Bool(true) => Cow::Borrowed("true"),
        AnyValue::Bool(false) => Cow::Borrowed("false"),
        AnyValue::Int(number) => Cow::Owned(number.to_string()),
        AnyValue::Double(number) if number.is_finite() => Cow::Owned(float(*number)),
        AnyValue::Double(number) => Cow::Owned(format!("json: unsupported value: {}", unusual(*number))),
        AnyValue::Bytes(bytes) => Cow::Owned(STANDARD.encode(bytes)),
        AnyValue::Array(_) | AnyValue::Map(_) => {
            let mut out = String::new();
            // What JSON cannot say is nothing at all.
            match json(value, &mut out) {
                true => Cow::Owned(out),
                false => Cow::Borrowed(""),
            }
        }
    }
}

fn unusual(number: f64) -> &'static str {
    match number {
        _ if number.is_nan() => "NaN",
        _ if number > 0.0 => "+Inf",
        _ => "-Inf",
    }
}

/// A finite number as JSON has it.
fn float(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if !exponent.starts_with('-') => format!("{mantissa}e+{exponent}"),
        _ => text,
    }
}

/// Appends a value as JSON, keys in order. False if it holds a number that JSON does not have.
pub(crate) fn json(value: &AnyValue<'_>, out: &mut String) -> bool {
    match value {
        AnyValue::Empty => out.push_str("null"),
        AnyValue::String(text) => json_text(text, out),
        AnyValue::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        AnyValue::Int(number) => out.push_str(&number.to_string()),
        AnyValue::Double(number) if number.is_finite() => out.push_str(&float(*number)),
        AnyValue::Double(_) => return false,
        AnyValue::Bytes(bytes) => {
            out.push('"');
            STANDARD.encode_string(bytes, out);
            out.push('"');
        }
        AnyValue::Array(values) => {
            out.push('[');
            for (at, value) in values.enumerate() {
                if at > 0 {
                    out.push(',');
                }
                if !json(&value, out) {
                    return false;
                }
            }
            out.push(']');
        }
        AnyValue::Map(attributes) => return json_map(&sorted(*attributes), out),
    }
    true
}

/// Appends pairs as an object, in their order. False if one holds a number that JSON does not have.
pub(crate) fn json_map(pairs: &[(&[u8], AnyValue<'_>)], out: &mut String) -> bool {
    out.push('{');
    for (at, (key, value)) in pairs.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        json_text(key, out);
        out.push(':');
        if !json(value, out) {
            return false;
        }
    }
    out.push('}');
    true
}

/// Attributes in the order of their keys; of a key that occurs twice, the last.
pub(crate) fn sorted<'a>(attributes: Attributes<'a>) -> Vec<(&'a [u8], AnyValue<'a>)> {
    let mut pairs: Vec<(&[u8], AnyValue<'_>)> = attributes.iter().map(|pair| (pair.key, pair.value())).collect();
    pairs.reverse();
    pairs.sort_by_key(|pair| pair.0);
    pairs.dedup_by_key(|pair| pair.0);
    pairs
}

/// Appends a text as Go's JSON writes it, in quotes.
pub(crate) fn json_text(text: &[u8], out: &mut String) {
    out.push('"');
    for chunk in text.utf8_chunks() {
        for one in chunk.valid().chars() {
            match one {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "\\u{:04x}", u32::from(one));
                }
                one => out.push(one),
            }
        }
        for _ in chunk.invalid() {
            out.push_str("\\ufffd");
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use otlp_wire::write::Value;

    #[test]
    fn lists_and_maps_are_json_in_the_order_of_keys() {
        let list = Value::array([
            AnyValue::Int(1),
            AnyValue::Double(1.0),
            AnyValue::String(b"<a>"),
            AnyValue::Empty,
        ]);
        let map = Value::map([
            (b"b".as_slice(), list.view()),
            (b"a", AnyValue::Bool(true)),
            (b"c", AnyValue::Bytes(b"x")),
        ]);
        assert_eq!(
            as_string(&map.view()),
            r#"{"a":true,"b":[1,1,"\u003ca\u003e",null],"c":"eA=="}"#
        );
        assert_eq!(as_string(&AnyValue::Bytes(b"hi")), "aGk=");
    }

    #[test]
    fn values_are_written_as_go_writes_them() {
        let text = |value: AnyValue<'_>| as_string(&value).into_owned();
        assert_eq!(text(AnyValue::Double(123456789.5)), "123456789.5");
        assert_eq!(text(AnyValue::Double(0.1)), "0.1");
        assert_eq!(text(AnyValue::Double(5.0)), "5");
        assert_eq!(text(AnyValue::Double(1e21)), "1e+21");
        assert_eq!(text(AnyValue::Double(1.5e-7)), "1.5e-7");
        assert_eq!(text(AnyValue::Double(f64::NAN)), "json: unsupported value: NaN");
        assert_eq!(text(AnyValue::Bytes(b"ab")), "YWI=");
        let inner = Value::map([(&b"k"[..], AnyValue::Bool(true))]);
        let pairs = [
            (&b"b"[..], AnyValue::String("<\"\u{2028}\n\u{1}".as_bytes())),
            (b"a", AnyValue::Int(-1)),
            (b"c", inner.view()),
            (b"a", AnyValue::Empty),
            (b"d", AnyValue::String(b"x\xff\xfey")),
        ];
        assert_eq!(
            text(Value::map(pairs).view()),
            r#"{"a":null,"b":"\u003c\"\u2028\n\u0001","c":{"k":true},"d":"x\ufffd\ufffdy"}"#
        );
        let list = Value::array([AnyValue::Int(1), AnyValue::String(b"x")]);
        assert_eq!(text(list.view()), r#"[1,"x"]"#);
        assert_eq!(text(Value::array([AnyValue::Double(f64::INFINITY)]).view()), "");
    }
}
