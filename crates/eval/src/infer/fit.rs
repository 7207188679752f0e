//! Whether a value of which not everything is known can become what is wanted.

use super::kind::Static;
use value::{SECRET_TO_STRING, SECRET_TO_TARGET, Seg, Type, Value, ValueError};

/// A part of a value that can never become what is wanted of it.
pub(crate) struct Misfit {
    /// The steps to the part, and what is wrong with it.
    pub(crate) error: ValueError,
    /// What is wanted.
    pub(crate) wanted: Type,
}

/// What can never be converted. Nothing is said about what may.
pub(crate) fn misfits(value: &Static, ty: &Type) -> Vec<Misfit> {
    let mut found = Vec::new();
    look(value, ty, &mut Vec::new(), &mut found);
    found
}

fn look(value: &Static, ty: &Type, path: &mut Vec<Seg>, found: &mut Vec<Misfit>) {
    let inner = |value: &Static, ty: &Type, seg: Seg, path: &mut Vec<Seg>, found: &mut Vec<Misfit>| {
        path.push(seg);
        look(value, ty, path, found);
        path.pop();
    };
    match (value, ty) {
        (Static::Unknown, _) | (_, Type::Any) | (Static::Known(Value::Null), _) => {}
        (Static::Items(items), Type::List(ty)) => {
            for (i, item) in items.iter().enumerate() {
                inner(item, ty, Seg::Index(i), path, found);
            }
        }
        (Static::Known(Value::Array(items)), Type::List(ty)) => {
            for (i, item) in items.iter().enumerate() {
                inner(&Static::Known(item.clone()), ty, Seg::Index(i), path, found);
            }
        }
        (Static::Object { fields, .. }, Type::Map(ty)) => {
            for (name, field) in fields {
                inner(field, ty, Seg::Field(name.clone()), path, found);
            }
        }
        (Static::Known(Value::Object(object)), Type::Map(ty)) => {
            for (name, field) in object.iter() {
                inner(
                    &Static::Known(field.clone()),
                    ty,
                    Seg::Field(name.to_string()),
                    path,
                    found,
                );
            }
        }
        _ => {
            if let Some(message) = wrong(value, ty) {
                found.push(Misfit {
                    error: ValueError {
                        path: path.clone(),
                        message,
                    },
                    wanted: ty.clone(),
                });
            }
        }
    }
}

/// Why a value never converts.
fn wrong(value: &Static, ty: &Type) -> Option<String> {
    let should = |wanted: &str| Some(format!("should be {wanted}, got {}", value.shown()));
    let kind = value.kind()?;
    if let (Type::Capsule(name), true) = (ty, kind != "object") {
        let same = value.capsule().as_deref() == Some(name);
        return (!same).then(|| format!("should be capsule(\"{name}\"), got {}", value.shown()));
    }
    if let (Static::Object { fields, .. }, Type::Capsule(name)) = (value, ty)
        && fields.iter().any(|(_, field)| field.capsule().as_deref() == Some(name))
    {
        // A component instead of one of its exports.
        return Some(format!("should be capsule(\"{name}\"), got object"));
    }
    if let Static::Known(value) = value {
        return ty.accepts(value).err().map(|error| error.message);
    }
    match (value, ty) {
        (Static::Secret, Type::Text) => Some(SECRET_TO_TARGET.to_owned()),
        (_, Type::Text) => None,
        // What is unknown of a string may be right, and what is in a list or object that has no elements.
        (Static::String | Static::Number, Type::Number | Type::String) => None,
        (Static::String, Type::Bytes | Type::Secret | Type::OptionalSecret) => None,
        (Static::String | Static::Number, Type::Duration | Type::ByteSize | Type::Choice(_)) => None,
        (Static::Bool, Type::Bool) => None,
        (Static::Secret, Type::String | Type::Duration | Type::ByteSize | Type::Choice(_)) => {
            Some(SECRET_TO_STRING.to_owned())
        }
        (
            Static::OptionalSecret,
            Type::String | Type::Number | Type::Duration | Type::ByteSize | Type::Choice(_) | Type::Secret,
        ) => None,
        (Static::Secret | Static::OptionalSecret, Type::OptionalSecret) | (Static::Secret, Type::Secret) => None,
        (Static::List(_) | Static::Items(_), Type::Bytes) => None,
        (Static::List(item), Type::List(ty)) => wrong_inside(item, ty),
        (Static::Map(item), Type::Map(ty)) => wrong_inside(item, ty),
        (Static::Map(_) | Static::Object { .. }, Type::Object(_)) => None,
        // Some capsules are objects, too.
        (Static::Capsule(_), Type::Map(_) | Type::Object(_)) => None,
        (Static::Map(_) | Static::Object { .. }, Type::Capsule(_)) => None,
        _ => should(ty.kind()),
    }
}

/// A list or object of which every element is wrong. It might be empty, but then nobody would need it.
fn wrong_inside(item: &Static, ty: &Type) -> Option<String> {
    let message = match (item, ty) {
        (Static::Unknown, _) | (_, Type::Any) => None,
        (item, ty) => wrong(item, ty),
    };
    message.map(|message| match message.strip_prefix("should be ") {
        Some(rest) => format!("should have elements that are {rest}"),
        None => message,
    })
}
