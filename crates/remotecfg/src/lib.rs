//! Configuration that a server gives: the `remotecfg` block, the protocol, and what becomes of a configuration that is no good.
//!
//! [`RemoteConfig`] is the service. Its [`RemoteConfig::prepare`] checks the block; its [`RemoteConfig::run`] asks the server, loads what that answers into a
//! [`Graph`] of its own, which runs beside the program's, and tells the server what became of it.
//!
//! A configuration is loaded as a whole or not at all, so that a bad one leaves the one before it running. One that was loaded is on
//! trial for the grace period: if its components become unhealthy, the one before it is loaded again. Only one that has passed is kept on
//! disk, from where it is loaded while the server does not answer.

mod args;
mod cache;
mod graph;
mod machine;
mod metrics;
mod seed;
mod server;
mod service;
mod session;
mod status;
#[cfg(test)]
mod tests;
mod trial;

pub use args::RemotecfgArgs;
pub use graph::{Graph, Ill, Refused};
pub use service::{RemoteConfig, RemoteOptions};
pub use status::{State, Status};

/// Id of the controller that runs remote configurations: what stands in front of the ids of their components.
pub const CONTROLLER: &str = "remotecfg";
