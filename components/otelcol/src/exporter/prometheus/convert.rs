//! OTLP's metrics as series and samples.

use super::histogram;
use super::names::{self, Kind};
use super::seen::{Changes, Key, Keys, State};
use crate::text::as_string;
use otlp_wire::common::{Attributes, Resource, Scope};
use otlp_wire::metrics::{self, Data, Exemplar, Metric, Number, NumberPoint, ResourceMetrics, ScopeMetrics};
use prommodel::{NAME, STALE_NAN, Series, SeriesBuilder, Table};
use signals::{Exemplar as Example, Family, HistogramSample, Metrics, Sample};
use smol_str::SmolStr;
use std::sync::Arc;

/// Bit of a point's flags: there is no value.
pub(super) const NO_VALUE: u32 = 1;
/// `aggregation_temporality` of what is counted since the beginning.
const CUMULATIVE: i32 = 2;
const MILLI: u64 = 1_000_000;

/// What the arguments say of the conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) target_info: bool,
    pub(super) scope_info: bool,
    pub(super) scope_labels: bool,
    pub(super) suffixes: bool,
    pub(super) resource_labels: bool,
    pub(super) keep_identifying: bool,
    pub(super) metadata: bool,
    pub(super) custom_buckets: bool,
    pub(super) zero_samples: bool,
}

/// Points that have no place in Prometheus, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    /// Counts since the last time.
    pub(super) delta: u64,
    /// Not newer than what was sent before.
    pub(super) not_newer: u64,
    /// Without a value, or of a resolution that there is not.
    pub(super) unusable: u64,
}

/// Converts one batch.
pub(super) struct Converter<'a, 'c> {
    pub(super) options: Options,
    pub(super) table: &'a Table,
    pub(super) keys: &'a Keys,
    pub(super) state: &'a mut State,
    pub(super) changes: &'a mut Changes<'c>,
    /// Milliseconds since the Unix epoch.
    pub(super) now: i64,
    pub(super) out: Metrics,
    pub(super) dropped: Dropped,
}

/// What the points of a metric have in common.
pub(super) struct Context<'m> {
    resource: &'m [u8],
    scope: &'m [u8],
    /// Labels that every series of the resource and scope has.
    base: &'m [(String, String)],
    attributes: Option<Attributes<'m>>,
    /// Name of the family.
    pub(super) name: String,
}

/// A label beside those of the point: `le`, `quantile`.
pub(super) type Extra = Option<(&'static str, f64)>;

/// A number as a value of `le` or `quantile`.
fn number_text(number: f64) -> String {
    match number {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => number.to_string(),
    }
}

pub(super) fn value_of(number: Number) -> f64 {
    match number {
        Number::Double(value) => value,
        Number::Int(value) => value as f64,
    }
}

fn millis(nanos: u64) -> i64 {
    (nanos / MILLI) as i64
}

fn text_of(resource: Option<Resource<'_>>, key: &str) -> Option<String> {
    let value = resource?.attributes().get(key.as_bytes())?;
    Some(as_string(&value).into_owned()).filter(|text| !text.is_empty())
}

/// The labels by which Prometheus knows what is scraped.
pub(crate) fn identity(resource: Option<Resource<'_>>) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    if let Some(name) = text_of(resource, "service.name") {
        let job = match text_of(resource, "service.namespace") {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name,
        };
        labels.push(("job".to_owned(), job));
    }
    if let Some(instance) = text_of(resource, "service.instance.id") {
        labels.push(("instance".to_owned(), instance));
    }
    labels
}

fn set_all(builder: &mut SeriesBuilder<'_>, attributes: Attributes<'_>, leave_out: &[&str]) {
    for pair in attributes {
        let key = String::from_utf8_lossy(pair.key);
        if !leave_out.contains(&&*key) {
            builder.set(&names::label(&key), &as_string(&pair.value()));
        }
    }
}

const IDENTIFYING: [&str; 3] = ["service.namespace", "service.name", "service.instance.id"];

impl Converter<'_, '_> {
    /// Converts a request.
    pub(super) fn request(&mut self, request: &[u8]) {
        for resource in metrics::resources(request) {
            self.resource(&resource);
        }
    }

    fn resource(&mut self, metrics: &ResourceMetrics<'_>) {
        let resource = metrics.resource;
        let identity = identity(resource);
        let raw = resource.map_or(&[][..], |resource| resource.raw());
        if self.options.target_info {
            let leave_out: &[&str] = if self.options.keep_identifying {
                &[]
            } else {
                &IDENTIFYING
            };
            self.info("target_info", raw, &identity, |builder| {
                if let Some(resource) = resource {
                    set_all(builder, resource.attributes(), leave_out);
                }
            });
        }
        for scope in metrics.scopes() {
            self.scope(&scope, resource, &identity);
        }
    }

    fn scope(&mut self, metrics: &ScopeMetrics<'_>, resource: Option<Resource<'_>>, identity: &[(String, String)]) {
        let scope = metrics.scope.unwrap_or_default();
        let named = |scope: &Scope<'_>| {
            [("otel_scope_name", scope.name), ("otel_scope_version", scope.version)]
                .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
        };
        let raw = resource.map_or(&[][..], |resource| resource.raw());
        if self.options.scope_info {
            let key = [raw, scope.raw()].concat();
            self.info("otel_scope_info", &key, identity, |builder| {
                for (name, value) in named(&scope) {
                    builder.set(&name, &value);
                }
                set_all(builder, scope.attributes(), &[]);
            });
        }
        let mut base = identity.to_vec();
        if self.options.scope_labels {
            base.extend(named(&scope));
        }
        let more = resource.filter(|_| self.options.resource_labels);
        for metric in metrics.metrics() {
            self.metric(
                &metric,
                Context {
                    resource: raw,
                    scope: if self.options.scope_labels { scope.raw() } else { &[] },
                    base: &base,
                    attributes: more.map(|resource| resource.attributes()),
                    name: String::new(),
                },
            );
        }
    }

    /// A series that says something with its labels.
    fn info(
        &mut self,
        name: &str,
        key: &[u8],
        identity: &[(String, String)],
        more: impl FnOnce(&mut SeriesBuilder<'_>),
    ) {
        let key = self.keys.of(|hasher| {
            hasher.write(name.as_bytes());
            hasher.write_u8(0xff);
            hasher.write(key);
        });
        let table = self.table;
        let series = self.state.series(key, || {
            let mut builder = SeriesBuilder::new(table);
            for (label, value) in identity {
                builder.set(label, value);
            }
            more(&mut builder);
            builder.set(NAME, name);
            builder.build()
        });
        let now = self.now;
        self.push(&series, None, now, 1.0);
    }

    fn metric(&mut self, metric: &Metric<'_>, mut context: Context<'_>) {
        let Some(data) = metric.data() else {
            return;
        };
        let cumulative = |temporality: i32| temporality == CUMULATIVE;
        let (kind, family, usable) = match &data {
            Data::Gauge(_) => (Kind::Gauge, prommodel::Kind::Gauge, true),
            Data::Sum(sum) if sum.is_monotonic => (
                Kind::Counter,
                prommodel::Kind::Counter,
                cumulative(sum.aggregation_temporality),
            ),
            Data::Sum(sum) => (
                Kind::Other,
                prommodel::Kind::Gauge,
                cumulative(sum.aggregation_temporality),
            ),
            Data::Histogram(data) => (
                Kind::Other,
                prommodel::Kind::Histogram,
                cumulative(data.aggregation_temporality),
            ),
            Data::ExponentialHistogram(data) => (
                Kind::Other,
                prommodel::Kind::Histogram,
                cumulative(data.aggregation_temporality),
            ),
            Data::Summary(_) => (Kind::Other, prommodel::Kind::Summary, true),
        };
        if !usable {
            self.dropped.delta += match &data {
                Data::Gauge(data) => data.points().count(),
                Data::Sum(data) => data.points().count(),
                Data::Histogram(data) => data.points().count(),
                Data::ExponentialHistogram(data) => data.points().count(),
                Data::Summary(data) => data.points().count(),
            } as u64;
            return;
        }
        let text = |bytes| String::from_utf8_lossy(bytes);
        context.name = names::metric(&text(metric.name), &text(metric.unit), kind, self.options.suffixes);
        let before = self.records();
        match data {
            Data::Gauge(data) => {
                data.points().for_each(|point| self.number(&context, &point, false));
            }
            Data::Sum(data) => {
                let counter = data.is_monotonic;
                data.points().for_each(|point| self.number(&context, &point, counter));
            }
            Data::Histogram(data) => {
                for point in data.points() {
                    self.counted(|this| histogram::classic(this, &context, &point));
                }
            }
            Data::ExponentialHistogram(data) => {
                for point in data.points() {
                    self.counted(|this| histogram::exponential(this, &context, &point));
                }
            }
            Data::Summary(data) => {
                for point in data.points() {
                    self.counted(|this| histogram::summary(this, &context, &point));
                }
            }
        }
        if self.options.metadata && self.records() > before {
            self.out.families.push(Arc::new(Family {
                name: context.name.as_str().into(),
                kind: family,
                unit: SmolStr::from(&*text(metric.unit)),
                help: Arc::from(&*text(metric.description)),
            }));
        }
    }

    fn records(&self) -> usize {
        self.out.samples.len() + self.out.histograms.len()
    }

    /// Converts a point; one of which nothing is new counts as dropped.
    fn counted(&mut self, convert: impl FnOnce(&mut Self) -> Option<()>) {
        let before = self.records();
        match convert(self) {
            None => self.dropped.unusable += 1,
            Some(()) if self.records() == before => self.dropped.not_newer += 1,
            Some(()) => {}
        }
    }

    fn number(&mut self, context: &Context<'_>, point: &NumberPoint<'_>, counter: bool) {
        self.counted(|this| {
            let value = match point.flags & NO_VALUE {
                0 => value_of(point.value()?),
                _ => f64::from_bits(STALE_NAN),
            };
            let key = this.key(context, point.attributes());
            let series = this.series(context, key, 0, "", None, point.attributes());
            let start = counter.then(|| this.start(point.start_time_unix_nano)).flatten();
            let taken = this.push(&series, start, millis(point.time_unix_nano), value);
            if counter && taken {
                this.exemplars(&series, point.exemplars());
            }
            Some(())
        });
    }

    /// The key of a point.
    pub(super) fn key(&self, context: &Context<'_>, attributes: Attributes<'_>) -> Key {
        self.keys.of(|hasher| {
            for part in [context.resource, context.scope, context.name.as_bytes()] {
                hasher.write_usize(part.len());
                hasher.write(part);
            }
            for pair in attributes {
                hasher.write_usize(pair.key.len());
                hasher.write(pair.key);
                hasher.write_usize(pair.raw_value.len());
                hasher.write(pair.raw_value);
            }
        })
    }

    /// A series of a point: `number` tells its series apart, `suffix` stands behind the name.
    pub(super) fn series(
        &mut self,
        context: &Context<'_>,
        key: Key,
        number: u8,
        suffix: &str,
        extra: Extra,
        attributes: Attributes<'_>,
    ) -> Series {
        let key = self
            .keys
            .below(key, number, extra.map_or(0, |(_, value)| value.to_bits()));
        let table = self.table;
        self.state.series(key, || {
            let mut builder = SeriesBuilder::new(table);
            for (label, value) in context.base {
                builder.set(label, value);
            }
            if let Some((label, value)) = extra {
                builder.set(label, &number_text(value));
            }
            builder.set(NAME, &format!("{}{suffix}", context.name));
            set_all(&mut builder, attributes, &[]);
            if let Some(attributes) = context.attributes {
                set_all(&mut builder, attributes, &[]);
            }
            builder.build()
        })
    }

    /// When counting began, if a sample is to say so.
    pub(super) fn start(&self, nanos: u64) -> Option<i64> {
        (self.options.zero_samples && nanos > 0).then(|| millis(nanos))
    }

    /// Adds a sample if it is newer than the one before.
    pub(super) fn push(&mut self, series: &Series, start: Option<i64>, timestamp: i64, value: f64) -> bool {
        if let Some(start) = start
            && start < timestamp
            && self.state.advance(self.changes, series, start)
        {
            self.out.samples.push(Sample {
                series: series.clone(),
                timestamp: start,
                value: 0.0,
            });
        }
        let newer = self.state.advance(self.changes, series, timestamp);
        if newer {
            self.out.samples.push(Sample {
                series: series.clone(),
                timestamp,
                value,
            });
        }
        newer
    }

    /// The same for a native histogram.
    pub(super) fn push_histogram(&mut self, series: &Series, timestamp: i64, histogram: prommodel::Histogram) -> bool {
        let newer = self.state.advance(self.changes, series, timestamp);
        if newer {
            self.out.histograms.push(HistogramSample {
                series: series.clone(),
                timestamp,
                histogram: Arc::new(histogram),
            });
        }
        newer
    }

    /// Adds examples in the order of their times, as far as they are new.
    pub(super) fn exemplars<'e>(&mut self, series: &Series, exemplars: impl Iterator<Item = Exemplar<'e>>) {
        let mut list: Vec<Exemplar<'_>> = exemplars.collect();
        list.sort_by_key(|exemplar| exemplar.time_unix_nano);
        for exemplar in list {
            let timestamp = millis(exemplar.time_unix_nano);
            let Some(value) = exemplar.value().map(value_of) else {
                continue;
            };
            if !self.state.advance_exemplar(self.changes, series, timestamp) {
                continue;
            }
            let id = |name: &str, id: Option<&[u8]>| id.map(|id| (SmolStr::from(name), SmolStr::from(hex(id))));
            let labels = [
                id("trace_id", exemplar.trace_id.map(<[u8; 16]>::as_slice)),
                id("span_id", exemplar.span_id.map(<[u8; 8]>::as_slice)),
            ];
            self.out.exemplars.push(Example {
                series: series.clone(),
                timestamp,
                value,
                labels: labels.into_iter().flatten().collect(),
            });
        }
    }
}

pub(super) fn millis_of(nanos: u64) -> i64 {
    millis(nanos)
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        out.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or_default());
        out.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or_default());
        out
    })
}
