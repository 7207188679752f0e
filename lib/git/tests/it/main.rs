//! Fetching from real repositories, made and served by the `git` program.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod clone;
mod http;
mod kit;
mod ssh;
