//! One line of the log before it has a format, and how it is read off a `tracing` event.

use std::fmt;
use tracing::field::{Field, Visit};

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FieldValue {
    Text(String),
    Int(i64),
    Uint(u64),
    Float(f64),
    Bool(bool),
}

/// Names and values in the order in which they were recorded. A name may occur twice; both are printed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fields {
    /// Text of the event, which `tracing` passes as the field `message`.
    pub(crate) message: Option<String>,
    pub(crate) pairs: Vec<(&'static str, FieldValue)>,
}

impl Fields {
    /// The last text that was recorded under a name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rev().find_map(|(other, value)| match value {
            FieldValue::Text(text) if *other == name => Some(text.as_str()),
            _ => None,
        })
    }

    fn push(&mut self, field: &Field, value: FieldValue) {
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        match value {
            FieldValue::Text(text) if name == "message" => self.message = Some(text),
            value => self.pairs.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, FieldValue::Float(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, FieldValue::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, FieldValue::Uint(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, FieldValue::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, FieldValue::Text(value.to_owned()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.push(field, FieldValue::Text(value.to_string()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, FieldValue::Text(format!("{value:?}")));
    }
}

/// Levels of the log. `tracing`'s trace level has no counterpart and is never printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Debug,
    Info,
    Warn,
    Error,
}

impl Severity {
    /// The name in a line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Severity::Debug => "debug",
            Severity::Info => "info",
            Severity::Warn => "warn",
            Severity::Error => "error",
        }
    }

    /// The level of a `tracing` event; nothing for one that is never printed.
    pub(crate) fn of(level: &tracing::Level) -> Option<Self> {
        match *level {
            tracing::Level::ERROR => Some(Severity::Error),
            tracing::Level::WARN => Some(Severity::Warn),
            tracing::Level::INFO => Some(Severity::Info),
            tracing::Level::DEBUG => Some(Severity::Debug),
            tracing::Level::TRACE => None,
        }
    }
}

/// One line: when, how important, what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// Nanoseconds since the Unix epoch.
    pub(crate) timestamp: i64,
    pub(crate) severity: Severity,
    pub(crate) message: String,
    /// Fields of the spans from the outermost inwards, then those of the event.
    pub(crate) pairs: Vec<(&'static str, FieldValue)>,
    /// Global id of the component that logged, if one did.
    pub(crate) component: Option<String>,
}

impl Record {
    /// About the memory that it takes, in bytes.
    pub(crate) fn size(&self) -> usize {
        let text = |value: &FieldValue| match value {
            FieldValue::Text(text) => text.len(),
            _ => 0,
        };
        let pairs: usize = self
            .pairs
            .iter()
            .map(|(_, value)| size_of::<FieldValue>() + text(value))
            .sum();
        size_of::<Record>() + self.message.len() + pairs
    }
}
