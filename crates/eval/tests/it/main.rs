//! Integration tests.

mod support;
mod vectors;
