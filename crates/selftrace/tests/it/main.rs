//! Tests of the tracer with a scripted consumer.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod consumer;
mod sampling;
mod spans;
