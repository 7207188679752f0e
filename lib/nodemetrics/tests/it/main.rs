//! What the collectors make of machines that the tests compose, and of this one next to the real node exporter.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod disks;
mod kernel;
mod machine;
mod memory;
mod network;
mod node_exporter;
mod options;
mod peer;
mod platform;
mod textfile;
