//! Arguments of functions.

use std::borrow::Cow;
use std::sync::Arc;
use value::{FromValue, Object, OptionalSecret, Secret, Seg, Value, ValueError};

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
