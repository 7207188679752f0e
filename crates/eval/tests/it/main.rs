//! Integration tests.

mod blocks;
mod checks;
mod functions;
mod references;
mod support;
mod vectors;
