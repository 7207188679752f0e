//! Tests of what this crate answers.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod bundle;
mod profile;
mod profiles;
