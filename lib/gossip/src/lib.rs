//! Membership of a cluster by gossip, as a state machine: no sockets, no clock, no tasks.
//!
//! Whoever drives a [`Gossip`] gives it events with the time at which they happened (packets that arrived, a timer that fired, addresses to join,
//! its own state, the wish to leave) and does what comes out: sends packets, wakes it at the time it names, tells others what is new. With the
//! same seed and the same events the same comes out, so that a whole cluster can be simulated in a loop (`tests/it/simulation.rs`).
//!
//! ```
//! use gossip::{Config, Event, Gossip, Node, State};
//! use std::time::Duration;
//! let node = |name: &str, port| Node::new(name, ([127, 0, 0, 1], port).into(), 1).unwrap();
//! let mut a = Gossip::new(Config::default(), "", node("a", 1), 7).unwrap();
//! let mut b = Gossip::new(Config::default(), "", node("b", 2), 8).unwrap();
//! let at = Duration::from_secs(1);
//! // `b` asks `a`, which answers.
//! let asked = b.handle(at, Event::Join(&[a.me().address]));
//! let answered = a.handle(at, Event::Packet(&asked.packets[0].data));
//! b.handle(at, Event::Packet(&answered.packets[0].data));
//! assert_eq!(b.members().len(), 2);
//! a.handle(at, Event::SetState(State::Participant));
//! ```
//!
//! # Who is there
//!
//! Failures are found by SWIM as `foca` has it: each member probes another one each period, asks others to probe it if it does not answer, suspects it,
//! and declares it down if it does not object. A node is known by its *name*. What carries the name is a [`Node`], and of two nodes with the
//! same name the one with the higher generation counts: that of a process which was started again, or that of a node which was
//! declared down and is not, and therefore takes a new generation. The time of the start is a good first generation.
//!
//! What `foca` does not have is here:
//!
//! - **States.** A node is viewer, participant, then terminating. It never goes back within a generation, so that of two statements about it the
//!   later state is right, whatever order they come in. States travel with every packet.
//! - **Repair.** Each packet carries a digest of what its sender believes. Whoever believes something else asks for the sender's whole list. What a list says of
//!   members that are down is hearsay: they are asked, and are down only if they do not answer.
//! - **Healing.** Members that are down are asked now and then whether they are back, also by a node that is alone.
//! - **Names.** Two living nodes with one name are a conflict, which both report. The older one is *displaced*: it takes part in nothing, asks the
//!   other one every few seconds, and comes back with a newer generation when that no longer answers.
//! - **Clusters.** Packets of a cluster with another name are refused.
//!
//! # On the wire
//!
//! The source of `wire.rs` describes the format, version 1. No packet is larger than [`MAX_PACKET`], no list longer than [`MAX_MEMBERS`];
//! whatever bytes arrive, they are understood or refused.

mod config;
mod foca_codec;
mod lore;
mod machine;
mod node;
mod wire;

pub use config::Config;
pub use machine::{Event, Gossip, News, Output, Packet, Standing, Stats};
pub use node::{Invalid, MAX_NAME, Member, Node, State};
pub use wire::{MAX_MEMBERS, MAX_PACKET, VERSION};
