//! Families with labels.

use crate::metrics::{Counter, Gauge, Histogram};
use crate::model::{Family, Kind, Label, Point, Series};
use crate::registry::{Collector, Desc};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// What a [`MetricVec`] is made of: a cheap handle to a value.
pub trait Metric: Clone + Send + Sync + 'static {
    /// The type of the family.
    const KIND: Kind;
    /// What it takes to create one.
    type Config: Clone + PartialEq + Send + Sync + 'static;

    /// A new one.
    fn create(config: &Self::Config) -> Self;

    /// Its value now.
    fn point(&self) -> Point;
}

/// A family of counters.
pub type CounterVec = MetricVec<Counter>;
/// A family of gauges.
pub type GaugeVec = MetricVec<Gauge>;
/// A family of histograms.
pub type HistogramVec = MetricVec<Histogram>;

/// A family of metrics that differ in the values of its labels. Clones are handles to the same family.
pub struct MetricVec<M: Metric>(Arc<VecCore<M>>);

impl<M: Metric> Clone for MetricVec<M> {
    fn clone(&self) -> Self {
        MetricVec(Arc::clone(&self.0))
    }
}

struct VecCore<M: Metric> {
    name: Arc<str>,
    help: Arc<str>,
    labels: Box<[Arc<str>]>,
    config: M::Config,
    series: RwLock<HashMap<Values, M>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Values(Box<[Arc<str>]>);

impl<M: Metric> MetricVec<M> {
    /// A family that is in no registry.
    pub fn new(name: &str, help: &str, labels: &[&str], config: M::Config) -> MetricVec<M> {
        MetricVec(Arc::new(VecCore {
            name: name.into(),
            help: help.into(),
            labels: labels.iter().map(|&label| label.into()).collect(),
            config,
            series: RwLock::new(HashMap::new()),
        }))
    }

    /// The series with these label values, in the order of the label names; it is created if there is none.
    ///
    /// # Panics
    /// If the number of values is not the number of names, which is a mistake in the program.
    pub fn with(&self, values: &[&str]) -> M {
        assert_eq!(
            values.len(),
            self.0.labels.len(),
            "{} has another number of labels",
            self.0.name
        );
        let key = Values(values.iter().map(|&value| value.into()).collect());
        if let Some(metric) = self.0.series.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return metric.clone();
        }
        let mut series = self.0.series.write().unwrap_or_else(PoisonError::into_inner);
        series.entry(key).or_insert_with(|| M::create(&self.0.config)).clone()
    }

    /// Removes the series with these label values. Whether there was one.
    pub fn remove(&self, values: &[&str]) -> bool {
        let key = Values(values.iter().map(|&value| value.into()).collect());
        self.0
            .series
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&key)
            .is_some()
    }

    /// Removes all series for which `keep`, given the label values, is false.
    pub fn retain(&self, mut keep: impl FnMut(&[Arc<str>], &M) -> bool) {
        let mut series = self.0.series.write().unwrap_or_else(PoisonError::into_inner);
        series.retain(|values, metric| keep(&values.0, metric));
    }

    /// Removes all series.
    pub fn clear(&self) {
        self.retain(|_, _| false);
    }

    pub(crate) fn is_like(&self, labels: &[&str], config: &M::Config) -> bool {
        self.0.config == *config && self.0.labels.iter().map(|label| &**label).eq(labels.iter().copied())
    }
}

impl<M: Metric> Collector for MetricVec<M> {
    fn describe(&self) -> Vec<Desc> {
        vec![Desc {
            name: Arc::clone(&self.0.name),
            kind: M::KIND,
        }]
    }

    fn collect(&self, families: &mut Vec<Family>) {
        let mut family = Family::new(Arc::clone(&self.0.name), Arc::clone(&self.0.help), M::KIND);
        let series = self.0.series.read().unwrap_or_else(PoisonError::into_inner);
        for (values, metric) in series.iter() {
            let labels: Vec<Label> = self.0.labels.iter().cloned().zip(values.0.iter().cloned()).collect();
            family.series.push(Series {
                labels,
                point: metric.point(),
            });
        }
        families.push(family);
    }
}
