//! Start timestamps of OpenMetrics: `_created` series further down in the family.

use super::grammar::{Cursor, Item, Sample, decode_series};
use prommodel::Kind;

/// The start that was found last, and how far it was looked for.
#[derive(Debug, Default)]
pub(super) struct Created {
    /// The series that `start` belongs to: labels without `le` and `quantile`, and the base name, as they are written.
    series: Vec<u8>,
    start: i64,
    /// The first `_created` series from `from` on is at `to`; up to there, it is so for all positions in between.
    from: usize,
    to: usize,
    ahead: Option<i64>,
    ahead_series: Vec<u8>,
    scratch: Vec<u8>,
}

impl Created {
    pub(super) fn clear(&mut self) {
        self.series.clear();
        self.start = 0;
        self.from = 0;
        self.to = 0;
        self.ahead = None;
    }

    /// The start of a sample, of which the line has just been read.
    ///
    /// As in Prometheus, the next `_created` series counts if its labels and its base name are the same, and it counts for later samples with
    /// these labels, too. A family is looked through once, not once for each sample.
    pub(super) fn start_of(&mut self, cursor: &Cursor<'_>, sample: &Sample) -> Option<i64> {
        if !cursor.kind.has_start() {
            self.start = 0;
            return None;
        }
        let name = cursor.lex.slice(sample.name.0, sample.name.1);
        let base = &name[..cursor.family.min(name.len())];
        let mut series = std::mem::take(&mut self.scratch);
        key(cursor, sample, base, &mut series);
        let start = self.find(cursor, &series);
        self.scratch = series;
        start
    }

    fn find(&mut self, cursor: &Cursor<'_>, series: &[u8]) -> Option<i64> {
        if self.start > 0 && self.series == series {
            return Some(self.start);
        }
        let at = cursor.lex.i;
        if !(self.from..self.to).contains(&at) {
            self.look_ahead(cursor);
        }
        match self.ahead {
            Some(start) if self.ahead_series == series => {
                self.series.clear();
                self.series.extend_from_slice(series);
                self.start = start;
                (start != 0).then_some(start)
            }
            _ => {
                self.start = 0;
                None
            }
        }
    }

    fn look_ahead(&mut self, cursor: &Cursor<'_>) {
        let mut ahead = *cursor;
        self.from = cursor.lex.i;
        self.ahead = None;
        loop {
            self.to = ahead.lex.i + 1;
            let Ok(Item::Sample(sample)) = ahead.next() else {
                return;
            };
            let name = ahead.lex.slice(sample.name.0, sample.name.1);
            if let Some(base) = name.strip_suffix(b"_created") {
                key(&ahead, &sample, base, &mut self.ahead_series);
                self.ahead = Some((sample.value * 1000.0) as i64);
                return;
            }
        }
    }
}

fn key(cursor: &Cursor<'_>, sample: &Sample, base: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let raw = cursor.lex.slice(sample.raw.0, sample.raw.1);
    let bound = match cursor.kind {
        Kind::Summary => "quantile",
        Kind::Histogram => "le",
        _ => "",
    };
    let add = |out: &mut Vec<u8>, name: &str, value: &str| {
        if name != bound {
            for part in [name, value] {
                out.extend_from_slice(part.as_bytes());
                // No part has a quote in it that is not escaped.
                out.push(b'"');
            }
        }
    };
    // A series that is not UTF-8 will be refused for its labels.
    if let Ok(raw) = std::str::from_utf8(raw) {
        let _ = decode_series(raw, cursor.lex.open_metrics, out, Vec::clear, add);
    }
    out.extend_from_slice(base);
}
