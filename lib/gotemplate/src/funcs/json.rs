//! JSON as Go's encoder writes it.

use super::args::{TIME, strval};
use super::{list, map, text};
use gotmpl::Value;
use std::fmt::Write;

pub(super) fn decode(source: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(source).map(from_json)
}

fn from_json(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Nil,
        serde_json::Value::Bool(flag) => Value::Bool(flag),
        serde_json::Value::Number(number) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::String(string) => text(string),
        serde_json::Value::Array(items) => list(items.into_iter().map(from_json).collect()),
        serde_json::Value::Object(entries) => map(entries.into_iter().map(|(name, value)| (name, from_json(value)))),
    }
}

pub(super) struct Style {
    pub(super) html_safe: bool,
    pub(super) pretty: bool,
}

pub(super) fn encode(value: &Value, style: &Style) -> String {
    let mut out = String::new();
    write(&mut out, value, style, 0);
    out
}

fn write(out: &mut String, value: &Value, style: &Style, depth: usize) {
    match value {
        Value::Nil => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Uint(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&float(*number)),
        Value::String(string) => quoted(out, string, style.html_safe),
        Value::List(items) => {
            let writers = items.iter().map(|item| (None, item));
            container(out, ['[', ']'], writers, style, depth);
        }
        Value::Map(entries) if entries.contains_key(TIME) => quoted(out, &strval(value), style.html_safe),
        Value::Map(entries) => {
            let writers = entries.iter().map(|(name, item)| (Some(&**name), item));
            container(out, ['{', '}'], writers, style, depth);
        }
        other => quoted(out, &other.to_string(), style.html_safe),
    }
}

fn container<'v>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl ExactSizeIterator<Item = (Option<&'v str>, &'v Value)>,
    style: &Style,
    depth: usize,
) {
    let empty = items.len() == 0;
    out.push(open);
    for (index, (name, item)) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        line(out, style, depth + 1);
        if let Some(name) = name {
            quoted(out, name, style.html_safe);
            out.push_str(if style.pretty { ": " } else { ":" });
        }
        write(out, item, style, depth + 1);
    }
    if !empty {
        line(out, style, depth);
    }
    out.push(close);
}

fn line(out: &mut String, style: &Style, depth: usize) {
    if style.pretty {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    }
}

/// As JavaScript writes numbers: an exponent below 1e-6 and from 1e21 on.
fn float(number: f64) -> String {
    if !number.is_finite() {
        // Go refuses these; null is what JavaScript writes.
        return "null".to_owned();
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let shown = crate::fmt::format_float(number, 'e', None);
        // e-09 becomes e-9.
        return shown.replace("e-0", "e-");
    }
    format!("{number}")
}

fn quoted(out: &mut String, string: &str, html_safe: bool) {
    out.push('"');
    for c in string.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '<' | '>' | '&' if html_safe => escape(out, c),
            '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => escape(out, c),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn escape(out: &mut String, c: char) {
    // Writing to a string does not fail.
    let _ = write!(out, "\\u{:04x}", u32::from(c));
}
