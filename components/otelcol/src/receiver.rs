//! `otelcol.receiver.*`

pub mod loki;
pub mod otlp;
pub mod prometheus;
