//! Tests of relabelling.

mod vectors;
