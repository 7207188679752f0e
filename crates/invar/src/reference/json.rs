//! For programs. Fields may be added; those that are there keep their meaning.

use super::{Entry, Kind, blocks_of, fields, prose};
use crate::command::Failure;
use serde::Serialize;
use serde_json::Value as Json;
use value::Value;
use value::shape::{Attribute, BlockShape, Shape};

#[derive(Serialize)]
struct List<'a> {
    components: Vec<Head<'a>>,
    blocks: Vec<Head<'a>>,
}

#[derive(Serialize)]
struct Head<'a> {
    name: &'a str,
    /// `component` or `block`.
    kind: &'static str,
    /// `experimental`, `public-preview` or `generally-available`.
    stability: &'static str,
    community: bool,
    /// Whether this version runs it.
    runs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

#[derive(Serialize)]
struct Page<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    doc: String,
    arguments: JsonShape,
    exports: Vec<Export>,
}

#[derive(Serialize)]
struct Export {
    name: String,
    #[serde(rename = "type")]
    ty: String,
    doc: String,
}

#[derive(Serialize)]
struct JsonShape {
    attributes: Vec<JsonAttribute>,
    blocks: Vec<JsonBlock>,
    /// Whether it takes any block.
    free_form: bool,
}

#[derive(Serialize)]
struct JsonAttribute {
    name: String,
    #[serde(rename = "type")]
    ty: String,
    required: bool,
    /// Plain JSON; durations and sizes are strings.
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_text: Option<String>,
    doc: String,
    /// What the objects take of which the value is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<JsonShape>,
}

#[derive(Serialize)]
struct JsonBlock {
    name: String,
    required: bool,
    repeated: bool,
    labelled: bool,
    /// The list of blocks of several names that it is one of.
    #[serde(skip_serializing_if = "Option::is_none")]
    variant_of: Option<String>,
    /// Whether it takes the blocks of that list itself; they are not repeated here.
    recursive: bool,
    doc: String,
    #[serde(flatten)]
    inside: JsonShape,
}

/// All components and config blocks.
pub fn list(entries: &[Entry]) -> Result<String, Failure> {
    let of = |kind| entries.iter().filter(|entry| entry.kind == kind).map(head).collect();
    text(&List {
        components: of(Kind::Component),
        blocks: of(Kind::Block),
    })
}

/// Everything about one.
pub fn page(entry: &Entry) -> Result<String, Failure> {
    let arguments = entry.arguments();
    let export = |one: Attribute| Export {
        name: one.name.to_string(),
        ty: one.ty.to_string(),
        doc: prose(&one.doc),
    };
    text(&Page {
        head: head(entry),
        doc: prose(&arguments.doc),
        arguments: shape(&arguments)?,
        exports: entry.exports().attributes.into_iter().map(export).collect(),
    })
}

fn text(page: &impl Serialize) -> Result<String, Failure> {
    let mut text = serde_json::to_string_pretty(page)?;
    text.push('\n');
    Ok(text)
}

fn head(entry: &Entry) -> Head<'_> {
    Head {
        name: entry.name,
        kind: match entry.kind {
            Kind::Component => "component",
            Kind::Block => "block",
        },
        stability: entry.stability.as_str(),
        community: entry.community,
        runs: entry.runs,
        note: entry.note,
    }
}

fn shape(shape: &Shape) -> Result<JsonShape, Failure> {
    Ok(JsonShape {
        attributes: attributes(&shape.attributes)?,
        blocks: shape.blocks.iter().map(block).collect::<Result<_, _>>()?,
        free_form: shape.free_form,
    })
}

fn attributes(attributes: &[Attribute]) -> Result<Vec<JsonAttribute>, Failure> {
    attributes.iter().map(attribute).collect()
}

fn attribute(one: &Attribute) -> Result<JsonAttribute, Failure> {
    let default = match &one.default {
        None | Some(Value::Capsule(_)) => None,
        Some(value) => Some(serde_json::from_str(&eval::to_plain_json(value)?)?),
    };
    Ok(JsonAttribute {
        name: one.name.to_string(),
        ty: one.ty.to_string(),
        required: one.required,
        default,
        default_text: one.default_text.as_ref().map(ToString::to_string),
        doc: prose(&one.doc),
        fields: fields(&one.ty).as_ref().map(shape).transpose()?,
    })
}

fn block(block: &BlockShape) -> Result<JsonBlock, Failure> {
    let inside = block.shape();
    Ok(JsonBlock {
        name: block.name.to_string(),
        required: block.required,
        repeated: block.repeated,
        labelled: block.labelled,
        variant_of: block.variant_of.as_ref().map(ToString::to_string),
        recursive: block.recursive,
        doc: prose(&block.doc),
        inside: JsonShape {
            attributes: attributes(&inside.attributes)?,
            blocks: blocks_of(block).map(self::block).collect::<Result<_, _>>()?,
            free_form: inside.free_form,
        },
    })
}
