//! Receivers as values of the configuration language.

use signals::{Logs, Metrics, Otlp, Receiver};
use value::{Capsule, CapsuleValue, FromValue, Type, Value, ValueError};

/// The names under which messages and the API know the types of receivers.
const LOGS: &str = "loki.LogsReceiver";
const METRICS: &str = "storage.Appendable";
const OTLP: &str = "otelcol.Consumer";

/// Whether values of a type are receivers, or lists of them: what an export of this type takes in, or an argument of this type
/// sends to.
pub fn is_receiver(ty: &Type) -> bool {
    match ty {
        Type::Capsule(name) => [LOGS, METRICS, OTLP].contains(name),
        Type::List(inner) => is_receiver(inner),
        _ => false,
    }
}

/// Whether a value is a receiver: something that batches are sent to.
pub fn is_receiver_value(value: &Value) -> bool {
    match value {
        Value::Capsule(capsule) => [LOGS, METRICS, OTLP].contains(&capsule.type_name()),
        _ => false,
    }
}

macro_rules! wire {
    ($(#[$doc:meta])* $name:ident, $payload:ty, $type_name:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name(pub Option<Receiver<$payload>>);

        impl $name {
            /// The receivers of a list that are there.
            pub fn present(list: &[$name]) -> Vec<Receiver<$payload>> {
                list.iter().filter_map(|receiver| receiver.0.clone()).collect()
            }
        }

        impl CapsuleValue for $name {
            fn type_name(&self) -> &str {
                $type_name
            }

            fn equals(&self, other: &dyn CapsuleValue) -> bool {
                (other as &dyn std::any::Any).downcast_ref::<$name>() == Some(self)
            }
        }

        impl FromValue for $name {
            fn ty() -> Type {
                Type::Capsule($type_name)
            }

            fn zero() -> Self {
                $name(None)
            }

            fn from_value(value: &Value) -> Result<Self, ValueError> {
                match value {
                    Value::Null => Ok($name(None)),
                    Value::Capsule(capsule) => capsule
                        .downcast_ref::<$name>()
                        .cloned()
                        .ok_or_else(|| ValueError::wrong_capsule($type_name, capsule.type_name())),
                    other => Err(ValueError::wrong_kind("capsule", other)),
                }
            }

            fn to_value(&self) -> Value {
                Value::Capsule(Capsule::new(self.clone()))
            }
        }
    };
}

wire! {
    /// A receiver of log batches, as `loki.*` components export it and `forward_to` takes it. Nil until its component was
    /// built.
    LogsReceiver, Logs, LOGS
}

wire! {
    /// A receiver of batches of samples, as `prometheus.*` components export it and `forward_to` takes it. Nil until its component
    /// was built.
    MetricsReceiver, Metrics, METRICS
}

wire! {
    /// A consumer of OTLP requests, as `otelcol.*` components export it and `output` blocks take it: of logs, metrics and traces, as far as
    /// its component has use for them. Nil until its component was built.
    OtelConsumer, Otlp, OTLP
}
