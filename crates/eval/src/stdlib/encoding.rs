//! Functions from and to encodings.

use super::args::{arg, holds_secret, text_of};
use super::base64::{Alphabet, decode, encode};
use super::{tainted, yaml};
use crate::plain;
use value::{FromValue, Object, OptionalSecret, Secret, Str, Value, ValueError};

/// The only way from a secret to a string.
pub(super) fn nonsensitive(args: &[Value]) -> Result<Value, ValueError> {
    arg::<Secret>(args, 0).map(|secret| Value::String(secret.expose().clone()))
}

/// Numbers become floats.
pub(super) fn from_json(args: &[Value]) -> Result<Value, ValueError> {
    parse_json(&arg::<String>(args, 0)?, false)
}

/// JSON text as a value. Numbers are floats; with `integers`, whole ones are not.
pub(super) fn parse_json(text: &str, integers: bool) -> Result<Value, ValueError> {
    match serde_json::from_str(text) {
        Ok(json) => Ok(value_of(json, integers)),
        Err(error) if error.is_eof() => Err(ValueError::new("unexpected end of JSON input")),
        Err(error) => Err(ValueError::new(format!("is given invalid JSON: {error}"))),
    }
}

fn value_of(json: serde_json::Value, integers: bool) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(b) => Value::Bool(b),
        // JSON knows no infinite numbers: each one is a float.
        serde_json::Value::Number(n) if let (true, Some(n)) = (integers, n.as_i64()) => Value::int(n),
        serde_json::Value::Number(n) => n.as_f64().unwrap_or_default().to_value(),
        serde_json::Value::String(text) => Value::string(text),
        serde_json::Value::Array(items) => {
            Value::array(items.into_iter().map(|item| value_of(item, integers)).collect())
        }
        serde_json::Value::Object(fields) => Value::object(
            fields
                .into_iter()
                .map(|(name, item)| (name, value_of(item, integers)))
                .collect(),
        ),
    }
}

pub(super) fn from_yaml(args: &[Value]) -> Result<Value, ValueError> {
    yaml::parse(&arg::<String>(args, 0)?)
}

/// An object as JSON, keys sorted. A secret in it makes the result one.
pub(super) fn to_json(args: &[Value]) -> Result<Value, ValueError> {
    let Some(object) = args[0].fields() else {
        return Err(ValueError::new("jsonEncode only supports map"));
    };
    let mut out = String::new();
    json_object(&object, &mut out)?;
    text_of(Some(out.len()))?;
    Ok(tainted(out, holds_secret(&args[0])))
}

fn json_object(object: &Object, out: &mut String) -> Result<(), ValueError> {
    let mut fields: Vec<_> = object.iter().collect();
    fields.sort_by(|a, b| a.0.cmp(b.0));
    plain::list(fields.into_iter(), out, ('{', '}'), |(name, value), out| {
        json_string(name.as_bytes(), out);
        out.push(':');
        json(value, out)
    })
}

fn json(value: &Value, out: &mut String) -> Result<(), ValueError> {
    if let Some(object) = value.fields() {
        return json_object(&object, out);
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => match plain::number(*n) {
            Some(text) => out.push_str(&text),
            None => return Err(ValueError::new(format!("cannot write {} as JSON", n.to_text()))),
        },
        Value::String(text) => json_string(text.as_bytes(), out),
        // Bytes are base64, as in Go.
        Value::Bytes(bytes) => json_string(encode(bytes.as_bytes(), Alphabet::Standard).as_bytes(), out),
        Value::Array(items) => plain::list(items.iter(), out, ('[', ']'), json)?,
        Value::Capsule(capsule) => {
            if let Some(secret) = capsule.downcast_ref::<Secret>() {
                json_string(secret.expose().as_bytes(), out);
            } else if let Some(optional) = capsule.downcast_ref::<OptionalSecret>() {
                json_string(optional.expose().as_bytes(), out);
            } else {
                return Err(ValueError::new(format!(
                    "cannot write a capsule(\"{}\") as JSON",
                    capsule.type_name()
                )));
            }
        }
        Value::Function(_) | Value::Object(_) => return Err(ValueError::new("cannot write a function as JSON")),
    }
    Ok(())
}

/// Like other strings in JSON, but safe inside of HTML.
fn json_string(bytes: &[u8], out: &mut String) {
    let mut text = String::new();
    plain::string(bytes, &mut text);
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
}

fn decoded(args: &[Value], alphabet: Alphabet) -> Result<Value, ValueError> {
    match decode(arg::<Str>(args, 0)?.as_bytes(), alphabet) {
        Ok(bytes) => Ok(Value::Bytes(Str::from(bytes))),
        Err(at) => Err(ValueError::new(format!("illegal base64 data at input byte {at}"))),
    }
}

pub(super) fn from_base64(args: &[Value]) -> Result<Value, ValueError> {
    decoded(args, Alphabet::Standard)
}

pub(super) fn from_url_base64(args: &[Value]) -> Result<Value, ValueError> {
    decoded(args, Alphabet::Url)
}

fn encoded(args: &[Value], alphabet: Alphabet) -> Result<Value, ValueError> {
    let text = encode(arg::<Str>(args, 0)?.as_bytes(), alphabet);
    text_of(Some(text.len()))?;
    Ok(Value::string(text))
}

pub(super) fn to_base64(args: &[Value]) -> Result<Value, ValueError> {
    encoded(args, Alphabet::Standard)
}

pub(super) fn to_url_base64(args: &[Value]) -> Result<Value, ValueError> {
    encoded(args, Alphabet::Url)
}

/// The form of query parameters: a blank is a plus.
pub(super) fn url_encode(args: &[Value]) -> Result<Value, ValueError> {
    let mut out = String::new();
    for byte in arg::<Str>(args, 0)?.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(*byte)),
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    text_of(Some(out.len()))?;
    Ok(Value::string(out))
}

pub(super) fn url_decode(args: &[Value]) -> Result<Value, ValueError> {
    let text = arg::<Str>(args, 0)?;
    let mut rest = text.as_bytes();
    let mut out = Vec::with_capacity(rest.len());
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => out.push(b' '),
            b'%' => {
                let pair = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
                let byte = pair
                    .filter(|pair| !pair.starts_with('+'))
                    .and_then(|pair| u8::from_str_radix(pair, 16).ok());
                let Some(byte) = byte else {
                    let shown = Value::string([b"%", &tail[..tail.len().min(2)]].concat());
                    return Err(ValueError::new(format!(
                        "invalid URL escape {}",
                        value::to_text(&shown)
                    )));
                };
                out.push(byte);
                rest = &tail[2..];
            }
            byte => out.push(byte),
        }
    }
    Ok(Value::string(out))
}
