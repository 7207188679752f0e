//! A request of OTLP from what was put together.

use super::collect::{Collected, MetricGroup, Pairs, Point, ScopeKey, Shape};
use super::families::unit;
use otlp_wire::common::{AnyValue, Scope};
use otlp_wire::metrics::{ExponentialHistogramPoint, HistogramPoint, Metric, Number, NumberPoint, Sum, SummaryPoint};
use otlp_wire::write::{Writer, number};
use prommodel::{Counts, Histogram, Kind, Span, is_stale};
use signals::Exemplar;

/// The scope of metrics that name none.
const SCOPE: (&str, &str) = ("otelcol/prometheusreceiver", env!("CARGO_PKG_VERSION"));
const CUMULATIVE: i32 = 2;
/// A point without a value.
const NO_VALUE: u32 = 1;

/// What became of samples.
#[derive(Default)]
pub(super) struct Composed {
    pub(super) request: Writer,
    /// Data points.
    pub(super) points: u64,
    /// Samples that are no part of a point, by why: gauge histograms, histograms and summaries without a count.
    pub(super) dropped: [(&'static str, u64); 2],
}

fn nanos(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or_default().saturating_mul(1_000_000)
}

fn text(text: &str) -> AnyValue<'_> {
    AnyValue::String(text.as_bytes())
}

fn attributes(out: &mut Writer, field: u32, pairs: &Pairs<'_>) {
    for (name, value) in pairs {
        out.attribute(field, name.as_bytes(), text(value));
    }
}

/// Hosts that say nothing to others.
fn is_discernible(host: &str) -> bool {
    !matches!(
        host,
        "" | "localhost" | "127.0.0.1" | "0.0.0.0" | "::1" | "::" | "[::1]" | "[::]"
    )
}

fn resource(out: &mut Writer, (job, instance): (&str, &str), info: &Pairs<'_>) {
    let field = number::RESOURCE_ATTRIBUTES;
    let (host, port) = match instance.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (instance, ""),
    };
    let own = [
        ("service.name", job),
        ("service.instance.id", instance),
        ("server.address", if is_discernible(host) { host } else { "" }),
        ("server.port", port),
    ];
    for (key, value) in own {
        if !value.is_empty() && !info.iter().any(|(name, _)| *name == key) {
            out.attribute(field, key.as_bytes(), text(value));
        }
    }
    attributes(out, field, info);
}

/// Writes a batch.
pub(super) fn compose(collected: &Collected<'_>) -> Composed {
    let mut done = Composed {
        dropped: [("gauge_histogram", 0), ("without_count", 0)],
        ..Composed::default()
    };
    let mut out = Writer::new();
    for (identity, group) in &collected.resources {
        let has_points = group.scopes.values().any(|scope| !scope.metrics.is_empty());
        if !has_points {
            continue;
        }
        out.container(number::RESOURCES, |out| {
            out.message(number::RESOURCE, |out| resource(out, *identity, &group.info));
            for (key, scope) in &group.scopes {
                if scope.metrics.is_empty() {
                    continue;
                }
                out.container(number::SCOPES, |out| {
                    out.message(number::SCOPE, |out| write_scope(out, *key, &scope.info));
                    for ((name, shape), metric) in &scope.metrics {
                        write_metric(out, name, *shape, metric, &mut done);
                    }
                    out.text(3, key.schema_url.as_bytes());
                });
            }
        });
    }
    done.request = out;
    done
}

fn write_scope(out: &mut Writer, key: ScopeKey<'_>, info: &Pairs<'_>) {
    let mut scope = Scope::default();
    let (name, version) = match key.name {
        "" => SCOPE,
        name => (name, key.version),
    };
    (scope.name, scope.version) = (name.as_bytes(), version.as_bytes());
    scope.write(out);
    attributes(out, number::SCOPE_ATTRIBUTES, info);
}

fn write_metric(out: &mut Writer, name: &str, shape: Shape, group: &MetricGroup<'_>, done: &mut Composed) {
    let usable: Vec<(&(Pairs<'_>, i64), &Point<'_>)> = group
        .points
        .iter()
        .filter(|(_, point)| {
            let (usable, why) = match shape {
                Shape::Dropped => (false, 0),
                Shape::Number(_) => (point.value.is_some(), 1),
                Shape::Histogram | Shape::Summary => (point.count.is_some() || point.native.is_some(), 1),
                Shape::Native => (point.native.is_some(), 1),
            };
            if !usable {
                done.dropped[why].1 += point.samples + point.exemplars.len() as u64;
            }
            usable
        })
        .collect();
    if usable.is_empty() {
        return;
    }
    done.points += usable.len() as u64;
    let family = group.family;
    let unit = family.map_or_else(String::new, |family| unit(&family.unit));
    out.message(number::RECORDS, |out| {
        let mut metric = Metric::default();
        (metric.name, metric.unit) = (name.as_bytes(), unit.as_bytes());
        metric.description = family.map_or(&[], |family| family.help.as_bytes());
        metric.write(out);
        let data = match shape {
            Shape::Number(Kind::Counter | Kind::Info | Kind::StateSet) => number::SUM,
            Shape::Number(_) | Shape::Dropped => number::GAUGE,
            Shape::Histogram => number::HISTOGRAM,
            Shape::Native => number::EXPONENTIAL_HISTOGRAM,
            Shape::Summary => number::SUMMARY,
        };
        out.message(data, |out| {
            for ((pairs, time), point) in usable {
                out.message(number::POINTS, |out| match shape {
                    Shape::Number(_) | Shape::Dropped => number_point(out, pairs, nanos(*time), point),
                    Shape::Histogram => histogram_point(out, pairs, nanos(*time), point),
                    Shape::Native => native_point(out, pairs, nanos(*time), point),
                    Shape::Summary => summary_point(out, pairs, nanos(*time), point),
                });
            }
            match data {
                number::SUM => {
                    let mut sum = Sum::default();
                    sum.aggregation_temporality = CUMULATIVE;
                    sum.is_monotonic = shape == Shape::Number(Kind::Counter);
                    sum.write(out);
                }
                number::HISTOGRAM | number::EXPONENTIAL_HISTOGRAM => out.enumeration(2, CUMULATIVE),
                _ => {}
            }
        });
        let kind = family.map_or(Kind::Unknown, |family| family.kind);
        out.attribute(number::METADATA, b"prometheus.type", text(kind.as_str()));
    });
}

fn start(point: &Point<'_>) -> u64 {
    let seconds = point.created.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    seconds.map_or(0, |seconds| (seconds * 1e3).round() as u64 * 1_000_000)
}

fn number_point(out: &mut Writer, pairs: &Pairs<'_>, time: u64, point: &Point<'_>) {
    let value = point.value.unwrap_or_default();
    let mut written = NumberPoint::default();
    (written.start_time_unix_nano, written.time_unix_nano) = (start(point), time);
    written.flags = if is_stale(value) { NO_VALUE } else { 0 };
    written.write(out);
    if !is_stale(value) {
        out.point_value(Number::Double(value));
    }
    attributes(out, number::NUMBER_ATTRIBUTES, pairs);
    exemplars(out, number::NUMBER_EXEMPLARS, &point.exemplars);
}

/// A count: whole, and not below zero.
fn whole(count: f64) -> u64 {
    count.round() as u64
}

fn histogram_point(out: &mut Writer, pairs: &Pairs<'_>, time: u64, point: &Point<'_>) {
    let (sum, count, bounds, counts) = match point.native {
        Some(histogram) => custom(histogram),
        None => classic(point),
    };
    let stale = sum.is_some_and(is_stale) || point.count.is_some_and(is_stale);
    let mut written = HistogramPoint::default();
    (written.start_time_unix_nano, written.time_unix_nano) = (start(point), time);
    if stale {
        written.flags = NO_VALUE;
    } else {
        (written.count, written.sum) = (count, sum);
    }
    written.write(out);
    if !stale {
        out.fixed64s(number::HISTOGRAM_COUNTS, counts);
        out.doubles(number::HISTOGRAM_BOUNDS, bounds);
    }
    attributes(out, number::HISTOGRAM_ATTRIBUTES, pairs);
    exemplars(out, number::HISTOGRAM_EXEMPLARS, &point.exemplars);
}

type Buckets = (Option<f64>, u64, Vec<f64>, Vec<u64>);

/// Counts of each bucket from counts of all below its bound.
fn classic(point: &Point<'_>) -> Buckets {
    let count = whole(point.count.unwrap_or_default());
    let mut parts: Vec<(f64, f64)> = point
        .parts
        .iter()
        .copied()
        .filter(|(bound, _)| bound.is_finite())
        .collect();
    parts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut bounds, mut counts, mut below) = (Vec::new(), Vec::new(), 0);
    for (bound, value) in parts {
        let value = whole(value);
        bounds.push(bound);
        counts.push(value.saturating_sub(below));
        below = value;
    }
    counts.push(count.saturating_sub(below));
    (point.sum, count, bounds, counts)
}

/// The counts of buckets that follow each other, from the index of the first.
fn dense(spans: &[Span], counts: &[u64]) -> (i32, Vec<u64>) {
    let (mut all, mut left) = (Vec::new(), counts.iter());
    let first = spans.first().map_or(0, |span| span.offset);
    for (at, span) in spans.iter().enumerate() {
        if at > 0 {
            // A gap is never negative in what is valid.
            all.extend(std::iter::repeat_n(
                0,
                usize::try_from(span.offset).unwrap_or_default().min(100_000),
            ));
        }
        all.extend(left.by_ref().take(span.length as usize));
    }
    (first, all)
}

/// Total, zero bucket, positive and negative buckets, as whole numbers.
fn counts(histogram: &Histogram) -> (u64, u64, Vec<u64>, Vec<u64>) {
    match &histogram.counts {
        Counts::Integer(buckets) => {
            let sums = |deltas: &[i64]| {
                let mut count = 0i64;
                let sum = |delta: &i64| {
                    count = count.wrapping_add(*delta);
                    count.max(0) as u64
                };
                deltas.iter().map(sum).collect()
            };
            (
                buckets.count,
                buckets.zero_count,
                sums(&buckets.positive),
                sums(&buckets.negative),
            )
        }
        Counts::Float(buckets) => {
            let round = |counts: &[f64]| counts.iter().map(|count| whole(*count)).collect();
            (
                whole(buckets.count),
                whole(buckets.zero_count),
                round(&buckets.positive),
                round(&buckets.negative),
            )
        }
    }
}

fn custom(histogram: &Histogram) -> Buckets {
    let (count, _, positive, _) = counts(histogram);
    let (first, found) = dense(&histogram.positive_spans, &positive);
    let mut all = vec![0; histogram.custom_values.len() + 1];
    let first = usize::try_from(first).unwrap_or_default();
    for (place, count) in all.iter_mut().skip(first).zip(found) {
        *place = count;
    }
    (Some(histogram.sum), count, histogram.custom_values.clone(), all)
}

fn native_point(out: &mut Writer, pairs: &Pairs<'_>, time: u64, point: &Point<'_>) {
    let Some(histogram) = point.native else {
        return;
    };
    let stale = is_stale(histogram.sum);
    let (count, zero_count, positive, negative) = counts(histogram);
    let mut written = ExponentialHistogramPoint::default();
    (written.start_time_unix_nano, written.time_unix_nano) = (start(point), time);
    written.scale = histogram.schema;
    if stale {
        written.flags = NO_VALUE;
    } else {
        (written.count, written.sum, written.zero_count) = (count, Some(histogram.sum), zero_count);
        written.zero_threshold = histogram.zero_threshold;
    }
    written.write(out);
    let sides = [
        (number::EXPONENTIAL_POSITIVE, &histogram.positive_spans, positive),
        (number::EXPONENTIAL_NEGATIVE, &histogram.negative_spans, negative),
    ];
    for (field, spans, counts) in sides {
        if stale || counts.is_empty() {
            continue;
        }
        // Bucket i of Prometheus ends where that of OTLP begins.
        let (first, all) = dense(spans, &counts);
        out.message(field, |out| {
            out.sint32(number::BUCKETS_OFFSET, first.saturating_sub(1));
            out.varints(number::BUCKETS_COUNTS, all);
        });
    }
    attributes(out, number::EXPONENTIAL_ATTRIBUTES, pairs);
    exemplars(out, number::EXPONENTIAL_EXEMPLARS, &point.exemplars);
}

fn summary_point(out: &mut Writer, pairs: &Pairs<'_>, time: u64, point: &Point<'_>) {
    let count = point.count.unwrap_or_default();
    let sum = point.sum.unwrap_or_default();
    let stale = is_stale(count) || is_stale(sum);
    let mut written = SummaryPoint::default();
    (written.start_time_unix_nano, written.time_unix_nano) = (start(point), time);
    if stale {
        written.flags = NO_VALUE;
    } else {
        (written.count, written.sum) = (whole(count), sum);
    }
    written.write(out);
    let mut quantiles = point.parts.clone();
    quantiles.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (quantile, value) in quantiles {
        out.message(number::SUMMARY_QUANTILES, |out| {
            out.double(1, quantile);
            if !stale {
                out.double(2, value);
            }
        });
    }
    attributes(out, number::SUMMARY_ATTRIBUTES, pairs);
}

/// The bytes of an identifier in hexadecimal; shorter ones are filled with zeros on the left.
fn id<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.is_empty() || text.len() > 2 * N {
        return None;
    }
    let text = format!("{text:0>width$}", width = 2 * N);
    let digits = text
        .chars()
        .map(|digit| digit.to_digit(16))
        .collect::<Option<Vec<u32>>>()?;
    let mut id = [0; N];
    for (byte, pair) in id.iter_mut().zip(digits.chunks(2)) {
        *byte = (pair[0] * 16 + pair[1]) as u8;
    }
    Some(id)
}

fn exemplars(out: &mut Writer, field: u32, exemplars: &[&Exemplar]) {
    for exemplar in exemplars {
        out.message(field, |out| {
            let mut written = otlp_wire::metrics::Exemplar::default();
            written.time_unix_nano = nanos(exemplar.timestamp);
            let label = |name: &str| exemplar.labels.iter().find(|(label, _)| label == name);
            let trace = label("trace_id").and_then(|(_, value)| id::<16>(value));
            let span = label("span_id").and_then(|(_, value)| id::<8>(value));
            (written.trace_id, written.span_id) = (trace.as_ref(), span.as_ref());
            written.write(out);
            out.exemplar_value(Number::Double(exemplar.value));
            for (name, value) in exemplar.labels.iter() {
                let known = (name == "trace_id" && trace.is_some()) || (name == "span_id" && span.is_some());
                if !known {
                    out.attribute(number::EXEMPLAR_ATTRIBUTES, name.as_bytes(), text(value));
                }
            }
        });
    }
}
