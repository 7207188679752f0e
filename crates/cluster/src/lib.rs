//! The cluster: which other processes there are, and which of them is responsible for what.
//!
//! [`Service`] drives the state machine of `lib/gossip` over HTTP/2 requests to the servers of the other members, on the port that the HTTP server has
//! anyway. Components see it as [`component::Cluster`]. A process that has no cluster uses `Cluster::alone` instead.
//!
//! ```text
//! Service::new        the options make sense, the advertised address is known; nothing runs
//! Service::run        joins, and answers from now on: a viewer
//! Service::participate   the configuration is loaded: takes its share
//! Service::leave      takes nothing new, waits until others have taken over, says goodbye
//! ```
//!
//! # Requests between members
//!
//! HTTP/2 with prior knowledge or over TLS, `POST`, with the name of the cluster in the header `x-invar-cluster`:
//!
//! - `/api/v1/ckit/transport/message`, type `application/x.invar-gossip`: a packet of `lib/gossip`. Answered with 204.
//! - `/api/v1/ckit/transport/handover`, type `application/json`: `{"component": id, "key": text, "hash": number}`. Answered with the position, with 404 if
//!   there is none, and with 409 as long as the receiver believes that the key is its own.
//! - `/api/v1/ckit/transport/positions`, type `application/json`: a list of positions, each with component, key and hash as above, `publisher`,
//!   `generation` and `counter`, and the position as `value`. Answered with 204, and with 409 as long as the receiver believes that one of
//!   the keys is its own.
//!
//! # Who vanishes
//!
//! A process that is killed cannot be asked. Therefore components tell now and then where they have got to ([`component::Cluster::publish`]); it goes to
//! the member that would be next, which keeps it in memory and goes on from there. A process that did not run for longer than others wait for an
//! answer, as one that got `SIGSTOP`, is responsible for nothing until it has heard from another member.
//!
//! The paths are those of Alloy's clusters and the requests are not: members of one cluster are of one kind.

mod addresses;
mod advertise;
mod bounded;
mod copies;
mod discover;
mod dns;
mod driver;
mod handover;
mod incoming;
mod joiner;
mod metrics;
mod options;
mod outgoing;
mod publisher;
mod pulse;
mod readiness;
mod service;
mod view;

pub use dns::{Dns, SystemDns};
pub use options::Options;
pub use service::{HANDOVER_PATH, MESSAGE_PATH, POSITIONS_PATH, Service};
