//! Fetching from real repositories, made and served by the `git` program.

mod clone;
mod http;
mod kit;
mod ssh;
