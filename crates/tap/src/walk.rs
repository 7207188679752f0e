//! The records of a batch, one by one.

use crate::record::{Moment, Record};
use otlp_wire::common::{AnyValue, Attributes, Resource};
use otlp_wire::metrics::{Data, Number};
use otlp_wire::{Signal, logs, metrics, traces};
use signals::{Logs, Metrics, Otlp, Seen};
use std::fmt::Write;

/// What records of one edge have in common.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub at: i64,
    pub from: &'a str,
    pub to: &'a str,
}

impl Place<'_> {
    fn record(&self, signal: &'static str) -> Record {
        Record::new(self.at, self.from, self.to, Moment::Edge, signal)
    }
}

/// Makes records of a batch. `pick` says of each in turn whether it is wanted, before it is made; `show` takes it and says whether there
/// is room for more.
pub(crate) fn walk(
    place: Place<'_>,
    records: Seen<'_>,
    pick: &mut dyn FnMut() -> bool,
    show: &mut dyn FnMut(Record) -> bool,
) {
    // Nothing more than an early end, which the loops have to pass on.
    let _: Option<()> = match records {
        Seen::Logs(logs) => log_records(place, logs, pick, show),
        Seen::Metrics(metrics) => samples(place, metrics, pick, show),
        Seen::Otlp(otlp) => requests(place, otlp, pick, show),
    };
}

type Pick<'p> = &'p mut dyn FnMut() -> bool;
type Show<'s> = &'s mut dyn FnMut(Record) -> bool;

fn log_records(place: Place<'_>, logs: &Logs, pick: Pick<'_>, show: Show<'_>) -> Option<()> {
    for stream in logs {
        for entry in &stream.entries {
            if !pick() {
                continue;
            }
            let mut record = place.record("logs");
            record.timestamp = Some(entry.timestamp);
            record.labels = stream
                .labels
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect();
            record.line = Some(String::from_utf8_lossy(&entry.line).into_owned());
            record.metadata = entry
                .metadata
                .pairs()
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect();
            show(record).then_some(())?;
        }
    }
    Some(())
}

fn of_series<'l>(place: Place<'_>, labels: impl Iterator<Item = (&'l str, &'l str)>, millis: i64) -> Record {
    let mut record = place.record("metrics");
    record.timestamp = Some(millis.saturating_mul(1_000_000));
    record.labels = labels
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    record
}

/// A number as Prometheus writes it.
fn number(value: f64) -> String {
    if value.to_bits() == prommodel::STALE_NAN {
        return "stale".to_owned();
    }
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

fn samples(place: Place<'_>, metrics: &Metrics, pick: Pick<'_>, show: Show<'_>) -> Option<()> {
    for sample in &metrics.samples {
        if pick() {
            let mut record = of_series(place, sample.series.iter(), sample.timestamp);
            record.value = Some(number(sample.value));
            show(record).then_some(())?;
        }
    }
    for (series, time, value) in metrics.runs.iter() {
        if pick() {
            let mut record = of_series(place, series.iter(), time);
            record.value = Some(number(value));
            show(record).then_some(())?;
        }
    }
    for sample in &metrics.histograms {
        if pick() {
            let mut record = of_series(place, sample.series.iter(), sample.timestamp);
            record.text = Some(format!("native histogram, sum {}", number(sample.histogram.sum)));
            show(record).then_some(())?;
        }
    }
    for exemplar in &metrics.exemplars {
        if pick() {
            let mut record = of_series(place, exemplar.series.iter(), exemplar.timestamp);
            record.value = Some(number(exemplar.value));
            record.text = Some("exemplar".to_owned());
            record.metadata = exemplar
                .labels
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect();
            show(record).then_some(())?;
        }
    }
    Some(())
}

fn requests(place: Place<'_>, otlp: &Otlp, pick: Pick<'_>, show: Show<'_>) -> Option<()> {
    for request in otlp.payload.segments() {
        match otlp.signal {
            Signal::Logs => log_request(place, request, pick, show)?,
            Signal::Metrics => metric_request(place, request, pick, show)?,
            Signal::Traces => trace_request(place, request, pick, show)?,
        }
    }
    Some(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn any(value: AnyValue<'_>) -> String {
    match value {
        AnyValue::Empty => String::new(),
        AnyValue::String(bytes) => text(bytes),
        AnyValue::Bool(value) => value.to_string(),
        AnyValue::Int(value) => value.to_string(),
        AnyValue::Double(value) => value.to_string(),
        AnyValue::Bytes(bytes) => hex(bytes),
        AnyValue::Array(list) => {
            let items: Vec<String> = list.map(any).collect();
            format!("[{}]", items.join(", "))
        }
        AnyValue::Map(map) => {
            let items: Vec<String> = map
                .iter()
                .map(|pair| format!("{}: {}", text(pair.key), any(pair.value())))
                .collect();
            format!("{{{}}}", items.join(", "))
        }
    }
}

fn attributes(list: Attributes<'_>) -> impl Iterator<Item = (String, String)> {
    list.iter().map(|pair| (text(pair.key), any(pair.value())))
}

fn of_resource(resource: Option<Resource<'_>>) -> Vec<(String, String)> {
    resource.map_or_else(Vec::new, |resource| attributes(resource.attributes()).collect())
}

fn nanos(time: u64) -> Option<i64> {
    (time != 0).then(|| i64::try_from(time).unwrap_or(i64::MAX))
}

fn log_request(place: Place<'_>, request: &[u8], pick: Pick<'_>, show: Show<'_>) -> Option<()> {
    for resource in logs::resources(request) {
        let common = of_resource(resource.resource);
        for record in resource.scopes().flat_map(|scope| scope.records()) {
            if !pick() {
                continue;
            }
            let mut shown = place.record("logs");
            shown.timestamp = nanos(record.time_unix_nano).or(nanos(record.observed_time_unix_nano));
            shown.labels = common.clone();
            shown.labels.extend(attributes(record.attributes()));
            shown.line = Some(any(record.body.unwrap_or_default()));
            if !record.severity_text.is_empty() {
                shown.metadata.push(("severity".to_owned(), text(record.severity_text)));
            }
            if let Some(id) = record.trace_id {
                shown.metadata.push(("trace_id".to_owned(), hex(id)));
            }
            show(shown).then_some(())?;
        }
    }
    Some(())
}

fn trace_request(place: Place<'_>, request: &[u8], pick: Pick<'_>, show: Show<'_>) -> Option<()> {
    for resource in traces::resources(request) {
        let common = of_resource(resource.resource);
        for span in resource.scopes().flat_map(|scope| scope.spans()) {
            if !pick() {
                continue;
            }
            let mut shown = place.record("traces");
            shown.timestamp = nanos(span.start_time_unix_nano);
            shown.labels = common.clone();
            shown.labels.extend(attributes(span.attributes()));
            shown.line = Some(text(span.name));
            let id = |id: Option<&[u8]>| id.map(hex).unwrap_or_default();
            shown.metadata = vec![
                ("trace_id".to_owned(), id(span.trace_id.map(|id| &id[..]))),
                ("span_id".to_owned(), id(span.span_id.map(|id| &id[..]))),
            ];
            if let Some(parent) = span.parent_span_id {
                shown.metadata.push(("parent_span_id".to_owned(), hex(parent)));
            }
            let nanos = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
            shown.text = Some(format!("took {:?}", std::time::Duration::from_nanos(nanos)));
            show(shown).then_some(())?;
        }
    }
    Some(())
}

/// A data point: its time, attributes, and value or what there is to say of it.
struct Point<'a> {
    time: u64,
    attributes: Attributes<'a>,
    value: Option<String>,
    text: Option<String>,
}

fn metric_request(place: Place<'_>, request: &[u8], pick: Pick<'_>, show: Show<'_>) -> Option<()> {
    for resource in metrics::resources(request) {
        let common = of_resource(resource.resource);
        for metric in resource.scopes().flat_map(|scope| scope.metrics()) {
            let name = text(metric.name);
            let mut each = |point: Point<'_>| -> Option<()> {
                if !pick() {
                    return Some(());
                }
                let mut shown = place.record("metrics");
                shown.timestamp = nanos(point.time);
                shown.labels = vec![("__name__".to_owned(), name.clone())];
                shown.labels.extend(common.iter().cloned());
                shown.labels.extend(attributes(point.attributes));
                shown.value = point.value;
                shown.text = point.text;
                show(shown).then_some(())
            };
            points(metric.data(), &mut each)?;
        }
    }
    Some(())
}

fn points(data: Option<Data<'_>>, each: &mut dyn FnMut(Point<'_>) -> Option<()>) -> Option<()> {
    let of_number = |value: Option<Number>| {
        value.map(|value| match value {
            Number::Int(value) => value.to_string(),
            Number::Double(value) => number(value),
        })
    };
    let distribution = |kind: &str, count: u64, sum: f64| Some(format!("{kind}, count {count}, sum {}", number(sum)));
    // The points of all types have a time and attributes, and nothing else in common.
    macro_rules! each {
        ($points:expr, |$point:ident| $value:expr, $text:expr) => {
            for $point in $points {
                each(Point {
                    time: $point.time_unix_nano,
                    attributes: $point.attributes(),
                    value: $value,
                    text: $text,
                })?;
            }
        };
    }
    match data {
        Some(Data::Gauge(gauge)) => each!(gauge.points(), |point| of_number(point.value()), None),
        Some(Data::Sum(sum)) => each!(sum.points(), |point| of_number(point.value()), None),
        Some(Data::Histogram(data)) => each!(
            data.points(),
            |point| None,
            distribution("histogram", point.count, point.sum.unwrap_or_default())
        ),
        Some(Data::ExponentialHistogram(data)) => each!(
            data.points(),
            |point| None,
            distribution("exponential histogram", point.count, point.sum.unwrap_or_default())
        ),
        Some(Data::Summary(data)) => each!(
            data.points(),
            |point| None,
            distribution("summary", point.count, point.sum)
        ),
        None => {}
    }
    Some(())
}
