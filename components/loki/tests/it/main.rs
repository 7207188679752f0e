//! Tests of the log components.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod echo;
mod harness;
mod process_flow;
mod process_vectors;
mod relabel;
mod write;
