//! `otelcol.exporter.*`

pub mod debug;
