//! JSON as Go prints it: no blanks, numbers as doubles, and `<`, `>`, `&`, U+2028 and U+2029 escaped.

use super::scan::{number, unescape};
use crate::process::extracted::format_number;
use std::borrow::Cow;

/// A container that the scanner has accepted, printed anew.
pub fn compact(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(byte) = raw.get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            b'"' => {
                let close = close(raw, at + 1);
                quote(&unescape(&raw[at + 1..close]), &mut out);
                at = close + 1;
            }
            b'-' | b'0'..=b'9' => {
                let length = raw[at..]
                    .iter()
                    .position(|byte| b",]} \t\r\n".contains(byte))
                    .unwrap_or(raw.len() - at);
                out.extend_from_slice(print_number(number(&raw[at..at + length])).as_bytes());
                at += length;
            }
            other => {
                out.push(*other);
                at += 1;
            }
        }
    }
    out
}

fn close(raw: &[u8], mut at: usize) -> usize {
    while let Some(byte) = raw.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    raw.len()
}

/// A number in JSON.
fn print_number(number: f64) -> Cow<'static, str> {
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return Cow::Owned(match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent:0>2}"),
            _ => text,
        });
    }
    Cow::Owned(format_number(number).into())
}

/// Appends a string in quotes. Bytes that are not UTF-8 become `\ufffd`.
pub fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        let valid = chunk.valid();
        let mut copied = 0;
        for (at, c) in valid.char_indices() {
            let escape: Cow<'static, str> = match c {
                '"' => "\\\"".into(),
                '\\' => "\\\\".into(),
                '\n' => "\\n".into(),
                '\r' => "\\r".into(),
                '\t' => "\\t".into(),
                '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => format!("\\u{:04x}", c as u32).into(),
                _ => continue,
            };
            out.extend_from_slice(&valid.as_bytes()[copied..at]);
            out.extend_from_slice(escape.as_bytes());
            copied = at + c.len_utf8();
        }
        out.extend_from_slice(&valid.as_bytes()[copied..]);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
    out.push(b'"');
}

/// Appends a value.
pub fn print_value(value: &jmespath::Variable, out: &mut Vec<u8>) {
    use jmespath::Variable;
    match value {
        Variable::Null | Variable::Expref(_) => out.extend_from_slice(b"null"),
        Variable::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Variable::Number(value) => {
            out.extend_from_slice(print_number(value.as_f64().unwrap_or(f64::NAN)).as_bytes());
        }
        Variable::String(value) => quote(value.as_bytes(), out),
        Variable::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                print_value(item, out);
            }
            out.push(b']');
        }
        Variable::Object(members) => {
            out.push(b'{');
            for (i, (key, value)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                quote(key.as_bytes(), out);
                out.push(b':');
                print_value(value, out);
            }
            out.push(b'}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_print_compact() {
        let text = br#"{ "k" : [1, 2.0, "x<y", 1e21, 1e-7, -0.5, 100], "\u00e9": { } , "s": "a\/b" }"#;
        let printed = String::from_utf8(compact(text)).unwrap();
        assert_eq!(
            printed,
            "{\"k\":[1,2,\"x\\u003cy\",1e+21,1e-7,-0.5,100],\"é\":{},\"s\":\"a/b\"}"
        );
    }
}
