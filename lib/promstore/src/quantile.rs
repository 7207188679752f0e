//! Quantiles: of numbers, and of the buckets of classic histograms.

use crate::eval::{Labels, Sample};
use prommodel::Label;
use std::collections::HashMap;

/// The `q` quantile, with a straight line between two numbers.
pub(crate) fn quantile(q: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&q) {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    // What is no number is the least.
    values.sort_by(|a, b| b.is_nan().cmp(&a.is_nan()).then(a.total_cmp(b)));
    let last = values.len() - 1;
    let rank = q * last as f64;
    let low = (rank.floor() as usize).min(last);
    let high = (low + 1).min(last);
    let weight = rank - rank.floor();
    values[low] * (1.0 - weight) + values[high] * weight
}

/// `histogram_quantile` over the buckets of all histograms in `samples`.
pub(crate) fn of_histograms(q: f64, samples: Vec<Sample>) -> Vec<Sample> {
    let mut numbers = HashMap::<Vec<Label>, usize>::new();
    let mut histograms: Vec<(Labels, Vec<(f64, f64)>)> = Vec::new();
    for sample in samples {
        let bound = sample.labels.iter().find(|label| label.name() == "le");
        let Some(bound) = bound.and_then(|label| parse_bound(label.value())) else {
            continue;
        };
        let others = sample
            .labels
            .iter()
            .filter(|label| !["le", prommodel::NAME].contains(&label.name()));
        let number = *numbers.entry(others.cloned().collect()).or_insert_with_key(|key| {
            histograms.push((key.as_slice().into(), Vec::new()));
            histograms.len() - 1
        });
        histograms[number].1.push((bound, sample.value));
    }
    let results = histograms.into_iter().map(|(labels, buckets)| Sample {
        labels,
        value: of_buckets(q, buckets),
    });
    results.collect()
}

fn parse_bound(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        text => text.parse().ok(),
    }
}

/// A quantile of buckets: upper bounds and cumulative counts.
fn of_buckets(q: f64, mut buckets: Vec<(f64, f64)>) -> f64 {
    if q.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&q) {
        return if q < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    if buckets.last().is_none_or(|last| last.0 != f64::INFINITY) {
        return f64::NAN;
    }
    // Bounds that are written in two ways are one.
    let mut merged: Vec<(f64, f64)> = Vec::with_capacity(buckets.len());
    for (bound, count) in buckets {
        match merged.last_mut() {
            Some(last) if last.0 == bound => last.1 += count,
            _ => merged.push((bound, count)),
        }
    }
    // Buckets are not scraped at one instant: a count is at least that of the bucket before.
    let mut most = f64::NEG_INFINITY;
    for (_, count) in &mut merged {
        most = most.max(*count);
        *count = most;
    }
    let last = merged.len() - 1;
    let total = merged[last].1;
    if last == 0 || total == 0.0 || total.is_nan() {
        return f64::NAN;
    }
    let mut rank = q * total;
    let at = merged[..last].partition_point(|(_, count)| *count < rank);
    if at == last {
        return merged[last - 1].0;
    }
    let (end, mut count) = merged[at];
    if at == 0 && end <= 0.0 {
        return end;
    }
    let mut start = 0.0;
    if at > 0 {
        let (bound, before) = merged[at - 1];
        start = bound;
        count -= before;
        rank -= before;
    }
    start + (end - start) * (rank / count)
}
