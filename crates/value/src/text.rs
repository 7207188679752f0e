//! Values in the language's own text.

use crate::object::Object;
use crate::value::Value;

/// A double-quoted literal of the bytes: printable characters stay, everything else is escaped as Go's `%q` does.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| quote_char(c, &mut out));
        chunk
            .invalid()
            .iter()
            .for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    out.push('"');
    out
}

fn quote_char(c: char, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c if is_printable(c) => out.push(c),
        c if c.is_ascii() => out.push_str(&format!("\\x{:02x}", c as u32)),
        c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04x}", c as u32)),
        c => out.push_str(&format!("\\U{:08x}", c as u32)),
    }
}

/// Letters, marks, numbers, punctuation, symbols and the ASCII space.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    // The debug form of a string escapes exactly the others, and grapheme extenders at its start: hence the letter before it.
    let mut text = String::from("x");
    text.push(c);
    text.escape_debug().nth(1) == Some(c)
}

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
