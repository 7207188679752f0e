//! `otelcol.*`: components of the OpenTelemetry Collector. What they pass on are OTLP requests as bytes ([`signals::Otlp`]).

mod client;
mod export;
pub mod exporter;
mod output;
pub mod receiver;
mod text;

use component::Registration;

/// The components of the family.
pub static COMPONENTS: &[Registration] = &[
    exporter::loki::COMPONENT,
    exporter::otlp::COMPONENT,
    exporter::otlphttp::COMPONENT,
    exporter::prometheus::COMPONENT,
    receiver::loki::COMPONENT,
    receiver::prometheus::COMPONENT,
];
