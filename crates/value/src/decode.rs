//! From an evaluated block to a host type, by its schema. One function for all types.

use crate::body::{Body, Item, Place, Poison};
use crate::error::ValueError;
use crate::schema::{Block, Field, FieldKind, Invalid, Schema};
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
    decode_as(None, body)
}

/// [`decode`] for a block whose name is known, which messages about its label then say.
pub fn decode_named<T: Block>(name: &str, body: &Body) -> Result<T, DecodeError> {
    decode_as(Some(name), body)
}

fn decode_as<T: Block>(name: Option<&str>, body: &Body) -> Result<T, DecodeError> {
    let mut value = T::defaults();
    let mut walk = Walk {
        first: true,
        errors: Vec::new(),
    };
    walk.block(T::schema(), name, &mut value, body, None);
    match walk.errors.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(value),
    }
}

/// Finds everything that is wrong with a block. Attributes whose values are not known are not checked, and no rule that
/// concerns more than one field is where one of them is not known.
pub fn check(schema: &'static Schema, body: &Body) -> Vec<DecodeError> {
    let mut walk = Walk {
        first: false,
        errors: Vec::new(),
    };
    walk.block(schema, None, &mut *(schema.defaults)(), body, None);
    walk.errors
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
                let Some(variant) = name.strip_prefix(field.name).and_then(|rest| rest.strip_prefix('.')) else {
                    continue;
                };
                if variants().iter().any(|one| one.name == variant) {
                    return Some(Found {
                        field,
                        through: Vec::new(),
                        variant: Some(variant.to_owned()),
                    });
                }
            }
            FieldKind::Label { .. } => {}
            _ if field.name == name => {
                return Some(Found {
                    field,
                    through: Vec::new(),
                    variant: None,
                });
            }
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
            FieldKind::Enum { variants, .. } => {
                out.extend(variants().iter().map(|one| format!("{}.{}", field.name, one.name)))
            }
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
    schema
        .fields
        .iter()
        .find(|field| matches!(field.kind, FieldKind::Label { .. }))
}

pub(crate) fn reach<'a>(mut value: &'a mut dyn Any, through: &[&'static Field]) -> &'a mut dyn Any {
    for field in through {
        if let FieldKind::Flatten { inner, .. } = &field.kind {
            value = inner(value);
        }
    }
    value
}

/// The checks that concern more than one field, of flattened structs first.
pub(crate) fn validate(schema: &'static Schema, value: &dyn Any) -> Result<(), Invalid> {
    for field in schema.fields {
        if let FieldKind::Flatten { schema, inner_ref, .. } = &field.kind {
            validate(schema(), inner_ref(value))?;
        }
    }
    (schema.validate)(value)
}

/// Whether a name is one of the blocks of an enum.
fn is_variant(field: &Field, name: &str) -> bool {
    name.strip_prefix(field.name).is_some_and(|rest| rest.starts_with('.'))
}

/// The content of a block, as a walk sees it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    All,
    /// At least one value in it is not known.
    Partly,
}

/// What came before an item in its block.
struct Before<'a> {
    /// How often each name occurred, in the order of the first time; the item included.
    seen: Vec<(&'a str, usize)>,
}

impl<'a> Before<'a> {
    /// Counts one more of a name.
    fn count(&mut self, name: &'a str) -> usize {
        match self.seen.iter_mut().find(|(seen, _)| *seen == name) {
            Some((_, times)) => {
                *times += 1;
                *times
            }
            None => {
                self.seen.push((name, 1));
                1
            }
        }
    }

    /// Whether an item is the first of all the blocks of an enum.
    fn is_first_variant(&self, field: &Field) -> bool {
        let times = |(name, times): &(&str, usize)| if is_variant(field, name) { *times } else { 0 };
        self.seen.iter().map(times).sum::<usize>() == 1
    }
}

struct Walk {
    /// Whether to stop at the first error.
    first: bool,
    errors: Vec<DecodeError>,
}

impl Walk {
    /// Decodes a block into `value`.
    fn block(
        &mut self,
        schema: &'static Schema,
        name: Option<&str>,
        value: &mut dyn Any,
        body: &Body,
        place: Option<Place>,
    ) -> Known {
        let start = self.errors.len();
        if let Some(Field {
            kind: FieldKind::Label { set, .. },
            ..
        }) = label_field(schema)
        {
            if body.label.is_empty() {
                let block = name.map_or("block".to_owned(), |name| format!("block \"{name}\""));
                self.errors
                    .push(DecodeError::at(place, format!("{block} requires non-empty label")));
            }
            set(value, &body.label);
        }
        let mut before = Before { seen: Vec::new() };
        let mut known = Known::All;
        for item in &body.items {
            if self.first && self.errors.len() > start {
                return known;
            }
            let times = before.count(item.name());
            match self.item(schema, value, item, times, &before) {
                Ok(Known::All) => {}
                Ok(Known::Partly) => known = Known::Partly,
                Err(error) => self.errors.push(error),
            }
        }
        if self.first && self.errors.len() > start {
            return known;
        }
        let mut wanted = Vec::new();
        required(schema, &mut wanted);
        for field in wanted {
            if !body.items.iter().any(|item| item.name() == field.name) {
                let kind = if matches!(field.kind, FieldKind::Attr { .. }) {
                    "attribute"
                } else {
                    "block"
                };
                self.errors.push(DecodeError::at(
                    place,
                    format!("missing required {kind} \"{}\"", field.name),
                ));
            }
        }
        if self.errors.len() == start
            && known == Known::All
            && let Err(invalid) = validate(schema, value)
        {
            self.errors.push(blame(invalid, body, place));
        }
        known
    }

    /// Decodes an attribute or block into the struct around it.
    fn item(
        &mut self,
        schema: &'static Schema,
        value: &mut dyn Any,
        item: &Item,
        times: usize,
        before: &Before<'_>,
    ) -> Result<Known, DecodeError> {
        let place = Some(item.place());
        let name = item.name();
        let wrong = |message: String| Err(DecodeError::at(place, message));
        let Some(found) = find(schema, name) else {
            let kind = if matches!(item, Item::Attr { .. }) {
                "attribute"
            } else {
                "block"
            };
            let mut error = DecodeError::at(place, format!("unrecognized {kind} name \"{name}\""));
            names(schema, &mut error.candidates);
            return Err(error);
        };
        let target = reach(value, &found.through);
        match (&found.field.kind, item) {
            (FieldKind::Attr { .. }, Item::Block { .. }) => {
                wrong(format!("\"{name}\" must be an attribute, but is used as a block"))
            }
            (FieldKind::Attr { .. }, _) if times > 1 => {
                wrong(format!("attribute \"{name}\" may only be provided once"))
            }
            (FieldKind::Attr { set, .. }, Item::Attr { value, .. }) => match value {
                Ok(Some(value)) => match set(target, value) {
                    Ok(()) => Ok(Known::All),
                    Err(error) => Err(DecodeError {
                        place,
                        problem: Problem::Value(error),
                        candidates: Vec::new(),
                    }),
                },
                Ok(None) => Ok(Known::Partly),
                Err(Poison) => Err(DecodeError {
                    place,
                    problem: Problem::Poison,
                    candidates: Vec::new(),
                }),
            },
            (_, Item::Attr { .. }) => wrong(format!("\"{name}\" must be a block, but is used as an attribute")),
            (FieldKind::Block { .. }, _) if times > 1 => wrong(format!("block \"{name}\" may only be specified once")),
            (FieldKind::Block { schema, set, .. }, Item::Block { body, .. }) => {
                self.nested(schema(), name, body, place, || set(target, body))
            }
            (FieldKind::Blocks { schema, push, .. }, Item::Block { body, .. }) => {
                self.nested(schema(), name, body, place, || push(target, body, times == 1))
            }
            (FieldKind::Enum { variants, push, .. }, Item::Block { body, .. }) => {
                let variant = found.variant.unwrap_or_default();
                let Some(of) = variants().iter().find(|one| one.name == variant) else {
                    return Ok(Known::All);
                };
                let first = before.is_first_variant(found.field);
                self.nested((of.schema)(), name, body, place, || push(target, &variant, body, first))
            }
            (FieldKind::Label { .. } | FieldKind::Flatten { .. }, _) => Ok(Known::All),
        }
    }

    /// Decodes a block in a block; `set` decodes it once more, into the struct around it.
    fn nested(
        &mut self,
        schema: &'static Schema,
        name: &str,
        body: &Body,
        place: Option<Place>,
        set: impl FnOnce() -> Result<(), DecodeError>,
    ) -> Result<Known, DecodeError> {
        match (label_field(schema).is_some(), body.label.is_empty()) {
            (true, true) => {
                return Err(DecodeError::at(
                    place,
                    format!("block \"{name}\" requires non-empty label"),
                ));
            }
            (false, false) => {
                return Err(DecodeError::at(
                    place,
                    format!("block \"{name}\" does not support specifying labels"),
                ));
            }
            _ => {}
        }
        let mut known = Known::All;
        if !self.first {
            // `set` would stop at the first error.
            let start = self.errors.len();
            known = self.block(schema, Some(name), &mut *(schema.defaults)(), body, place);
            if self.errors.len() > start {
                return Ok(known);
            }
        }
        match set() {
            Ok(()) => Ok(known),
            // What is missing in the block, or wrong with it as a whole, is reported at the block.
            Err(error) => Err(DecodeError {
                place: error.place.or(place),
                ..error
            }),
        }
    }
}

/// An attribute that is to blame and was written is where the error belongs; else it is the block.
fn blame(invalid: Invalid, body: &Body, place: Option<Place>) -> DecodeError {
    let written = body
        .items
        .iter()
        .find(|item| matches!(item, Item::Attr { .. }) && invalid.argument.as_deref() == Some(item.name()));
    match written {
        Some(item) => DecodeError {
            place: Some(item.place()),
            problem: Problem::Value(ValueError::new(invalid.message)),
            candidates: Vec::new(),
        },
        // The message stands at the block then, and has to say which attribute it means.
        None => match invalid.argument {
            Some(name) if !invalid.message.contains(&name) => {
                DecodeError::at(place, format!("{name}: {}", invalid.message))
            }
            _ => DecodeError::at(place, invalid.message),
        },
    }
}
