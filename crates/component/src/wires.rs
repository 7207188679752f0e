//! Receivers as values of the configuration language.

use signals::Receiver;
use value::{Capsule, CapsuleValue, FromValue, Type, Value, ValueError};

/// A receiver of log batches, as `loki.*` components export it and `forward_to` takes it. Nil until its component was
/// built.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogsReceiver(pub Option<Receiver>);

impl LogsReceiver {
    /// The receivers of a list that are there.
    pub fn present(list: &[LogsReceiver]) -> Vec<Receiver> {
        list.iter().filter_map(|receiver| receiver.0.clone()).collect()
    }
}

/// The name under which messages and the API know the type.
const TYPE_NAME: &str = "loki.LogsReceiver";

/// Whether values of a type are receivers, or lists of them: what an export of this type takes in, or an argument of this type
/// sends to.
pub fn is_receiver(ty: &Type) -> bool {
    match ty {
        Type::Capsule(name) => *name == TYPE_NAME,
        Type::List(inner) => is_receiver(inner),
        _ => false,
    }
}

impl CapsuleValue for LogsReceiver {
    fn type_name(&self) -> &str {
        TYPE_NAME
    }

    fn equals(&self, other: &dyn CapsuleValue) -> bool {
        (other as &dyn std::any::Any).downcast_ref::<LogsReceiver>() == Some(self)
    }
}

impl FromValue for LogsReceiver {
    fn ty() -> Type {
        Type::Capsule(TYPE_NAME)
    }

    fn zero() -> Self {
        LogsReceiver(None)
    }

    fn from_value(value: &Value) -> Result<Self, ValueError> {
        match value {
            Value::Null => Ok(LogsReceiver(None)),
            Value::Capsule(capsule) => capsule
                .downcast_ref::<LogsReceiver>()
                .cloned()
                .ok_or_else(|| ValueError::wrong_capsule(TYPE_NAME, capsule.type_name())),
            other => Err(ValueError::wrong_kind("capsule", other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Capsule(Capsule::new(self.clone()))
    }
}
