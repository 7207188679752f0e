//! Strings that are never shown.

use crate::capsule::{Capsule, CapsuleValue};
use crate::convert::FromValue;
use crate::error::ValueError;
use crate::types::Type;
use crate::value::{Str, Value};
use std::any::Any;
use std::fmt;

/// What secrets look like wherever they would be shown.
const HIDDEN: &str = "(secret)";

/// A string that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Str);

impl Secret {
    /// Hides a string.
    pub fn new(text: impl AsRef<[u8]>) -> Self {
        Secret(Str::from(text))
    }

    /// The string, to be used and not shown.
    pub fn expose(&self) -> &Str {
        &self.0
    }

    /// The string as text.
    pub fn expose_str(&self) -> String {
        self.0.to_str_lossy().into_owned()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.as_bytes().is_empty()
    }
}

impl Default for Secret {
    fn default() -> Self {
        Secret::new("")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl CapsuleValue for Secret {
    fn type_name(&self) -> &str {
        "alloytypes.Secret"
    }

    fn equals(&self, other: &dyn CapsuleValue) -> bool {
        (other as &dyn Any).downcast_ref::<Secret>() == Some(self)
    }

    fn text(&self) -> Option<String> {
        Some(HIDDEN.to_owned())
    }
}

impl FromValue for Secret {
    fn ty() -> Type {
        Type::Secret
    }

    fn zero() -> Self {
        Secret::default()
    }

    fn from_value(value: &Value) -> Result<Self, ValueError> {
        match value {
            Value::Null => Ok(Secret::default()),
            Value::String(text) => Ok(Secret(text.clone())),
            Value::Capsule(capsule) => {
                if let Some(secret) = capsule.downcast_ref::<Secret>() {
                    Ok(secret.clone())
                } else if let Some(optional) = capsule.downcast_ref::<OptionalSecret>() {
                    Ok(Secret(optional.value.clone()))
                } else {
                    Err(ValueError::wrong_capsule("alloytypes.Secret", capsule.type_name()))
                }
            }
            other => Err(ValueError::wrong_kind("capsule", other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Capsule(Capsule::new(self.clone()))
    }
}

/// A string that may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct OptionalSecret {
    /// Whether it is never shown.
    pub is_secret: bool,
    value: Str,
}

impl OptionalSecret {
    /// A string, hidden if `is_secret`.
    pub fn new(is_secret: bool, value: impl AsRef<[u8]>) -> Self {
        OptionalSecret {
            is_secret,
            value: Str::from(value),
        }
    }

    /// The string; not to be shown if it is a secret.
    pub fn expose(&self) -> &Str {
        &self.value
    }
}

impl Default for OptionalSecret {
    fn default() -> Self {
        OptionalSecret::new(false, "")
    }
}

impl fmt::Debug for OptionalSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_secret {
            f.write_str(HIDDEN)
        } else {
            fmt::Debug::fmt(&self.value, f)
        }
    }
}

impl CapsuleValue for OptionalSecret {
    fn type_name(&self) -> &str {
        "alloytypes.OptionalSecret"
    }

    fn equals(&self, other: &dyn CapsuleValue) -> bool {
        (other as &dyn Any).downcast_ref::<OptionalSecret>() == Some(self)
    }

    fn text(&self) -> Option<String> {
        Some(match self.is_secret {
            true => HIDDEN.to_owned(),
            false => crate::text::quote(self.value.as_bytes()),
        })
    }
}

impl FromValue for OptionalSecret {
    fn ty() -> Type {
        Type::OptionalSecret
    }

    fn zero() -> Self {
        OptionalSecret::default()
    }

    fn from_value(value: &Value) -> Result<Self, ValueError> {
        match value {
            Value::Null => Ok(OptionalSecret::default()),
            Value::String(text) => Ok(OptionalSecret {
                is_secret: false,
                value: text.clone(),
            }),
            Value::Capsule(capsule) => {
                if let Some(secret) = capsule.downcast_ref::<Secret>() {
                    Ok(OptionalSecret {
                        is_secret: true,
                        value: secret.0.clone(),
                    })
                } else if let Some(optional) = capsule.downcast_ref::<OptionalSecret>() {
                    Ok(optional.clone())
                } else {
                    Err(ValueError::wrong_capsule(
                        "alloytypes.OptionalSecret",
                        capsule.type_name(),
                    ))
                }
            }
            other => Err(ValueError::wrong_kind("capsule", other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Capsule(Capsule::new(self.clone()))
    }
}
