//! `sum`, `avg` and the others, with `by` and `without`.

use crate::ast::{AggregateOp, Grouping};
use crate::eval::{Labels, QueryError, Sample, distinct};
use crate::quantile::quantile;
use prommodel::Label;
use std::cmp::Ordering;
use std::collections::HashMap;

/// Adds numbers without losing the small ones (Kahan and Neumaier), as Prometheus does.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - total) + value;
        } else {
            self.lost += (value - total) + self.sum;
        }
        self.sum = total;
    }

    pub(crate) fn total(self) -> f64 {
        self.sum + self.lost
    }
}

pub(crate) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sum = Sum::default();
    values.into_iter().for_each(|value| sum.add(value));
    sum.total()
}

/// The mean; of numbers whose sum is too large for a float, too.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let total = sum(values.iter().copied());
    if total.is_infinite() && values.iter().all(|value| value.is_finite()) {
        return sum(values.iter().map(|value| value / count));
    }
    total / count
}

/// The variance of the whole.
pub(crate) fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    sum(values.iter().map(|value| (value - mean) * (value - mean))) / values.len() as f64
}

/// Any number is more than none.
pub(crate) fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(
        f64::NAN,
        |most, value| if most.is_nan() || value > most { value } else { most },
    )
}

/// Any number is less than none.
pub(crate) fn smallest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(
        f64::NAN,
        |least, value| if least.is_nan() || value < least { value } else { least },
    )
}

fn key(labels: &Labels, grouping: &Grouping) -> Vec<Label> {
    let named = |label: &&Label| grouping.labels.iter().any(|name| name == label.name());
    if grouping.without {
        let kept = labels
            .iter()
            .filter(|label| !named(label) && label.name() != prommodel::NAME);
        kept.cloned().collect()
    } else {
        labels.iter().filter(named).cloned().collect()
    }
}

/// One element for each group; `topk` and `bottomk` give elements as they are.
pub(crate) fn aggregate(
    op: AggregateOp,
    grouping: &Grouping,
    parameter: f64,
    samples: Vec<Sample>,
) -> Result<Vec<Sample>, QueryError> {
    let mut numbers = HashMap::<Vec<Label>, usize>::new();
    let mut groups: Vec<(Labels, Vec<Sample>)> = Vec::new();
    for sample in samples {
        let key = key(&sample.labels, grouping);
        let number = *numbers.entry(key).or_insert_with_key(|key| {
            groups.push((key.as_slice().into(), Vec::new()));
            groups.len() - 1
        });
        groups[number].1.push(sample);
    }
    let picks = match op {
        AggregateOp::Topk => Some(Ordering::Greater),
        AggregateOp::Bottomk => Some(Ordering::Less),
        _ => None,
    };
    if let Some(first) = picks {
        if parameter.is_nan() || parameter >= i64::MAX as f64 || parameter <= i64::MIN as f64 {
            return Err(QueryError::execution(format!(
                "scalar value {parameter} overflows int64"
            )));
        }
        let count = parameter.max(0.0) as usize;
        let picked = groups.into_iter().flat_map(|(_, samples)| pick(samples, count, first));
        return Ok(picked.collect());
    }
    let results = groups.into_iter().map(|(labels, samples)| {
        let values: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
        let value = match op {
            AggregateOp::Sum => sum(values),
            AggregateOp::Avg => mean(&values),
            AggregateOp::Min => smallest(values),
            AggregateOp::Max => largest(values),
            AggregateOp::Count => values.len() as f64,
            AggregateOp::Stddev => variance(&values).sqrt(),
            AggregateOp::Stdvar => variance(&values),
            AggregateOp::Quantile => quantile(parameter, values),
            AggregateOp::Group | AggregateOp::Topk | AggregateOp::Bottomk => 1.0,
        };
        Sample { labels, value }
    });
    distinct(results.collect())
}

/// The first `count` in order; what is no number comes last.
fn pick(mut samples: Vec<Sample>, count: usize, first: Ordering) -> Vec<Sample> {
    samples.sort_by(|a, b| in_order(a.value, b.value, first));
    samples.truncate(count);
    samples
}

/// The order in which the larger (or, with [`Ordering::Less`], the smaller) comes first, and what is no number last.
pub(crate) fn in_order(a: f64, b: f64, first: Ordering) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) if first == Ordering::Greater => b.total_cmp(&a),
        (false, false) => a.total_cmp(&b),
    }
}
