//! `otelcol.exporter.*`

pub mod debug;
pub mod loki;
pub mod otlp;
pub mod otlphttp;
pub mod prometheus;
