//! Tests of the mechanisms, against peers that misbehave.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod file;
mod http;
mod kit;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod language;
