//! The services over real sockets and real `tracing` subscribers.

// Helpers of tests are tests too.
#![allow(clippy::unwrap_used)]

mod api;
mod auth;
mod connections;
mod floods;
mod live;
mod logging;
mod metrics;
mod shapes;
mod support;
mod tls;
