//! From an evaluated block to a host type, by its schema. One function for all types.

use crate::body::{Body, Item, Place};
use crate::error::{Seg, ValueError};
use crate::schema::{Block, Field, FieldKind, Schema};
use crate::value::Value;
use std::any::Any;
use std::fmt;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// About the name of an attribute or block, or a block as a whole.
    Message(String),
    /// About the value of an attribute.
    Value(ValueError),
    /// The expression could not be evaluated.
    Poison,
}

/// Why a block does not fit a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The attribute or block that it is about; `None` for the block that was decoded.
    pub place: Option<Place>,
    /// What is wrong.
    pub problem: Problem,
    /// Names that were possible, where a name was not.
    pub candidates: Vec<String>,
}

impl DecodeError {
    /// A block enum has no variant of that name.
    pub fn unknown_variant(name: &str) -> Self {
        DecodeError::at(None, format!("unrecognized block name \"{name}\""))
    }

    fn at(place: Option<Place>, message: String) -> Self {
        DecodeError {
            place,
            problem: Problem::Message(message),
            candidates: Vec::new(),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::Message(message) => f.write_str(message),
            Problem::Value(error) => error.fmt(f),
            Problem::Poison => f.write_str("the expression could not be evaluated"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Decodes a block. The first thing that is wrong, in the order of the source, ends it; what is missing comes last.
pub fn decode<T: Block>(body: &Body) -> Result<T, DecodeError> {
    let mut value = T::defaults();
    let mut errors = Vec::new();
    walk(T::schema(), &mut value, body, None, true, &mut errors);
    match errors.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(value),
    }
}

/// Finds everything that is wrong with a block. Attributes whose values are not known are not checked.
pub fn check(schema: &'static Schema, body: &Body) -> Vec<DecodeError> {
    let mut errors = Vec::new();
    let mut value = (schema.defaults)();
    walk(schema, &mut *value, body, None, false, &mut errors);
    errors
}

/// A field found by name, with the way to the struct that holds it.
struct Found {
    field: &'static Field,
    through: Vec<&'static Field>,
    variant: Option<String>,
}

fn find(schema: &'static Schema, name: &str) -> Option<Found> {
    for field in schema.fields {
        match &field.kind {
            FieldKind::Flatten { schema, .. } => {
                if let Some(mut found) = find(schema(), name) {
                    found.through.insert(0, field);
                    return Some(found);
                }
            }
            FieldKind::Enum { variants, .. } => {
                let Some(variant) = name.strip_prefix(field.name).and_then(|rest| rest.strip_prefix('.')) else { continue };
                if variants().iter().any(|one| one.name == variant) {
                    return Some(Found { field, through: Vec::new(), variant: Some(variant.to_owned()) });
                }
            }
            FieldKind::Label { .. } => {}
            _ if field.name == name => return Some(Found { field, through: Vec::new(), variant: None }),
            _ => {}
        }
    }
    None
}

/// Names that the schema takes.
fn names(schema: &'static Schema, out: &mut Vec<String>) {
    for field in schema.fields {
        match &field.kind {
            FieldKind::Flatten { schema, .. } => names(schema(), out),
            FieldKind::Enum { variants, .. } => out.extend(variants().iter().map(|one| format!("{}.{}", field.name, one.name))),
            FieldKind::Label { .. } => {}
            _ => out.push(field.name.to_owned()),
        }
    }
}

fn required(schema: &'static Schema, out: &mut Vec<&'static Field>) {
    for field in schema.fields {
        match &field.kind {
            FieldKind::Flatten { schema, .. } => required(schema(), out),
            _ if field.required => out.push(field),
            _ => {}
        }
    }
}

fn label_field(schema: &'static Schema) -> Option<&'static Field> {
    schema.fields.iter().find(|field| matches!(field.kind, FieldKind::Label { .. }))
}

fn reach<'a>(mut value: &'a mut dyn Any, through: &[&'static Field]) -> &'a mut dyn Any {
    for field in through {
        if let FieldKind::Flatten { inner, .. } = &field.kind {
            value = inner(value);
        }
    }
    value
}

/// Decodes into `value`. With `first`, stops at the first error.
fn walk(schema: &'static Schema, value: &mut dyn Any, body: &Body, place: Option<Place>, first: bool, errors: &mut Vec<DecodeError>) {
    if let Some(field) = label_field(schema) {
        if body.label.is_empty() {
            errors.push(DecodeError::at(place, "block requires non-empty label".to_owned()));
        } else if let FieldKind::Label { set, .. } = &field.kind {
            set(value, &body.label);
        }
    }
    let mut seen: Vec<(&str, usize)> = Vec::new();
    let before = errors.len();
    for item in &body.items {
        if first && errors.len() > before {
            return;
        }
        let times = match seen.iter_mut().find(|(name, _)| *name == item.name()) {
            Some((_, times)) => {
                *times += 1;
                *times
            }
            None => {
                seen.push((item.name(), 1));
                1
            }
        };
        if let Err(error) = decode_item(schema, value, item, times, first, errors) {
            errors.push(error);
        }
    }
    if first && errors.len() > before {
        return;
    }
    let mut wanted = Vec::new();
    required(schema, &mut wanted);
    let mut missing = false;
    for field in wanted {
        if !body.items.iter().any(|item| item.name() == field.name) {
            let kind = if matches!(field.kind, FieldKind::Attr { .. }) { "attribute" } else { "block" };
            errors.push(DecodeError::at(place, format!("missing required {kind} \"{}\"", field.name)));
            missing = true;
        }
    }
    let unknown = body.items.iter().any(|item| matches!(item, Item::Attr { value: Ok(None) | Err(_), .. }));
    if !missing && errors.len() == before && !unknown
        && let Err(message) = (schema.validate)(value)
    {
        errors.push(DecodeError::at(place, message));
    }
}

fn decode_item(
    schema: &'static Schema,
    value: &mut dyn Any,
    item: &Item,
    times: usize,
    first: bool,
    errors: &mut Vec<DecodeError>,
) -> Result<(), DecodeError> {
    let place = Some(item.place());
    let name = item.name();
    let Some(found) = find(schema, name) else {
        let kind = if matches!(item, Item::Attr { .. }) { "attribute" } else { "block" };
        let mut error = DecodeError::at(place, format!("unrecognized {kind} name \"{name}\""));
        names(schema, &mut error.candidates);
        return Err(error);
    };
    let target = reach(value, &found.through);
    match (&found.field.kind, item) {
        (FieldKind::Attr { .. }, Item::Block { .. }) => Err(DecodeError::at(
            place,
            format!("\"{name}\" must be an attribute, but is used as a block"),
        )),
        (FieldKind::Attr { .. }, _) if times > 1 => {
            Err(DecodeError::at(place, format!("attribute \"{name}\" may only be provided once")))
        }
        (FieldKind::Attr { set, .. }, Item::Attr { value, .. }) => match value {
            Ok(Some(value)) => set(target, value).map_err(|error| DecodeError {
                place,
                problem: Problem::Value(error),
                candidates: Vec::new(),
            }),
            Ok(None) => Ok(()),
            Err(_) => Err(DecodeError { place, problem: Problem::Poison, candidates: Vec::new() }),
        },
        (_, Item::Attr { .. }) => Err(DecodeError::at(
            place,
            format!("\"{name}\" must be a block, but is used as an attribute"),
        )),
        (FieldKind::Block { .. }, _) if times > 1 => {
            Err(DecodeError::at(place, format!("block \"{name}\" may only be specified once")))
        }
        (FieldKind::Block { schema, set, .. }, Item::Block { body, .. }) => {
            nested(schema(), name, body, place, first, errors, || set(target, body))
        }
        (FieldKind::Blocks { schema, push, .. }, Item::Block { body, .. }) => {
            nested(schema(), name, body, place, first, errors, || push(target, body, times == 1))
        }
        (FieldKind::Enum { variants, push, .. }, Item::Block { body, .. }) => {
            let variant = found.variant.unwrap_or_default();
            let Some(of) = variants().iter().find(|one| one.name == variant) else { return Ok(()) };
            nested((of.schema)(), name, body, place, first, errors, || push(target, &variant, body, false))
        }
        (FieldKind::Label { .. } | FieldKind::Flatten { .. }, _) => Ok(()),
    }
}

fn nested(
    schema: &'static Schema,
    name: &str,
    body: &Body,
    place: Option<Place>,
    first: bool,
    errors: &mut Vec<DecodeError>,
    set: impl FnOnce() -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    match (label_field(schema).is_some(), body.label.is_empty()) {
        (true, true) => return Err(DecodeError::at(place, format!("block \"{name}\" requires non-empty label"))),
        (false, false) => return Err(DecodeError::at(place, format!("block \"{name}\" does not support specifying labels"))),
        _ => {}
    }
    if !first {
        // A check goes on inside by itself: it has to find everything.
        let mut value = (schema.defaults)();
        walk(schema, &mut *value, body, place, false, errors);
        return Ok(());
    }
    set().map_err(|mut error| {
        // What is missing in the block, or wrong with it as a whole, is reported at the block.
        error.place = error.place.or(place);
        error
    })
}

/// Decodes an object into a block's type, as attributes of object type do. What is missing keeps its default, required or
/// not.
pub fn decode_object<T: Block>(value: &Value) -> Result<T, ValueError> {
    let mut made = T::defaults();
    if let Value::Null = value {
        return Ok(made);
    }
    let object = value.fields().ok_or_else(|| ValueError::wrong_kind("object", value))?;
    for (name, item) in object.iter() {
        let found = find(T::schema(), name);
        let Some((found, FieldKind::Attr { set, .. })) = found.as_ref().map(|found| (found, &found.field.kind)) else {
            return Err(ValueError::new(format!("does not have field named \"{name}\"")));
        };
        set(reach(&mut made, &found.through), item).map_err(|error| error.inside(Seg::Field(name.to_string())))?;
    }
    (T::schema().validate)(&made).map_err(ValueError::new)?;
    Ok(made)
}
