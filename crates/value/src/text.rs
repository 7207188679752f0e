//! Values in the language's own text.

pub(crate) use goquote::quote;

use crate::object::Object;
use crate::value::Value;

/// Whether a key needs no quotes. Letters outside of ASCII would not need them either; with them they read back the same.
fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic())
        && bytes.all(|b| b == b'_' || b.is_ascii_alphanumeric())
        && !matches!(name, "true" | "false" | "null")
}

/// A value in the language's own text, formatted.
pub fn to_text(value: &Value) -> String {
    let mut out = String::new();
    text(value, 0, &mut out);
    out
}

fn text(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Number(number) => out.push_str(&number.to_text()),
        Value::String(string) => out.push_str(&quote(string.as_bytes())),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Array(_) | Value::Bytes(_) => {
            out.push('[');
            for (i, item) in value.items().unwrap_or_default().iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                text(item, depth, out);
            }
            out.push(']');
        }
        Value::Object(object) => object_text(object, depth, out),
        Value::Function(_) => out.push_str("function"),
        Value::Capsule(capsule) => match (capsule.text(), capsule.as_object()) {
            (Some(text), _) => out.push_str(&text),
            (None, Some(object)) => object_text(&object, depth, out),
            (None, None) => out.push_str(&format!("capsule({})", quote(capsule.type_name().as_bytes()))),
        },
    }
}

fn object_text(object: &Object, depth: usize, out: &mut String) {
    if object.is_empty() {
        out.push_str("{}");
        return;
    }
    let key = |name: &str| {
        if is_identifier(name) {
            name.to_owned()
        } else {
            quote(name.as_bytes())
        }
    };
    // Keys align on `=` in runs of single-line values, as the formatter does.
    let fields: Vec<(String, String)> = object
        .iter()
        .map(|(name, value)| {
            let mut rendered = String::new();
            text(value, depth + 1, &mut rendered);
            (key(name), rendered)
        })
        .collect();
    out.push_str("{\n");
    let mut i = 0;
    while i < fields.len() {
        let run = fields[i..]
            .iter()
            .take_while(|(_, value)| !value.contains('\n'))
            .count();
        let run = (run + usize::from(i + run < fields.len())).max(1);
        let width = fields[i..i + run]
            .iter()
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or(0);
        for (name, value) in &fields[i..i + run] {
            let pad = width - name.chars().count();
            out.push_str(&format!(
                "{}{name}{} = {value},\n",
                "\t".repeat(depth + 1),
                " ".repeat(pad)
            ));
        }
        i += run;
    }
    out.push_str(&"\t".repeat(depth));
    out.push('}');
}
