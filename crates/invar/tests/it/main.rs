//! The program as its users meet it: the real binary, real files, a scripted Loki.

mod commands;
mod crash;
mod diagnostics;
mod faults;
mod fmt;
mod guarantees;
mod pipeline;
mod plan;
mod push;
mod queue;
mod reload;
mod reports;
mod rotation;
mod schema;
mod storm;
mod support;
mod torture;
mod try_;
mod why;
