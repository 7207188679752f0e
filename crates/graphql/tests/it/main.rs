//! Queries against a configuration that a test makes up.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod limits;
mod playground;
mod queries;
mod server;
mod support;
mod transport;
