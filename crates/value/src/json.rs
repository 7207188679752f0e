//! Values and blocks in the JSON form of Alloy's HTTP API.

use crate::body::{Body, Item};
use crate::number::Number;
use crate::object::Object;
use crate::text::quote;
use crate::value::Value;

/// A value in the JSON form of Alloy's HTTP API: `{"type": ..., "value": ...}`.
pub fn to_json(value: &Value) -> String {
    let mut out = String::new();
    json(value, &mut out);
    out
}

fn json_string(bytes: &[u8], out: &mut String) {
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| json_char(c, out));
        chunk.invalid().iter().for_each(|_| out.push_str("\\ufffd"));
    }
    out.push('"');
}

/// Escapes what Go's `encoding/json` escapes.
fn json_char(c: char, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        // So that the text is safe inside HTML and scripts.
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", c as u32)),
        c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
        c => out.push(c),
    }
}

/// A number as a 64-bit float, the way Go's `encoding/json` writes it; `null` for what JSON has no number for.
fn json_number(number: Number) -> String {
    let n = number.as_f64();
    if !n.is_finite() {
        return "null".to_owned();
    }
    if n == 0.0 || (1e-6..1e21).contains(&n.abs()) {
        return Number::Float(n).to_text();
    }
    let text = format!("{n:e}");
    if n.abs() < 1.0 { text } else { text.replace('e', "e+") }
}

fn json(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str(r#"{"type":"null","value":null}"#),
        Value::Number(number) => {
            out.push_str(&format!(r#"{{"type":"number","value":{}}}"#, json_number(*number)));
        }
        Value::String(string) => {
            out.push_str(r#"{"type":"string","value":"#);
            json_string(string.as_bytes(), out);
            out.push('}');
        }
        Value::Bool(b) => out.push_str(&format!(r#"{{"type":"bool","value":{b}}}"#)),
        Value::Array(_) | Value::Bytes(_) => {
            out.push_str(r#"{"type":"array","value":["#);
            for (i, item) in value.items().unwrap_or_default().iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                json(item, out);
            }
            out.push_str("]}");
        }
        Value::Object(object) => object_json(object, out),
        Value::Function(_) => out.push_str(r#"{"type":"function","value":"function"}"#),
        Value::Capsule(capsule) => match (capsule.text(), capsule.as_object()) {
            (None, Some(object)) => object_json(&object, out),
            (text, _) => {
                let text = text.unwrap_or_else(|| format!("capsule({})", quote(capsule.type_name().as_bytes())));
                out.push_str(r#"{"type":"capsule","value":"#);
                json_string(text.as_bytes(), out);
                out.push('}');
            }
        },
    }
}

fn object_json(object: &Object, out: &mut String) {
    out.push_str(r#"{"type":"object","value":["#);
    for (i, (name, value)) in object.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(r#"{"key":"#);
        json_string(name.as_bytes(), out);
        out.push_str(r#","value":"#);
        json(value, out);
        out.push('}');
    }
    out.push_str("]}");
}

/// A block in the JSON form of Alloy's HTTP API: a list of attributes and blocks.
pub fn body_json(body: &Body) -> String {
    let mut out = String::new();
    items_json(body, &mut out);
    out
}

fn items_json(body: &Body, out: &mut String) {
    out.push('[');
    for (i, item) in body.items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(r#"{"name":"#);
        json_string(item.name().as_bytes(), out);
        match item {
            Item::Attr { value, .. } => {
                out.push_str(r#","type":"attr","value":"#);
                json(
                    value.as_ref().ok().and_then(Option::as_ref).unwrap_or(&Value::Null),
                    out,
                );
            }
            Item::Block { body, .. } => {
                out.push_str(r#","type":"block","#);
                if !body.label.is_empty() {
                    out.push_str(r#""label":"#);
                    json_string(body.label.as_bytes(), out);
                    out.push(',');
                }
                out.push_str(r#""body":"#);
                items_json(body, out);
            }
        }
        out.push('}');
    }
    out.push(']');
}
