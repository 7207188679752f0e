//! `otelcol.processor.*`


pub mod batch;
pub mod memory_limiter;
