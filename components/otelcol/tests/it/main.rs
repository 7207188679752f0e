//! Receivers, processors and exporters over real connections, with SDKs and with peers of ours; bridges between sources and sinks of the test.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod batch;
mod bridge;
mod from_prometheus;
mod kit;
mod loki;
mod otlp;
mod otlphttp;
mod peers;
mod prometheus;
mod requests;
mod rig;
mod sink;
mod tenants;
