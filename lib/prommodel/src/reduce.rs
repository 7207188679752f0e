//! Coarser histograms.

use crate::histogram::{CUSTOM_BOUNDS, Counts, Histogram, Span};
use std::ops::Add;

/// The coarsest resolution.
const COARSEST: i32 = -4;

impl Histogram {
    /// Number of buckets, without the zero bucket.
    pub fn bucket_count(&self) -> usize {
        match &self.counts {
            Counts::Integer(buckets) => buckets.positive.len() + buckets.negative.len(),
            Counts::Float(buckets) => buckets.positive.len() + buckets.negative.len(),
        }
    }

    /// Joins buckets until there are at most `limit` (0: any number) and the resolution is at most `schema`. False if that is not possible: with
    /// bounds of its own, or at the coarsest resolution (Prometheus: `ReduceResolution`, `bucketLimitAppender`, `maxSchemaAppender`).
    pub fn fit(&mut self, limit: usize, schema: i32) -> bool {
        let over = |histogram: &Histogram| limit > 0 && histogram.bucket_count() > limit;
        if self.schema == CUSTOM_BOUNDS {
            return !over(self);
        }
        if self.schema > schema {
            self.reduce(schema);
        }
        while over(self) {
            if self.schema <= COARSEST {
                return false;
            }
            self.reduce(self.schema - 1);
        }
        true
    }

    /// Joins buckets to a coarser resolution.
    fn reduce(&mut self, schema: i32) {
        let by = self.schema.saturating_sub(schema).clamp(0, 31) as u32;
        self.schema = schema;
        let (positive, negative) = (&mut self.positive_spans, &mut self.negative_spans);
        match &mut self.counts {
            Counts::Integer(buckets) => {
                for (spans, deltas) in [(positive, &mut buckets.positive), (negative, &mut buckets.negative)] {
                    let mut count = 0;
                    for delta in deltas.iter_mut() {
                        count += *delta;
                        *delta = count;
                    }
                    join(spans, deltas, by);
                    let mut last = 0;
                    for bucket in deltas.iter_mut() {
                        (*bucket, last) = (*bucket - last, *bucket);
                    }
                }
            }
            Counts::Float(buckets) => {
                join(positive, &mut buckets.positive, by);
                join(negative, &mut buckets.negative, by);
            }
        }
    }
}

/// Joins buckets, 2 to the power of `by` at a time.
fn join<B: Copy + Default + Add<Output = B>>(spans: &mut Vec<Span>, buckets: &mut Vec<B>, by: u32) {
    let mut joined: Vec<Span> = Vec::new();
    let mut counts: Vec<B> = Vec::new();
    let mut all = buckets.iter().copied();
    // The index of the bucket at hand, and of the last one that was made.
    let (mut index, mut last) = (0i64, None);
    for span in spans.iter() {
        index += i64::from(span.offset);
        for count in all.by_ref().take(span.length as usize) {
            // Bucket i ends at base^i, so that i and the one before a multiple belong together.
            let coarse = ((index - 1) >> by) + 1;
            match (last, joined.last_mut(), counts.last_mut()) {
                (Some(before), Some(_), Some(sum)) if before == coarse => *sum = *sum + count,
                (Some(before), Some(span), _) if before + 1 == coarse => {
                    span.length += 1;
                    counts.push(count);
                }
                _ => {
                    // In the first span the index itself, in the others the gap.
                    let offset = last.map_or(coarse, |before| coarse - before - 1);
                    joined.push(Span {
                        offset: offset as i32,
                        length: 1,
                    });
                    counts.push(count);
                }
            }
            last = Some(coarse);
            index += 1;
        }
    }
    *spans = joined;
    *buckets = counts;
}

/// The finest resolution in which each bucket is at least `factor` times as wide as the one before; 8, the finest of all, for a factor of 1 or
/// less (Prometheus: `pickSchema`).
pub fn schema_of_factor(factor: f64) -> i32 {
    if factor <= 1.0 || factor.is_nan() {
        return 8;
    }
    // A resolution of n has a factor of 2^(2^-n) from one bucket to the next.
    (-factor.log2().log2()).floor().clamp(f64::from(COARSEST), 8.0) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Buckets;

    fn histogram(spans: &[(i32, u32)], deltas: &[i64]) -> Histogram {
        Histogram {
            schema: 1,
            positive_spans: spans.iter().map(|&(offset, length)| Span { offset, length }).collect(),
            counts: Counts::Integer(Buckets {
                positive: deltas.to_vec(),
                ..Buckets::default()
            }),
            ..Histogram::default()
        }
    }

    fn shape(histogram: &Histogram) -> (i32, Vec<(i32, u32)>, Vec<i64>) {
        let Counts::Integer(buckets) = &histogram.counts else {
            panic!("whole counts")
        };
        let spans = histogram.positive_spans.iter().map(|span| (span.offset, span.length));
        (histogram.schema, spans.collect(), buckets.positive.clone())
    }

    #[test]
    fn buckets_are_joined_until_they_fit() {
        // Buckets 0 to 4 and 7: 1 2 3 4 5, 6. At half the resolution: 0 | 1 2 | 3 4 | 7.
        let start = histogram(&[(0, 5), (2, 1)], &[1, 1, 1, 1, 1, 1]);
        let mut one = start.clone();
        assert!(one.fit(4, 8));
        assert_eq!(shape(&one), (0, vec![(0, 3), (1, 1)], vec![1, 4, 4, -3]));
        let mut none = start.clone();
        assert!(none.fit(6, 8));
        assert_eq!(none, start);
        let mut coarse = start.clone();
        assert!(coarse.fit(0, -1));
        assert_eq!(coarse.schema, -1);
        let mut most = start.clone();
        assert!(!most.fit(1, 8), "buckets on both sides of 1 are never joined");
        let mut custom = Histogram {
            schema: CUSTOM_BOUNDS,
            ..start
        };
        assert!(!custom.fit(5, 8) && custom.fit(6, 0));
    }
}
