//! Text from code: values, attributes and blocks, formatted.
//!
//! Used where configuration is produced by the program: converters, the effective configuration, exported values.

use crate::format::{format, into_string};
use crate::ident;
use crate::literal::quote;

/// A value to print.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number as it shall be printed.
    Number(String),
    /// A string, which may be any bytes; printed in double quotes.
    String(Vec<u8>),
    /// `[a, b]`
    Array(Vec<Value>),
    /// `{ key = value, }`, one field a line. Keys that are not identifiers are quoted.
    Object(Vec<(String, Value)>),
    /// Text that is printed as it is: an expression, or a mark such as `(secret)`.
    Raw(String),
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Number(value.to_string())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::String(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::String(value.into_bytes())
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Value {
        Value::Array(values.into_iter().map(Into::into).collect())
    }
}

impl Value {
    /// The formatted text of the value. Raw text that is no expression is printed unformatted, with all that is around it.
    pub fn to_text(&self) -> String {
        let mut text = String::from("v = ");
        self.write(&mut text);
        match format("", text.as_bytes()) {
            Ok(formatted) => into_string(formatted).split_off("v = ".len()),
            Err(_) => text.split_off("v = ".len()),
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Number(text) | Value::Raw(text) => out.push_str(text),
            Value::String(bytes) => out.push_str(&quote(bytes)),
            Value::Array(values) => {
                out.push('[');
                for (i, value) in values.iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    value.write(out);
                }
                out.push(']');
            }
            Value::Object(fields) if fields.is_empty() => out.push_str("{}"),
            Value::Object(fields) => {
                out.push_str("{\n");
                for (key, value) in fields {
                    out.push_str(&key_text(key));
                    out.push_str(" = ");
                    value.write(out);
                    out.push_str(",\n");
                }
                out.push('}');
            }
        }
    }
}

/// An object key as it must be written to be read back. Escape sequences mean nothing in keys, hence the back quotes; only a key
/// with back quotes and other special characters cannot be written, and is shown with escapes.
fn key_text(key: &str) -> String {
    let special = key.contains(['"', '\\']) || key.contains(char::is_control);
    match special {
        _ if ident::is_valid(key) => key.to_string(),
        true if !key.contains('`') => format!("`{key}`"),
        true => quote(key.as_bytes()),
        false => format!("\"{key}\""),
    }
}

/// A body to print: the top level of a file or the inside of a block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Attribute(String, Value),
    Block { name: String, label: String, body: Body },
    Comment(String),
}

impl Body {
    /// An empty body.
    pub fn new() -> Body {
        Body::default()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Sets an attribute: replaces the value of one of the same name where it stands, or adds one at the end.
    pub fn attribute(&mut self, name: &str, value: impl Into<Value>) -> &mut Body {
        let value = value.into();
        let existing = self.nodes.iter_mut().find_map(|node| match node {
            Node::Attribute(other, value) if other == name => Some(value),
            _ => None,
        });
        match existing {
            Some(existing) => *existing = value,
            None => self.nodes.push(Node::Attribute(name.to_string(), value)),
        }
        self
    }

    /// Adds a block with a dotted name; the empty label is no label.
    pub fn block(&mut self, name: &str, label: &str, body: Body) -> &mut Body {
        self.nodes.push(Node::Block {
            name: name.to_string(),
            label: label.to_string(),
            body,
        });
        self
    }

    /// Adds a comment before the next statement, one `//` for each line of `text`.
    pub fn comment(&mut self, text: &str) -> &mut Body {
        self.nodes.push(Node::Comment(text.to_string()));
        self
    }

    /// The formatted text, without a newline at the end. If raw values make it unreadable, it is given unformatted.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        match format("", text.as_bytes()) {
            Ok(formatted) => into_string(formatted),
            Err(_) => text,
        }
    }

    fn write(&self, out: &mut String) {
        for node in &self.nodes {
            match node {
                Node::Attribute(name, value) => {
                    out.push_str(name);
                    out.push_str(" = ");
                    value.write(out);
                }
                Node::Block { name, label, body } => {
                    out.push_str(name);
                    if !label.is_empty() {
                        out.push(' ');
                        out.push_str(&quote(label.as_bytes()));
                    }
                    out.push_str(" {");
                    if !body.is_empty() {
                        out.push('\n');
                        body.write(out);
                    }
                    out.push('}');
                }
                Node::Comment(text) => {
                    let lines: Vec<String> = text
                        .lines()
                        .map(|line| format!("// {line}").trim_end().to_string())
                        .collect();
                    out.push_str(&lines.join("\n"));
                }
            }
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_blocks() {
        let mut endpoint = Body::new();
        endpoint
            .attribute("url", "http://localhost/\"x\"")
            .attribute(
                "headers",
                Value::Object(vec![("a".into(), 1.into()), ("b-c".into(), vec![true, false].into())]),
            )
            .attribute("url", "http://other/");
        let mut body = Body::new();
        body.attribute("empty", Value::Object(Vec::new()))
            .attribute("receiver", Value::Raw("loki.write.a . receiver".into()))
            .comment("where it goes\n\nand how")
            .block("loki.write", "a", {
                let mut write = Body::new();
                write.block("endpoint", "", endpoint).block("nothing", "", Body::new());
                write
            });
        let expected = r#"empty    = {}
receiver = loki.write.a.receiver
// where it goes
//
// and how
loki.write "a" {
	endpoint {
		url     = "http://other/"
		headers = {
			a     = 1,
			"b-c" = [true, false],
		}
	}

	nothing { }
}"#;
        assert_eq!(body.to_text(), expected);
    }

    #[test]
    fn prints_values() {
        for (value, expected) in [
            (Value::Null, "null"),
            (Value::from(vec![1, 2]), "[1, 2]"),
            (Value::String(b"\xff\n".to_vec()), r#""\xff\n""#),
            (Value::Raw("(secret)".into()), "(secret)"),
            (Value::Raw("not an ] expression".into()), "not an ] expression"),
            (
                Value::Object(vec![("a b".into(), Value::Null)]),
                "{\n\t\"a b\" = null,\n}",
            ),
        ] {
            assert_eq!(value.to_text(), expected);
        }
    }
}
