//! Where collectors put what they found.

use promtext::{Family, Kind, Label, Point, Series};
use std::collections::HashMap;
use std::sync::Arc;

/// Families by name, in the making.
#[derive(Default)]
pub(crate) struct Sink {
    families: Vec<Family>,
    by_name: HashMap<Arc<str>, usize>,
    label_names: HashMap<Box<str>, Arc<str>>,
}

impl Sink {
    /// A number of a gauge.
    pub(crate) fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.number(Kind::Gauge, name, help, labels, value);
    }

    /// A number of a counter.
    pub(crate) fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.number(Kind::Counter, name, help, labels, value);
    }

    /// A number of a family whose type is not told.
    pub(crate) fn untyped(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.number(Kind::Untyped, name, help, labels, value);
    }

    /// A number of a family of this kind.
    pub(crate) fn number(&mut self, kind: Kind, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.point(kind, name, help, labels, Point::Number(value));
    }

    /// A series. One that contradicts its family in type or help is left out, like node exporter's registry does it: a page on which a
    /// name means two things cannot be read.
    pub(crate) fn point(&mut self, kind: Kind, name: &str, help: &str, labels: &[(&str, &str)], point: Point) {
        let index = match self.by_name.get(name) {
            Some(&index) => index,
            None => {
                let family = Family::new(name, help, kind);
                self.by_name.insert(family.name.clone(), self.families.len());
                self.families.push(family);
                self.families.len() - 1
            }
        };
        if self.families[index].kind != kind || *self.families[index].help != *help {
            return;
        }
        let mut labels: Vec<Label> = labels
            .iter()
            .map(|&(name, value)| (self.label_name(name), value.into()))
            .collect();
        labels.sort_by(|a, b| a.0.cmp(&b.0));
        self.families[index].series.push(Series { labels, point });
    }

    fn label_name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.label_names.get(name) {
            return known.clone();
        }
        let shared: Arc<str> = name.into();
        self.label_names.insert(name.into(), shared.clone());
        shared
    }

    /// Everything, sorted by name and labels. Of two series with the same labels the first stays.
    pub(crate) fn finish(self) -> Vec<Family> {
        let mut families = self.families;
        families.retain(|family| !family.series.is_empty());
        families.sort_by(|a, b| a.name.cmp(&b.name));
        for family in &mut families {
            family.series.sort_by(|a, b| a.labels.cmp(&b.labels));
            family.series.dedup_by(|later, first| later.labels == first.labels);
        }
        families
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_contradicts_or_repeats_is_left_out() {
        let mut sink = Sink::default();
        sink.gauge("b", "B.", &[("y", "1"), ("x", "2")], 1.0);
        sink.gauge("b", "B.", &[("x", "2"), ("y", "1")], 2.0);
        sink.counter("b", "B.", &[], 3.0);
        sink.gauge("b", "Another B.", &[], 4.0);
        sink.gauge("a", "A.", &[], 5.0);
        let families = sink.finish();
        assert_eq!(families.iter().map(|f| &*f.name).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(families[1].series.len(), 1);
        assert_eq!(families[1].series[0].point, Point::Number(1.0));
        assert_eq!(&*families[1].series[0].labels[0].0, "x");
    }
}
