//! From the series of a batch to those of an endpoint.

use crate::relabel::{Blocks, Cache};
use component::{RelabelRules, RelabelScratch};
use prommodel::{Label, Mapped, Row, Series, SeriesBuilder, Table};
use remotewrite::v1::WireLabels;
use signals::Runs;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What an endpoint makes of series: labels that they get, and rules.
pub(super) struct Mapping {
    table: Table,
    /// By name.
    external: Vec<Label>,
    rules: RelabelRules,
    known: Mutex<Known>,
}

struct Known {
    cache: Cache,
    blocks: Blocks,
    scratch: RelabelScratch,
}

impl Mapping {
    pub(super) fn new(table: &Table, external: &BTreeMap<String, String>, rules: RelabelRules) -> Mapping {
        let external = external.iter().filter(|(_, value)| !value.is_empty());
        Mapping {
            external: external.map(|(name, value)| table.label(name, value)).collect(),
            known: Mutex::new(Known {
                cache: Cache::default(),
                blocks: Blocks::default(),
                scratch: rules.scratch(),
            }),
            table: table.clone(),
            rules,
        }
    }

    /// The label sets of the process.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    /// Whether series stay as they are.
    pub(super) fn is_nothing(&self) -> bool {
        self.external.is_empty() && self.rules.is_empty()
    }

    /// Whether series may be dropped or changed by rules.
    pub(super) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The series that the endpoint gets for each of these, if it gets one: by external labels and rules. `now` is in seconds.
    pub(super) fn map<'s>(
        &self,
        series: impl Iterator<Item = &'s Series>,
        now: u32,
        mut each: impl FnMut(Option<&Series>),
    ) {
        let mut known = self.lock();
        let Known { cache, scratch, .. } = &mut *known;
        let mut builder = SeriesBuilder::new(&self.table);
        for one in series {
            if cache.get(one, now).is_none() {
                builder.reset(one);
                let kept = self.apply(&mut builder, scratch) && !builder.labels().is_empty();
                cache.insert(one, kept.then(|| builder.build()), now);
            }
            each(cache.get(one, now).and_then(Option::as_ref));
        }
    }

    fn apply(&self, builder: &mut SeriesBuilder<'_>, scratch: &mut RelabelScratch) -> bool {
        for label in &self.external {
            if builder.get(label.name()).is_none() {
                builder.set(label.name(), label.value());
            }
        }
        self.rules.apply_to_series(builder, scratch)
    }

    /// What the endpoint gets for each run: by external labels and rules.
    pub(super) fn map_runs(&self, runs: &Runs) -> Vec<Mapped> {
        let mut known = self.lock();
        let Known { blocks, scratch, .. } = &mut *known;
        let mapped = runs.list().iter().map(|run| {
            let make = || run.block.map(|builder| self.apply(builder, scratch));
            blocks.get(&run.block, make)
        });
        mapped.collect()
    }

    /// Forgets series that were not asked for since `before`.
    pub(super) fn sweep(&self, before: u32) {
        let mut known = self.lock();
        known.cache.sweep(before);
        known.blocks.sweep();
    }

    /// A series with the external labels that it does not have.
    pub(super) fn with_external<'a>(&'a self, series: &'a Series) -> Merged<'a> {
        Merged(Of::Series(series, &self.external))
    }
}

/// The labels of a series as an endpoint gets it: of a series and of others that count where it has none of their names, both by name, or of a row.
#[derive(Clone, Copy)]
pub(super) struct Merged<'a>(Of<'a>);

#[derive(Clone, Copy)]
enum Of<'a> {
    Series(&'a Series, &'a [Label]),
    Row(Row<'a>),
}

impl<'a> From<&'a Series> for Merged<'a> {
    fn from(series: &'a Series) -> Self {
        Merged(Of::Series(series, &[]))
    }
}

impl<'a> From<Row<'a>> for Merged<'a> {
    fn from(row: Row<'a>) -> Self {
        Merged(Of::Row(row))
    }
}

impl<'a> Merged<'a> {
    /// Appends the numbers of the labels, by name.
    #[inline]
    pub(super) fn numbers(self, out: &mut Vec<u32>) {
        match self.0 {
            Of::Row(row) => out.extend(row.numbers()),
            Of::Series(series, []) => out.extend_from_slice(series.numbers()),
            Of::Series(..) => out.extend(self.all().map(Label::id)),
        }
    }

    /// A label by its index.
    pub(super) fn label(self, at: usize) -> Option<&'a Label> {
        match self.0 {
            Of::Row(row) => Some(row.label(at)),
            Of::Series(series, []) => series.labels().nth(at),
            Of::Series(..) => self.all().nth(at),
        }
    }

    /// The labels by name.
    pub(super) fn all(self) -> impl Iterator<Item = &'a Label> + Clone {
        let (series, external, row) = match self.0 {
            Of::Series(series, external) => (Some(series), external, None),
            Of::Row(row) => (None, Default::default(), Some(row)),
        };
        let own = series.into_iter().flat_map(Series::labels);
        let row = row.into_iter().flat_map(Row::labels);
        let (mut own, mut external) = (own.chain(row).peekable(), external.iter().peekable());
        std::iter::from_fn(move || {
            let (Some(first), Some(other)) = (own.peek(), external.peek()) else {
                return own.next().or_else(|| external.next());
            };
            match first.name().cmp(other.name()) {
                std::cmp::Ordering::Less => own.next(),
                std::cmp::Ordering::Greater => external.next(),
                std::cmp::Ordering::Equal => {
                    external.next();
                    own.next()
                }
            }
        })
    }
}

impl WireLabels for Merged<'_> {
    #[inline]
    fn wire_len(&self) -> usize {
        match self.0 {
            Of::Series(series, []) => series.wire_len(),
            Of::Series(..) => self.all().map(|label| label.wire().len()).sum(),
            Of::Row(row) => row.wire_len(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.all().for_each(|label| out.extend_from_slice(label.wire()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_labels_are_defaults() {
        let table = Table::new();
        let external = BTreeMap::from([("a", "1"), ("job", "default"), ("z", "2"), ("none", "")]);
        let external = external
            .into_iter()
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect();
        let mapping = Mapping::new(&table, &external, RelabelRules::default());
        let series = table.intern([("__name__", "up"), ("job", "mine")]);
        let merged = mapping.with_external(&series);
        let names: Vec<(&str, &str)> = merged.all().map(|label| (label.name(), label.value())).collect();
        assert_eq!(names, [("__name__", "up"), ("a", "1"), ("job", "mine"), ("z", "2")]);
        let mut out = Vec::new();
        WireLabels::write(&merged, &mut out);
        assert_eq!(out.len(), merged.wire_len());
        // Rules see the same.
        let mut mapped = Vec::new();
        mapping.map([&series].into_iter(), 1, |series| mapped.extend(series.cloned()));
        assert_eq!(mapped[0].to_string(), r#"up{a="1", job="mine", z="2"}"#);
    }
}
