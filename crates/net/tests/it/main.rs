//! The HTTP client against real servers on loopback.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod auth;
mod cloud;
mod config;
mod kit;
mod line;
mod tls;
