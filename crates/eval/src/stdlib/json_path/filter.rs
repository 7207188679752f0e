//! Conditions of JSONPath filters.

use super::{Step, find};
use std::cmp::Ordering;
use value::Value;

/// A condition on an element.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    Or(Box<Filter>, Box<Filter>),
    And(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Compare(Operand, Comparison, Operand),
    /// A path that leads somewhere.
    Exists(Operand),
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Constant(Value),
    /// `@.a.b`
    Element(Vec<Step>),
    /// `$.a.b`
    Root(Vec<Step>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
}

impl Filter {
    /// Whether an element meets the condition.
    pub(super) fn holds(&self, root: &Value, element: &Value) -> bool {
        match self {
            Filter::Or(a, b) => a.holds(root, element) || b.holds(root, element),
            Filter::And(a, b) => a.holds(root, element) && b.holds(root, element),
            Filter::Not(inner) => !inner.holds(root, element),
            Filter::Exists(operand) => !matches!(operand.value(root, element), None | Some(Value::Bool(false))),
            Filter::Compare(a, comparison, b) => comparison.holds(a.value(root, element), b.value(root, element)),
        }
    }
}

impl Operand {
    /// The first value that it leads to.
    fn value(&self, root: &Value, element: &Value) -> Option<Value> {
        match self {
            Operand::Constant(value) => Some(value.clone()),
            Operand::Element(steps) => find(root, element, steps).ok()?.into_iter().next(),
            Operand::Root(steps) => find(root, root, steps).ok()?.into_iter().next(),
        }
    }
}

impl Comparison {
    /// What is not there is equal to what is not there, and to nothing else; only numbers and strings have an order.
    fn holds(self, a: Option<Value>, b: Option<Value>) -> bool {
        let order = match (&a, &b) {
            (Some(Value::Number(a)), Some(Value::Number(b))) => a.as_f64().partial_cmp(&b.as_f64()),
            (Some(Value::String(a)), Some(Value::String(b))) => Some(a.cmp(b)),
            _ => None,
        };
        match self {
            Comparison::Eq => a == b,
            Comparison::Neq => a != b,
            Comparison::Lt => order == Some(Ordering::Less),
            Comparison::Lte => order.is_some_and(Ordering::is_le),
            Comparison::Gt => order == Some(Ordering::Greater),
            Comparison::Gte => order.is_some_and(Ordering::is_ge),
        }
    }
}
