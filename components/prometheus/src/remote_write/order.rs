//! The samples of runs in the order of lanes.

use super::protocol::Lane;
use prommodel::Series;
use signals::{Runs, rows_of};
use std::ops::Range;

/// Where the samples of runs are, by an index that counts the samples of one lane after those of the other, and in a lane run by run.
pub(super) struct Order {
    segments: Vec<Segment>,
    /// Where each lane begins, and where the last one ends.
    lanes: [usize; Series::PARTS + 1],
}

/// The rows of a run that are of one lane.
struct Segment {
    /// The index of the first one.
    start: usize,
    run: usize,
    rows: u64,
}

impl Order {
    pub(super) fn new(runs: &Runs) -> Order {
        let mut segments = Vec::with_capacity(runs.list().len() * Series::PARTS);
        let mut lanes = [0; Series::PARTS + 1];
        let mut start = 0;
        for lane in 0..Series::PARTS {
            for (number, run) in runs.list().iter().enumerate() {
                let rows = run.block.parts()[lane] & run.rows;
                if rows != 0 {
                    segments.push(Segment {
                        start,
                        run: number,
                        rows,
                    });
                    start += rows.count_ones() as usize;
                }
            }
            lanes[lane + 1] = start;
        }
        Order { segments, lanes }
    }

    /// The lanes that have samples, and their indices.
    pub(super) fn lanes(&self) -> impl Iterator<Item = (Lane, Range<usize>)> {
        let lanes = self.lanes.windows(2).enumerate();
        let lanes = lanes.map(|(lane, ends)| (Lane(lane as u8), ends[0]..ends[1]));
        lanes.filter(|(_, indices)| !indices.is_empty())
    }

    /// The last segment that begins at an index or before it.
    fn segment(&self, at: usize) -> usize {
        self.segments
            .partition_point(|segment| segment.start <= at)
            .saturating_sub(1)
    }

    /// The number of the run with an index, and the row.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let segment = &self.segments[self.segment(at)];
        let row = rows_of(segment.rows).nth(at - segment.start);
        (segment.run, row.expect("the next segment begins behind its rows"))
    }

    /// What a range has of each run: the index of the first sample, the number of the run, and the rows.
    pub(super) fn runs(&self, range: Range<usize>) -> impl Iterator<Item = (usize, usize, u64)> {
        let segments = &self.segments[self.segment(range.start)..];
        let segments = segments.iter().take_while(move |segment| segment.start < range.end);
        segments.map(move |segment| {
            let (mut at, mut rows) = (segment.start, segment.rows);
            while at < range.start {
                rows &= rows.wrapping_sub(1);
                at += 1;
            }
            let mut last = at + rows.count_ones() as usize;
            while last > range.end {
                rows &= !(1 << (63 - rows.leading_zeros()));
                last -= 1;
            }
            (at, segment.run, rows)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prommodel::{BlockBuilder, Table};

    #[test]
    fn each_sample_has_one_index() {
        let table = Table::new();
        let mut builder = BlockBuilder::new(&table, table.series(&[table.label("job", "j")]));
        let mut runs = Runs::default();
        let mut expect = Vec::new();
        for run in 0..5_usize {
            let rows = 64 - 13 * run;
            for row in 0..rows {
                builder.push(&[
                    table.label("__name__", &format!("m{run}_{row}")),
                    table.label("job", "j"),
                ]);
            }
            let given = u64::MAX >> (64 - rows) & !(0b100 << run);
            expect.extend(rows_of(given).map(|row| (run, row)));
            runs.push(builder.build(), given, 7, |row| row as f64);
        }
        let order = Order::new(&runs);
        let mut seen = Vec::new();
        let mut next = 0;
        for (lane, range) in order.lanes() {
            assert_eq!(range.start, next);
            next = range.end;
            // In two parts.
            let middle = range.start + range.len() / 3;
            for part in [range.start..middle, middle..range.end] {
                let mut at = part.start;
                for (first, run, rows) in order.runs(part.clone()) {
                    assert_eq!(first, at);
                    for row in rows_of(rows) {
                        assert_eq!(order.place(at), (run, row));
                        at += 1;
                        let block = &runs.list()[run].block;
                        assert_eq!(block.row(row).to_series().part(), usize::from(lane.0));
                        seen.push((run, row));
                    }
                }
                assert_eq!(at, part.end);
            }
        }
        assert_eq!((next, seen.len()), (runs.len(), expect.len()));
        seen.sort_unstable();
        assert_eq!(seen, expect);
    }
}
