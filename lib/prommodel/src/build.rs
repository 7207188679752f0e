//! Making label sets.

use crate::label::Label;
use crate::series::Series;
use crate::table::Table;

/// Makes a [`Series`], from nothing or from another one. A label with an empty value is none, as everywhere in Prometheus.
#[derive(Clone, Debug)]
pub struct SeriesBuilder<'t> {
    table: &'t Table,
    /// By name.
    labels: Vec<Label>,
}

impl<'t> SeriesBuilder<'t> {
    /// A builder without labels.
    pub fn new(table: &'t Table) -> Self {
        SeriesBuilder {
            table,
            labels: Vec::new(),
        }
    }

    /// Starts again, from the labels of a series.
    pub fn reset(&mut self, series: &Series) {
        self.reset_to(series.labels());
    }

    /// Starts again, from labels by name.
    pub(crate) fn reset_to<'l>(&mut self, labels: impl Iterator<Item = &'l Label>) {
        self.labels.clear();
        self.labels.extend(labels.cloned());
    }

    /// Starts again, without labels.
    pub fn clear(&mut self) {
        self.labels.clear();
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.labels.binary_search_by(|label| label.cmp_name(name))
    }

    /// Sets a label, or removes it if the value is empty.
    pub fn set(&mut self, name: &str, value: &str) {
        match (self.find(name), value.is_empty()) {
            (Ok(at), true) => drop(self.labels.remove(at)),
            (Ok(at), false) => {
                if self.labels[at].value() != value {
                    self.labels[at] = self.table.label(name, value);
                }
            }
            (Err(_), true) => {}
            (Err(at), false) => self.labels.insert(at, self.table.label(name, value)),
        }
    }

    /// Appends a label whose name is behind those of all others.
    pub fn push(&mut self, name: &str, value: &str) {
        debug_assert!(self.labels.last().is_none_or(|last| last.name() < name));
        if !value.is_empty() {
            self.labels.push(self.table.label(name, value));
        }
    }

    /// Removes a label.
    pub fn remove(&mut self, name: &str) {
        if let Ok(at) = self.find(name) {
            self.labels.remove(at);
        }
    }

    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).ok().map(|at| self.labels[at].value())
    }

    /// Keeps the labels for which `keep` answers true.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        self.labels.retain(|label| keep(label.name(), label.value()));
    }

    /// The labels by name.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The series.
    pub fn build(&self) -> Series {
        self.table.series(&self.labels)
    }
}
