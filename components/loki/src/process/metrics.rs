//! Metrics of the component, and those that `stage.metrics` makes of records.

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use host::Clock;
use promtext::{
    Bucket, Collector, Counter, CounterVec, Desc, Family, Kind, Label, Point, RegisterError, Registry, Series,
};
use signals::Labels;
use smol_str::SmolStr;
use std::sync::{Arc, Mutex, MutexGuard};

/// Metrics of one `loki.process`.
pub struct Metrics {
    registry: Registry,
    /// Records dropped by rules, by the rule's name.
    pub dropped: CounterVec,
    custom: Arc<Custom>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Metrics {
    /// Registers the metrics of a component.
    pub fn new(registry: &Registry) -> Result<Self, RegisterError> {
        let custom = Arc::new(Custom::default());
        registry.register(custom.clone())?.forever();
        Ok(Metrics {
            dropped: registry.counter_vec(
                "loki_process_dropped_lines_total",
                "A count of all log lines dropped as a result of a pipeline stage",
                &["reason"],
            )?,
            custom,
            registry: registry.clone(),
        })
    }

    /// Metrics that nobody sees.
    pub fn unseen() -> Result<Self, RegisterError> {
        Metrics::new(&Registry::new())
    }

    /// Records dropped by `stage.limit` with `by_label_name`.
    pub fn dropped_by_label(&self) -> Result<CounterVec, RegisterError> {
        self.registry.counter_vec(
            "loki_process_dropped_lines_by_label_total",
            "A count of all log lines dropped as a result of a pipeline stage, by label name and value",
            &["label_name", "label_value"],
        )
    }

    /// Partial lines that `stage.cri` passed on unfinished.
    pub fn cri_flushed(&self) -> Result<Counter, RegisterError> {
        self.registry.counter(
            "loki_process_cri_partial_lines_flushed_total",
            "A count of partial lines that were flushed before their end was seen",
        )
    }

    /// Lines that `stage.cri` cut.
    pub fn cri_truncated(&self) -> Result<Counter, RegisterError> {
        self.registry.counter(
            "loki_process_cri_lines_truncated_total",
            "A count of lines that were truncated due to the max_partial_line_size",
        )
    }

    /// Fields that `stage.truncate` cut.
    pub fn truncated(&self) -> Result<CounterVec, RegisterError> {
        self.registry.counter_vec(
            "loki_process_truncated_fields_total",
            "A count of fields that were truncated, by what they are",
            &["field"],
        )
    }

    /// Negative values that a counter of `stage.metrics` was to add.
    pub fn negative_values(&self) -> Result<CounterVec, RegisterError> {
        self.registry.counter_vec(
            "loki_process_negative_counter_values_total",
            "A count of negative values that counters of stage.metrics skipped",
            &["metric"],
        )
    }

    /// The family of a metric of `stage.metrics`: the one that the component has, if its definition is the same, so that
    /// counts survive a change of other stages.
    pub fn family(&self, definition: Definition, clock: &Arc<dyn Clock>) -> Arc<CustomFamily> {
        let known = lock(&self.custom.families)
            .iter()
            .find(|family| family.definition == definition)
            .cloned();
        known.unwrap_or_else(|| {
            Arc::new(CustomFamily {
                definition,
                clock: clock.clone(),
                series: Mutex::default(),
            })
        })
    }

    /// Makes these the families that are seen.
    pub fn show(&self, families: Vec<Arc<CustomFamily>>) {
        *lock(&self.custom.families) = families;
    }
}

/// What a metric of `stage.metrics` is.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Its name with the prefix.
    pub name: String,
    /// Its description.
    pub help: String,
    /// Its type.
    pub kind: Kind,
    /// Upper bounds of a histogram's buckets, ascending.
    pub buckets: Vec<f64>,
    /// Series that got nothing for so long are removed; nanoseconds.
    pub max_idle: i64,
}

/// A metric of `stage.metrics`: a series for each label set.
pub struct CustomFamily {
    definition: Definition,
    clock: Arc<dyn Clock>,
    series: Mutex<HashMap<Labels, CustomSeries, FixedState>>,
}

#[derive(Default)]
struct CustomSeries {
    labels: Vec<Label>,
    value: f64,
    /// Observations by bucket, not cumulative; the last is +Inf.
    counts: Vec<u64>,
    updated: i64,
}

/// A change to a metric of `stage.metrics`, or to the counters by label; made when the records have arrived, so that
/// records which are offered again are counted once.
pub enum Effect {
    /// Sets a gauge.
    Set(Arc<CustomFamily>, Labels, f64),
    /// Adds to a counter or a gauge.
    Add(Arc<CustomFamily>, Labels, f64),
    /// Counts in a histogram.
    Observe(Arc<CustomFamily>, Labels, f64),
    /// Counts a record that was dropped by its label.
    DroppedByLabel(Counter),
    /// Counts a value that the counter of this name cannot add.
    Negative(CounterVec, Arc<CustomFamily>),
}

impl Effect {
    /// Makes the change.
    pub fn apply(self) {
        match self {
            Effect::Set(family, labels, value) => family.update(&labels, |series, _| series.value = value),
            Effect::Add(family, labels, value) => family.update(&labels, |series, _| series.value += value),
            Effect::Observe(family, labels, value) => family.update(&labels, |series, bounds| {
                series.counts.resize(bounds.len() + 1, 0);
                series.value += value;
                // A value that is not a number is beyond every bound.
                series.counts[bounds.partition_point(|bound| value > *bound || value.is_nan())] += 1;
            }),
            Effect::DroppedByLabel(counter) => counter.inc(),
            Effect::Negative(counters, family) => counters.with(&[family.name()]).inc(),
        }
    }
}

impl CustomFamily {
    /// What it is.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// Name of the metric.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    fn update(&self, labels: &Labels, change: impl FnOnce(&mut CustomSeries, &[f64])) {
        let now = self.clock.now();
        let mut all = lock(&self.series);
        let series = all.entry(labels.clone()).or_insert_with(|| CustomSeries {
            labels: shown(labels)
                .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                .collect(),
            ..CustomSeries::default()
        });
        series.updated = now;
        change(series, &self.definition.buckets);
    }

    fn collect(&self) -> Family {
        let definition = &self.definition;
        let mut family = Family::new(definition.name.as_str(), definition.help.as_str(), definition.kind);
        let now = self.clock.now();
        let mut all = lock(&self.series);
        for series in all.values() {
            let point = if definition.kind == Kind::Histogram {
                let mut count = 0;
                let buckets = definition.buckets.iter().zip(&series.counts).map(|(le, n)| {
                    count += n;
                    Bucket { le: *le, count }
                });
                Point::Histogram {
                    buckets: buckets.collect(),
                    sum: series.value,
                    count: series.counts.iter().sum(),
                }
            } else {
                Point::Number(series.value)
            };
            family.series.push(Series {
                labels: series.labels.clone(),
                point,
            });
        }
        // An idle series is seen once more and then gone.
        all.retain(|_, series| now.saturating_sub(series.updated) <= definition.max_idle);
        family
    }
}

/// Labels of a record that become labels of its metrics.
fn shown(labels: &Labels) -> impl Iterator<Item = (&SmolStr, &SmolStr)> {
    labels
        .iter()
        .filter(|(name, _)| !name.starts_with("__") && promtext::valid_label_name(name))
}

/// The label set under which a record is counted.
pub fn metric_labels(labels: &Labels) -> Labels {
    if shown(labels).count() == labels.len() {
        return labels.clone();
    }
    Labels::from_pairs(shown(labels).map(|(name, value)| (name.clone(), value.clone())))
}

#[derive(Default)]
struct Custom {
    families: Mutex<Vec<Arc<CustomFamily>>>,
}

impl Collector for Custom {
    fn describe(&self) -> Vec<Desc> {
        Vec::new()
    }

    fn collect(&self, families: &mut Vec<Family>) {
        let all = lock(&self.families).clone();
        families.extend(
            all.iter()
                .map(|family| family.collect())
                .filter(|family| !family.series.is_empty()),
        );
    }
}
