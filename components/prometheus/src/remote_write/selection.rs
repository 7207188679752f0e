//! Which entries of a batch an endpoint gets, and under which series.

use super::order::Order;
use super::series::{Mapping, Merged};
use prommodel::{Block, Row, Series, SeriesKey};
use signals::{Metrics, SAMPLE_BYTES, rows_of};
use std::ops::Range;
use std::sync::Arc;

/// A list of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Samples,
    Runs,
    Histograms,
    Exemplars,
}

impl List {
    pub(super) const ALL: [List; 4] = [List::Samples, List::Runs, List::Histograms, List::Exemplars];

    /// Which kind of samples meters count them as.
    pub(super) fn kind(self) -> usize {
        match self {
            List::Samples | List::Runs => 0,
            List::Histograms => 1,
            List::Exemplars => 2,
        }
    }

    /// Whether it has values.
    pub(super) fn is_values(self) -> bool {
        self.kind() == 0
    }

    /// Number of entries.
    pub(super) fn len(self, payload: &Metrics) -> usize {
        match self {
            List::Samples => payload.samples.len(),
            List::Runs => payload.runs.len(),
            List::Histograms => payload.histograms.len(),
            List::Exemplars => payload.exemplars.len(),
        }
    }

    /// The series of an entry, where entries have series by themselves.
    pub(super) fn series(self, payload: &Metrics, at: usize) -> Option<&Series> {
        match self {
            List::Samples => Some(&payload.samples[at].series),
            List::Histograms => Some(&payload.histograms[at].series),
            List::Exemplars => Some(&payload.exemplars[at].series),
            List::Runs => None,
        }
    }

    /// Size of an entry, as amounts count it.
    pub(super) fn size(self, payload: &Metrics, at: usize) -> u64 {
        match self {
            List::Samples | List::Runs => SAMPLE_BYTES,
            List::Histograms => payload.histograms[at].size(),
            List::Exemplars => payload.exemplars[at].size(),
        }
    }
}

/// Entries of a list, and under which series an endpoint gets them.
#[derive(Clone)]
pub(super) struct Selection {
    pub(super) list: List,
    pub(super) series: To,
}

/// The series of entries.
#[derive(Clone)]
pub(super) enum To {
    /// That of the batch, with external labels.
    External,
    /// That of the batch.
    Same,
    /// These, by index of the list; those without one are not for the endpoint.
    Mapped(Arc<Vec<Option<Series>>>),
    /// Of runs.
    Runs(Arc<Order>, Option<Arc<[After]>>),
}

/// What an endpoint gets of a run.
pub(super) struct After {
    pub(super) block: Option<Arc<Block>>,
    /// The rows of the run's block that the block has.
    pub(super) kept: u64,
    /// Those of them that the endpoint gets.
    pub(super) wanted: u64,
}

/// How many rows of a set are before a row.
#[inline]
fn below(rows: u64, row: usize) -> usize {
    (rows & !(u64::MAX << row)).count_ones() as usize
}

impl Selection {
    /// The series of an entry in the batch.
    pub(super) fn key(&self, payload: &Metrics, at: usize) -> SeriesKey {
        if let Some(series) = self.list.series(payload, at) {
            return series.key();
        }
        let (run, row) = self.place(at);
        payload.runs.list()[run].block.row(row).to_series().key()
    }

    /// The labels of an entry at an endpoint.
    pub(super) fn labels<'a>(&'a self, payload: &'a Metrics, at: usize, mapping: &'a Mapping) -> Merged<'a> {
        let Some(series) = self.list.series(payload, at) else {
            let (run, row) = self.place(at);
            return self.row(payload, run, row).into();
        };
        match &self.series {
            To::External => mapping.with_external(series),
            To::Mapped(mapped) => mapped[at].as_ref().unwrap_or(series).into(),
            To::Same | To::Runs(..) => series.into(),
        }
    }

    /// The run and the row of an entry of runs.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        match &self.series {
            To::Runs(order, _) => order.place(at),
            _ => (0, 0),
        }
    }

    /// The series of a row of a run.
    #[inline]
    fn row<'a>(&'a self, payload: &'a Metrics, run: usize, row: usize) -> Row<'a> {
        if let To::Runs(_, Some(after)) = &self.series
            && let After {
                block: Some(block),
                kept,
                ..
            } = &after[run]
        {
            return block.row(below(*kept, row));
        }
        payload.runs.list()[run].block.row(row)
    }

    /// Whether the endpoint gets an entry.
    pub(super) fn has(&self, at: usize) -> bool {
        match &self.series {
            To::Mapped(mapped) => mapped[at].is_some(),
            To::Runs(order, Some(after)) => {
                let (run, row) = order.place(at);
                after[run].wanted >> row & 1 != 0
            }
            _ => true,
        }
    }

    /// Time of an entry, in milliseconds since the Unix epoch.
    pub(super) fn time(&self, payload: &Metrics, at: usize) -> i64 {
        match self.list {
            List::Samples => payload.samples[at].timestamp,
            List::Histograms => payload.histograms[at].timestamp,
            List::Exemplars => payload.exemplars[at].timestamp,
            List::Runs => {
                let (run, row) = self.place(at);
                payload.runs.time(&payload.runs.list()[run], row)
            }
        }
    }

    /// Calls `each` with the entries of a range that are values: index, series, time and value.
    #[inline]
    pub(super) fn values<'a>(
        &'a self,
        payload: &'a Metrics,
        range: Range<usize>,
        mapping: &'a Mapping,
        mut each: impl FnMut(usize, Merged<'a>, i64, f64),
    ) {
        let To::Runs(order, after) = &self.series else {
            let own = range.filter(|at| self.has(*at));
            own.for_each(|at| {
                let sample = &payload.samples[at];
                each(at, self.labels(payload, at, mapping), sample.timestamp, sample.value);
            });
            return;
        };
        let runs = &payload.runs;
        for (first, number, rows) in order.runs(range) {
            let run = &runs.list()[number];
            let (block, kept, wanted) = match after.as_ref().map(|after| &after[number]) {
                None => (&run.block, u64::MAX, u64::MAX),
                Some(After {
                    block: Some(block),
                    kept,
                    wanted,
                }) => (block, *kept, *wanted),
                Some(After { block: None, .. }) => continue,
            };
            for (at, row) in (first..).zip(rows_of(rows)) {
                if wanted >> row & 1 != 0 {
                    let series = block.row(below(kept, row));
                    each(at, series.into(), runs.time(run, row), runs.value(run, row));
                }
            }
        }
    }
}
