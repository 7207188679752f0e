//! Samples of metrics and batches of them.

use crate::batch::{Batch, Payload};
use crate::ledger::Amount;
use crate::runs::{Runs, rows_of};
use crate::tap::Seen;
use prommodel::{Counts, Histogram, Kind, Series};
use smol_str::SmolStr;
use std::sync::Arc;

/// Bytes of a sample, as amounts count them: a value and a time. Labels are shared and not counted.
pub const SAMPLE_BYTES: u64 = 16;

/// A value at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Whose value it is.
    pub series: Series,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The value; [`prommodel::STALE_NAN`] if the series is gone.
    pub value: f64,
}

/// A native histogram at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSample {
    /// Whose histogram it is.
    pub series: Series,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The histogram; its sum is [`prommodel::STALE_NAN`] if the series is gone.
    pub histogram: Arc<Histogram>,
}

impl HistogramSample {
    /// Bytes, as amounts count them.
    pub fn size(&self) -> u64 {
        let histogram = &*self.histogram;
        let spans = histogram.positive_spans.len() + histogram.negative_spans.len();
        let buckets = match &histogram.counts {
            Counts::Integer(buckets) => buckets.positive.len() + buckets.negative.len(),
            Counts::Float(buckets) => buckets.positive.len() + buckets.negative.len(),
        };
        SAMPLE_BYTES + 8 * (3 + spans + buckets + histogram.custom_values.len()) as u64
    }
}

/// An example of what was counted: a trace id, in most cases.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// The series that it is an example of.
    pub series: Series,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The value.
    pub value: f64,
    /// Names and values.
    pub labels: Arc<[(SmolStr, SmolStr)]>,
}

impl Exemplar {
    /// Bytes, as amounts count them.
    pub fn size(&self) -> u64 {
        let labels = self.labels.iter().map(|(name, value)| name.len() + value.len());
        SAMPLE_BYTES + labels.sum::<usize>() as u64
    }
}

/// What is known of all metrics of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Family {
    /// Name of the family: without `_total`, `_bucket` and their like where the format leaves them out.
    pub name: SmolStr,
    /// Its type.
    pub kind: Kind,
    /// Its unit; empty in most cases.
    pub unit: SmolStr,
    /// What it means.
    pub help: Arc<str>,
}

/// The records of a [`MetricBatch`]. Within each list, samples of one series are in their order; those in `samples` are before those in `runs`.
///
/// Amounts count samples, histograms and exemplars. What is said of families is no record: it has no fate, and comes again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    /// Values.
    pub samples: Vec<Sample>,
    /// Values of series that come together.
    pub runs: Runs,
    /// Native histograms.
    pub histograms: Vec<HistogramSample>,
    /// Exemplars, behind the samples that they belong to.
    pub exemplars: Vec<Exemplar>,
    /// What was learned of families since the batch before.
    pub families: Vec<Arc<Family>>,
}

/// Samples that travel together: those of one scrape, in most cases.
pub type MetricBatch = Batch<Metrics>;

impl Metrics {
    /// Number of samples, histograms and exemplars.
    pub(crate) fn records(&self) -> u64 {
        (self.values() + self.histograms.len() + self.exemplars.len()) as u64
    }

    /// Number of samples that are values.
    pub fn values(&self) -> usize {
        self.samples.len() + self.runs.len()
    }

    /// Calls `each` with all samples that are values: series, time in milliseconds since the Unix epoch, value. Series of blocks become series
    /// by themselves for it, and stay that as long as the block is there: for those who cannot work with blocks.
    pub fn each_value<'m>(&'m self, mut each: impl FnMut(&'m Series, i64, f64)) {
        for sample in &self.samples {
            each(&sample.series, sample.timestamp, sample.value);
        }
        for run in self.runs.list() {
            let series = run.block.series();
            for row in rows_of(run.rows) {
                each(&series[row], self.runs.time(run, row), self.runs.value(run, row));
            }
        }
    }

    /// Whether there is nothing in it, neither records nor families.
    pub fn is_empty(&self) -> bool {
        self.records() == 0 && self.families.is_empty()
    }
}

impl Payload for Metrics {
    fn seen(&self) -> Option<Seen<'_>> {
        Some(Seen::Metrics(self))
    }

    fn amount(&self) -> Amount {
        let histograms: u64 = self.histograms.iter().map(HistogramSample::size).sum();
        let exemplars: u64 = self.exemplars.iter().map(Exemplar::size).sum();
        Amount {
            items: self.records(),
            bytes: SAMPLE_BYTES * self.values() as u64 + histograms + exemplars,
        }
    }
}
