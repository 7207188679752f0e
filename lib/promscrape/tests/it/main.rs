//! Tests of the parsers through their public interface.
#![allow(clippy::unwrap_used)]

mod allocations;
mod bodies;
mod differences;
mod fuzz;
mod roundtrip;
mod vectors;
