//! `otelcol.receiver.*`.

pub mod loki;
pub mod prometheus;
