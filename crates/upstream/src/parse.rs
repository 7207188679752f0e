//! Reads `data/shapes.txt`.
//!
//! ```text
//! == loki.process
//! > receiver loki.LogsReceiver
//! forward_to! list(loki.LogsReceiver)
//! stage.match {*.&}
//!     action string = "keep"
//! ```
//!
//! `==` starts a component or config block, `>` an export. `?` alone says that it takes any block. Attributes are `NAME TYPE`, a `!` after
//! the name if they must be given, then ` = ` and the default as JSON, or ` ~ ` and what the default is in words. Blocks are `NAME {FLAGS}`,
//! and what is inside is one tab deeper: `!` must be given, `*` may be repeated, `@` takes a label, `?` takes anything, `.` is a variant of a
//! list of blocks whose name stands before the first dot, `&` takes that list itself.

use serde_json::Value as Json;
use value::shape::{Attribute, BlockShape, Shape};
use value::{Number, Object, Type, Value};

const SHAPES: &str = include_str!("../data/shapes.txt");

/// The lines of a component or config block.
fn section(name: &str) -> &'static str {
    let head = format!("== {name}\n");
    let start = if SHAPES.starts_with(&head) {
        0
    } else {
        match SHAPES.find(&format!("\n{head}")) {
            Some(at) => at + 1,
            None => return "",
        }
    };
    let rest = &SHAPES[start + head.len()..];
    if rest.starts_with("== ") {
        return "";
    }
    &rest[..rest.find("\n== ").map_or(rest.len(), |at| at + 1)]
}

/// What a component or config block takes.
pub(crate) fn arguments(name: &str) -> Shape {
    body(Lines {
        text: section(name),
        depth: 0,
    })
}

/// What it exports.
pub(crate) fn exports(name: &str) -> Shape {
    let exports = section(name).lines().filter_map(|line| line.strip_prefix("> "));
    Shape {
        attributes: exports.filter_map(attribute).collect(),
        ..Shape::default()
    }
}

/// Lines of a block with those inside of it.
#[derive(Clone, Copy)]
struct Lines {
    text: &'static str,
    depth: usize,
}

impl Lines {
    /// Each line of the block itself, with the lines that are deeper after it.
    fn each(self) -> impl Iterator<Item = (&'static str, Lines)> {
        let mut rest = self.text;
        std::iter::from_fn(move || {
            let (line, after) = rest.split_once('\n')?;
            let inside: usize = after
                .split_inclusive('\n')
                .take_while(|line| line.bytes().take_while(|byte| *byte == b'\t').count() > self.depth)
                .map(str::len)
                .sum();
            let (inside, after) = after.split_at(inside);
            rest = after;
            let inside = Lines {
                text: inside,
                depth: self.depth + 1,
            };
            Some((line.trim_start_matches('\t'), inside))
        })
    }
}

fn body(lines: Lines) -> Shape {
    let mut shape = Shape::default();
    for (line, inside) in lines.each() {
        if line == "?" {
            shape.free_form = true;
        } else if let Some((name, flags)) = line.split_once(' ')
            && let Some(flags) = flags.strip_prefix('{').and_then(|flags| flags.strip_suffix('}'))
        {
            shape.blocks.push(block(name, flags, inside, lines));
        } else if !line.starts_with("> ") {
            shape.attributes.extend(attribute(line));
        }
    }
    shape
}

/// `around` is the block that it is in.
fn block(name: &'static str, flags: &'static str, inside: Lines, around: Lines) -> BlockShape {
    let has = move |flag: char| flags.contains(flag);
    let list = has('.').then(|| name.split('.').next().unwrap_or(name));
    let mut block = BlockShape::new(name, move || {
        let mut shape = body(inside);
        shape.label = has('@').then_some("label".into());
        shape.free_form = has('?');
        if let (true, Some(list)) = (has('&'), list) {
            let variants = body(around).blocks.into_iter();
            shape
                .blocks
                .extend(variants.filter(|block| block.variant_of.as_deref() == Some(list)));
        }
        shape
    });
    block.required = has('!');
    block.repeated = has('*');
    block.labelled = has('@');
    block.recursive = has('&');
    block.variant_of = list.map(Into::into);
    block
}

fn attribute(line: &'static str) -> Option<Attribute> {
    let (name, rest) = line.split_once(' ')?;
    let (ty, default) = rest.split_once(' ').unwrap_or((rest, ""));
    let json = default
        .strip_prefix("= ")
        .and_then(|json| serde_json::from_str(json).ok());
    Some(Attribute {
        name: name.trim_end_matches('!').into(),
        doc: "".into(),
        ty: type_of(ty),
        required: name.ends_with('!'),
        default: json.map(value),
        default_text: default.strip_prefix("~ ").map(Into::into),
    })
}

fn type_of(text: &'static str) -> Type {
    let inner = |outer: &str| text.strip_prefix(outer)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(inner) = inner("list") {
        return Type::List(Box::new(type_of(inner)));
    }
    if let Some(inner) = inner("map") {
        return Type::Map(Box::new(type_of(inner)));
    }
    match text {
        "any" => Type::Any,
        "bool" => Type::Bool,
        "number" => Type::Number,
        "string" => Type::String,
        "duration" => Type::Duration,
        "bytes_size" => Type::ByteSize,
        "secret" => Type::Secret,
        "string|secret" => Type::OptionalSecret,
        capsule => Type::Capsule(capsule),
    }
}

fn value(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(b),
        Json::Number(number) => Value::Number(match (number.as_i64(), number.as_u64()) {
            (Some(n), _) => Number::Int(n),
            (None, Some(n)) => Number::Uint(n),
            (None, None) => Number::Float(number.as_f64().unwrap_or_default()),
        }),
        Json::String(text) => Value::string(text),
        Json::Array(items) => Value::array(items.into_iter().map(value).collect()),
        Json::Object(fields) => {
            let fields = fields.into_iter().map(|(name, item)| (name, value(item)));
            Value::object(fields.collect::<Object>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    /// The file that holds a shape.
    fn written(out: &mut String, shape: &Shape, depth: usize, recursive: bool) {
        let indent = "\t".repeat(depth);
        for one in &shape.attributes {
            let required = if one.required { "!" } else { "" };
            let ty = one.ty.to_string().replace(" | ", "|");
            let default = match (&one.default, &one.default_text) {
                (Some(value), _) => format!(" = {}", json(value)),
                (None, Some(text)) => format!(" ~ {text}"),
                (None, None) => String::new(),
            };
            writeln!(out, "{indent}{}{required} {ty}{default}", one.name).unwrap();
        }
        for block in shape
            .blocks
            .iter()
            .filter(|block| !recursive || block.variant_of.is_none())
        {
            let flags = [
                (block.required, "!"),
                (block.repeated, "*"),
                (block.labelled, "@"),
                (block.variant_of.is_some(), "."),
                (block.recursive, "&"),
                (block.shape().free_form, "?"),
            ];
            let flags: String = flags.iter().filter(|flag| flag.0).map(|flag| flag.1).collect();
            writeln!(out, "{indent}{} {{{flags}}}", block.name).unwrap();
            assert_eq!(block.labelled, block.shape().label.is_some());
            written(out, block.shape(), depth + 1, block.recursive);
        }
    }

    fn json(value: &Value) -> Json {
        match value {
            Value::Null => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Number(number) => serde_json::from_str(&number.to_text()).unwrap(),
            Value::String(text) => Json::String(text.to_str_lossy().into_owned()),
            _ => match (value.items(), value.fields()) {
                (Some(items), _) => items.iter().map(json).collect(),
                (_, Some(fields)) => {
                    let fields = fields.iter().map(|(name, item)| (name.to_string(), json(item)));
                    Json::Object(fields.collect())
                }
                _ => panic!("{value:?}"),
            },
        }
    }

    #[test]
    fn every_line_is_understood() {
        let mut out = String::new();
        for entry in crate::components().chain(crate::blocks()) {
            writeln!(out, "== {}", entry.name).unwrap();
            let arguments = entry.arguments();
            if arguments.free_form {
                out.push_str("?\n");
            }
            for export in entry.exports().attributes {
                writeln!(out, "> {} {}", export.name, export.ty.to_string().replace(" | ", "|")).unwrap();
            }
            written(&mut out, &arguments, 0, false);
        }
        let wrong = out.lines().zip(SHAPES.lines()).find(|(ours, theirs)| ours != theirs);
        assert_eq!(wrong, None);
        assert_eq!(out.lines().count(), SHAPES.lines().count());
    }

    #[test]
    fn stages_hold_stages_without_end() {
        let shape = arguments("loki.process");
        let mut inner = &shape;
        for _ in 0..20 {
            let block = inner.block("stage.match").unwrap();
            assert!(block.recursive && block.repeated);
            inner = block.shape();
            assert!(inner.attribute("selector").unwrap().required);
            assert!(
                inner
                    .block("stage.json")
                    .unwrap()
                    .shape()
                    .attribute("expressions")
                    .is_some()
            );
        }
    }

    #[test]
    fn a_name_that_starts_like_another_is_not_that() {
        assert_eq!(exports("loki.echo").names().count(), 1);
        assert_eq!(arguments("loki.source").names().count(), 0);
        assert_eq!(
            arguments("beyla.ebpf").attribute("trace_printer").unwrap().default,
            Some(Value::string("disabled"))
        );
        assert!(arguments("labelstore").names().next().is_none());
    }
}
