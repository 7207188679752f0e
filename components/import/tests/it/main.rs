//! Imports against real files, servers and repositories.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;
mod file;
#[cfg(feature = "git")]
mod git;
mod http;
mod kit;
