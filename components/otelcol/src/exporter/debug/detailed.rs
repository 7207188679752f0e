//! All fields of each record, as the Collector's debug exporter writes them.

use super::hex;
use crate::text::as_string;
use otlp_wire::common::{AnyValue, Attributes, Resource, Scope};
use otlp_wire::metrics::{Buckets, Data, Exemplar, ExponentialHistogramPoint, Metric, Number, NumberPoint};
use otlp_wire::traces::Span;
use otlp_wire::{logs, metrics, traces};
use signals::Signal;
use std::borrow::Cow;
use std::fmt::Write as _;

fn lossy(text: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(text)
}

/// A value with its type.
fn typed(value: AnyValue<'_>) -> String {
    let kind = match value {
        AnyValue::Empty => "Empty",
        AnyValue::String(_) => "Str",
        AnyValue::Bool(_) => "Bool",
        AnyValue::Int(_) => "Int",
        AnyValue::Double(_) => "Double",
        AnyValue::Array(_) => "Slice",
        AnyValue::Map(_) => "Map",
        AnyValue::Bytes(_) => "Bytes",
    };
    format!("{kind}({})", as_string(&value))
}

/// A time as Go prints it, in UTC.
pub(super) fn time(nanos: u64) -> String {
    // Go's conversion wraps.
    let nanos = nanos as i64;
    let (seconds, fraction) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    let at = gotime::Civil::from_seconds(seconds);
    let mut text = format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        at.year, at.month, at.day, at.hour, at.minute, at.second
    );
    if fraction > 0 {
        let _ = write!(text, ".{}", format!("{fraction:09}").trim_end_matches('0'));
    }
    text + " +0000 UTC"
}

struct Text(String);

macro_rules! line {
    ($text:expr, $($format:tt)*) => {{
        let _ = writeln!($text.0, $($format)*);
    }};
}

impl Text {
    fn attributes(&mut self, header: &str, attributes: Attributes<'_>) {
        let mut pairs = attributes.into_iter().peekable();
        if pairs.peek().is_none() {
            return;
        }
        line!(self, "{header}:");
        let indent = header.split_once("->").map_or("", |(indent, _)| indent);
        for pair in pairs {
            line!(self, "{indent}     -> {}: {}", lossy(pair.key), typed(pair.value()));
        }
    }

    fn resource(&mut self, what: &str, number: usize, resource: Option<Resource<'_>>, url: &[u8]) {
        line!(self, "{what} #{number}");
        line!(self, "Resource SchemaURL: {}", lossy(url));
        self.attributes("Resource attributes", resource.unwrap_or_default().attributes());
    }

    fn scope(&mut self, what: &str, number: usize, scope: Option<Scope<'_>>, url: &[u8]) {
        let scope = scope.unwrap_or_default();
        line!(self, "{what} #{number}");
        line!(self, "{what} SchemaURL: {}", lossy(url));
        line!(
            self,
            "InstrumentationScope {} {}",
            lossy(scope.name),
            lossy(scope.version)
        );
        self.attributes("InstrumentationScope attributes", scope.attributes());
    }

    fn span(&mut self, number: usize, span: &Span<'_>) {
        const KINDS: [&str; 6] = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"];
        line!(self, "Span #{number}");
        let mut field = |name: &str, value: &str| line!(self, "    {name:<15}: {value}");
        field("Trace ID", &hex(span.trace_id.map(|id| id.as_slice())));
        field("Parent ID", &hex(span.parent_span_id.map(|id| id.as_slice())));
        field("ID", &hex(span.span_id.map(|id| id.as_slice())));
        field("Name", &lossy(span.name));
        let kind = usize::try_from(span.kind).ok().and_then(|kind| KINDS.get(kind));
        field("Kind", kind.unwrap_or(&""));
        if !span.trace_state.is_empty() {
            field("TraceState", &lossy(span.trace_state));
        }
        field("Start time", &time(span.start_time_unix_nano));
        field("End time", &time(span.end_time_unix_nano));
        let status = span.status.unwrap_or_default();
        field(
            "Status code",
            ["Unset", "Ok", "Error"].get(status.code as usize).unwrap_or(&""),
        );
        field("Status message", &lossy(status.message));
        for (name, count) in [
            ("DroppedAttributesCount", span.dropped_attributes_count),
            ("DroppedEventsCount", span.dropped_events_count),
            ("DroppedLinksCount", span.dropped_links_count),
        ] {
            if count > 0 {
                line!(self, "    {name}: {count}");
            }
        }
        self.attributes("Attributes", span.attributes());
        for (number, event) in span.events().enumerate() {
            if number == 0 {
                line!(self, "Events:");
            }
            line!(self, "SpanEvent #{number}");
            line!(self, "     -> Name: {}", lossy(event.name));
            line!(self, "     -> Timestamp: {}", time(event.time_unix_nano));
            line!(
                self,
                "     -> DroppedAttributesCount: {}",
                event.dropped_attributes_count
            );
            self.attributes("     -> Attributes:", event.attributes());
        }
        for (number, link) in span.links().enumerate() {
            if number == 0 {
                line!(self, "Links:");
            }
            line!(self, "SpanLink #{number}");
            line!(self, "     -> Trace ID: {}", hex(link.trace_id.map(|id| id.as_slice())));
            line!(self, "     -> ID: {}", hex(link.span_id.map(|id| id.as_slice())));
            line!(self, "     -> TraceState: {}", lossy(link.trace_state));
            line!(
                self,
                "     -> DroppedAttributesCount: {}",
                link.dropped_attributes_count
            );
            self.attributes("     -> Attributes:", link.attributes());
        }
    }

    fn times(&mut self, start: u64, end: u64) {
        line!(self, "StartTimestamp: {}", time(start));
        line!(self, "Timestamp: {}", time(end));
    }

    fn exemplars<'a>(&mut self, exemplars: impl Iterator<Item = Exemplar<'a>>) {
        for (number, exemplar) in exemplars.enumerate() {
            if number == 0 {
                line!(self, "Exemplars:");
            }
            line!(self, "Exemplar #{number}");
            line!(
                self,
                "     -> Trace ID: {}",
                hex(exemplar.trace_id.map(|id| id.as_slice()))
            );
            line!(
                self,
                "     -> Span ID: {}",
                hex(exemplar.span_id.map(|id| id.as_slice()))
            );
            line!(self, "     -> Timestamp: {}", time(exemplar.time_unix_nano));
            match exemplar.value() {
                Some(Number::Int(value)) => line!(self, "     -> Value: {value}"),
                Some(Number::Double(value)) => line!(self, "     -> Value: {value:.6}"),
                None => {}
            }
            self.attributes("     -> FilteredAttributes", exemplar.filtered_attributes());
        }
    }

    fn numbers<'a>(&mut self, points: impl Iterator<Item = NumberPoint<'a>>) {
        for (number, point) in points.enumerate() {
            line!(self, "NumberDataPoints #{number}");
            self.attributes("Data point attributes", point.attributes());
            self.times(point.start_time_unix_nano, point.time_unix_nano);
            match point.value() {
                Some(Number::Int(value)) => line!(self, "Value: {value}"),
                Some(Number::Double(value)) => line!(self, "Value: {value:.6}"),
                None => {}
            }
            self.exemplars(point.exemplars());
        }
    }

    fn stats(&mut self, count: u64, sum: Option<f64>, min: Option<f64>, max: Option<f64>) {
        line!(self, "Count: {count}");
        for (name, value) in [("Sum", sum), ("Min", min), ("Max", max)] {
            if let Some(value) = value {
                line!(self, "{name}: {value:.6}");
            }
        }
    }

    fn metric(&mut self, number: usize, metric: &Metric<'_>) {
        line!(self, "Metric #{number}");
        line!(self, "Descriptor:");
        line!(self, "     -> Name: {}", lossy(metric.name));
        line!(self, "     -> Description: {}", lossy(metric.description));
        line!(self, "     -> Unit: {}", lossy(metric.unit));
        let temporality = |temporality: i32| {
            ["Unspecified", "Delta", "Cumulative"]
                .get(temporality as usize)
                .copied()
                .unwrap_or("")
        };
        let kind = |text: &mut Text, kind: &str| line!(text, "     -> DataType: {kind}");
        match metric.data() {
            None => kind(self, "Empty"),
            Some(Data::Gauge(gauge)) => {
                kind(self, "Gauge");
                self.numbers(gauge.points());
            }
            Some(Data::Sum(sum)) => {
                kind(self, "Sum");
                line!(self, "     -> IsMonotonic: {}", sum.is_monotonic);
                line!(
                    self,
                    "     -> AggregationTemporality: {}",
                    temporality(sum.aggregation_temporality)
                );
                self.numbers(sum.points());
            }
            Some(Data::Histogram(histogram)) => {
                kind(self, "Histogram");
                line!(
                    self,
                    "     -> AggregationTemporality: {}",
                    temporality(histogram.aggregation_temporality)
                );
                for (number, point) in histogram.points().enumerate() {
                    line!(self, "HistogramDataPoints #{number}");
                    self.attributes("Data point attributes", point.attributes());
                    self.times(point.start_time_unix_nano, point.time_unix_nano);
                    self.stats(point.count, point.sum, point.min, point.max);
                    for (number, bound) in point.explicit_bounds.iter().enumerate() {
                        line!(self, "ExplicitBounds #{number}: {bound:.6}");
                    }
                    for (number, count) in point.bucket_counts.iter().enumerate() {
                        line!(self, "Buckets #{number}, Count: {count}");
                    }
                    self.exemplars(point.exemplars());
                }
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                kind(self, "ExponentialHistogram");
                line!(
                    self,
                    "     -> AggregationTemporality: {}",
                    temporality(histogram.aggregation_temporality)
                );
                for (number, point) in histogram.points().enumerate() {
                    line!(self, "ExponentialHistogramDataPoints #{number}");
                    self.attributes("Data point attributes", point.attributes());
                    self.times(point.start_time_unix_nano, point.time_unix_nano);
                    self.stats(point.count, point.sum, point.min, point.max);
                    self.exponential(&point);
                    self.exemplars(point.exemplars());
                }
            }
            Some(Data::Summary(summary)) => {
                kind(self, "Summary");
                for (number, point) in summary.points().enumerate() {
                    line!(self, "SummaryDataPoints #{number}");
                    self.attributes("Data point attributes", point.attributes());
                    self.times(point.start_time_unix_nano, point.time_unix_nano);
                    line!(self, "Count: {}", point.count);
                    line!(self, "Sum: {:.6}", point.sum);
                    for (number, quantile) in point.quantile_values().enumerate() {
                        line!(
                            self,
                            "QuantileValue #{number}: Quantile {:.6}, Value {:.6}",
                            quantile.quantile,
                            quantile.value
                        );
                    }
                }
            }
        }
    }

    fn exponential(&mut self, point: &ExponentialHistogramPoint<'_>) {
        // Bounds are powers of this base.
        let factor = 2f64.ln() * 2f64.powi(-point.scale);
        let counts = |buckets: Option<Buckets<'_>>| {
            let buckets = buckets.unwrap_or_default();
            let first = f64::from(buckets.offset);
            let counts: Vec<u64> = buckets.bucket_counts.collect();
            (first, counts)
        };
        let (first, negative) = counts(point.negative);
        for (number, count) in negative.iter().enumerate().rev().filter(|(_, count)| **count > 0) {
            let index = first + number as f64;
            let (lower, upper) = (-((index + 1.0) * factor).exp(), -(index * factor).exp());
            line!(self, "Bucket [{lower:.6}, {upper:.6}), Count: {count}");
        }
        if point.zero_count > 0 {
            line!(self, "Bucket [0, 0], Count: {}", point.zero_count);
        }
        let (first, positive) = counts(point.positive);
        for (number, count) in positive.iter().enumerate().filter(|(_, count)| **count > 0) {
            let index = first + number as f64;
            let (lower, upper) = ((index * factor).exp(), ((index + 1.0) * factor).exp());
            line!(self, "Bucket ({lower:.6}, {upper:.6}], Count: {count}");
        }
    }
}

pub(super) fn text(signal: Signal, request: &[u8]) -> String {
    let mut text = Text(String::new());
    match signal {
        Signal::Logs => {
            for (number, resource) in logs::resources(request).enumerate() {
                text.resource("ResourceLog", number, resource.resource, resource.schema_url);
                for (number, scope) in resource.scopes().enumerate() {
                    text.scope("ScopeLogs", number, scope.scope, scope.schema_url);
                    for (number, log) in scope.records().enumerate() {
                        text.log(number, &log);
                    }
                }
            }
        }
        Signal::Traces => {
            for (number, resource) in traces::resources(request).enumerate() {
                text.resource("ResourceSpans", number, resource.resource, resource.schema_url);
                for (number, scope) in resource.scopes().enumerate() {
                    text.scope("ScopeSpans", number, scope.scope, scope.schema_url);
                    for (number, span) in scope.spans().enumerate() {
                        text.span(number, &span);
                    }
                }
            }
        }
        Signal::Metrics => {
            for (number, resource) in metrics::resources(request).enumerate() {
                text.resource("ResourceMetrics", number, resource.resource, resource.schema_url);
                for (number, scope) in resource.scopes().enumerate() {
                    text.scope("ScopeMetrics", number, scope.scope, scope.schema_url);
                    for (number, metric) in scope.metrics().enumerate() {
                        text.metric(number, &metric);
                    }
                }
            }
        }
    }
    text.0
}

impl Text {
    fn log(&mut self, number: usize, log: &logs::LogRecord<'_>) {
        const LEVELS: [&str; 6] = ["Trace", "Debug", "Info", "Warn", "Error", "Fatal"];
        line!(self, "LogRecord #{number}");
        line!(self, "ObservedTimestamp: {}", time(log.observed_time_unix_nano));
        line!(self, "Timestamp: {}", time(log.time_unix_nano));
        line!(self, "SeverityText: {}", lossy(log.severity_text));
        let severity = match log.severity_number {
            0 => "Unspecified".to_owned(),
            number @ 1..=24 => {
                let (level, step) = ((number - 1) / 4, (number - 1) % 4);
                let step = if step == 0 {
                    String::new()
                } else {
                    (step + 1).to_string()
                };
                format!("{}{step}", LEVELS[level as usize])
            }
            _ => String::new(),
        };
        line!(self, "SeverityNumber: {severity}({})", log.severity_number);
        if !log.event_name.is_empty() {
            line!(self, "EventName: {}", lossy(log.event_name));
        }
        line!(self, "Body: {}", typed(log.body.unwrap_or_default()));
        self.attributes("Attributes", log.attributes());
        line!(self, "Trace ID: {}", hex(log.trace_id.map(|id| id.as_slice())));
        line!(self, "Span ID: {}", hex(log.span_id.map(|id| id.as_slice())));
        line!(self, "Flags: {}", log.flags);
    }
}
