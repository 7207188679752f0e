//! Errors of conversions.

use crate::value::Value;
use std::fmt;

/// Message of the attempt to make a plain string of a secret.
pub const SECRET_TO_STRING: &str = "secrets may not be converted into strings";

/// Message of the attempt to make a label of a target of a secret.
pub const SECRET_TO_TARGET: &str = "cannot use a secret as a target value";

/// A step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seg {
    /// `.name`
    Field(String),
    /// `[index]`
    Index(usize),
    /// An argument of the function that failed; only as the first step.
    Argument(usize),
}

/// Why a value does not fit. The path leads from the value that was converted to the one that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueError {
    /// Steps to the wrong value.
    pub path: Vec<Seg>,
    /// What is wrong, to be read after the value: `should be number, got string`.
    pub message: String,
}

impl ValueError {
    /// An error about the value itself.
    pub fn new(message: impl Into<String>) -> Self {
        ValueError {
            path: Vec::new(),
            message: message.into(),
        }
    }

    /// A value of another kind was wanted.
    pub fn wrong_kind(wanted: &str, got: &Value) -> Self {
        ValueError::new(format!("should be {wanted}, got {}", got.kind()))
    }

    /// An object has a field that its type does not have.
    pub fn no_field(name: &str) -> Self {
        ValueError::new(format!("does not have field named \"{name}\""))
    }

    /// A capsule of another type was wanted.
    pub fn wrong_capsule(wanted: &str, got: &str) -> Self {
        ValueError::new(format!("expected capsule(\"{wanted}\"), got capsule(\"{got}\")"))
    }

    /// A string is not one of those that are allowed.
    pub fn not_a_choice(got: &str, names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
        ValueError::new(format!("should be one of {}, got {got:?}", names.join(", ")))
    }

    /// The same error seen from the value that holds this one.
    pub fn inside(mut self, seg: Seg) -> Self {
        self.path.insert(0, seg);
        self
    }

    /// The path as text: `.a[0]`.
    pub fn path_text(path: &[Seg]) -> String {
        path.iter()
            .map(|seg| match seg {
                Seg::Field(name) => format!(".{name}"),
                Seg::Index(index) => format!("[{index}]"),
                Seg::Argument(index) => format!("argument {}", index + 1),
            })
            .collect()
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", ValueError::path_text(&self.path), self.message)
    }
}

impl std::error::Error for ValueError {}
