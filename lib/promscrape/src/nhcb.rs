//! Classic histograms as native histograms with custom bounds (Prometheus: `convertnhcb.TempHistogram`).

use prommodel::{CUSTOM_BOUNDS, Compactor, Histogram, Span};

/// Collects the samples of one classic histogram.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    /// Upper bounds and cumulative counts, by bound.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
    error: Option<String>,
    histogram: Histogram,
    compactor: Compactor,
}

impl Collector {
    /// Forgets the samples; the histogram made last stays.
    pub(crate) fn reset(&mut self) {
        self.buckets.clear();
        self.count = None;
        self.sum = 0.0;
        self.error = None;
    }

    /// The histogram made last.
    pub(crate) fn histogram(&self) -> &Histogram {
        &self.histogram
    }

    /// The histogram made last, to be changed.
    pub(crate) fn histogram_mut(&mut self) -> &mut Histogram {
        &mut self.histogram
    }

    fn fail(&mut self, error: impl FnOnce() -> String) {
        if self.error.is_none() {
            self.error = Some(error());
        }
    }

    pub(crate) fn set_count(&mut self, count: f64) {
        if count < 0.0 {
            self.fail(|| format!("count must be non-negative: count={count}"));
        }
        self.count = Some(count);
    }

    pub(crate) fn set_sum(&mut self, sum: f64) {
        self.sum = sum;
    }

    /// A bucket that exists already is left as it is.
    pub(crate) fn set_bucket(&mut self, bound: f64, count: f64) {
        if bound.is_nan() {
            return self.fail(|| "bucket boundary must not be NaN".to_owned());
        }
        if count < 0.0 {
            return self.fail(|| format!("bucket count must be non-negative: le={bound}, count={count}"));
        }
        // Mostly they come in order.
        let at = match self.buckets.last() {
            Some(last) if last.0 >= bound => self.buckets.partition_point(|bucket| bucket.0 < bound),
            _ => self.buckets.len(),
        };
        if self.buckets.get(at).is_some_and(|bucket| bucket.0 == bound) {
            return;
        }
        if let Some(&(_, below)) = at.checked_sub(1).and_then(|at| self.buckets.get(at))
            && count < below
        {
            return self.fail(|| format!("count is not cumulative: {count} < {below}"));
        }
        if let Some(&(_, above)) = self.buckets.get(at)
            && count > above
        {
            return self.fail(|| format!("count is not cumulative: {count} > {above}"));
        }
        self.buckets.insert(at, (bound, count));
    }

    /// Makes the histogram, or says why there is none.
    pub(crate) fn finish(&mut self) -> Result<(), String> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let count = self.count.or(self.buckets.last().map(|last| last.1)).unwrap_or(0.0);
        let last = match self.buckets.last() {
            Some(&(bound, last)) if bound == f64::INFINITY || count < last => last,
            _ => {
                self.buckets.push((f64::INFINITY, count));
                count
            }
        };
        if count != last {
            return Err(format!("count mismatch: count={count} != highest bucket {last}"));
        }
        // 2^63: what a bucket can hold.
        let whole = |count: f64| count.fract() == 0.0 && count < 9_223_372_036_854_775_808.0;
        if self.buckets.iter().all(|bucket| whole(bucket.1)) {
            let buckets = self.histogram.integer();
            buckets.count = count as u64;
            let (mut before, mut delta_before) = (0, 0);
            buckets.positive.extend(self.buckets.iter().map(|bucket| {
                let delta = bucket.1 as i64 - before;
                before = bucket.1 as i64;
                delta - std::mem::replace(&mut delta_before, delta)
            }));
        } else {
            let buckets = self.histogram.float();
            buckets.count = count;
            let mut before = 0.0;
            let deltas = |bucket: &(f64, f64)| bucket.1 - std::mem::replace(&mut before, bucket.1);
            buckets.positive.extend(self.buckets.iter().map(deltas));
        }
        let histogram = &mut self.histogram;
        histogram.schema = CUSTOM_BOUNDS;
        histogram.sum = self.sum;
        histogram.positive_spans.push(Span {
            offset: 0,
            length: self.buckets.len() as u32,
        });
        let bounds = self.buckets.iter().map(|bucket| bucket.0);
        histogram
            .custom_values
            .extend(bounds.filter(|&bound| bound != f64::INFINITY));
        // Few empty buckets cost less than another span, if they are whole numbers.
        let keep = match histogram.counts {
            prommodel::Counts::Integer(_) => 2,
            prommodel::Counts::Float(_) => 0,
        };
        histogram.compact(keep, &mut self.compactor);
        Ok(())
    }
}
