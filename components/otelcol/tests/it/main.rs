//! Receivers, processors and their peers.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod batch;
mod kit;
mod otlp;
mod peers;
