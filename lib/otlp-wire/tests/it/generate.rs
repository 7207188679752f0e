//! Random requests, as structures of the generated code.

use fastrand::Rng;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, metric,
    number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use otlp_wire::Signal;
use prost::Message;

/// Keys are few, so that they meet.
pub const KEYS: [&str; 6] = ["a", "service.name", "http.request.method", "é", "", "k\n\"8"];

/// The bytes of a random request.
pub fn request(rng: &mut Rng, signal: Signal) -> Vec<u8> {
    match signal {
        Signal::Logs => logs(rng).encode_to_vec(),
        Signal::Metrics => metrics(rng).encode_to_vec(),
        Signal::Traces => traces(rng).encode_to_vec(),
    }
}

/// A small one.
pub fn small(rng: &mut Rng, signal: Signal) -> Vec<u8> {
    loop {
        let request = request(rng, signal);
        if (100..1200).contains(&request.len()) {
            return request;
        }
    }
}

/// A few of something; none now and then.
fn some<T>(rng: &mut Rng, max: usize, mut one: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    let count = rng.usize(0..=max);
    (0..count).map(|_| one(rng)).collect()
}

fn maybe<T>(rng: &mut Rng, one: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    rng.bool().then(|| one(rng))
}

fn text(rng: &mut Rng) -> String {
    match rng.u8(0..8) {
        0 => String::new(),
        1 => "x".repeat(rng.usize(0..300)),
        2 => some(rng, 20, |rng| rng.char(..)).into_iter().collect(),
        _ => some(rng, 12, Rng::alphanumeric).into_iter().collect(),
    }
}

fn key(rng: &mut Rng) -> String {
    match rng.u8(0..8) {
        0 => text(rng),
        _ => KEYS[rng.usize(0..KEYS.len())].to_owned(),
    }
}

fn id(rng: &mut Rng, len: usize) -> Vec<u8> {
    if rng.u8(0..4) == 0 {
        Vec::new()
    } else {
        (0..len).map(|_| rng.u8(..)).collect()
    }
}

fn u64(rng: &mut Rng) -> u64 {
    rng.u64(..) >> rng.u32(0..64)
}

fn u32(rng: &mut Rng) -> u32 {
    u64(rng) as u32
}

fn double(rng: &mut Rng) -> f64 {
    match rng.u8(0..8) {
        0 => 0.0,
        1 => -0.0,
        2 => f64::NAN,
        3 => f64::INFINITY,
        4 => f64::NEG_INFINITY,
        5 => f64::from_bits(rng.u64(..) & !(1 << 62)),
        _ => f64::from(rng.i32(-1000..1000)) / 8.0,
    }
}

fn value(rng: &mut Rng, depth: u32) -> AnyValue {
    use any_value::Value;
    let most = if depth == 0 { 7 } else { 9 };
    let value = match rng.u8(0..most) {
        0 => None,
        1 => Some(Value::BoolValue(rng.bool())),
        2 => Some(Value::IntValue(rng.i64(..) >> rng.u32(0..64))),
        3 => Some(Value::DoubleValue(double(rng))),
        4 => Some(Value::BytesValue(some(rng, 40, |rng| rng.u8(..)))),
        5 | 6 => Some(Value::StringValue(text(rng))),
        7 => Some(Value::ArrayValue(ArrayValue {
            values: some(rng, 4, |rng| value(rng, depth - 1)),
        })),
        _ => Some(Value::KvlistValue(KeyValueList {
            values: pairs(rng, 4, depth - 1),
        })),
    };
    AnyValue { value }
}

fn pairs(rng: &mut Rng, max: usize, depth: u32) -> Vec<KeyValue> {
    some(rng, max, |rng| KeyValue {
        key: key(rng),
        value: (rng.u8(0..10) > 0).then(|| value(rng, depth)),
        key_strindex: 0,
    })
}

fn attributes(rng: &mut Rng) -> Vec<KeyValue> {
    pairs(rng, 7, 3)
}

fn resource(rng: &mut Rng) -> Option<Resource> {
    maybe(rng, |rng| Resource {
        attributes: attributes(rng),
        dropped_attributes_count: u32(rng),
        entity_refs: some(rng, 1, |rng| EntityRef {
            schema_url: text(rng),
            r#type: text(rng),
            id_keys: some(rng, 3, text),
            description_keys: some(rng, 3, text),
        }),
    })
}

fn scope(rng: &mut Rng) -> Option<InstrumentationScope> {
    maybe(rng, |rng| InstrumentationScope {
        name: text(rng),
        version: text(rng),
        attributes: attributes(rng),
        dropped_attributes_count: u32(rng),
    })
}

pub fn logs(rng: &mut Rng) -> ExportLogsServiceRequest {
    ExportLogsServiceRequest {
        resource_logs: some(rng, 3, |rng| ResourceLogs {
            resource: resource(rng),
            scope_logs: some(rng, 3, |rng| ScopeLogs {
                scope: scope(rng),
                log_records: some(rng, 6, log),
                schema_url: text(rng),
            }),
            schema_url: text(rng),
        }),
    }
}

fn log(rng: &mut Rng) -> LogRecord {
    LogRecord {
        time_unix_nano: u64(rng),
        observed_time_unix_nano: u64(rng),
        severity_number: rng.i32(-1..30),
        severity_text: text(rng),
        body: maybe(rng, |rng| value(rng, 4)),
        attributes: attributes(rng),
        dropped_attributes_count: u32(rng),
        flags: u32(rng),
        trace_id: id(rng, 16),
        span_id: id(rng, 8),
        event_name: text(rng),
    }
}

pub fn traces(rng: &mut Rng) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: some(rng, 3, |rng| ResourceSpans {
            resource: resource(rng),
            scope_spans: some(rng, 3, |rng| ScopeSpans {
                scope: scope(rng),
                spans: some(rng, 5, span),
                schema_url: text(rng),
            }),
            schema_url: text(rng),
        }),
    }
}

fn span(rng: &mut Rng) -> Span {
    Span {
        trace_id: id(rng, 16),
        span_id: id(rng, 8),
        trace_state: text(rng),
        parent_span_id: id(rng, 8),
        flags: u32(rng),
        name: text(rng),
        kind: rng.i32(-1..8),
        start_time_unix_nano: u64(rng),
        end_time_unix_nano: u64(rng),
        attributes: attributes(rng),
        dropped_attributes_count: u32(rng),
        events: some(rng, 2, |rng| Event {
            time_unix_nano: u64(rng),
            name: text(rng),
            attributes: attributes(rng),
            dropped_attributes_count: u32(rng),
        }),
        dropped_events_count: u32(rng),
        links: some(rng, 2, |rng| Link {
            trace_id: id(rng, 16),
            span_id: id(rng, 8),
            trace_state: text(rng),
            attributes: attributes(rng),
            dropped_attributes_count: u32(rng),
            flags: u32(rng),
        }),
        dropped_links_count: u32(rng),
        status: maybe(rng, |rng| Status {
            message: text(rng),
            code: rng.i32(0..4),
        }),
    }
}

pub fn metrics(rng: &mut Rng) -> ExportMetricsServiceRequest {
    ExportMetricsServiceRequest {
        resource_metrics: some(rng, 3, |rng| ResourceMetrics {
            resource: resource(rng),
            scope_metrics: some(rng, 2, |rng| ScopeMetrics {
                scope: scope(rng),
                metrics: some(rng, 4, metric),
                schema_url: text(rng),
            }),
            schema_url: text(rng),
        }),
    }
}

fn metric(rng: &mut Rng) -> Metric {
    use metric::Data;
    let aggregation_temporality = rng.i32(0..4);
    let data = match rng.u8(0..6) {
        0 => None,
        1 => Some(Data::Gauge(Gauge {
            data_points: some(rng, 4, number),
        })),
        2 => Some(Data::Sum(Sum {
            data_points: some(rng, 4, number),
            aggregation_temporality,
            is_monotonic: rng.bool(),
        })),
        3 => Some(Data::Histogram(Histogram {
            data_points: some(rng, 3, histogram),
            aggregation_temporality,
        })),
        4 => Some(Data::ExponentialHistogram(ExponentialHistogram {
            data_points: some(rng, 3, exponential),
            aggregation_temporality,
        })),
        _ => Some(Data::Summary(Summary {
            data_points: some(rng, 3, summary),
        })),
    };
    Metric {
        name: text(rng),
        description: text(rng),
        unit: text(rng),
        metadata: attributes(rng),
        data,
    }
}

fn exemplars(rng: &mut Rng) -> Vec<Exemplar> {
    use exemplar::Value;
    some(rng, 2, |rng| Exemplar {
        filtered_attributes: attributes(rng),
        time_unix_nano: u64(rng),
        span_id: id(rng, 8),
        trace_id: id(rng, 16),
        value: match rng.u8(0..3) {
            0 => None,
            1 => Some(Value::AsDouble(double(rng))),
            _ => Some(Value::AsInt(rng.i64(..))),
        },
    })
}

fn number(rng: &mut Rng) -> NumberDataPoint {
    use number_data_point::Value;
    NumberDataPoint {
        attributes: attributes(rng),
        start_time_unix_nano: u64(rng),
        time_unix_nano: u64(rng),
        exemplars: exemplars(rng),
        flags: u32(rng),
        value: match rng.u8(0..4) {
            0 => None,
            1 => Some(Value::AsDouble(double(rng))),
            _ => Some(Value::AsInt(rng.i64(-2..3))),
        },
    }
}

fn histogram(rng: &mut Rng) -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: attributes(rng),
        start_time_unix_nano: u64(rng),
        time_unix_nano: u64(rng),
        count: u64(rng),
        sum: maybe(rng, double),
        bucket_counts: some(rng, 20, u64),
        explicit_bounds: some(rng, 20, double),
        exemplars: exemplars(rng),
        flags: u32(rng),
        min: maybe(rng, double),
        max: maybe(rng, double),
    }
}

fn buckets(rng: &mut Rng) -> Buckets {
    Buckets {
        offset: rng.i32(..) >> rng.u32(0..32),
        bucket_counts: some(rng, 20, u64),
    }
}

fn exponential(rng: &mut Rng) -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        attributes: attributes(rng),
        start_time_unix_nano: u64(rng),
        time_unix_nano: u64(rng),
        count: u64(rng),
        sum: maybe(rng, double),
        scale: rng.i32(-11..21),
        zero_count: u64(rng),
        positive: maybe(rng, buckets),
        negative: maybe(rng, buckets),
        flags: u32(rng),
        exemplars: exemplars(rng),
        min: maybe(rng, double),
        max: maybe(rng, double),
        zero_threshold: double(rng),
    }
}

fn summary(rng: &mut Rng) -> SummaryDataPoint {
    SummaryDataPoint {
        attributes: attributes(rng),
        start_time_unix_nano: u64(rng),
        time_unix_nano: u64(rng),
        count: u64(rng),
        sum: double(rng),
        quantile_values: some(rng, 3, |rng| ValueAtQuantile {
            quantile: double(rng),
            value: double(rng),
        }),
        flags: u32(rng),
    }
}
