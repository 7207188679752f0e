//! Counters, gauges and histograms: handles to atomics.

use crate::model::{Bucket, Kind, Point};
use crate::vec::Metric;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A floating-point number that is added to atomically.
#[derive(Debug, Default)]
struct AtomicF64(AtomicU64);

impl AtomicF64 {
    fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    fn add(&self, value: f64) {
        let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
        // The closure always has an answer, so this does not fail.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

/// A number that only goes up. Clones are handles to the same number.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<CounterCore>);

#[derive(Debug, Default)]
struct CounterCore {
    /// Whole increments, the common case, are one instruction.
    whole: AtomicU64,
    fraction: AtomicF64,
}

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds a whole number.
    pub fn add(&self, count: u64) {
        self.0.whole.fetch_add(count, Ordering::Relaxed);
    }

    /// Adds a number. Returns false and changes nothing if it is negative or not a number: a counter never goes down.
    pub fn add_f64(&self, value: f64) -> bool {
        if value.is_nan() || value < 0.0 {
            return false;
        }
        // 2^53: beyond it the sum is not exact anyway.
        if value.fract() == 0.0 && value < 9_007_199_254_740_992.0 {
            self.add(value as u64);
        } else {
            self.0.fraction.add(value);
        }
        true
    }

    /// The current value.
    pub fn get(&self) -> f64 {
        self.0.whole.load(Ordering::Relaxed) as f64 + self.0.fraction.get()
    }
}

/// A number that goes up and down. Clones are handles to the same number.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicF64>);

impl Gauge {
    /// Sets the number.
    pub fn set(&self, value: f64) {
        self.0.set(value);
    }

    /// Adds one.
    pub fn inc(&self) {
        self.0.add(1.0);
    }

    /// Subtracts one.
    pub fn dec(&self) {
        self.0.add(-1.0);
    }

    /// Adds a number, which may be negative.
    pub fn add(&self, value: f64) {
        self.0.add(value);
    }

    /// The current value.
    pub fn get(&self) -> f64 {
        self.0.get()
    }
}

/// Observations counted by bucket. Clones are handles to the same counts.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<HistogramCore>);

#[derive(Debug)]
struct HistogramCore {
    bounds: Arc<[f64]>,
    /// Not cumulative; one more than there are bounds.
    counts: Box<[AtomicU64]>,
    sum: AtomicF64,
}

impl Histogram {
    /// A histogram with these upper bounds, which are put in order; +Inf is implied.
    pub fn new(bounds: &[f64]) -> Histogram {
        Histogram::with_bounds(sort_bounds(bounds))
    }

    pub(crate) fn with_bounds(bounds: Arc<[f64]>) -> Histogram {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram(Arc::new(HistogramCore {
            bounds,
            counts,
            sum: AtomicF64::default(),
        }))
    }

    /// Counts one observation. One that is not a number is in the last bucket, as in the Go client.
    pub fn observe(&self, value: f64) {
        let bucket = self.0.bounds.partition_point(|&bound| value.is_nan() || value > bound);
        self.0.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.0.sum.add(value);
    }

    /// Number of observations.
    pub fn count(&self) -> u64 {
        self.0.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Sum of the observations.
    pub fn sum(&self) -> f64 {
        self.0.sum.get()
    }
}

pub(crate) fn sort_bounds(bounds: &[f64]) -> Arc<[f64]> {
    let mut bounds: Vec<f64> = bounds.iter().copied().filter(|bound| bound.is_finite()).collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    bounds.into()
}

/// `count` bounds, the first of them `start`, each `factor` times the one before.
pub fn exponential_buckets(start: f64, factor: f64, count: usize) -> Vec<f64> {
    std::iter::successors(Some(start), |bound| Some(bound * factor))
        .take(count)
        .collect()
}

impl Metric for Counter {
    const KIND: Kind = Kind::Counter;
    type Config = ();

    fn create((): &()) -> Counter {
        Counter::default()
    }

    fn point(&self) -> Point {
        Point::Number(self.get())
    }
}

impl Metric for Gauge {
    const KIND: Kind = Kind::Gauge;
    type Config = ();

    fn create((): &()) -> Gauge {
        Gauge::default()
    }

    fn point(&self) -> Point {
        Point::Number(self.get())
    }
}

impl Metric for Histogram {
    const KIND: Kind = Kind::Histogram;
    /// Upper bounds in ascending order.
    type Config = Arc<[f64]>;

    fn create(bounds: &Arc<[f64]>) -> Histogram {
        Histogram::with_bounds(Arc::clone(bounds))
    }

    fn point(&self) -> Point {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(self.0.bounds.len());
        for (&le, bucket) in self.0.bounds.iter().zip(&self.0.counts) {
            count += bucket.load(Ordering::Relaxed);
            buckets.push(Bucket { le, count });
        }
        if let Some(last) = self.0.counts.last() {
            count += last.load(Ordering::Relaxed);
        }
        Point::Histogram {
            buckets,
            sum: self.sum(),
            count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_take_whole_and_other_numbers_but_none_below_zero() {
        let counter = Counter::default();
        counter.inc();
        counter.add(2);
        assert!(counter.add_f64(0.5));
        assert!(!counter.add_f64(-1.0));
        assert!(!counter.add_f64(f64::NAN));
        assert_eq!(counter.get(), 3.5);
    }

    #[test]
    fn updates_from_many_threads_add_up() {
        let (counter, gauge, histogram) = (Counter::default(), Gauge::default(), Histogram::new(&[1.0]));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        counter.add_f64(0.5);
                        gauge.add(2.0);
                        gauge.dec();
                        histogram.observe(2.0);
                    }
                });
            }
        });
        assert_eq!(counter.get(), 20_000.0);
        assert_eq!(gauge.get(), 40_000.0);
        assert_eq!((histogram.count(), histogram.sum()), (40_000, 80_000.0));
    }

    #[test]
    fn buckets_are_cumulative_and_inclusive() {
        let histogram = Histogram::new(&[5.0, 1.0, f64::INFINITY, 1.0]);
        for value in [0.5, 1.0, 1.5, 10.0, f64::NAN] {
            histogram.observe(value);
        }
        let Point::Histogram { buckets, count, sum } = histogram.point() else {
            panic!("not a histogram")
        };
        assert_eq!(buckets, [Bucket { le: 1.0, count: 2 }, Bucket { le: 5.0, count: 3 }]);
        assert_eq!(count, 5);
        assert!(sum.is_nan());
        assert_eq!(exponential_buckets(1.0, 2.0, 3), [1.0, 2.0, 4.0]);
    }
}
