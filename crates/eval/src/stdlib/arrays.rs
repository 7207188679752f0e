//! Functions on lists and objects.

use super::args::{arg, list, list_of, objects, wrong};
use std::sync::Arc;
use value::{Number, Object, OptionalSecret, Secret, Seg, Value, ValueError};

/// The first argument that is not empty, else the last one.
pub(super) fn coalesce(args: &[Value]) -> Result<Value, ValueError> {
    let found = args.iter().find(|value| !is_empty(value)).or(args.last());
    Ok(found.cloned().unwrap_or_default())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(n) => n.as_f64() == 0.0,
        Value::Bool(b) => !b,
        Value::String(text) | Value::Bytes(text) => text.as_bytes().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Function(_) => false,
        Value::Capsule(capsule) => {
            if let Some(secret) = capsule.downcast_ref::<Secret>() {
                secret.is_empty()
            } else if let Some(optional) = capsule.downcast_ref::<OptionalSecret>() {
                !optional.is_secret && optional.expose().as_bytes().is_empty()
            } else {
                capsule.as_object().is_some_and(|object| object.is_empty())
            }
        }
    }
}

pub(super) fn concat(args: &[Value]) -> Result<Value, ValueError> {
    let mut all = Vec::new();
    for i in 0..args.len() {
        all.extend_from_slice(&list(args, i)?);
    }
    Ok(Value::array(all))
}

/// Pairs of objects that [`combine_maps`] looks at.
const MAX_PAIRS: usize = 100_000_000;

/// Joins objects of two lists that agree on some keys.
pub(super) fn combine_maps(args: &[Value]) -> Result<Value, ValueError> {
    if !matches!(args.len(), 3 | 4) {
        let message = format!("combine_maps: expected 3 or 4 arguments, got {}", args.len());
        return Err(ValueError::new(message));
    }
    let (left, right) = (objects(args, 0)?, objects(args, 1)?);
    let keys = list(args, 2)?
        .iter()
        .enumerate()
        .map(|(i, key)| string(key).map_err(|error| wrong(2, error.inside(Seg::Index(i)))))
        .collect::<Result<Vec<String>, _>>()?;
    if keys.is_empty() {
        return Err(wrong(
            2,
            ValueError::new("combine_maps: merge conditions must not be empty"),
        ));
    }
    let passthrough = args.len() == 4 && arg::<bool>(args, 3)?;
    // Lists of tens of thousands of objects each take seconds.
    if left.len().saturating_mul(right.len()) > MAX_PAIRS {
        let (a, b) = (left.len(), right.len());
        return Err(ValueError::new(format!(
            "combine_maps: would compare {a} by {b} objects, which is more than {MAX_PAIRS} pairs"
        )));
    }
    let mut all = Vec::new();
    for one in &left {
        list_of(all.len())?;
        for other in &right {
            let agree = |key: &String| match (one.get(key), other.get(key)) {
                (Some(a), Some(b)) => same(a, b),
                _ => false,
            };
            if keys.iter().all(agree) {
                let mut joined = Object::new();
                for (name, value) in one.insertion_order().chain(other.insertion_order()) {
                    joined.insert(name.clone(), value.clone());
                }
                all.push(Value::object(joined));
            } else if passthrough {
                // Once for each object that does not match: upstream's rule.
                all.push(Value::Object(one.clone()));
            }
        }
    }
    list_of(all.len())?;
    Ok(Value::array(all))
}

/// Equality that tells the number representations apart: 1 is not 1.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a, b) {
            (Number::Int(a), Number::Int(b)) => a == b,
            (Number::Uint(a), Number::Uint(b)) => a == b,
            (Number::Float(a), Number::Float(b)) => a == b,
            _ => false,
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// A string that is one already; numbers are not converted here.
fn string(value: &Value) -> Result<String, ValueError> {
    match value {
        Value::String(text) => Ok(text.to_str_lossy().into_owned()),
        Value::Capsule(_) => value::FromValue::from_value(value),
        other => Err(ValueError::wrong_kind("string", other)),
    }
}

/// Groups the objects of a list by the value of a key, in the order in which the values appear.
pub(super) fn group_by(args: &[Value]) -> Result<Value, ValueError> {
    if args.len() != 3 {
        return Err(ValueError::new(format!(
            "group_by: expected 3 arguments, got {}",
            args.len()
        )));
    }
    let items = objects(args, 0)?;
    let key = string(&args[1]).map_err(|error| wrong(1, error))?;
    let drop_missing = match &args[2] {
        Value::Bool(b) => *b,
        other => return Err(wrong(2, ValueError::wrong_kind("bool", other))),
    };
    let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
    let mut index = std::collections::HashMap::new();
    for (i, (item, object)) in list(args, 0)?.iter().zip(&items).enumerate() {
        let group = match object.get(&key) {
            Some(value) => string(value).map_err(|error| in_item(error, i, &key))?,
            None if drop_missing => continue,
            None => String::new(),
        };
        let at = *index.entry(group.clone()).or_insert_with(|| {
            groups.push((group, Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push(item.clone());
    }
    let groups = groups.into_iter().map(|(group, items)| {
        let mut object = Object::new();
        object.insert(key.as_str(), Value::string(group));
        object.insert("items", Value::array(items));
        Value::Object(Arc::new(object))
    });
    Ok(Value::array(groups.collect()))
}

fn in_item(error: ValueError, i: usize, key: &str) -> ValueError {
    wrong(0, error.inside(Seg::Field(key.to_owned())).inside(Seg::Index(i)))
}
