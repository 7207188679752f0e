//! Values as Go's `fmt` sees them.

use std::collections::BTreeMap;

/// A value to be formatted: what an `interface{}` holds after decoding JSON or an Alloy expression.
#[derive(Clone, Debug, PartialEq)]
pub enum GoValue {
    /// `nil`
    Nil,
    /// `bool`
    Bool(bool),
    /// `int`
    Int(i64),
    /// `uint64`
    Uint(u64),
    /// `float64`
    Float(f64),
    /// `string`; any bytes.
    Str(Vec<u8>),
    /// `[]interface {}`
    List(Vec<GoValue>),
    /// `map[string]interface {}`
    Map(BTreeMap<String, GoValue>),
}

impl GoValue {
    /// A string value.
    pub fn str(text: impl AsRef<[u8]>) -> GoValue {
        GoValue::Str(text.as_ref().to_vec())
    }

    /// The name of the Go type, as `%T` prints it.
    pub fn type_name(&self) -> &'static str {
        match self {
            GoValue::Nil => "<nil>",
            GoValue::Bool(_) => "bool",
            GoValue::Int(_) => "int",
            GoValue::Uint(_) => "uint64",
            GoValue::Float(_) => "float64",
            GoValue::Str(_) => "string",
            GoValue::List(_) => "[]interface {}",
            GoValue::Map(_) => "map[string]interface {}",
        }
    }
}

impl From<&str> for GoValue {
    fn from(text: &str) -> GoValue {
        GoValue::str(text)
    }
}

impl From<i64> for GoValue {
    fn from(number: i64) -> GoValue {
        GoValue::Int(number)
    }
}

impl From<f64> for GoValue {
    fn from(number: f64) -> GoValue {
        GoValue::Float(number)
    }
}

impl From<bool> for GoValue {
    fn from(value: bool) -> GoValue {
        GoValue::Bool(value)
    }
}
