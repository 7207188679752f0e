//! Native histograms.

/// Buckets that follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// How many buckets lie between the end of the span before and this one; in the first span, the index of the first bucket.
    pub offset: i32,
    /// How many buckets there are.
    pub length: u32,
}

/// What is known about counts that went down (Prometheus: counter reset hint). The numbers are those of remote write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResetHint {
    /// Nothing: compare with the histogram before.
    #[default]
    Unknown = 0,
    /// Counting began anew.
    Reset = 1,
    /// Counting went on.
    NotReset = 2,
    /// Counts may go down.
    Gauge = 3,
}

impl ResetHint {
    /// The hint of a number; [`ResetHint::Unknown`] for one that is not defined.
    pub fn of_number(number: u64) -> Self {
        match number {
            1 => ResetHint::Reset,
            2 => ResetHint::NotReset,
            3 => ResetHint::Gauge,
            _ => ResetHint::Unknown,
        }
    }
}

/// The schema of histograms with bounds of their own, which classic histograms become (Prometheus: `histogram.CustomBucketsSchema`).
pub const CUSTOM_BOUNDS: i32 = -53;

/// A native histogram as remote write and the WAL carry it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// The resolution, or [`CUSTOM_BOUNDS`].
    pub schema: i32,
    /// What is known about counts that went down.
    pub reset: ResetHint,
    /// Half the width of the zero bucket.
    pub zero_threshold: f64,
    /// The sum of all observations.
    pub sum: f64,
    /// Where the positive buckets lie.
    pub positive_spans: Vec<Span>,
    /// Where the negative buckets lie.
    pub negative_spans: Vec<Span>,
    /// Upper bounds, without the infinite one; only with [`CUSTOM_BOUNDS`].
    pub custom_values: Vec<f64>,
    /// How many observations there are, in all and in each bucket.
    pub counts: Counts,
}

/// The counts of a histogram.
#[derive(Clone, Debug, PartialEq)]
pub enum Counts {
    /// Whole ones. A bucket is written as the difference to the bucket before it.
    Integer(Buckets<u64, i64>),
    /// Fractional ones. A bucket is written as it is.
    Float(Buckets<f64, f64>),
}

impl Default for Counts {
    fn default() -> Counts {
        Counts::Integer(Buckets::default())
    }
}

/// Counts of type `C` and buckets of type `B`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Buckets<C, B> {
    /// All observations.
    pub count: C,
    /// Those in the zero bucket.
    pub zero_count: C,
    /// The positive buckets.
    pub positive: Vec<B>,
    /// The negative buckets.
    pub negative: Vec<B>,
}

impl<C: Default, B> Buckets<C, B> {
    fn clear(&mut self) {
        self.count = C::default();
        self.zero_count = C::default();
        self.positive.clear();
        self.negative.clear();
    }
}

impl Histogram {
    /// Empties the histogram and keeps its memory.
    fn clear(&mut self) {
        self.schema = 0;
        self.reset = ResetHint::Unknown;
        self.zero_threshold = 0.0;
        self.sum = 0.0;
        self.positive_spans.clear();
        self.negative_spans.clear();
        self.custom_values.clear();
    }

    /// An empty histogram with whole counts.
    pub fn integer(&mut self) -> &mut Buckets<u64, i64> {
        self.clear();
        if let Counts::Float(_) = self.counts {
            self.counts = Counts::Integer(Buckets::default());
        }
        match &mut self.counts {
            Counts::Integer(buckets) => {
                buckets.clear();
                buckets
            }
            Counts::Float(_) => unreachable!("replaced above"),
        }
    }

    /// An empty histogram with fractional counts.
    pub fn float(&mut self) -> &mut Buckets<f64, f64> {
        self.clear();
        if let Counts::Integer(_) = self.counts {
            self.counts = Counts::Float(Buckets::default());
        }
        match &mut self.counts {
            Counts::Float(buckets) => {
                buckets.clear();
                buckets
            }
            Counts::Integer(_) => unreachable!("replaced above"),
        }
    }

    /// Removes empty buckets: all at the ends of spans, and those within a span if more than `keep` follow each other. Gaps of
    /// up to `keep` between spans become empty buckets (Prometheus: `Histogram.Compact`). The lengths of the spans must add up to the number
    /// of buckets.
    pub fn compact(&mut self, keep: i64, scratch: &mut Compactor) {
        let (positive, negative) = (&mut self.positive_spans, &mut self.negative_spans);
        match &mut self.counts {
            Counts::Integer(buckets) => {
                scratch.integer(positive, &mut buckets.positive, keep);
                scratch.integer(negative, &mut buckets.negative, keep);
            }
            Counts::Float(buckets) => {
                scratch.float(positive, &mut buckets.positive, keep);
                scratch.float(negative, &mut buckets.negative, keep);
            }
        }
    }
}

/// Memory for compaction.
#[derive(Debug, Default)]
pub struct Compactor {
    spans: Vec<Span>,
    integers: Vec<i64>,
    floats: Vec<f64>,
}

impl Compactor {
    fn integer(&mut self, spans: &mut Vec<Span>, buckets: &mut Vec<i64>, keep: i64) {
        // Absolute counts for the time being.
        let mut last = 0i64;
        for bucket in buckets.iter_mut() {
            last = last.wrapping_add(*bucket);
            *bucket = last;
        }
        compact(spans, buckets, keep, &mut self.spans, &mut self.integers);
        let mut last = 0i64;
        for bucket in buckets.iter_mut() {
            let count = *bucket;
            *bucket = count.wrapping_sub(last);
            last = count;
        }
    }

    fn float(&mut self, spans: &mut Vec<Span>, buckets: &mut Vec<f64>, keep: i64) {
        compact(spans, buckets, keep, &mut self.spans, &mut self.floats);
    }
}

fn compact<B: Copy + Default + PartialEq>(
    spans: &mut Vec<Span>,
    buckets: &mut Vec<B>,
    keep: i64,
    new_spans: &mut Vec<Span>,
    new_buckets: &mut Vec<B>,
) {
    new_spans.clear();
    new_buckets.clear();
    let mut counts = buckets.iter();
    // The index of the bucket at hand, and of the one after the last that was kept.
    let (mut index, mut end) = (0i64, 0i64);
    for span in spans.iter() {
        index += i64::from(span.offset);
        for &count in counts.by_ref().take(span.length as usize) {
            if count != B::default() {
                let gap = index - end;
                match new_spans.last_mut() {
                    Some(last) if (0..=keep).contains(&gap) => {
                        new_buckets.extend(std::iter::repeat_n(B::default(), gap as usize));
                        last.length += gap as u32 + 1;
                    }
                    _ => new_spans.push(Span {
                        offset: gap as i32,
                        length: 1,
                    }),
                }
                new_buckets.push(count);
                end = index + 1;
            }
            index += 1;
        }
    }
    std::mem::swap(spans, new_spans);
    std::mem::swap(buckets, new_buckets);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(spans: &[(i32, u32)], deltas: &[i64], keep: i64) -> (Vec<(i32, u32)>, Vec<i64>) {
        let mut spans: Vec<Span> = spans.iter().map(|&(offset, length)| Span { offset, length }).collect();
        let mut deltas = deltas.to_vec();
        Compactor::default().integer(&mut spans, &mut deltas, keep);
        (spans.iter().map(|span| (span.offset, span.length)).collect(), deltas)
    }

    #[test]
    fn empty_buckets_go() {
        // Absolute: 0 1 0 0 0 2 0 | 3
        let spans = [(-2, 7), (1, 1)];
        let deltas = [0, 1, -1, 0, 0, 2, -2, 3];
        assert_eq!(run(&spans, &deltas, 0), (vec![(-1, 1), (3, 1), (2, 1)], vec![1, 1, 1]));
        assert_eq!(run(&spans, &deltas, 2), (vec![(-1, 1), (3, 4)], vec![1, 1, -2, 0, 3]));
        assert_eq!(
            run(&[(0, 2), (0, 1), (5, 0)], &[1, 0, 1], 0),
            (vec![(0, 3)], vec![1, 0, 1])
        );
        assert_eq!(run(&[(3, 2)], &[0, 0], 2), (vec![], vec![]));
    }
}
