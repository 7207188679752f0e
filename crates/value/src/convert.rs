//! Conversions between values and host types, with the language's coercions.

use crate::error::{SECRET_TO_STRING, Seg, ValueError};
use crate::number::Number;
use crate::secret::{OptionalSecret, Secret};
use crate::types::Type;
use crate::value::{Str, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A host type that values convert to and from.
pub trait FromValue: Sized + 'static {
    /// What values it takes.
    fn ty() -> Type;
    /// What `null` gives.
    fn zero() -> Self;
    /// Converts a value.
    fn from_value(value: &Value) -> Result<Self, ValueError>;
    /// The value that converts back to it.
    fn to_value(&self) -> Value;
}

/// The string inside an optional secret that is none, which converts like a string.
fn plain(value: &Value) -> Result<Option<Str>, ValueError> {
    let Value::Capsule(capsule) = value else {
        return Ok(None);
    };
    if capsule.downcast_ref::<Secret>().is_some() {
        return Err(ValueError::new(SECRET_TO_STRING));
    }
    match capsule.downcast_ref::<OptionalSecret>() {
        Some(optional) if optional.is_secret => Err(ValueError::new(SECRET_TO_STRING)),
        Some(optional) => Ok(Some(optional.expose().clone())),
        None => Ok(None),
    }
}

fn parse_number(text: &[u8]) -> Option<Number> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(rest) = text.strip_prefix('-') {
        return if digits(rest) {
            text.parse().ok().map(Number::Int)
        } else {
            None
        };
    }
    if text.contains(['.', 'e', 'E']) {
        // Rust's float grammar without its words.
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'));
        let float: Option<f64> = if plain { text.parse().ok() } else { None };
        return float.filter(|n| n.is_finite()).map(Number::Float);
    }
    if digits(text) {
        text.parse().ok().map(Number::Uint)
    } else {
        None
    }
}

fn number(value: &Value) -> Result<Number, ValueError> {
    match value {
        Value::Number(number) => Ok(*number),
        Value::String(text) => parse_number(text.as_bytes()).ok_or_else(|| ValueError::wrong_kind("number", value)),
        other => {
            let text = plain(other).ok().flatten();
            text.and_then(|text| parse_number(text.as_bytes()))
                .ok_or_else(|| ValueError::wrong_kind("number", other))
        }
    }
}

macro_rules! integers {
    ($($signed:ty),*; $($unsigned:ty),*) => {
        $(impl FromValue for $signed {
            fn ty() -> Type { Type::Number }
            fn zero() -> Self { 0 }
            fn from_value(value: &Value) -> Result<Self, ValueError> {
                if let Value::Null = value { return Ok(0) }
                // Narrowing wraps, as upstream's does.
                Ok(number(value)?.as_i64() as $signed)
            }
            fn to_value(&self) -> Value { Value::Number(Number::Int(i64::from(*self))) }
        })*
        $(impl FromValue for $unsigned {
            fn ty() -> Type { Type::Number }
            fn zero() -> Self { 0 }
            fn from_value(value: &Value) -> Result<Self, ValueError> {
                if let Value::Null = value { return Ok(0) }
                Ok(number(value)?.as_u64() as $unsigned)
            }
            fn to_value(&self) -> Value { Value::Number(Number::Uint(u64::from(*self))) }
        })*
    };
}

integers!(i8, i16, i32, i64; u8, u16, u32, u64);

impl FromValue for usize {
    fn ty() -> Type {
        Type::Number
    }
    fn zero() -> Self {
        0
    }
    fn from_value(value: &Value) -> Result<Self, ValueError> {
        u64::from_value(value).map(|n| n as usize)
    }
    fn to_value(&self) -> Value {
        Value::Number(Number::Uint(*self as u64))
    }
}

impl FromValue for f64 {
    fn ty() -> Type {
        Type::Number
    }
    fn zero() -> Self {
        0.0
    }
    fn from_value(value: &Value) -> Result<Self, ValueError> {
        if let Value::Null = value {
            return Ok(0.0);
        }
        Ok(number(value)?.as_f64())
    }
    fn to_value(&self) -> Value {
        Value::Number(Number::Float(*self))
    }
}

impl FromValue for f32 {
    fn ty() -> Type {
        Type::Number
    }
    fn zero() -> Self {
        0.0
    }
    fn from_value(value: &Value) -> Result<Self, ValueError> {
        f64::from_value(value).map(|n| n as f32)
    }
    fn to_value(&self) -> Value {
        Value::Number(Number::Float(f64::from(*self)))
    }
}

impl FromValue for bool {
    fn ty() -> Type {
        Type::Bool
    }
    fn zero() -> Self {
        false
    }
    fn from_value(value: &Value) -> Result<Self, ValueError> {
        match value {
            Value::Null => Ok(false),
            Value::Bool(b) => Ok(*b),
            other => Err(ValueError::wrong_kind("bool", other)),
        }
    }
    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
}

impl FromValue for Str {
    fn ty() -> Type {
        Type::String
    }
    fn zero() -> Self {
        Str::from("")
    }
    fn from_value(value: &Value) -> Result<Self, ValueError> {
        match value {
            Value::Null => Ok(Str::from("")),
            Value::String(text) => Ok(text.clone()),
            Value::Bytes(bytes) => Ok(bytes.clone()),
            Value::Number(number) => Ok(Str::from(number.to_text())),
            other => plain(other)?.ok_or_else(|| ValueError::wrong_kind("string", other)),
        }
    }
    fn to_value(&self) -> Value {
        Value::String(self.clone())
    }
}

impl FromValue for String {
    fn ty() -> Type {
        Type::String
    }
    fn zero() -> Self {
        String::new()
    }
    fn from_value(value: &Value) -> Result<Self, ValueError> {
        Str::from_value(value).map(|text| text.to_str_lossy().into_owned())
    }
    fn to_value(&self) -> Value {
        Value::string(self)
    }
}

impl FromValue for PathBuf {
    fn ty() -> Type {
        Type::String
    }
    fn zero() -> Self {
        PathBuf::new()
    }
    fn from_value(value: &Value) -> Result<Self, ValueError> {
        String::from_value(value).map(PathBuf::from)
    }
    fn to_value(&self) -> Value {
        Value::string(self.to_string_lossy().as_bytes())
    }
}

impl FromValue for Value {
    fn ty() -> Type {
        Type::Any
    }
    fn zero() -> Self {
        Value::Null
    }
    fn from_value(value: &Value) -> Result<Self, ValueError> {
        Ok(value.clone())
    }
    fn to_value(&self) -> Value {
        self.clone()
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn ty() -> Type {
        T::ty()
    }
    fn zero() -> Self {
        None
    }
    fn from_value(value: &Value) -> Result<Self, ValueError> {
        match value {
            Value::Null => Ok(None),
            other => T::from_value(other).map(Some),
        }
    }
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn ty() -> Type {
        Type::List(Box::new(T::ty()))
    }
    fn zero() -> Self {
        Vec::new()
    }
    fn from_value(value: &Value) -> Result<Self, ValueError> {
        if let Value::Null = value {
            return Ok(Vec::new());
        }
        let items = value.items().ok_or_else(|| ValueError::wrong_kind("array", value))?;
        let convert = |(i, item)| T::from_value(item).map_err(|error| error.inside(Seg::Index(i)));
        items.iter().enumerate().map(convert).collect()
    }
    fn to_value(&self) -> Value {
        Value::array(self.iter().map(T::to_value).collect())
    }
}

impl<T: FromValue, const N: usize> FromValue for [T; N] {
    fn ty() -> Type {
        Type::List(Box::new(T::ty()))
    }
    fn zero() -> Self {
        std::array::from_fn(|_| T::zero())
    }
    fn from_value(value: &Value) -> Result<Self, ValueError> {
        if let Value::Null = value {
            return Ok(Self::zero());
        }
        let items = Vec::<T>::from_value(value)?;
        let got = items.len();
        let wrong = |_| ValueError::new(format!("array must have exactly {N} elements, got {got}"));
        items.try_into().map_err(wrong)
    }
    fn to_value(&self) -> Value {
        Value::array(self.iter().map(T::to_value).collect())
    }
}

impl<T: FromValue> FromValue for BTreeMap<String, T> {
    fn ty() -> Type {
        Type::Map(Box::new(T::ty()))
    }
    fn zero() -> Self {
        BTreeMap::new()
    }
    fn from_value(value: &Value) -> Result<Self, ValueError> {
        if let Value::Null = value {
            return Ok(BTreeMap::new());
        }
        let object = value.fields().ok_or_else(|| ValueError::wrong_kind("object", value))?;
        let convert = |(name, item): (&_, &_)| match T::from_value(item) {
            Ok(item) => Ok((ToString::to_string(name), item)),
            Err(error) => Err(error.inside(Seg::Field(ToString::to_string(name)))),
        };
        object.iter().map(convert).collect()
    }
    fn to_value(&self) -> Value {
        Value::object(
            self.iter()
                .map(|(name, item)| (name.as_str(), item.to_value()))
                .collect(),
        )
    }
}
