//! Tests of the parsers through their public interface.

mod allocations;
mod bodies;
mod differences;
mod fuzz;
mod roundtrip;
mod vectors;
