//! The program as its users meet it: the real binary, real files, a scripted Loki.

mod canary;
mod cluster;
mod commands;
mod crash;
mod diagnostics;
mod faults;
mod fmt;
mod gql;
mod guarantees;
#[cfg(target_os = "linux")]
#[allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]
#[path = "../../../../lib/nodemetrics/tests/it/node_exporter.rs"]
mod node_exporter;
mod pipeline;
mod plan;
#[cfg(target_os = "linux")]
mod prometheus;
mod push;
mod queue;
mod reload;
mod remotecfg;
mod reports;
mod rotation;
mod schema;
mod staleness;
mod storm;
mod support;
mod top;
mod torture;
mod try_;
mod why;
