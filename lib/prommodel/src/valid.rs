//! What a native histogram must keep to.

use crate::histogram::{Buckets, CUSTOM_BOUNDS, Counts, Histogram, Span};

impl Histogram {
    /// Checks what a receiver has to: that spans go upwards and add up to the buckets, that no count is negative, that all counts together are
    /// the number of observations (Prometheus: `Histogram.Validate`).
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn validate(&self) -> Result<(), &'static str> {
        match &self.counts {
            Counts::Integer(buckets) => {
                let (positive, negative) = (absolute(&buckets.positive)?, absolute(&buckets.negative)?);
                self.shape(buckets, buckets.zero_count == 0)?;
                let all = positive
                    .checked_add(negative)
                    .and_then(|all| all.checked_add(buckets.zero_count))
                    .ok_or("the counts of its buckets are too large")?;
                // An observation that is not a number is in no bucket.
                match self.sum.is_nan() {
                    true if all <= buckets.count => Ok(()),
                    false if all == buckets.count => Ok(()),
                    _ => Err("its buckets do not add up to its count"),
                }
            }
            Counts::Float(buckets) => {
                let counts = buckets.positive.iter().chain(&buckets.negative);
                if counts
                    .chain([&buckets.zero_count, &buckets.count])
                    .any(|count| *count < 0.0)
                {
                    return Err("a count is negative");
                }
                self.shape(buckets, buckets.zero_count == 0.0)
            }
        }
    }

    fn shape<C, B>(&self, buckets: &Buckets<C, B>, no_zeros: bool) -> Result<(), &'static str> {
        match self.schema {
            CUSTOM_BOUNDS => {
                if !no_zeros || self.zero_threshold != 0.0 || !self.negative_spans.is_empty() {
                    return Err("with bounds of its own it has neither a zero bucket nor negative ones");
                }
                if !self.custom_values.is_sorted_by(|one, other| one < other) {
                    return Err("its bounds do not go up");
                }
                if self.custom_values.last().is_some_and(|last| *last == f64::INFINITY) {
                    return Err("its last bound is infinite");
                }
                if buckets.positive.len() > self.custom_values.len() + 1 {
                    return Err("it has more buckets than bounds");
                }
            }
            -4..=8 if self.custom_values.is_empty() => {}
            -4..=8 => return Err("it has bounds of its own and a resolution"),
            _ => return Err("its schema is unknown"),
        }
        spans(&self.positive_spans, buckets.positive.len())?;
        spans(&self.negative_spans, buckets.negative.len())
    }
}

/// The sum of buckets that are written as differences.
fn absolute(deltas: &[i64]) -> Result<u64, &'static str> {
    let (mut last, mut all) = (0i64, 0u64);
    for delta in deltas {
        last = last.checked_add(*delta).ok_or("a count is too large")?;
        let count = u64::try_from(last).map_err(|_| "a count is negative")?;
        all = all
            .checked_add(count)
            .ok_or("the counts of its buckets are too large")?;
    }
    Ok(all)
}

fn spans(spans: &[Span], buckets: usize) -> Result<(), &'static str> {
    if spans.iter().skip(1).any(|span| span.offset < 0) {
        return Err("its spans do not go up");
    }
    let length: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
    match length == buckets as u64 {
        true => Ok(()),
        false => Err("its spans do not add up to its buckets"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram() -> Histogram {
        Histogram {
            schema: 3,
            sum: 4.0,
            positive_spans: vec![Span { offset: -2, length: 1 }, Span { offset: 3, length: 2 }],
            counts: Counts::Integer(Buckets {
                count: 8,
                zero_count: 1,
                positive: vec![2, 1, -1],
                negative: Vec::new(),
            }),
            ..Histogram::default()
        }
    }

    #[test]
    fn what_does_not_add_up_is_invalid() {
        assert_eq!(histogram().validate(), Ok(()));
        assert_eq!(Histogram::default().validate(), Ok(()), "as stale ones are");
        let wrong = |change: fn(&mut Histogram, &mut Buckets<u64, i64>)| {
            let mut histogram = histogram();
            let Counts::Integer(mut buckets) = std::mem::take(&mut histogram.counts) else {
                unreachable!("made above")
            };
            change(&mut histogram, &mut buckets);
            histogram.counts = Counts::Integer(buckets);
            histogram.validate().unwrap_err()
        };
        assert_eq!(wrong(|_, b| b.count = 7), "its buckets do not add up to its count");
        assert_eq!(wrong(|_, b| b.positive[1] = -3), "a count is negative");
        assert_eq!(
            wrong(|h, _| h.positive_spans[1].length = 3),
            "its spans do not add up to its buckets"
        );
        assert_eq!(wrong(|h, _| h.positive_spans[1].offset = -1), "its spans do not go up");
        assert_eq!(wrong(|h, _| h.schema = 9), "its schema is unknown");
        assert_eq!(wrong(|_, b| b.positive = vec![i64::MAX, 1]), "a count is too large");
        let mut nan = histogram();
        nan.sum = f64::NAN;
        let Counts::Integer(buckets) = &mut nan.counts else {
            unreachable!("made above")
        };
        buckets.count = 9;
        assert_eq!(nan.validate(), Ok(()));
        let custom = Histogram {
            schema: CUSTOM_BOUNDS,
            custom_values: vec![1.0, 1.0],
            ..Histogram::default()
        };
        assert_eq!(custom.validate(), Err("its bounds do not go up"));
    }
}
