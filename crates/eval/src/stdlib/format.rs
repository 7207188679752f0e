//! `string.format`

use super::args::{MAX_TEXT, arg, holds_secret, text_of};
use super::tainted;
use gotemplate::fmt::{GoValue, sprintf_within};
use value::{Number, Object, OptionalSecret, Secret, Str, Value, ValueError};

/// Go's `Sprintf`. A secret among the arguments makes the result one.
pub(super) fn format(args: &[Value]) -> Result<Value, ValueError> {
    let format = arg::<Str>(args, 0)?;
    let secret = args.iter().any(holds_secret);
    let args: Vec<GoValue> = args[1..].iter().map(go).collect();
    match sprintf_within(format.as_bytes(), &args, MAX_TEXT) {
        Some(text) => Ok(tainted(text, secret)),
        None => Err(text_of(None).expect_err("it is too long")),
    }
}

fn go(value: &Value) -> GoValue {
    let map = |object: &Object| {
        GoValue::Map(
            object
                .iter()
                .map(|(name, value)| (name.to_string(), go(value)))
                .collect(),
        )
    };
    match value {
        Value::Null => GoValue::Nil,
        Value::Number(Number::Int(n)) => GoValue::Int(*n),
        Value::Number(Number::Uint(n)) => GoValue::Uint(*n),
        Value::Number(Number::Float(n)) => GoValue::Float(*n),
        Value::String(text) => GoValue::str(text.as_bytes()),
        Value::Bool(b) => GoValue::Bool(*b),
        Value::Array(items) => GoValue::List(items.iter().map(go).collect()),
        Value::Bytes(bytes) => GoValue::List(
            bytes
                .as_bytes()
                .iter()
                .map(|byte| GoValue::Int(i64::from(*byte)))
                .collect(),
        ),
        Value::Object(object) => map(object),
        Value::Function(_) => GoValue::str("function"),
        Value::Capsule(capsule) => {
            if let Some(secret) = capsule.downcast_ref::<Secret>() {
                GoValue::str(secret.expose().as_bytes())
            } else if let Some(optional) = capsule.downcast_ref::<OptionalSecret>() {
                GoValue::str(optional.expose().as_bytes())
            } else if let Some(object) = capsule.as_object() {
                map(&object)
            } else {
                GoValue::str(value::to_text(value))
            }
        }
    }
}
