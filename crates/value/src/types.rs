//! Types of arguments and exports, as documentation and checks see them; and host types with a text form of their own.

use crate::convert::FromValue;
use crate::error::{SECRET_TO_TARGET, ValueError};
use crate::schema::Schema;
use crate::secret::{OptionalSecret, Secret};
use crate::value::{Str, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What a value has to be.
#[derive(Clone, Debug)]
pub enum Type {
    /// Anything.
    Any,
    /// `true` or `false`.
    Bool,
    /// A number; whole or with a fraction.
    Number,
    /// A string.
    String,
    /// What can be written as a string: anything but secrets and `null`. Labels of targets.
    Text,
    /// A string such as `1h30m`.
    Duration,
    /// A string such as `10MiB`.
    ByteSize,
    /// A string, or a list of byte values.
    Bytes,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A list.
    List(Box<Type>),
    /// An object whose values are all of one type.
    Map(Box<Type>),
    /// An object with these fields.
    Object(&'static Schema),
    /// A secret.
    Secret,
    /// A string that may be a secret.
    OptionalSecret,
    /// A capsule, by its type name.
    Capsule(&'static str),
}

impl Type {
    /// Name of the kind of values that it takes.
    pub fn kind(&self) -> &'static str {
        match self {
            Type::Any => "any",
            Type::Bool => "bool",
            Type::Number => "number",
            Type::String | Type::Text | Type::Duration | Type::ByteSize | Type::Choice(_) => "string",
            Type::Bytes | Type::List(_) => "array",
            Type::Map(_) | Type::Object(_) => "object",
            Type::Secret | Type::OptionalSecret | Type::Capsule(_) => "capsule",
        }
    }
}

impl Type {
    /// Whether a value converts, as far as the type itself tells: what is in lists and objects is not looked at, and capsules
    /// may convert from anything.
    pub fn accepts(&self, value: &Value) -> Result<(), ValueError> {
        match self {
            Type::Any | Type::Capsule(_) => Ok(()),
            Type::Bool => bool::from_value(value).map(drop),
            Type::Number => f64::from_value(value).map(drop),
            Type::String => Str::from_value(value).map(drop),
            Type::Text => text(value),
            Type::Duration => GoDuration::from_value(value).map(drop),
            Type::ByteSize => ByteSize::from_value(value).map(drop),
            Type::Bytes => Bytes::from_value(value).map(drop),
            Type::Choice(names) => match String::from_value(value)? {
                text if names.contains(&text.as_str()) || matches!(value, Value::Null) => Ok(()),
                text => Err(ValueError::not_a_choice(&text, names)),
            },
            Type::List(_) => Vec::<Value>::from_value(value).map(drop),
            Type::Map(_) => BTreeMap::<String, Value>::from_value(value).map(drop),
            Type::Object(_) if matches!(value, Value::Null) || value.fields().is_some() => Ok(()),
            Type::Object(_) => Err(ValueError::wrong_kind("object", value)),
            Type::Secret => Secret::from_value(value).map(drop),
            Type::OptionalSecret => OptionalSecret::from_value(value).map(drop),
        }
    }
}

/// Whether a value can be a label of a target.
fn text(value: &Value) -> Result<(), ValueError> {
    let secret = match value {
        Value::Null => return Err(ValueError::new("cannot convert a nil value to a target value")),
        Value::Capsule(capsule) => {
            let optional = capsule.downcast_ref::<OptionalSecret>();
            capsule.downcast_ref::<Secret>().is_some() || optional.is_some_and(|optional| optional.is_secret)
        }
        _ => false,
    };
    match secret {
        true => Err(ValueError::new(SECRET_TO_TARGET)),
        false => Ok(()),
    }
}

impl fmt::Display for Type {
    /// As documentation writes it: `list(string)`, `duration`, `"a" | "b"`, `loki.LogsReceiver`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Any => f.write_str("any"),
            Type::Bool => f.write_str("bool"),
            Type::Number => f.write_str("number"),
            Type::String | Type::Text => f.write_str("string"),
            Type::Duration => f.write_str("duration"),
            Type::ByteSize => f.write_str("bytes_size"),
            Type::Bytes => f.write_str("bytes"),
            Type::Choice(names) => {
                for (i, name) in names.iter().enumerate() {
                    let separator = if i == 0 { "" } else { " | " };
                    write!(f, "{separator}\"{name}\"")?;
                }
                Ok(())
            }
            Type::List(inner) => write!(f, "list({inner})"),
            Type::Map(inner) => write!(f, "map({inner})"),
            Type::Object(_) => f.write_str("object"),
            Type::Secret => f.write_str("secret"),
            Type::OptionalSecret => f.write_str("string | secret"),
            Type::Capsule(name) => f.write_str(name),
        }
    }
}

/// A duration in nanoseconds, negative ones included; written as Go does: `1h30m`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration(pub i64);

impl GoDuration {
    /// A duration of whole seconds.
    pub const fn seconds(n: i64) -> Self {
        GoDuration(n * 1_000_000_000)
    }

    /// A duration of milliseconds.
    pub const fn millis(n: i64) -> Self {
        GoDuration(n * 1_000_000)
    }

    /// A duration of minutes.
    pub const fn minutes(n: i64) -> Self {
        GoDuration::seconds(n * 60)
    }

    /// As a duration that cannot be negative; negative ones are zero.
    pub fn as_std(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
}

impl FromValue for GoDuration {
    fn ty() -> Type {
        Type::Duration
    }

    fn zero() -> Self {
        GoDuration(0)
    }

    fn from_value(value: &Value) -> Result<Self, ValueError> {
        match value {
            Value::Null => Ok(GoDuration(0)),
            // A number too is read as text: without a unit it is no duration, unless it is zero.
            other => {
                let text = String::from_value(other)?;
                let nanos = gotime::parse_duration(&text).map_err(|error| ValueError::new(error.to_string()))?;
                Ok(GoDuration(nanos))
            }
        }
    }

    fn to_value(&self) -> Value {
        Value::string(gotime::format_duration(self.0))
    }
}

/// A duration that cannot be negative.
impl FromValue for Duration {
    fn ty() -> Type {
        Type::Duration
    }

    fn zero() -> Self {
        Duration::ZERO
    }

    fn from_value(value: &Value) -> Result<Self, ValueError> {
        let nanos = u64::try_from(GoDuration::from_value(value)?.0);
        nanos
            .map(Duration::from_nanos)
            .map_err(|_| ValueError::new("should not be negative"))
    }

    fn to_value(&self) -> Value {
        GoDuration(i64::try_from(self.as_nanos()).unwrap_or(i64::MAX)).to_value()
    }
}

/// Bytes; a string or a list of numbers in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl FromValue for Bytes {
    fn ty() -> Type {
        Type::Bytes
    }

    fn zero() -> Self {
        Bytes::default()
    }

    fn from_value(value: &Value) -> Result<Self, ValueError> {
        match value {
            Value::String(text) | Value::Bytes(text) => Ok(Bytes(text.as_bytes().to_vec())),
            other => Vec::from_value(other).map(Bytes),
        }
    }

    fn to_value(&self) -> Value {
        Value::Bytes(Str::from(&self.0))
    }
}

/// A number of bytes; written `10MiB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl FromValue for ByteSize {
    fn ty() -> Type {
        Type::ByteSize
    }

    fn zero() -> Self {
        ByteSize(0)
    }

    fn from_value(value: &Value) -> Result<Self, ValueError> {
        match value {
            Value::Null => Ok(ByteSize(0)),
            // A number too is read as text: without a unit it is no size, unless it is zero.
            other => {
                let text = String::from_value(other)?;
                let bytes = gotime::parse_bytes(&text).map_err(|error| ValueError::new(error.to_string()))?;
                let bytes = u64::try_from(bytes).map_err(|_| ValueError::new("should not be negative"))?;
                Ok(ByteSize(bytes))
            }
        }
    }

    fn to_value(&self) -> Value {
        Value::string(gotime::format_bytes(i64::try_from(self.0).unwrap_or(i64::MAX)))
    }
}
