//! Clusters in a simulated network, single exchanges between a few nodes, and bytes that are no packets.

mod bytes;
mod exchanges;
mod network;
mod simulation;
