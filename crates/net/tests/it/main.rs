//! The HTTP client against real servers on loopback.

mod auth;
mod config;
mod kit;
mod tls;
