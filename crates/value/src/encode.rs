//! From host types to blocks and objects.

use crate::body::{Body, Item, Place};
use crate::object::Object;
use crate::schema::{Block, FieldKind, Schema};
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
