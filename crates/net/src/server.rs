//! The server's side of HTTP: takes a port, serves connections within bounds, ends them in good order.
//!
//! [`bind`] takes a port, [`serve`] answers on it until it is told to stop, and [`server_config`] makes the TLS side out of settings.

mod guarded;
mod listen;
mod pace;
mod tls;

pub use hyper::body::Incoming;
pub use hyper::{Request, Response};
pub use listen::{Event, Limits, Peer, bind, bind_failure, serve};
pub use rustls::ServerConfig;
pub use tls::{ServerTls, check_server, server_config};
