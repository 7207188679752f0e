//! Functions of the samples in a range.

use crate::aggregate::{largest, mean, smallest, sum, variance};

/// What a function sees of one series. Times in milliseconds since 1970.
pub(crate) struct Window<'s> {
    pub samples: &'s [(i64, f64)],
    /// Start of the range.
    pub start: i64,
    /// End of the range.
    pub end: i64,
}

fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

impl Window<'_> {
    fn values(&self) -> impl Iterator<Item = f64> {
        self.samples.iter().map(|(_, value)| *value)
    }

    /// The change from the first to the last sample, extended to the ends of the range if the series seems to reach them: `extrapolatedRate`
    /// of Prometheus 3. `counter` takes a fall for a reset, and does not go below zero; `rate` divides by the range.
    fn extrapolated(&self, counter: bool, rate: bool) -> Option<f64> {
        let (Some((first_at, first)), Some((last_at, last))) = (self.samples.first(), self.samples.last()) else {
            return None;
        };
        if self.samples.len() < 2 {
            return None;
        }
        let mut result = last - first;
        if counter {
            let falls = self.samples.windows(2).filter(|pair| pair[1].1 < pair[0].1);
            result += falls.map(|pair| pair[0].1).sum::<f64>();
        }
        let sampled = seconds(last_at - first_at);
        let mean_distance = sampled / (self.samples.len() - 1) as f64;
        // A sample that is missing, as far as one can tell: the series does not fill the range.
        let threshold = mean_distance * 1.1;
        let reach = |distance: f64| {
            if distance >= threshold {
                mean_distance / 2.0
            } else {
                distance
            }
        };
        let mut to_start = reach(seconds(first_at - self.start));
        let to_end = reach(seconds(self.end - last_at));
        if counter && result > 0.0 && *first >= 0.0 {
            // It was not below zero.
            to_start = to_start.min(sampled * (first / result));
        }
        let mut factor = (sampled + to_start + to_end) / sampled;
        if rate {
            factor /= seconds(self.end - self.start);
        }
        Some(result * factor)
    }

    pub(crate) fn rate(&self) -> Option<f64> {
        self.extrapolated(true, true)
    }

    pub(crate) fn increase(&self) -> Option<f64> {
        self.extrapolated(true, false)
    }

    pub(crate) fn delta(&self) -> Option<f64> {
        self.extrapolated(false, false)
    }

    fn instant(&self, rate: bool) -> Option<f64> {
        let [.., (before_at, before), (last_at, last)] = self.samples else {
            return None;
        };
        if !rate {
            return Some(last - before);
        }
        let change = if last < before { *last } else { last - before };
        (last_at != before_at).then(|| change / seconds(last_at - before_at))
    }

    pub(crate) fn irate(&self) -> Option<f64> {
        self.instant(true)
    }

    pub(crate) fn idelta(&self) -> Option<f64> {
        self.instant(false)
    }

    fn any(&self) -> bool {
        !self.samples.is_empty()
    }

    pub(crate) fn avg(&self) -> Option<f64> {
        self.any().then(|| mean(&self.values().collect::<Vec<_>>()))
    }

    pub(crate) fn sum(&self) -> Option<f64> {
        self.any().then(|| sum(self.values()))
    }

    pub(crate) fn min(&self) -> Option<f64> {
        self.any().then(|| smallest(self.values()))
    }

    pub(crate) fn max(&self) -> Option<f64> {
        self.any().then(|| largest(self.values()))
    }

    pub(crate) fn count(&self) -> Option<f64> {
        self.any().then_some(self.samples.len() as f64)
    }

    pub(crate) fn present(&self) -> Option<f64> {
        self.any().then_some(1.0)
    }

    pub(crate) fn last(&self) -> Option<f64> {
        self.values().last()
    }

    pub(crate) fn stddev(&self) -> Option<f64> {
        self.any().then(|| variance(&self.values().collect::<Vec<_>>()).sqrt())
    }

    fn pairs(&self, differs: impl Fn(f64, f64) -> bool) -> Option<f64> {
        let count = self.samples.windows(2).filter(|pair| differs(pair[0].1, pair[1].1));
        self.any().then(|| count.count() as f64)
    }

    pub(crate) fn changes(&self) -> Option<f64> {
        self.pairs(|before, after| before != after && !(before.is_nan() && after.is_nan()))
    }

    pub(crate) fn resets(&self) -> Option<f64> {
        self.pairs(|before, after| after < before)
    }
}
