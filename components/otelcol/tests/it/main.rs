//! Exporters against peers of ours, over real connections, and bridges between sources and sinks of the test.
#![allow(clippy::unwrap_used, reason = "tests")]

mod bridge;
mod from_prometheus;
mod loki;
mod otlp;
mod otlphttp;
mod prometheus;
mod rig;
mod sink;
