//! Views, made into the structures of the generated code; and those without what views do not tell apart.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{self as common, any_value};
use opentelemetry_proto::tonic::metrics::v1::{self as metrics, exemplar, metric, number_data_point};
use opentelemetry_proto::tonic::{logs::v1 as logs, resource::v1 as resource, trace::v1 as trace};
use otlp_wire::common::{AnyValue, Attributes, Resource, Scope};
use otlp_wire::metrics::{Buckets, Data, Exemplar, Number, NumberPoint};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn id<const N: usize>(id: Option<&[u8; N]>) -> Vec<u8> {
    id.map_or_else(Vec::new, |id| id.to_vec())
}

fn value(value: AnyValue<'_>) -> common::AnyValue {
    use any_value::Value;
    let value = match value {
        AnyValue::Empty => None,
        AnyValue::String(bytes) => Some(Value::StringValue(text(bytes))),
        AnyValue::Bool(v) => Some(Value::BoolValue(v)),
        AnyValue::Int(v) => Some(Value::IntValue(v)),
        AnyValue::Double(v) => Some(Value::DoubleValue(v)),
        AnyValue::Array(list) => Some(Value::ArrayValue(common::ArrayValue {
            values: list.map(self::value).collect(),
        })),
        AnyValue::Map(pairs) => Some(Value::KvlistValue(common::KeyValueList {
            values: attributes(pairs),
        })),
        AnyValue::Bytes(bytes) => Some(Value::BytesValue(bytes.to_vec())),
    };
    common::AnyValue { value }
}

fn attributes(attributes: Attributes<'_>) -> Vec<common::KeyValue> {
    let pairs = attributes.iter();
    pairs
        .map(|pair| common::KeyValue {
            key: text(pair.key),
            value: Some(value(pair.value())),
            key_strindex: 0,
        })
        .collect()
}

fn resource(resource: Resource<'_>) -> resource::Resource {
    resource::Resource {
        attributes: attributes(resource.attributes()),
        dropped_attributes_count: resource.dropped_attributes_count,
        entity_refs: resource
            .entity_refs()
            .map(|entity| common::EntityRef {
                schema_url: text(entity.schema_url),
                r#type: text(entity.kind),
                id_keys: entity.id_keys().map(text).collect(),
                description_keys: entity.description_keys().map(text).collect(),
            })
            .collect(),
    }
}

fn scope(scope: Scope<'_>) -> common::InstrumentationScope {
    common::InstrumentationScope {
        name: text(scope.name),
        version: text(scope.version),
        attributes: attributes(scope.attributes()),
        dropped_attributes_count: scope.dropped_attributes_count,
    }
}

/// What views say of logs.
pub fn logs(request: &[u8]) -> ExportLogsServiceRequest {
    let record = |log: otlp_wire::logs::LogRecord<'_>| logs::LogRecord {
        time_unix_nano: log.time_unix_nano,
        observed_time_unix_nano: log.observed_time_unix_nano,
        severity_number: log.severity_number,
        severity_text: text(log.severity_text),
        body: log.body.map(value),
        attributes: attributes(log.attributes()),
        dropped_attributes_count: log.dropped_attributes_count,
        flags: log.flags,
        trace_id: id(log.trace_id),
        span_id: id(log.span_id),
        event_name: text(log.event_name),
    };
    let scopes = |one: otlp_wire::logs::ScopeLogs<'_>| logs::ScopeLogs {
        scope: one.scope.map(scope),
        log_records: one.records().map(record).collect(),
        schema_url: text(one.schema_url),
    };
    let resources = otlp_wire::logs::resources(request).map(|one| logs::ResourceLogs {
        resource: one.resource.map(resource),
        scope_logs: one.scopes().map(scopes).collect(),
        schema_url: text(one.schema_url),
    });
    ExportLogsServiceRequest {
        resource_logs: resources.collect(),
    }
}

/// What views say of traces.
pub fn traces(request: &[u8]) -> ExportTraceServiceRequest {
    let event = |event: otlp_wire::traces::Event<'_>| trace::span::Event {
        time_unix_nano: event.time_unix_nano,
        name: text(event.name),
        attributes: attributes(event.attributes()),
        dropped_attributes_count: event.dropped_attributes_count,
    };
    let link = |link: otlp_wire::traces::Link<'_>| trace::span::Link {
        trace_id: id(link.trace_id),
        span_id: id(link.span_id),
        trace_state: text(link.trace_state),
        attributes: attributes(link.attributes()),
        dropped_attributes_count: link.dropped_attributes_count,
        flags: link.flags,
    };
    let span = |span: otlp_wire::traces::Span<'_>| trace::Span {
        trace_id: id(span.trace_id),
        span_id: id(span.span_id),
        trace_state: text(span.trace_state),
        parent_span_id: id(span.parent_span_id),
        flags: span.flags,
        name: text(span.name),
        kind: span.kind,
        start_time_unix_nano: span.start_time_unix_nano,
        end_time_unix_nano: span.end_time_unix_nano,
        attributes: attributes(span.attributes()),
        dropped_attributes_count: span.dropped_attributes_count,
        events: span.events().map(event).collect(),
        dropped_events_count: span.dropped_events_count,
        links: span.links().map(link).collect(),
        dropped_links_count: span.dropped_links_count,
        status: span.status.map(|status| trace::Status {
            message: text(status.message),
            code: status.code,
        }),
    };
    let scopes = |one: otlp_wire::traces::ScopeSpans<'_>| trace::ScopeSpans {
        scope: one.scope.map(scope),
        spans: one.spans().map(span).collect(),
        schema_url: text(one.schema_url),
    };
    let resources = otlp_wire::traces::resources(request).map(|one| trace::ResourceSpans {
        resource: one.resource.map(resource),
        scope_spans: one.scopes().map(scopes).collect(),
        schema_url: text(one.schema_url),
    });
    ExportTraceServiceRequest {
        resource_spans: resources.collect(),
    }
}

fn exemplar(exemplar: Exemplar<'_>) -> metrics::Exemplar {
    use exemplar::Value;
    metrics::Exemplar {
        filtered_attributes: attributes(exemplar.filtered_attributes()),
        time_unix_nano: exemplar.time_unix_nano,
        span_id: id(exemplar.span_id),
        trace_id: id(exemplar.trace_id),
        value: exemplar.value().map(|value| match value {
            Number::Double(v) => Value::AsDouble(v),
            Number::Int(v) => Value::AsInt(v),
        }),
    }
}

fn number(point: NumberPoint<'_>) -> metrics::NumberDataPoint {
    use number_data_point::Value;
    metrics::NumberDataPoint {
        attributes: attributes(point.attributes()),
        start_time_unix_nano: point.start_time_unix_nano,
        time_unix_nano: point.time_unix_nano,
        exemplars: point.exemplars().map(exemplar).collect(),
        flags: point.flags,
        value: point.value().map(|value| match value {
            Number::Double(v) => Value::AsDouble(v),
            Number::Int(v) => Value::AsInt(v),
        }),
    }
}

fn buckets(buckets: Buckets<'_>) -> metrics::exponential_histogram_data_point::Buckets {
    metrics::exponential_histogram_data_point::Buckets {
        offset: buckets.offset,
        bucket_counts: buckets.bucket_counts.collect(),
    }
}

fn data(data: Data<'_>) -> metric::Data {
    match data {
        Data::Gauge(gauge) => metric::Data::Gauge(metrics::Gauge {
            data_points: gauge.points().map(number).collect(),
        }),
        Data::Sum(sum) => metric::Data::Sum(metrics::Sum {
            data_points: sum.points().map(number).collect(),
            aggregation_temporality: sum.aggregation_temporality,
            is_monotonic: sum.is_monotonic,
        }),
        Data::Histogram(histogram) => metric::Data::Histogram(metrics::Histogram {
            aggregation_temporality: histogram.aggregation_temporality,
            data_points: histogram
                .points()
                .map(|point| metrics::HistogramDataPoint {
                    attributes: attributes(point.attributes()),
                    start_time_unix_nano: point.start_time_unix_nano,
                    time_unix_nano: point.time_unix_nano,
                    count: point.count,
                    sum: point.sum,
                    bucket_counts: point.bucket_counts.iter().collect(),
                    explicit_bounds: point.explicit_bounds.iter().collect(),
                    exemplars: point.exemplars().map(exemplar).collect(),
                    flags: point.flags,
                    min: point.min,
                    max: point.max,
                })
                .collect(),
        }),
        Data::ExponentialHistogram(histogram) => metric::Data::ExponentialHistogram(metrics::ExponentialHistogram {
            aggregation_temporality: histogram.aggregation_temporality,
            data_points: histogram
                .points()
                .map(|point| metrics::ExponentialHistogramDataPoint {
                    attributes: attributes(point.attributes()),
                    start_time_unix_nano: point.start_time_unix_nano,
                    time_unix_nano: point.time_unix_nano,
                    count: point.count,
                    sum: point.sum,
                    scale: point.scale,
                    zero_count: point.zero_count,
                    positive: point.positive.map(buckets),
                    negative: point.negative.map(buckets),
                    flags: point.flags,
                    exemplars: point.exemplars().map(exemplar).collect(),
                    min: point.min,
                    max: point.max,
                    zero_threshold: point.zero_threshold,
                })
                .collect(),
        }),
        Data::Summary(summary) => metric::Data::Summary(metrics::Summary {
            data_points: summary
                .points()
                .map(|point| metrics::SummaryDataPoint {
                    attributes: attributes(point.attributes()),
                    start_time_unix_nano: point.start_time_unix_nano,
                    time_unix_nano: point.time_unix_nano,
                    count: point.count,
                    sum: point.sum,
                    quantile_values: point
                        .quantile_values()
                        .map(|one| metrics::summary_data_point::ValueAtQuantile {
                            quantile: one.quantile,
                            value: one.value,
                        })
                        .collect(),
                    flags: point.flags,
                })
                .collect(),
        }),
    }
}

/// What views say of metrics.
pub fn metrics(request: &[u8]) -> ExportMetricsServiceRequest {
    let metric = |metric: otlp_wire::metrics::Metric<'_>| metrics::Metric {
        name: text(metric.name),
        description: text(metric.description),
        unit: text(metric.unit),
        metadata: attributes(metric.metadata()),
        data: metric.data().map(data),
    };
    let scopes = |one: otlp_wire::metrics::ScopeMetrics<'_>| metrics::ScopeMetrics {
        scope: one.scope.map(scope),
        metrics: one.metrics().map(metric).collect(),
        schema_url: text(one.schema_url),
    };
    let resources = otlp_wire::metrics::resources(request).map(|one| metrics::ResourceMetrics {
        resource: one.resource.map(resource),
        scope_metrics: one.scopes().map(scopes).collect(),
        schema_url: text(one.schema_url),
    });
    ExportMetricsServiceRequest {
        resource_metrics: resources.collect(),
    }
}
