//! Tests of the sources.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod api;
mod kit;
mod life;
