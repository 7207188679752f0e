//! From objects to the types of blocks, as attributes of object type and exports need it.

use crate::decode::{reach, validate};
use crate::error::{Seg, ValueError};
use crate::object::Object;
use crate::schema::{Block, BlockEnum, Field, FieldKind, Schema};
use crate::value::Value;
use std::any::Any;
use std::sync::Arc;

/// Decodes an object into a block's type; the inverse of [`encode_object`](crate::encode_object). A block is an object, and a
/// block of which there may be many a list of them; a dotted name is an object in an object. What is missing keeps its default,
/// required or not.
pub fn decode_object<T: Block>(value: &Value) -> Result<T, ValueError> {
    let mut made = T::defaults();
    if let Value::Null = value {
        return Ok(made);
    }
    fill(T::schema(), &mut made, "", &*fields(value)?)?;
    validate(T::schema(), &made).map_err(|invalid| ValueError::new(invalid.message))?;
    Ok(made)
}

/// Decodes a list of objects; or, for blocks with labels, an object whose keys are the labels.
pub fn decode_objects<T: Block>(value: &Value) -> Result<Vec<T>, ValueError> {
    let label = T::schema().fields.iter().find_map(|field| match field.kind {
        FieldKind::Label { set, .. } => Some(set),
        _ => None,
    });
    match (label, value.fields()) {
        (Some(set), Some(object)) => object
            .iter()
            .map(|(name, item)| {
                let mut made: T = decode_object(item).map_err(|error| error.inside(Seg::Field(name.to_string())))?;
                set(&mut made, name);
                Ok(made)
            })
            .collect(),
        _ => list(value, decode_object),
    }
}

/// Decodes a list of objects with one field each: the name of a variant, and its content.
pub fn decode_variants<E: BlockEnum>(value: &Value) -> Result<Vec<E>, ValueError> {
    list(value, |item| {
        let object = fields(item)?;
        let mut content = object.iter();
        let (Some((name, content)), None) = (content.next(), content.next()) else {
            return Err(ValueError::new(format!(
                "should have exactly one field, got {}",
                object.len()
            )));
        };
        if !E::variants().iter().any(|one| one.name == name) {
            return Err(ValueError::no_field(name));
        }
        E::decode_object(name, content).map_err(|error| error.inside(Seg::Field(name.to_string())))
    })
}

fn fields(value: &Value) -> Result<Arc<Object>, ValueError> {
    value.fields().ok_or_else(|| ValueError::wrong_kind("object", value))
}

fn list<T>(value: &Value, decode: impl Fn(&Value) -> Result<T, ValueError>) -> Result<Vec<T>, ValueError> {
    if let Value::Null = value {
        return Ok(Vec::new());
    }
    let items = value.items().ok_or_else(|| ValueError::wrong_kind("array", value))?;
    let one = |(i, item)| decode(item).map_err(|error| error.inside(Seg::Index(i)));
    items.iter().enumerate().map(one).collect()
}

/// The field of a name, with the flattened fields on the way to it.
fn find(schema: &'static Schema, name: &str) -> Option<(Vec<&'static Field>, &'static Field)> {
    // A label is no name of the language, so that a real field of its name comes first.
    let labels = [false, true].into_iter();
    labels.filter_map(|label| find_kind(schema, name, label)).next()
}

fn find_kind(schema: &'static Schema, name: &str, label: bool) -> Option<(Vec<&'static Field>, &'static Field)> {
    schema.fields.iter().find_map(|field| match &field.kind {
        FieldKind::Flatten { schema, .. } => find_kind(schema(), name, label).map(|(mut through, found)| {
            through.insert(0, field);
            (through, found)
        }),
        kind => (field.name == name && matches!(kind, FieldKind::Label { .. }) == label).then(|| (Vec::new(), field)),
    })
}

/// Whether a name is the first part of dotted ones.
fn is_prefix(schema: &'static Schema, name: &str) -> bool {
    schema.fields.iter().any(|field| match &field.kind {
        FieldKind::Flatten { schema, .. } => is_prefix(schema(), name),
        FieldKind::Label { .. } => false,
        _ => field.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')),
    })
}

fn fill(schema: &'static Schema, made: &mut dyn Any, prefix: &str, object: &Object) -> Result<(), ValueError> {
    for (key, item) in object.iter() {
        let name = format!("{prefix}{key}");
        let done = match find(schema, &name) {
            Some((through, field)) => set(field, reach(made, &through), item),
            None if is_prefix(schema, &name) => match item {
                Value::Null => Ok(()),
                item => fields(item).and_then(|inner| fill(schema, made, &format!("{name}."), &inner)),
            },
            None => return Err(ValueError::no_field(key)),
        };
        done.map_err(|error| error.inside(Seg::Field(key.to_string())))?;
    }
    Ok(())
}

fn set(field: &Field, target: &mut dyn Any, item: &Value) -> Result<(), ValueError> {
    match &field.kind {
        FieldKind::Attr { set, .. } => set(target, item),
        FieldKind::Block { set_value, .. }
        | FieldKind::Blocks { set_value, .. }
        | FieldKind::Enum { set_value, .. } => set_value(target, item),
        FieldKind::Label { set, .. } => {
            let label = <String as crate::FromValue>::from_value(item)?;
            set(target, &label);
            Ok(())
        }
        FieldKind::Flatten { .. } => Ok(()),
    }
}
