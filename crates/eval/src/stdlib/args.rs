//! Arguments of functions.

use std::borrow::Cow;
use std::sync::Arc;
use value::{FromValue, Object, OptionalSecret, Secret, Seg, Value, ValueError};

/// Longest text that a function makes, in bytes. Nested calls multiply lengths: a line of configuration could ask for more memory than
/// there is.
pub(super) const MAX_TEXT: usize = 16 << 20;

/// Longest list that a function makes of the elements of others.
pub(super) const MAX_ITEMS: usize = 1 << 20;

/// Refuses texts that are too long, before they are made. `None` stands for a length beyond all numbers.
pub(super) fn text_of(length: Option<usize>) -> Result<(), ValueError> {
    match length {
        Some(length) if length <= MAX_TEXT => Ok(()),
        _ => Err(ValueError::new(format!(
            "makes a string longer than {} MiB",
            MAX_TEXT >> 20
        ))),
    }
}

/// Refuses lists that are too long.
pub(super) fn list_of(length: usize) -> Result<(), ValueError> {
    match length <= MAX_ITEMS {
        true => Ok(()),
        false => Err(ValueError::new(format!(
            "makes a list of more than {MAX_ITEMS} elements"
        ))),
    }
}

/// An argument as a host type. The caller checked that it is there.
pub(super) fn arg<T: FromValue>(args: &[Value], i: usize) -> Result<T, ValueError> {
    T::from_value(&args[i]).map_err(|error| error.inside(Seg::Argument(i)))
}

/// An error about an argument itself.
pub(super) fn wrong(i: usize, error: ValueError) -> ValueError {
    error.inside(Seg::Argument(i))
}

/// An argument that must be a list; unlike elsewhere `null` is none.
pub(super) fn list(args: &[Value], i: usize) -> Result<Cow<'_, [Value]>, ValueError> {
    args[i]
        .items()
        .ok_or_else(|| wrong(i, ValueError::wrong_kind("array", &args[i])))
}

/// A list of objects.
pub(super) fn objects(args: &[Value], i: usize) -> Result<Vec<Arc<Object>>, ValueError> {
    let items = list(args, i)?;
    let object = |(at, item): (usize, &Value)| {
        let error = || wrong(i, ValueError::wrong_kind("object", item).inside(Seg::Index(at)));
        item.fields().ok_or_else(error)
    };
    items.iter().enumerate().map(object).collect()
}

/// Whether there is a secret in a value, however deep.
pub(crate) fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Object(object) => object.iter().any(|(_, item)| holds_secret(item)),
        Value::Capsule(capsule) => {
            capsule.downcast_ref::<Secret>().is_some()
                || capsule
                    .downcast_ref::<OptionalSecret>()
                    .is_some_and(|optional| optional.is_secret)
                || capsule
                    .as_object()
                    .is_some_and(|object| object.iter().any(|(_, item)| holds_secret(item)))
        }
        _ => false,
    }
}
