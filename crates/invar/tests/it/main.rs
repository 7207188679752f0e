//! The program as its users meet it: the real binary, real files, a scripted Loki.

mod commands;
mod crash;
mod diagnostics;
mod faults;
mod pipeline;
mod reload;
mod rotation;
mod support;
mod torture;
mod try_;
