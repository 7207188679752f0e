//! OTLP requests as bytes: checked once, then read, cut, joined and edited in place, without being decoded. For logs, metrics and traces.
//!
//! - [`receive`] takes a request in: one pass that checks it and counts its records. [`json::decode`] makes one of OTLP/JSON.
//! - [`Rope`] is a payload: requests one after the other, which together are a request. [`split`] cuts it at records.
//! - [`logs`], [`traces`] and [`metrics`] are views: fields that borrow from the bytes.
//! - [`edit`] changes attributes, and drops records, by copying what stays.
//! - [`write`] makes requests from code; [`response`] has what a server answers.
//!
//! ```text
//! request { 1: repeated ResourceX { 1: resource, 2: repeated ScopeX { 1: scope, 2: repeated record, 3: schema_url }, 3: schema_url } }
//! ```
//!
//! Texts are bytes: the OpenTelemetry Collector passes on what is not UTF-8, so this does.
//!
//! What is read is what [`receive`] returns. Everything here can be given any other bytes: nothing panics, but what stands behind a malformed
//! field is not seen, and of a field that occurs twice against the schema one is.
//!
//! Sources: <https://opentelemetry.io/docs/specs/otlp/>, opentelemetry-proto 1.10, and for what the specification leaves open the Collector's `pdata`.

pub mod edit;
mod error;
pub mod json;
mod level;
mod regular;
pub mod response;
mod rope;
mod scan;
mod schema;
mod split;
mod view;
mod wire;
pub mod write;

pub use error::Error;
pub use regular::receive;
pub use rope::Rope;
pub use scan::{Scan, scan, scan_utf8};
pub use split::{Part, split, split_at};
pub use view::{common, logs, metrics, traces};

/// Kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// `ExportLogsServiceRequest`: its records are log records.
    Logs,
    /// `ExportMetricsServiceRequest`: its records are data points.
    Metrics,
    /// `ExportTraceServiceRequest`: its records are spans.
    Traces,
}

impl Signal {
    /// All of them.
    pub const ALL: [Signal; 3] = [Signal::Logs, Signal::Metrics, Signal::Traces];

    /// `logs`, `metrics`, `traces`.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Logs => "logs",
            Signal::Metrics => "metrics",
            Signal::Traces => "traces",
        }
    }

    /// The signal with this name.
    pub fn named(name: &str) -> Option<Signal> {
        Signal::ALL.into_iter().find(|signal| signal.name() == name)
    }

    /// Path of requests over HTTP: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-request>.
    pub fn http_path(self) -> &'static str {
        match self {
            Signal::Logs => "/v1/logs",
            Signal::Metrics => "/v1/metrics",
            Signal::Traces => "/v1/traces",
        }
    }

    /// Path of the method `Export` over gRPC: <https://github.com/open-telemetry/opentelemetry-proto>, `collector/*/v1/*_service.proto`.
    pub fn grpc_path(self) -> &'static str {
        match self {
            Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
            Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        }
    }

    fn schema(self) -> &'static schema::Message {
        match self {
            Signal::Logs => &schema::LOGS,
            Signal::Metrics => &schema::METRICS,
            Signal::Traces => &schema::SPANS,
        }
    }
}
