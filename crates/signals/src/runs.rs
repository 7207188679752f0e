//! Samples of series that come together.

use prommodel::{Block, Mapped, Row};
use std::sync::Arc;

/// Samples of the series of a block, each of which has one at most.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Whose samples they are.
    pub block: Arc<Block>,
    /// The rows that have one.
    pub rows: u64,
    /// Milliseconds since the Unix epoch; of those without a time of their own.
    timestamp: i64,
    /// Where the value of row 0 is in the list of values.
    start: usize,
}

/// Runs, one after the other, with their values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Runs {
    list: Vec<Run>,
    values: Vec<f64>,
    /// As many as there are values, or none: then each run has one time.
    times: Vec<i64>,
    count: usize,
}

/// The rows of a set, from the first on.
pub fn rows_of(mut rows: u64) -> impl Iterator<Item = usize> + Clone {
    std::iter::from_fn(move || {
        let row = rows.trailing_zeros() as usize;
        rows &= rows.wrapping_sub(1);
        (row < Block::MOST).then_some(row)
    })
}

impl Runs {
    /// Runs over values that are there already: for each run a block, whose rows each have a place in `values`, and the rows that have a sample. `times`
    /// has as many places, or none: then `timestamp` is the time of all.
    ///
    /// # Panics
    /// There are not as many places as rows.
    pub fn new(
        values: Vec<f64>,
        times: Vec<i64>,
        timestamp: i64,
        runs: impl IntoIterator<Item = (Arc<Block>, u64)>,
    ) -> Runs {
        let mut all = Runs {
            values,
            times,
            ..Runs::default()
        };
        let mut start = 0;
        for (block, rows) in runs {
            let next = start + block.len();
            all.add(block, rows, timestamp, start);
            start = next;
        }
        assert!(
            start == all.values.len() && (all.times.is_empty() || all.times.len() == start),
            "each row has a place"
        );
        all
    }

    fn add(&mut self, block: Arc<Block>, rows: u64, timestamp: i64, start: usize) {
        debug_assert!(rows & !block.all() == 0, "rows of the block");
        self.count += rows.count_ones() as usize;
        if rows != 0 {
            self.list.push(Run {
                block,
                rows,
                timestamp,
                start,
            });
        }
    }

    /// Appends a run whose samples have one time; none if there are no rows. `value`: that of each row.
    pub fn push(&mut self, block: Arc<Block>, rows: u64, timestamp: i64, value: impl Fn(usize) -> f64) {
        if rows == 0 {
            return;
        }
        let start = self.values.len();
        self.values.extend((0..block.len()).map(value));
        if !self.times.is_empty() {
            self.times.resize(self.values.len(), timestamp);
        }
        self.add(block, rows, timestamp, start);
    }

    /// The same samples under other series, as far as they are left: `after` has for each run what became of its block.
    pub fn mapped(&self, after: &[Mapped]) -> Runs {
        let mut all = Runs {
            values: Vec::with_capacity(self.values.len()),
            ..Runs::default()
        };
        for (run, Mapped { block, kept }) in self.list.iter().zip(after) {
            let Some(block) = block else { continue };
            let start = all.values.len();
            if *kept == run.block.all() {
                let places = run.start..run.start + run.block.len();
                all.values.extend_from_slice(&self.values[places.clone()]);
                if !self.times.is_empty() {
                    all.times.extend_from_slice(&self.times[places]);
                }
                all.add(block.clone(), run.rows, run.timestamp, start);
                continue;
            }
            all.values
                .extend(rows_of(*kept).map(|row| self.values[run.start + row]));
            if !self.times.is_empty() {
                all.times.extend(rows_of(*kept).map(|row| self.times[run.start + row]));
            }
            // The rows of the block are those that were kept, in their order.
            let rows = rows_of(*kept).enumerate();
            let rows = rows.fold(0, |rows, (at, row)| rows | (run.rows >> row & 1) << at);
            all.add(block.clone(), rows, run.timestamp, start);
        }
        all
    }

    /// The runs.
    pub fn list(&self) -> &[Run] {
        &self.list
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The value of a row of a run of this list.
    #[inline]
    pub fn value(&self, run: &Run, row: usize) -> f64 {
        self.values[run.start + row]
    }

    /// The time of a row of a run of this list, in milliseconds since the Unix epoch.
    #[inline]
    pub fn time(&self, run: &Run, row: usize) -> i64 {
        match self.times.is_empty() {
            true => run.timestamp,
            false => self.times[run.start + row],
        }
    }

    /// The latest time.
    pub fn latest(&self) -> Option<i64> {
        if self.times.is_empty() {
            return self.list.iter().map(|run| run.timestamp).max();
        }
        self.iter().map(|(_, time, _)| time).max()
    }

    /// Whether a sample may be from before a time.
    pub fn is_before(&self, time: i64) -> bool {
        match self.times.is_empty() {
            true => self.list.iter().any(|run| run.timestamp < time),
            false => self.iter().any(|(_, own, _)| own < time),
        }
    }

    /// The rows of a run that have a sample, and whose sample is not from before a time.
    pub fn rows_since(&self, run: &Run, time: i64) -> u64 {
        let since = rows_of(run.rows).filter(|row| self.time(run, *row) >= time);
        since.fold(0, |rows, row| rows | 1 << row)
    }

    /// All samples: series, time in milliseconds since the Unix epoch, value.
    pub fn iter(&self) -> impl Iterator<Item = (Row<'_>, i64, f64)> {
        self.list.iter().flat_map(move |run| {
            rows_of(run.rows).map(move |row| (run.block.row(row), self.time(run, row), self.value(run, row)))
        })
    }
}
