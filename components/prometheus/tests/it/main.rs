//! Components of the family as the program sees them.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod cloud;
mod pipeline;
mod receiver;
mod remote_write;
mod rig;
mod runs;
