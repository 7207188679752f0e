//! Integration tests.

mod blocks;
mod checks;
mod flow;
mod functions;
mod references;
mod support;
mod vectors;
