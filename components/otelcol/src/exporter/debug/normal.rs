//! A line for each record, as the Collector's debug exporter writes it.

use super::hex;
use crate::text::as_string;
use otlp_wire::common::{Attributes, Scope};
use otlp_wire::metrics::{Data, Number};
use otlp_wire::{logs, metrics, traces};
use signals::Signal;
use std::fmt::Write as _;

fn lossy(text: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(text)
}

/// ` key=value` for each attribute.
fn attributes(attributes: Attributes<'_>) -> String {
    let pairs = attributes.into_iter();
    pairs
        .map(|pair| format!(" {}={}", lossy(pair.key), as_string(&pair.value())))
        .collect()
}

fn schema(url: &[u8]) -> String {
    match url {
        b"" => String::new(),
        url => format!(" [{}]", lossy(url)),
    }
}

fn scope_line(out: &mut String, what: &str, number: usize, scope: Option<Scope<'_>>, url: &[u8]) {
    let scope = scope.unwrap_or_default();
    let _ = write!(out, "{what} #{number}");
    if !scope.name.is_empty() {
        let _ = write!(out, " {}", lossy(scope.name));
        if !scope.version.is_empty() {
            let _ = write!(out, "@{}", lossy(scope.version));
        }
    }
    let _ = writeln!(out, "{}{}", schema(url), attributes(scope.attributes()));
}

pub(super) fn text(signal: Signal, request: &[u8]) -> String {
    let mut out = String::new();
    let resource_line = |out: &mut String, what: &str, number: usize, url: &[u8], pairs: String| {
        let _ = writeln!(out, "{what} #{number}{}{pairs}", schema(url));
    };
    match signal {
        Signal::Logs => {
            for (number, resource) in logs::resources(request).enumerate() {
                let pairs = attributes(resource.resource.unwrap_or_default().attributes());
                resource_line(&mut out, "ResourceLog", number, resource.schema_url, pairs);
                for (number, scope) in resource.scopes().enumerate() {
                    scope_line(&mut out, "ScopeLog", number, scope.scope, scope.schema_url);
                    for record in scope.records() {
                        let body = as_string(&record.body.unwrap_or_default()).into_owned();
                        let _ = writeln!(out, "{body}{}", attributes(record.attributes()));
                    }
                }
            }
        }
        Signal::Traces => {
            for (number, resource) in traces::resources(request).enumerate() {
                let pairs = attributes(resource.resource.unwrap_or_default().attributes());
                resource_line(&mut out, "ResourceTraces", number, resource.schema_url, pairs);
                for (number, scope) in resource.scopes().enumerate() {
                    scope_line(&mut out, "ScopeTraces", number, scope.scope, scope.schema_url);
                    for span in scope.spans() {
                        let ids = [
                            hex(span.trace_id.map(|id| id.as_slice())),
                            hex(span.span_id.map(|id| id.as_slice())),
                        ];
                        let _ = writeln!(
                            out,
                            "{} {}{}",
                            lossy(span.name),
                            ids.join(" "),
                            attributes(span.attributes())
                        );
                    }
                }
            }
        }
        Signal::Metrics => {
            for (number, resource) in metrics::resources(request).enumerate() {
                let pairs = attributes(resource.resource.unwrap_or_default().attributes());
                resource_line(&mut out, "ResourceMetrics", number, resource.schema_url, pairs);
                for (number, scope) in resource.scopes().enumerate() {
                    scope_line(&mut out, "ScopeMetrics", number, scope.scope, scope.schema_url);
                    for metric in scope.metrics() {
                        points(&mut out, &lossy(metric.name), metric.data());
                    }
                }
            }
        }
    }
    out
}

fn points(out: &mut String, name: &str, data: Option<Data<'_>>) {
    let mut line = |pairs: Attributes<'_>, value: String| {
        let pairs: Vec<String> = pairs
            .into_iter()
            .map(|pair| format!("{}={}", lossy(pair.key), as_string(&pair.value())))
            .collect();
        let _ = writeln!(out, "{name}{{{}}}{value}", pairs.join(","));
    };
    let number = |value: Option<Number>| match value {
        Some(Number::Int(value)) => format!(" {value}"),
        Some(Number::Double(value)) => format!(" {value}"),
        None => String::new(),
    };
    let stats = |count: u64, sum: Option<f64>, min: Option<f64>, max: Option<f64>| {
        let mut text = format!(" count={count}");
        for (name, value) in [("sum", sum), ("min", min), ("max", max)] {
            if let Some(value) = value {
                let _ = write!(text, " {name}={value}");
            }
        }
        text
    };
    match data {
        Some(Data::Gauge(gauge)) => gauge
            .points()
            .for_each(|point| line(point.attributes(), number(point.value()))),
        Some(Data::Sum(sum)) => sum
            .points()
            .for_each(|point| line(point.attributes(), number(point.value()))),
        Some(Data::Histogram(histogram)) => {
            for point in histogram.points() {
                let mut value = stats(point.count, point.sum, point.min, point.max);
                let mut bounds = point.explicit_bounds.iter();
                for count in point.bucket_counts.iter() {
                    let _ = match bounds.next() {
                        Some(bound) => write!(value, " le{bound}={count}"),
                        None => write!(value, " {count}"),
                    };
                }
                line(point.attributes(), value);
            }
        }
        Some(Data::ExponentialHistogram(histogram)) => {
            for point in histogram.points() {
                line(point.attributes(), stats(point.count, point.sum, point.min, point.max));
            }
        }
        Some(Data::Summary(summary)) => {
            for point in summary.points() {
                let mut value = format!(" count={} sum={:.6}", point.count, point.sum);
                for quantile in point.quantile_values() {
                    let _ = write!(value, " q{}={}", quantile.quantile, quantile.value);
                }
                line(point.attributes(), value);
            }
        }
        None => {}
    }
}
