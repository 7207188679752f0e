//! `otelcol.*`: components of the OpenTelemetry Collector. What they pass on are OTLP requests as bytes ([`signals::Otlp`]).

pub mod auth;
mod client;
mod debug_metrics;
mod export;
pub mod exporter;
mod output;
pub mod processor;
pub mod receiver;
mod server;
mod text;
mod tpm;

use component::Registration;

/// The components of the family.
pub static COMPONENTS: &[Registration] = &[
    auth::basic::COMPONENT,
    auth::bearer::COMPONENT,
    auth::headers::COMPONENT,
    exporter::debug::COMPONENT,
    exporter::loki::COMPONENT,
    exporter::otlp::COMPONENT,
    exporter::otlphttp::COMPONENT,
    exporter::prometheus::COMPONENT,
    processor::attributes::COMPONENT,
    processor::batch::COMPONENT,
    processor::memory_limiter::COMPONENT,
    receiver::loki::COMPONENT,
    receiver::otlp::COMPONENT,
    receiver::prometheus::COMPONENT,
];

/// The label under which metrics know a component: the kind of the Collector's component, and the id.
pub(crate) fn metric_id(kind: &str, id: &str) -> String {
    format!("{kind}/{id}")
}

/// A lock of data that every holder leaves whole.
pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
