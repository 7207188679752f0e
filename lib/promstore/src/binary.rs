//! Operators between two values.

use crate::ast::{BinaryOp, Matching};
use crate::eval::{Labels, QueryError, Sample, Value, distinct, nameless};
use prommodel::Label;
use std::collections::{HashMap, HashSet};

/// The result of arithmetic; `None` for a comparison that does not hold, the left value for one that holds.
fn apply(op: BinaryOp, left: f64, right: f64) -> Option<f64> {
    use BinaryOp::*;
    let holds = match op {
        Add => return Some(left + right),
        Subtract => return Some(left - right),
        Multiply => return Some(left * right),
        Divide => return Some(left / right),
        // The sign is that of the dividend, as in Go.
        Modulo => return Some(left % right),
        Atan2 => return Some(left.atan2(right)),
        Power => return Some(left.powf(right)),
        Equal => left == right,
        NotEqual => left != right,
        Less => left < right,
        LessEqual => left <= right,
        Greater => left > right,
        GreaterEqual => left >= right,
        Or | And | Unless => unreachable!("sets are not made of numbers"),
    };
    holds.then_some(left)
}

/// As [`apply`], with `bool` 0 or 1 for a comparison.
fn applied(op: BinaryOp, bool: bool, left: f64, right: f64) -> Option<f64> {
    let result = apply(op, left, right);
    if bool && op.is_comparison() {
        return Some(f64::from(u8::from(result.is_some())));
    }
    result
}

pub(crate) fn binary(
    op: BinaryOp,
    bool: bool,
    matching: &Matching,
    left: Value,
    right: Value,
) -> Result<Value, QueryError> {
    Ok(match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => {
            // Only `bool` compares scalars.
            Value::Scalar(applied(op, bool, left, right).unwrap_or_default())
        }
        (Value::Vector(samples), Value::Scalar(right)) => {
            let change = |value| applied(op, bool, value, right);
            Value::Vector(each(op, bool, samples, change)?)
        }
        (Value::Scalar(left), Value::Vector(samples)) => {
            // A filter keeps the vector's value.
            let change = |value| {
                let result = applied(op, bool, left, value)?;
                Some(if op.is_comparison() && !bool { value } else { result })
            };
            Value::Vector(each(op, bool, samples, change)?)
        }
        (Value::Vector(left), Value::Vector(right)) if op.is_set() => Value::Vector(sets(op, matching, left, right)),
        (Value::Vector(left), Value::Vector(right)) => Value::Vector(pairs(op, bool, matching, left, right)?),
    })
}

fn each(
    op: BinaryOp,
    bool: bool,
    samples: Vec<Sample>,
    change: impl Fn(f64) -> Option<f64>,
) -> Result<Vec<Sample>, QueryError> {
    let keeps_name = op.is_comparison() && !bool;
    let samples = samples.into_iter().filter_map(|sample| {
        let value = change(sample.value)?;
        let labels = if keeps_name {
            sample.labels
        } else {
            nameless(&sample.labels)
        };
        Some(Sample { labels, value })
    });
    distinct(samples.collect())
}

/// The labels that have to be equal.
fn signature(labels: &Labels, matching: &Matching) -> Vec<Label> {
    let named = |label: &Label| matching.labels.iter().any(|name| name == label.name());
    let takes = |label: &&Label| match matching.on {
        true => named(label),
        false => !named(label) && label.name() != prommodel::NAME,
    };
    labels.iter().filter(takes).cloned().collect()
}

fn sets(op: BinaryOp, matching: &Matching, left: Vec<Sample>, right: Vec<Sample>) -> Vec<Sample> {
    let signatures = |samples: &[Sample]| -> HashSet<Vec<Label>> {
        samples
            .iter()
            .map(|sample| signature(&sample.labels, matching))
            .collect()
    };
    match op {
        BinaryOp::Or => {
            let known = signatures(&left);
            let more = right
                .into_iter()
                .filter(|s| !known.contains(&signature(&s.labels, matching)));
            left.into_iter().chain(more).collect()
        }
        _ => {
            let known = signatures(&right);
            let wanted = op == BinaryOp::And;
            let kept = left
                .into_iter()
                .filter(|s| known.contains(&signature(&s.labels, matching)) == wanted);
            kept.collect()
        }
    }
}

fn pairs(
    op: BinaryOp,
    bool: bool,
    matching: &Matching,
    left: Vec<Sample>,
    right: Vec<Sample>,
) -> Result<Vec<Sample>, QueryError> {
    let ambiguous = |side: &str| {
        QueryError::execution(format!(
            "found duplicate series for the match group on the {side} hand-side of the operation; \
             many-to-many matching not allowed: matching labels must be unique on one side"
        ))
    };
    let mut others = HashMap::with_capacity(right.len());
    for sample in right {
        if others
            .insert(signature(&sample.labels, matching), sample.value)
            .is_some()
        {
            return Err(ambiguous("right"));
        }
    }
    let keeps_name = op.is_comparison() && !bool;
    let mut seen = HashSet::new();
    let mut results = Vec::new();
    for sample in left {
        let signature = signature(&sample.labels, matching);
        let Some(other) = others.get(&signature) else { continue };
        let value = applied(op, bool, sample.value, *other);
        if !seen.insert(signature.clone()) {
            return Err(ambiguous("left"));
        }
        let Some(value) = value else { continue };
        let name = sample.labels.iter().filter(|label| label.name() == prommodel::NAME);
        let mut labels = signature;
        if keeps_name && !labels.iter().any(|label| label.name() == prommodel::NAME) && !matching.on {
            labels.extend(name.cloned());
            labels.sort_by(|a, b| a.name().cmp(b.name()));
        }
        let labels = labels.into();
        results.push(Sample { labels, value });
    }
    Ok(results)
}
