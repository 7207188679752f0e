//! Tests of the parsers through their public interface.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod allocations;
mod bodies;
mod differences;
mod fuzz;
mod roundtrip;
mod vectors;
