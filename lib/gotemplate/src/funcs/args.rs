//! Arguments and conversions between types, as Go and the packages under sprig do them.

use super::fail;
use crate::fmt::{GoValue, to_text};
use gotmpl::{TemplateError, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

type Fallible<T> = Result<T, TemplateError>;

/// The arguments of a call.
pub(super) struct Args<'a> {
    pub(super) name: &'static str,
    pub(super) values: &'a [Value],
}

impl<'a> Args<'a> {
    fn wrong(&self, index: usize, expected: &str) -> TemplateError {
        match &self.values[index] {
            Value::Nil => fail(format!("invalid value; expected {expected}")),
            value => fail(format!(
                "wrong type for value; expected {expected}; got {}",
                type_of(value)
            )),
        }
    }

    /// A parameter of type `string`.
    pub(super) fn str(&self, index: usize) -> Fallible<&'a str> {
        match &self.values[index] {
            Value::String(text) => Ok(text),
            _ => Err(self.wrong(index, "string")),
        }
    }

    /// A parameter of type `int`.
    pub(super) fn int(&self, index: usize) -> Fallible<i64> {
        match &self.values[index] {
            Value::Int(number) => Ok(*number),
            _ => Err(self.wrong(index, "int")),
        }
    }

    /// A parameter of type `bool`.
    pub(super) fn bool(&self, index: usize) -> Fallible<bool> {
        match &self.values[index] {
            Value::Bool(flag) => Ok(*flag),
            _ => Err(self.wrong(index, "bool")),
        }
    }

    /// A list; sprig finds out at run time.
    pub(super) fn list(&self, index: usize) -> Fallible<&'a [Value]> {
        match &self.values[index] {
            Value::List(items) => Ok(items),
            value => Err(fail(format!("cannot find {} on type {}", self.name, kind_of(value)))),
        }
    }

    /// A parameter of type `map[string]interface {}`.
    pub(super) fn map(&self, index: usize) -> Fallible<&'a BTreeMap<Arc<str>, Value>> {
        match &self.values[index] {
            Value::Map(entries) => Ok(entries),
            _ => Err(self.wrong(index, "map[string]interface {}")),
        }
    }

    pub(super) fn get(&self, index: usize) -> &'a Value {
        &self.values[index]
    }

    /// The arguments from `start` on, for formatting.
    pub(super) fn go(&self, start: usize) -> Vec<GoValue> {
        self.values[start..].iter().map(to_go).collect()
    }
}

/// The entry that marks a map as a time, see the dates.
pub(super) const TIME: &str = " time";

/// For formatting.
pub(super) fn to_go(value: &Value) -> GoValue {
    match value {
        Value::Nil => GoValue::Nil,
        Value::Bool(flag) => GoValue::Bool(*flag),
        Value::Int(number) => GoValue::Int(*number),
        Value::Uint(number) => GoValue::Uint(*number),
        Value::Float(number) => GoValue::Float(*number),
        Value::String(text) => GoValue::str(text.as_bytes()),
        Value::List(items) => GoValue::List(items.iter().map(to_go).collect()),
        Value::Map(entries) => match entries.get(TIME) {
            Some(Value::Int(nanos)) => {
                let layout = gotime::Layout::new("2006-01-02 15:04:05.999999999 -0700 MST");
                GoValue::str(layout.format_nanos(*nanos, &gotime::Location::local()))
            }
            _ => GoValue::Map(
                entries
                    .iter()
                    .map(|(name, value)| (name.to_string(), to_go(value)))
                    .collect(),
            ),
        },
        other => GoValue::str(other.to_string()),
    }
}

/// sprig's `strval`.
pub(super) fn strval(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        value => to_text(&to_go(value)),
    }
}

/// sprig's `strslice`: strings of a list without its nils; of anything else a list of one.
pub(super) fn strslice(value: &Value) -> Vec<String> {
    match value {
        Value::Nil => Vec::new(),
        Value::List(items) => items
            .iter()
            .filter(|item| !matches!(item, Value::Nil))
            .map(strval)
            .collect(),
        value => vec![strval(value)],
    }
}

/// The reflect type of a value.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Map(entries) if entries.contains_key(TIME) => "time.Time",
        Value::Function(_) => "func",
        value => to_go(value).type_name(),
    }
}

/// The reflect kind of a value.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "invalid",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Uint(_) => "uint64",
        Value::Float(_) => "float64",
        Value::String(_) => "string",
        Value::List(_) => "slice",
        Value::Map(entries) if entries.contains_key(TIME) => "struct",
        Value::Map(_) => "map",
        _ => "func",
    }
}

/// Go's `strconv.ParseInt` with base 0: `0x`, `0o`, `0b` and leading zeros.
fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0o") => (&lower[2..], 8),
        Some("0b") => (&lower[2..], 2),
        Some(head) if head.starts_with('0') => (&lower[1..], 8),
        _ => (lower.as_str(), 10),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()
}

/// The conversion behind sprig's `int64` and integer arithmetic: what is no number is 0.
pub(super) fn to_i64(value: &Value) -> i64 {
    match value {
        Value::Bool(flag) => i64::from(*flag),
        Value::Int(number) => *number,
        Value::Uint(number) => *number as i64,
        Value::Float(number) => *number as i64,
        Value::String(text) => {
            // "12.00" is 12.
            let whole = match text.split_once('.') {
                Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
                _ => text,
            };
            parse_int(whole).unwrap_or(0)
        }
        _ => 0,
    }
}

/// The conversion behind sprig's `float64` and floating-point arithmetic.
pub(super) fn to_f64(value: &Value) -> f64 {
    match value {
        Value::Float(number) => *number,
        Value::String(text) => text.parse().unwrap_or(0.0),
        value => to_i64(value) as f64,
    }
}

/// sprig's `empty`: nil and the zero values.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Map(entries) if entries.contains_key(TIME) => false,
        value => !value.is_truthy(),
    }
}
