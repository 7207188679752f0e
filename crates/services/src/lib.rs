//! What serves the whole program rather than one pipeline: the HTTP server and its API, the log, and the process's own
//! metrics.
//!
//! Nothing here knows the runtime: it sees it through [`Controller`], which the program implements. A service has a
//! `prepare` that checks the content of its config block and leaves a [`component::Change`], and a `run` or `serve` that works
//! until it is told to stop.

mod controller;
pub mod http;
pub mod logging;
pub mod metrics;

pub use controller::{ComponentInfo, Controller, NotFound};
