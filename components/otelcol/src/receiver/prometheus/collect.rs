//! Samples put together to points, by resource, scope and metric.

use super::families::{Families, Found, Part};
use indexmap::IndexMap;
use prommodel::{Histogram, Kind, Series};
use signals::{Exemplar, Family, Metrics};
use std::collections::HashMap;
use std::sync::Arc;

/// Labels as names and values.
pub(super) type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// Everything of a batch.
#[derive(Default)]
pub(super) struct Collected<'a> {
    /// By job and instance.
    pub(super) resources: IndexMap<(&'a str, &'a str), ResourceGroup<'a>>,
    /// Where the point of a series is.
    places: HashMap<&'a Series, Place>,
    /// Samples that are no points but say something of resources and scopes.
    pub(super) infos: u64,
    /// Exemplars of series without a sample.
    pub(super) homeless: u64,
}

#[derive(Clone, Copy)]
struct Place {
    resource: usize,
    scope: usize,
    metric: usize,
    point: usize,
}

#[derive(Default)]
pub(super) struct ResourceGroup<'a> {
    /// Labels of `target_info`.
    pub(super) info: Pairs<'a>,
    pub(super) scopes: IndexMap<ScopeKey<'a>, ScopeGroup<'a>>,
}

/// What tells scopes apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct ScopeKey<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) schema_url: &'a str,
}

#[derive(Default)]
pub(super) struct ScopeGroup<'a> {
    /// Labels of `otel_scope_info`.
    pub(super) info: Pairs<'a>,
    pub(super) metrics: IndexMap<(&'a str, Shape), MetricGroup<'a>>,
}

/// What points of a metric are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    Number(Kind),
    Histogram,
    Summary,
    /// With buckets that grow exponentially.
    Native,
    /// For which OTLP has nothing.
    Dropped,
}

#[derive(Default)]
pub(super) struct MetricGroup<'a> {
    pub(super) family: Option<&'a Arc<Family>>,
    pub(super) points: IndexMap<(Pairs<'a>, i64), Point<'a>>,
}

/// Samples of one point.
#[derive(Default)]
pub(super) struct Point<'a> {
    pub(super) value: Option<f64>,
    pub(super) sum: Option<f64>,
    pub(super) count: Option<f64>,
    /// In seconds.
    pub(super) created: Option<f64>,
    /// Upper bounds with how many are below, or quantiles with their values.
    pub(super) parts: Vec<(f64, f64)>,
    pub(super) native: Option<&'a Histogram>,
    pub(super) exemplars: Vec<&'a Exemplar>,
    /// How many samples and histograms these are.
    pub(super) samples: u64,
}

const SCOPE_NAME: &str = "otel_scope_name";
const SCOPE_VERSION: &str = "otel_scope_version";
const SCOPE_SCHEMA: &str = "otel_scope_schema_url";

/// Labels that are not about the point.
fn is_around(name: &str) -> bool {
    matches!(
        name,
        prommodel::NAME | "job" | "instance" | SCOPE_NAME | SCOPE_VERSION | SCOPE_SCHEMA
    )
}

fn pairs<'a>(series: &'a Series, leave_out: &str) -> Pairs<'a> {
    series
        .iter()
        .filter(|(name, _)| !is_around(name) && *name != leave_out)
        .collect()
}

impl<'a> Collected<'a> {
    /// Puts a batch together.
    pub(super) fn new(metrics: &'a Metrics, families: &'a Families) -> Collected<'a> {
        let mut this = Collected::default();
        metrics.each_value(|series, time, value| this.sample(series, time, value, families.find(series)));
        for sample in &metrics.histograms {
            let shape = match sample.histogram.schema {
                prommodel::CUSTOM_BOUNDS => Shape::Histogram,
                _ => Shape::Native,
            };
            let name = sample.series.metric();
            let point = this.point(&sample.series, name, shape, families.get(name), "", sample.timestamp);
            point.native = Some(&sample.histogram);
            point.samples += 1;
        }
        for exemplar in &metrics.exemplars {
            match this.places.get(&exemplar.series).copied() {
                Some(place) => this.at(place).exemplars.push(exemplar),
                None => this.homeless += 1,
            }
        }
        this
    }

    fn scope(&mut self, series: &'a Series) -> (usize, usize, &mut ScopeGroup<'a>) {
        let label = |name: &str| series.get(name).unwrap_or_default();
        let resource = self.resources.entry((label("job"), label("instance")));
        let resource_at = resource.index();
        let key = ScopeKey {
            name: label(SCOPE_NAME),
            version: label(SCOPE_VERSION),
            schema_url: label(SCOPE_SCHEMA),
        };
        let scope = resource.or_default().scopes.entry(key);
        (resource_at, scope.index(), scope.or_default())
    }

    fn point(
        &mut self,
        series: &'a Series,
        name: &'a str,
        shape: Shape,
        family: Option<&'a Arc<Family>>,
        leave_out: &str,
        timestamp: i64,
    ) -> &mut Point<'a> {
        let (resource, scope, group) = self.scope(series);
        let metric = group.metrics.entry((name, shape));
        let metric_at = metric.index();
        let group = metric.or_default();
        group.family = family;
        let point = group.points.entry((pairs(series, leave_out), timestamp));
        let place = Place {
            resource,
            scope,
            metric: metric_at,
            point: point.index(),
        };
        point.or_default();
        self.places.insert(series, place);
        self.at(place)
    }

    fn at(&mut self, place: Place) -> &mut Point<'a> {
        &mut self.resources[place.resource].scopes[place.scope].metrics[place.metric].points[place.point]
    }

    fn sample(&mut self, series: &'a Series, timestamp: i64, value: f64, found: Found<'a>) {
        match series.metric() {
            "target_info" => {
                let label = |name: &str| series.get(name).unwrap_or_default();
                let resource = self.resources.entry((label("job"), label("instance"))).or_default();
                resource.info = pairs(series, "");
                self.infos += 1;
                return;
            }
            "otel_scope_info" => {
                self.scope(series).2.info = pairs(series, "");
                self.infos += 1;
                return;
            }
            _ => {}
        }
        let Found {
            mut name,
            kind,
            part,
            family,
        } = found;
        let shape = match (kind, part) {
            (Kind::GaugeHistogram, _) => Shape::Dropped,
            (Kind::Histogram, Part::Value) | (Kind::Summary, Part::Value) => Shape::Number(Kind::Unknown),
            (Kind::Histogram, _) => Shape::Histogram,
            (Kind::Summary, _) => Shape::Summary,
            (kind, _) => Shape::Number(kind),
        };
        let leave_out = match part {
            Part::Bucket(_) => "le",
            Part::Quantile(_) => "quantile",
            _ => "",
        };
        if kind == Kind::Counter && part == Part::Created {
            // The counter itself has another name; it is there already, since it stands before.
            let (_, _, group) = self.scope(series);
            let mut names = group.metrics.keys().map(|(name, _)| *name);
            let counter = names.find(|counter| counter.strip_suffix("_total") == Some(name));
            name = counter.unwrap_or(name);
        }
        let point = self.point(series, name, shape, family, leave_out, timestamp);
        point.samples += 1;
        match part {
            Part::Value => point.value = Some(value),
            Part::Sum => point.sum = Some(value),
            Part::Count => point.count = Some(value),
            Part::Created => point.created = Some(value),
            Part::Bucket(bound) | Part::Quantile(bound) => point.parts.push((bound, value)),
        }
    }
}
