//! Tests of remote values against servers that misbehave.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod kit;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod values;
