//! `invar torture`: lines are written, the program that collects them is killed, its files are rotated, its disk is filled, its
//! destination fails, and then what was written is compared with what arrived.
//!
//! Everything happens below one temporary folder and on loopback. [`config`] makes a user's configuration harmless, [`writer`] writes
//! numbered lines, [`tally`] counts them at a sink of [`testkit`] in one bit a line, [`run`](run()) does the harm.

pub mod config;
pub mod line;
pub mod options;
pub mod push;
pub mod rotate;
pub mod storage;
pub mod tally;
pub mod verdict;
pub mod writer;

mod calm;
mod child;
mod destination;
mod flip;
mod run;
mod schedule;
mod setup;

pub use options::Options;
pub use run::{Progress, run};
pub use verdict::Verdict;
