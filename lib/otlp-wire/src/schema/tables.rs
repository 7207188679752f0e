//! The tables.

use super::Kind::{
    AnyValue, Bool, Bytes, Double, Enum, Fixed32, Fixed64, Id, Int32, Int64, KeyValue, Message as Nested, Record,
    Sfixed64, Sint32, Text, Uint32, Uint64,
};
use super::{Card, Field, Message, message};

macro_rules! messages {
    ($($id:ident = $($name:ident).+ { $($number:literal $snake:literal $camel:literal $kind:ident $(($of:expr))? $card:ident,)* })*) => { $(
        #[doc = concat!("`", stringify!($($name).+), "`.")]
        pub(crate) static $id: Message = {
            static FIELDS: &[Field] = &[$(Field {
                number: $number,
                snake: $snake,
                camel: $camel,
                kind: $kind $(($of))?,
                card: Card::$card,
            }),*];
            message(FIELDS)
        };
    )* };
}

messages! {
    ANY_VALUE = AnyValue {
        1 "string_value" "stringValue" Text OneOf,
        2 "bool_value" "boolValue" Bool OneOf,
        3 "int_value" "intValue" Int64 OneOf,
        4 "double_value" "doubleValue" Double OneOf,
        5 "array_value" "arrayValue" Nested(&ARRAY_VALUE) OneOf,
        6 "kvlist_value" "kvlistValue" Nested(&KEY_VALUE_LIST) OneOf,
        7 "bytes_value" "bytesValue" Bytes OneOf,
        8 "string_value_strindex" "stringValueStrindex" Int32 OneOf,
    }
    ARRAY_VALUE = ArrayValue {
        1 "values" "values" AnyValue Many,
    }
    KEY_VALUE_LIST = KeyValueList {
        1 "values" "values" KeyValue Many,
    }
    KEY_VALUE = KeyValue {
        1 "key" "key" Text One,
        2 "value" "value" AnyValue Optional,
        3 "key_strindex" "keyStrindex" Int32 One,
    }
    SCOPE = InstrumentationScope {
        1 "name" "name" Text One,
        2 "version" "version" Text One,
        3 "attributes" "attributes" KeyValue Many,
        4 "dropped_attributes_count" "droppedAttributesCount" Uint32 One,
    }
    ENTITY_REF = EntityRef {
        1 "schema_url" "schemaUrl" Text One,
        2 "type" "type" Text One,
        3 "id_keys" "idKeys" Text Many,
        4 "description_keys" "descriptionKeys" Text Many,
    }
    RESOURCE = Resource {
        1 "attributes" "attributes" KeyValue Many,
        2 "dropped_attributes_count" "droppedAttributesCount" Uint32 One,
        3 "entity_refs" "entityRefs" Nested(&ENTITY_REF) Many,
    }
    LOGS = ExportLogsServiceRequest {
        1 "resource_logs" "resourceLogs" Nested(&RESOURCE_LOGS) Many,
    }
    RESOURCE_LOGS = ResourceLogs {
        1 "resource" "resource" Nested(&RESOURCE) Optional,
        2 "scope_logs" "scopeLogs" Nested(&SCOPE_LOGS) Many,
        3 "schema_url" "schemaUrl" Text One,
    }
    SCOPE_LOGS = ScopeLogs {
        1 "scope" "scope" Nested(&SCOPE) Optional,
        2 "log_records" "logRecords" Record(&LOG_RECORD) Many,
        3 "schema_url" "schemaUrl" Text One,
    }
    LOG_RECORD = LogRecord {
        1 "time_unix_nano" "timeUnixNano" Fixed64 One,
        11 "observed_time_unix_nano" "observedTimeUnixNano" Fixed64 One,
        2 "severity_number" "severityNumber" Enum(SEVERITY_NUMBER) One,
        3 "severity_text" "severityText" Text One,
        5 "body" "body" AnyValue Optional,
        6 "attributes" "attributes" KeyValue Many,
        7 "dropped_attributes_count" "droppedAttributesCount" Uint32 One,
        8 "flags" "flags" Fixed32 One,
        9 "trace_id" "traceId" Id(16) One,
        10 "span_id" "spanId" Id(8) One,
        12 "event_name" "eventName" Text One,
    }
    SPANS = ExportTraceServiceRequest {
        1 "resource_spans" "resourceSpans" Nested(&RESOURCE_SPANS) Many,
    }
    RESOURCE_SPANS = ResourceSpans {
        1 "resource" "resource" Nested(&RESOURCE) Optional,
        2 "scope_spans" "scopeSpans" Nested(&SCOPE_SPANS) Many,
        3 "schema_url" "schemaUrl" Text One,
    }
    SCOPE_SPANS = ScopeSpans {
        1 "scope" "scope" Nested(&SCOPE) Optional,
        2 "spans" "spans" Record(&SPAN) Many,
        3 "schema_url" "schemaUrl" Text One,
    }
    SPAN = Span {
        1 "trace_id" "traceId" Id(16) One,
        2 "span_id" "spanId" Id(8) One,
        3 "trace_state" "traceState" Text One,
        4 "parent_span_id" "parentSpanId" Id(8) One,
        16 "flags" "flags" Fixed32 One,
        5 "name" "name" Text One,
        6 "kind" "kind" Enum(SPAN_KIND) One,
        7 "start_time_unix_nano" "startTimeUnixNano" Fixed64 One,
        8 "end_time_unix_nano" "endTimeUnixNano" Fixed64 One,
        9 "attributes" "attributes" KeyValue Many,
        10 "dropped_attributes_count" "droppedAttributesCount" Uint32 One,
        11 "events" "events" Nested(&EVENT) Many,
        12 "dropped_events_count" "droppedEventsCount" Uint32 One,
        13 "links" "links" Nested(&LINK) Many,
        14 "dropped_links_count" "droppedLinksCount" Uint32 One,
        15 "status" "status" Nested(&STATUS) Optional,
    }
    EVENT = Span.Event {
        1 "time_unix_nano" "timeUnixNano" Fixed64 One,
        2 "name" "name" Text One,
        3 "attributes" "attributes" KeyValue Many,
        4 "dropped_attributes_count" "droppedAttributesCount" Uint32 One,
    }
    LINK = Span.Link {
        1 "trace_id" "traceId" Id(16) One,
        2 "span_id" "spanId" Id(8) One,
        3 "trace_state" "traceState" Text One,
        4 "attributes" "attributes" KeyValue Many,
        5 "dropped_attributes_count" "droppedAttributesCount" Uint32 One,
        6 "flags" "flags" Fixed32 One,
    }
    STATUS = Status {
        2 "message" "message" Text One,
        3 "code" "code" Enum(STATUS_CODE) One,
    }
    METRICS = ExportMetricsServiceRequest {
        1 "resource_metrics" "resourceMetrics" Nested(&RESOURCE_METRICS) Many,
    }
    RESOURCE_METRICS = ResourceMetrics {
        1 "resource" "resource" Nested(&RESOURCE) Optional,
        2 "scope_metrics" "scopeMetrics" Nested(&SCOPE_METRICS) Many,
        3 "schema_url" "schemaUrl" Text One,
    }
    SCOPE_METRICS = ScopeMetrics {
        1 "scope" "scope" Nested(&SCOPE) Optional,
        2 "metrics" "metrics" Nested(&METRIC) Many,
        3 "schema_url" "schemaUrl" Text One,
    }
    METRIC = Metric {
        1 "name" "name" Text One,
        2 "description" "description" Text One,
        3 "unit" "unit" Text One,
        5 "gauge" "gauge" Nested(&GAUGE) OneOf,
        7 "sum" "sum" Nested(&SUM) OneOf,
        9 "histogram" "histogram" Nested(&HISTOGRAM) OneOf,
        10 "exponential_histogram" "exponentialHistogram" Nested(&EXPONENTIAL_HISTOGRAM) OneOf,
        11 "summary" "summary" Nested(&SUMMARY) OneOf,
        12 "metadata" "metadata" KeyValue Many,
    }
    GAUGE = Gauge {
        1 "data_points" "dataPoints" Record(&NUMBER_DATA_POINT) Many,
    }
    SUM = Sum {
        1 "data_points" "dataPoints" Record(&NUMBER_DATA_POINT) Many,
        2 "aggregation_temporality" "aggregationTemporality" Enum(AGGREGATION_TEMPORALITY) One,
        3 "is_monotonic" "isMonotonic" Bool One,
    }
    HISTOGRAM = Histogram {
        1 "data_points" "dataPoints" Record(&HISTOGRAM_DATA_POINT) Many,
        2 "aggregation_temporality" "aggregationTemporality" Enum(AGGREGATION_TEMPORALITY) One,
    }
    EXPONENTIAL_HISTOGRAM = ExponentialHistogram {
        1 "data_points" "dataPoints" Record(&EXPONENTIAL_HISTOGRAM_DATA_POINT) Many,
        2 "aggregation_temporality" "aggregationTemporality" Enum(AGGREGATION_TEMPORALITY) One,
    }
    SUMMARY = Summary {
        1 "data_points" "dataPoints" Record(&SUMMARY_DATA_POINT) Many,
    }
    NUMBER_DATA_POINT = NumberDataPoint {
        7 "attributes" "attributes" KeyValue Many,
        2 "start_time_unix_nano" "startTimeUnixNano" Fixed64 One,
        3 "time_unix_nano" "timeUnixNano" Fixed64 One,
        4 "as_double" "asDouble" Double OneOf,
        6 "as_int" "asInt" Sfixed64 OneOf,
        5 "exemplars" "exemplars" Nested(&EXEMPLAR) Many,
        8 "flags" "flags" Uint32 One,
    }
    HISTOGRAM_DATA_POINT = HistogramDataPoint {
        9 "attributes" "attributes" KeyValue Many,
        2 "start_time_unix_nano" "startTimeUnixNano" Fixed64 One,
        3 "time_unix_nano" "timeUnixNano" Fixed64 One,
        4 "count" "count" Fixed64 One,
        5 "sum" "sum" Double Optional,
        6 "bucket_counts" "bucketCounts" Fixed64 Packed,
        7 "explicit_bounds" "explicitBounds" Double Packed,
        8 "exemplars" "exemplars" Nested(&EXEMPLAR) Many,
        10 "flags" "flags" Uint32 One,
        11 "min" "min" Double Optional,
        12 "max" "max" Double Optional,
    }
    EXPONENTIAL_HISTOGRAM_DATA_POINT = ExponentialHistogramDataPoint {
        1 "attributes" "attributes" KeyValue Many,
        2 "start_time_unix_nano" "startTimeUnixNano" Fixed64 One,
        3 "time_unix_nano" "timeUnixNano" Fixed64 One,
        4 "count" "count" Fixed64 One,
        5 "sum" "sum" Double Optional,
        6 "scale" "scale" Sint32 One,
        7 "zero_count" "zeroCount" Fixed64 One,
        8 "positive" "positive" Nested(&BUCKETS) Optional,
        9 "negative" "negative" Nested(&BUCKETS) Optional,
        10 "flags" "flags" Uint32 One,
        11 "exemplars" "exemplars" Nested(&EXEMPLAR) Many,
        12 "min" "min" Double Optional,
        13 "max" "max" Double Optional,
        14 "zero_threshold" "zeroThreshold" Double One,
    }
    BUCKETS = ExponentialHistogramDataPoint.Buckets {
        1 "offset" "offset" Sint32 One,
        2 "bucket_counts" "bucketCounts" Uint64 Packed,
    }
    SUMMARY_DATA_POINT = SummaryDataPoint {
        7 "attributes" "attributes" KeyValue Many,
        2 "start_time_unix_nano" "startTimeUnixNano" Fixed64 One,
        3 "time_unix_nano" "timeUnixNano" Fixed64 One,
        4 "count" "count" Fixed64 One,
        5 "sum" "sum" Double One,
        6 "quantile_values" "quantileValues" Nested(&VALUE_AT_QUANTILE) Many,
        8 "flags" "flags" Uint32 One,
    }
    VALUE_AT_QUANTILE = SummaryDataPoint.ValueAtQuantile {
        1 "quantile" "quantile" Double One,
        2 "value" "value" Double One,
    }
    EXEMPLAR = Exemplar {
        7 "filtered_attributes" "filteredAttributes" KeyValue Many,
        2 "time_unix_nano" "timeUnixNano" Fixed64 One,
        3 "as_double" "asDouble" Double OneOf,
        6 "as_int" "asInt" Sfixed64 OneOf,
        4 "span_id" "spanId" Id(8) One,
        5 "trace_id" "traceId" Id(16) One,
    }
}

static SEVERITY_NUMBER: &[(&str, i32)] = &[
    ("SEVERITY_NUMBER_UNSPECIFIED", 0),
    ("SEVERITY_NUMBER_TRACE", 1),
    ("SEVERITY_NUMBER_TRACE2", 2),
    ("SEVERITY_NUMBER_TRACE3", 3),
    ("SEVERITY_NUMBER_TRACE4", 4),
    ("SEVERITY_NUMBER_DEBUG", 5),
    ("SEVERITY_NUMBER_DEBUG2", 6),
    ("SEVERITY_NUMBER_DEBUG3", 7),
    ("SEVERITY_NUMBER_DEBUG4", 8),
    ("SEVERITY_NUMBER_INFO", 9),
    ("SEVERITY_NUMBER_INFO2", 10),
    ("SEVERITY_NUMBER_INFO3", 11),
    ("SEVERITY_NUMBER_INFO4", 12),
    ("SEVERITY_NUMBER_WARN", 13),
    ("SEVERITY_NUMBER_WARN2", 14),
    ("SEVERITY_NUMBER_WARN3", 15),
    ("SEVERITY_NUMBER_WARN4", 16),
    ("SEVERITY_NUMBER_ERROR", 17),
    ("SEVERITY_NUMBER_ERROR2", 18),
    ("SEVERITY_NUMBER_ERROR3", 19),
    ("SEVERITY_NUMBER_ERROR4", 20),
    ("SEVERITY_NUMBER_FATAL", 21),
    ("SEVERITY_NUMBER_FATAL2", 22),
    ("SEVERITY_NUMBER_FATAL3", 23),
    ("SEVERITY_NUMBER_FATAL4", 24),
];

static SPAN_KIND: &[(&str, i32)] = &[
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
];

static STATUS_CODE: &[(&str, i32)] = &[
    ("STATUS_CODE_UNSET", 0),
    ("STATUS_CODE_OK", 1),
    ("STATUS_CODE_ERROR", 2),
];

static AGGREGATION_TEMPORALITY: &[(&str, i32)] = &[
    ("AGGREGATION_TEMPORALITY_UNSPECIFIED", 0),
    ("AGGREGATION_TEMPORALITY_DELTA", 1),
    ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
];
