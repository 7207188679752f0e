//! HTTP servers of components that are sent things: `loki.source.api`, `prometheus.receive_http`.
//!
//! [`Server`] holds a port from the moment its component is built, and replaces what listens on it when the settings change. A component
//! flattens nothing: it has the blocks [`HttpArgs`] and [`GrpcArgs`] among its arguments, gives [`Settings`] to the server and answers
//! requests as a [`Handler`]. [`body::read`] takes memory of the budget before it reads. [`Place`] keeps the order of a connection.

mod answer;
mod args;
pub mod body;
mod metrics;
mod order;
mod port;
mod server;

pub use answer::{Answer, Handler, Terms, later, other_method, text};
pub use args::{GrpcArgs, Http2Args, HttpArgs, Settings, TlsArgs};
pub use order::Place;
pub use server::{Prepared, Server};
