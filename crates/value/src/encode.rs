//! From host types to blocks, and from values and blocks to text and JSON.

use crate::body::{Body, Item, Place};
use crate::object::Object;
use crate::schema::{Block, FieldKind, Schema};
use crate::value::Value;
use std::any::Any;
use std::fmt::Write;

/// A host type as a block: every field, defaults included.
pub fn encode<T: Block>(value: &T) -> Body {
    encode_any(T::schema(), value)
}

/// A host type as an object with its fields in their order; what exports are.
pub fn encode_object<T: Block>(value: &T) -> Value {
    let mut object = Object::ordered();
    fields(T::schema(), value, &mut object);
    Value::object(object)
}

fn fields(schema: &'static Schema, value: &dyn Any, object: &mut Object) {
    for field in schema.fields {
        match &field.kind {
            FieldKind::Attr { get, .. } => object.insert(field.name, get(value)),
            FieldKind::Flatten { schema, inner_ref, .. } => fields(schema(), inner_ref(value), object),
            FieldKind::Block { get, .. } => {
                object.insert(field.name, get(value).map_or(Value::Null, |body| body_object(&body)));
            }
            FieldKind::Blocks { get, .. } => {
                object.insert(field.name, Value::array(get(value).iter().map(body_object).collect()));
            }
            FieldKind::Enum { .. } | FieldKind::Label { .. } => {}
        }
    }
}

fn body_object(body: &Body) -> Value {
    let mut object = Object::ordered();
    for item in &body.items {
        match item {
            Item::Attr { name, value, .. } => object.insert(name.as_str(), value.clone().ok().flatten().unwrap_or_default()),
            Item::Block { name, body, .. } => object.insert(name.as_str(), body_object(body)),
        }
    }
    Value::object(object)
}

fn encode_any(schema: &'static Schema, value: &dyn Any) -> Body {
    let mut body = Body::default();
    collect(schema, value, &mut body);
    body
}

fn collect(schema: &'static Schema, value: &dyn Any, out: &mut Body) {
    let block = |name: String, body: Body| Item::Block { name, body, place: Place(0) };
    for field in schema.fields {
        match &field.kind {
            FieldKind::Attr { get, .. } => out.items.push(Item::Attr {
                name: field.name.to_owned(),
                value: Ok(Some(get(value))),
                place: Place(0),
            }),
            FieldKind::Block { get, .. } => out.items.extend(get(value).map(|body| block(field.name.to_owned(), body))),
            FieldKind::Blocks { get, .. } => {
                out.items.extend(get(value).into_iter().map(|body| block(field.name.to_owned(), body)));
            }
            FieldKind::Enum { get, .. } => {
                let all = get(value).into_iter();
                out.items.extend(all.map(|(variant, body)| block(format!("{}.{variant}", field.name), body)));
            }
            FieldKind::Label { get, .. } => out.label = get(value),
            FieldKind::Flatten { schema, inner_ref, .. } => collect(schema(), inner_ref(value), out),
        }
    }
}

/// Go's `%q` of bytes.
pub(crate) fn quote(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
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
                c if (c as u32) < 0x20 || c as u32 == 0x7f => drop(write!(out, "\\x{:02x}", c as u32)),
                c if c.is_control() || (c.is_whitespace() && c != ' ') || c == '\u{feff}' => {
                    drop(write!(out, "\\u{:04x}", c as u32));
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            drop(write!(out, "\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c == '_' || c.is_alphabetic())
        && chars.all(|c| c == '_' || c.is_alphabetic() || c.is_numeric())
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
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
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
            (None, None) => drop(write!(out, "capsule({})", quote(capsule.type_name().as_bytes()))),
        },
    }
}

fn object_text(object: &Object, depth: usize, out: &mut String) {
    if object.is_empty() {
        out.push_str("{}");
        return;
    }
    let key = |name: &str| if is_identifier(name) { name.to_owned() } else { quote(name.as_bytes()) };
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
        let run = fields[i..].iter().take_while(|(_, value)| !value.contains('\n')).count();
        let run = (run + usize::from(i + run < fields.len())).max(1);
        let width = fields[i..i + run].iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in &fields[i..i + run] {
            let pad = width - name.chars().count();
            drop(writeln!(out, "{}{name}{} = {value},", "\t".repeat(depth + 1), " ".repeat(pad)));
        }
        i += run;
    }
    out.push_str(&"\t".repeat(depth));
    out.push('}');
}

/// A value in the JSON form of Alloy's HTTP API: `{"type": ..., "value": ...}`.
pub fn to_json(value: &Value) -> String {
    let mut out = String::new();
    json(value, &mut out);
    out
}

fn json_string(bytes: &[u8], out: &mut String) {
    out.push('"');
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // As Go does, so that the text is safe inside HTML.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => drop(write!(out, "\\u{:04x}", c as u32)),
            c if (c as u32) < 0x20 => drop(write!(out, "\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn json(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str(r#"{"type":"null","value":null}"#),
        Value::Number(number) => {
            let n = number.as_f64();
            let text = if n.is_finite() { crate::Number::Float(n).to_text() } else { "null".to_owned() };
            drop(write!(out, r#"{{"type":"number","value":{text}}}"#));
        }
        Value::String(string) => {
            out.push_str(r#"{"type":"string","value":"#);
            json_string(string.as_bytes(), out);
            out.push('}');
        }
        Value::Bool(b) => drop(write!(out, r#"{{"type":"bool","value":{b}}}"#)),
        Value::Array(items) => {
            out.push_str(r#"{"type":"array","value":["#);
            for (i, item) in items.iter().enumerate() {
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
                json(value.as_ref().ok().and_then(Option::as_ref).unwrap_or(&Value::Null), out);
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

/// A block in the language's own text.
pub fn body_text(body: &Body) -> String {
    let mut out = String::new();
    items_text(body, 0, &mut out);
    out
}

fn items_text(body: &Body, depth: usize, out: &mut String) {
    let tabs = "\t".repeat(depth);
    for item in &body.items {
        match item {
            Item::Attr { name, value, .. } => {
                drop(write!(out, "{tabs}{name} = "));
                text(value.as_ref().ok().and_then(Option::as_ref).unwrap_or(&Value::Null), depth, out);
                out.push('\n');
            }
            Item::Block { name, body, .. } => {
                let label = if body.label.is_empty() { String::new() } else { format!(" {}", quote(body.label.as_bytes())) };
                drop(writeln!(out, "{tabs}{name}{label} {{"));
                items_text(body, depth + 1, out);
                drop(writeln!(out, "{tabs}}}"));
            }
        }
    }
}
