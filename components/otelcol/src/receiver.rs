//! `otelcol.receiver.*`

pub mod otlp;
