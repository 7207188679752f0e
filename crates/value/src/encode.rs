//! From host types to blocks and objects.

use crate::body::{Body, Item, Place};
use crate::object::Object;
use crate::schema::{Block, BlockEnum, FieldKind, Schema};
use crate::value::Value;
use std::any::Any;

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
        let item = match &field.kind {
            FieldKind::Attr { get, .. } => get(value),
            FieldKind::Flatten { schema, inner_ref, .. } => {
                fields(schema(), inner_ref(value), object);
                continue;
            }
            FieldKind::Block { get_value, .. }
            | FieldKind::Blocks { get_value, .. }
            | FieldKind::Enum { get_value, .. } => get_value(value),
            FieldKind::Label { get, .. } => Value::string(get(value)),
        };
        insert(object, field.name, item);
    }
}

/// Sets a field; dots in the name make objects in objects.
fn insert(object: &mut Object, name: &str, value: Value) {
    let Some((outer, rest)) = name.split_once('.') else {
        return object.insert(name, value);
    };
    let mut inner = match object.get(outer) {
        Some(Value::Object(inner)) => (**inner).clone(),
        _ => Object::ordered(),
    };
    insert(&mut inner, rest, value);
    object.insert(outer, Value::object(inner));
}

/// Blocks of several names as a list of objects with one field each: the name after the prefix, and the content.
pub fn encode_variants<E: BlockEnum>(variants: &[E]) -> Value {
    let one = |variant: &E| {
        let (name, content) = variant.encode_object();
        Value::object([(name, content)].into_iter().collect())
    };
    Value::array(variants.iter().map(one).collect())
}

fn encode_any(schema: &'static Schema, value: &dyn Any) -> Body {
    let mut body = Body::default();
    collect(schema, value, &mut body);
    body
}

fn collect(schema: &'static Schema, value: &dyn Any, out: &mut Body) {
    let block = |name: String, body: Body| Item::Block {
        name,
        body,
        place: Place(0),
    };
    for field in schema.fields {
        match &field.kind {
            FieldKind::Attr { get, .. } => out.items.push(Item::Attr {
                name: field.name.to_owned(),
                value: Ok(Some(get(value))),
                place: Place(0),
            }),
            FieldKind::Block { get, .. } => out
                .items
                .extend(get(value).map(|body| block(field.name.to_owned(), body))),
            FieldKind::Blocks { get, .. } => {
                out.items
                    .extend(get(value).into_iter().map(|body| block(field.name.to_owned(), body)));
            }
            FieldKind::Enum { get, .. } => {
                let all = get(value).into_iter();
                out.items
                    .extend(all.map(|(variant, body)| block(format!("{}.{variant}", field.name), body)));
            }
            FieldKind::Label { get, .. } => out.label = get(value),
            FieldKind::Flatten { schema, inner_ref, .. } => collect(schema(), inner_ref(value), out),
        }
    }
}
