//! What the collectors make of machines that the tests compose, and of this one next to the real node exporter.

#![allow(clippy::unwrap_used)]

mod disks;
mod kernel;
mod machine;
mod memory;
mod network;
mod options;
mod peer;
mod platform;
mod textfile;
