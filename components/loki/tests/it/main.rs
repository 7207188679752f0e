//! Tests of the log components.

mod harness;
mod process_flow;
mod process_vectors;
