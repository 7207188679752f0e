//! Values as texts, as the Collector writes them. Source: `Value.AsString` of its `pdata`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use otlp_wire::common::AnyValue;

/// A value as a text: lists and maps in JSON, bytes in base64.
pub(crate) fn as_string(value: AnyValue<'_>) -> String {
    match value {
        AnyValue::Empty => String::new(),
        AnyValue::String(text) => String::from_utf8_lossy(text).into_owned(),
        AnyValue::Bytes(bytes) => STANDARD.encode(bytes),
        other => {
            let mut out = String::new();
            push_json(&mut out, other);
            out
        }
    }
}

/// A number as JSON has it in Go.
pub(crate) fn float(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
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

fn push_text(out: &mut String, text: &[u8]) {
    let text = serde_json::Value::from(String::from_utf8_lossy(text)).to_string();
    // As Go does for the sake of HTML.
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
}

fn push_json(out: &mut String, value: AnyValue<'_>) {
    match value {
        AnyValue::Empty => out.push_str("null"),
        AnyValue::String(text) => push_text(out, text),
        AnyValue::Bool(truth) => out.push_str(if truth { "true" } else { "false" }),
        AnyValue::Int(number) => out.push_str(&number.to_string()),
        AnyValue::Double(number) => out.push_str(&float(number)),
        AnyValue::Bytes(bytes) => push_text(out, STANDARD.encode(bytes).as_bytes()),
        AnyValue::Array(values) => {
            out.push('[');
            for (number, value) in values.enumerate() {
                if number > 0 {
                    out.push(',');
                }
                push_json(out, value);
            }
            out.push(']');
        }
        AnyValue::Map(pairs) => {
            let mut pairs: Vec<_> = pairs.into_iter().collect();
            pairs.sort_by_key(|pair| pair.key);
            out.push('{');
            for (number, pair) in pairs.into_iter().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                push_text(out, pair.key);
                out.push(':');
                push_json(out, pair.value());
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use otlp_wire::write::Value;

    #[test]
    fn values_are_what_go_makes_of_them() {
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
            as_string(map.view()),
            r#"{"a":true,"b":[1,1,"\u003ca\u003e",null],"c":"eA=="}"#
        );
        assert_eq!(as_string(AnyValue::Double(1e21)), "1e+21");
        assert_eq!(as_string(AnyValue::Double(1.5e-7)), "1.5e-7");
        assert_eq!(as_string(AnyValue::Double(123456789.5)), "123456789.5");
        assert_eq!(as_string(AnyValue::Bytes(b"hi")), "aGk=");
    }
}
