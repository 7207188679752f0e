//! Operators, access and calls on values of which not everything is known.

use super::fit::misfits;
use super::kind::Static;
use crate::ops::{self, Side};
use crate::stdlib::{Entry, Gives, Takes};
use syntax::ast::{BinaryOp, UnaryOp};
use value::{Number, Seg, Type, Value, ValueError};

/// Which operand is wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Left,
    Right,
}

pub(super) type Fault = (Part, ValueError);

/// Why there is nothing behind a dot.
pub(super) enum NoField {
    /// The value has no fields.
    NotAnObject(ValueError),
    /// It has these, and not the one.
    Missing(Vec<String>),
}

fn wrong_kind(wanted: &str, got: &str) -> ValueError {
    ValueError::new(format!("should be {wanted}, got {got}"))
}

pub(super) fn unary(op: UnaryOp, value: &Static) -> Result<Static, ValueError> {
    if let Static::Known(value) = value {
        return ops::unary(op, value).map(Static::Known);
    }
    let (wanted, result) = match op {
        UnaryOp::Not => ("bool", Static::Bool),
        UnaryOp::Neg => ("number", Static::Number),
    };
    match value.kind() {
        Some(kind) if kind != wanted => Err(wrong_kind(wanted, kind)),
        _ => Ok(result),
    }
}

/// Whether it is a string, or may be one in disguise.
fn is_text(value: &Static) -> bool {
    matches!(value.kind(), Some("string" | "capsule")) && !matches!(value, Static::Capsule(_))
}

pub(super) fn binary(op: BinaryOp, left: &Static, right: &Static) -> Result<Static, Fault> {
    if let (Static::Known(a), Static::Known(b)) = (left, right) {
        return match ops::binary(op, a.clone(), b.clone()) {
            Ok(value) => Ok(Static::Known(value)),
            Err((Side::Left, error)) => Err((Part::Left, error)),
            Err((Side::Right, error)) => Err((Part::Right, error)),
        };
    }
    let result = match op {
        BinaryOp::Eq | BinaryOp::Neq => return Ok(Static::Bool),
        BinaryOp::Or | BinaryOp::And | BinaryOp::Lt | BinaryOp::Lte | BinaryOp::Gt | BinaryOp::Gte => Static::Bool,
        BinaryOp::Add => Static::Unknown,
        BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Pow => Static::Number,
    };
    // A capsule may turn into a string, beside one.
    for (part, side) in [(Part::Left, left), (Part::Right, right)] {
        if let Some(kind) = side.kind()
            && kind != "capsule"
            && !ops::kinds(op).contains(&kind)
        {
            return Err((part, ops::not_allowed_kind(op, kind)));
        }
    }
    let (Some(a), Some(b)) = (left.kind(), right.kind()) else {
        return Ok(result);
    };
    if a == "capsule" || b == "capsule" {
        let secret = |side: &Static| matches!(side, Static::Secret);
        return match op {
            BinaryOp::Add if !is_text(left) || !is_text(right) => Ok(Static::Unknown),
            BinaryOp::Add if secret(left) || secret(right) => Ok(Static::Secret),
            // Beside a string an optional secret that is none becomes one.
            BinaryOp::Add if a != b => Ok(Static::Unknown),
            BinaryOp::Add => Ok(Static::OptionalSecret),
            _ if secret(left) && is_text(right) => Err((Part::Left, ops::not_allowed_kind(op, "capsule"))),
            _ => Ok(result),
        };
    }
    if a != b {
        return Err((Part::Right, wrong_kind(a, b)));
    }
    Ok(match (op, a) {
        (BinaryOp::Add, "number") => Static::Number,
        (BinaryOp::Add, "string") => Static::String,
        _ => result,
    })
}

pub(super) fn access(value: &Static, name: &str) -> Result<Static, NoField> {
    let kind = match value {
        Static::Unknown | Static::Capsule(_) => return Ok(Static::Unknown),
        Static::Map(inner) => return Ok((**inner).clone()),
        Static::Object { fields, open } => {
            return match fields.iter().find(|(known, _)| known == name) {
                Some((_, value)) => Ok(value.clone()),
                None if *open => Ok(Static::Unknown),
                None => Err(NoField::Missing(fields.iter().map(|(name, _)| name.clone()).collect())),
            };
        }
        Static::Known(value) => match value.fields() {
            Some(object) => {
                let missing = || NoField::Missing(object.iter().map(|(name, _)| name.to_string()).collect());
                return object.get(name).cloned().map(Static::Known).ok_or_else(missing);
            }
            None => value.kind(),
        },
        other => other.kind().unwrap_or_default(),
    };
    Err(NoField::NotAnObject(ValueError::new(match kind {
        "capsule" => "expected object or array or a capsule convertible to an object, got capsule".to_owned(),
        kind => format!("cannot access field \"{name}\" on value of type {kind}"),
    })))
}

pub(super) fn index(value: &Static, at: &Static) -> Result<Static, Fault> {
    let wanted = match (value.kind(), value) {
        (None, _) | (_, Static::Capsule(_)) => return Ok(Static::Unknown),
        (Some("array"), _) => "number",
        (Some("object"), _) => "string",
        (Some(kind), _) => {
            let error = ValueError::new(format!("expected object or array, got {kind}"));
            return Err((Part::Left, error));
        }
    };
    match at.kind() {
        Some(kind) if kind == wanted => {}
        Some(kind) => return Err((Part::Right, wrong_kind(wanted, kind))),
        None => return Ok(Static::Unknown),
    }
    match (value, at) {
        (Static::List(inner), _) => Ok((**inner).clone()),
        (Static::Known(Value::Array(_)) | Static::Items(_), Static::Known(Value::Number(number))) => {
            let items = value.elements().unwrap_or_default();
            let number = Number::as_i64(*number);
            let item = usize::try_from(number).ok().and_then(|i| items.get(i));
            item.cloned().ok_or_else(|| {
                let length = items.len();
                let message = format!("index {number} is out of range of array with length {length}");
                (Part::Right, ValueError::new(message))
            })
        }
        // A key that is not there is no error.
        (Static::Object { fields, open }, Static::Known(Value::String(name))) => {
            let found = fields.iter().find(|(known, _)| *known == name.to_str_lossy());
            Ok(match found {
                Some((_, value)) => value.clone(),
                None if *open => Static::Unknown,
                None => Static::Known(Value::Null),
            })
        }
        (Static::Known(object), Static::Known(Value::String(name))) => {
            let value = object.fields().map(|object| object.get(&name.to_str_lossy()).cloned());
            Ok(value.map_or(Static::Unknown, |value| Static::Known(value.unwrap_or_default())))
        }
        _ => Ok(Static::Unknown),
    }
}

/// The result of a call. Errors about arguments begin with a step to them; others are about the function.
pub(super) fn call(function: &Static, args: &[Static]) -> Result<Static, Vec<ValueError>> {
    let entry = match function {
        Static::Function(callable) => callable.0,
        other => {
            return match other.kind() {
                Some(kind) => Err(vec![wrong_kind("function", kind)]),
                None => Ok(Static::Unknown),
            };
        }
    };
    let (wanted, got) = (entry.args, args.len());
    match entry.variadic {
        true if got < wanted => {
            let error = ValueError::new(format!("expected at least {wanted} args, got {got}"));
            return Err(vec![error]);
        }
        false if got != wanted => return Err(vec![ValueError::new(format!("expected {wanted} args, got {got}"))]),
        _ => {}
    }
    if let Some(values) = args.iter().map(Static::known).collect::<Option<Vec<Value>>>()
        && let Some(pure) = entry.call
    {
        return pure(&values).map(Static::Known).map_err(|error| vec![error]);
    }
    let errors: Vec<ValueError> = args
        .iter()
        .enumerate()
        .flat_map(|(i, arg)| {
            let errors = refused(entry.takes(i), arg).into_iter();
            errors.map(move |error| error.inside(Seg::Argument(i)))
        })
        .collect();
    match errors.is_empty() {
        true => Ok(result(entry, args)),
        false => Err(errors),
    }
}

/// Why an argument is never taken.
fn refused(takes: Takes, arg: &Static) -> Vec<ValueError> {
    let kind = arg.kind();
    let ty = match (takes, kind) {
        (Takes::Any, _) | (_, None) => return Vec::new(),
        (Takes::List, Some("array")) => return Vec::new(),
        (Takes::List, Some(kind)) => return vec![wrong_kind("array", kind)],
        (Takes::Object, Some("object" | "capsule")) => return Vec::new(),
        (Takes::Object, Some(kind)) => return vec![wrong_kind("object", kind)],
        (Takes::Text, _) => Type::String,
        (Takes::Texts, _) => Type::List(Box::new(Type::String)),
        (Takes::Secret, _) => Type::Secret,
    };
    misfits(arg, &ty).into_iter().map(|misfit| misfit.error).collect()
}

fn result(entry: &Entry, args: &[Static]) -> Static {
    match entry.gives {
        Gives::Any => Static::Unknown,
        Gives::Text => Static::String,
        Gives::Texts => Static::List(Box::new(Static::String)),
        Gives::List => Static::List(Box::new(Static::Unknown)),
        Gives::TextOrSecret => match args.iter().all(is_plain) {
            true => Static::String,
            false => Static::Unknown,
        },
        Gives::Either => Static::either(args.iter().cloned()),
        Gives::Concat => match args.iter().map(Static::elements).collect::<Option<Vec<_>>>() {
            Some(lists) => Static::items(lists.into_iter().flatten().collect()),
            None => Static::either(args.iter().cloned()),
        },
    }
}

/// Whether there is surely no secret in a value.
fn is_plain(value: &Static) -> bool {
    match value {
        Static::Known(value) => !crate::stdlib::holds_secret(value),
        Static::Bool | Static::Number | Static::String => true,
        Static::List(inner) | Static::Map(inner) => is_plain(inner),
        Static::Items(items) => items.iter().all(is_plain),
        Static::Object { fields, open } => !open && fields.iter().all(|(_, value)| is_plain(value)),
        _ => false,
    }
}
