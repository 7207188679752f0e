//! How records get to their destinations, whatever the signal: collected into requests, sent, kept on disk while a destination does not
//! take them, and never without a fate.
//!
//! A component that sends holds a [`Sender`] and tells it three things: how its signal is cut into requests and
//! written ([`Protocol`]), where to and in what manner ([`Destination`]), and how one request travels ([`Transport`], mostly
//! [`HttpTransport`]). An `accept` of its [`receiver`](Sender::receiver) resolves when all destinations have the records or they are in the
//! queue on disk, or were refused for good.
//!
//! ```text
//! accept ─► intake ─► for each endpoint: shard (by stream) ─► worker ─► requests ─► transport
//!              ▲                                                 │ │         late     ▲
//!              └───────────── ticket: the fate of each part ◄────┘ └──► queue ─► lane ┘
//! ```
//!
//! A request that an endpoint does not take within a second goes to the queue on disk and counts as accepted; see the page of `backlog`.
//!
//! # Words
//!
//! A *batch* is what a sender offers. The protocol cuts it into *pieces*, each of one *stream*: records whose order among each other is
//! kept. A *part* is a piece on its way to one endpoint, with the responsibility for it. A *request* is what is sent at once. An
//! *entry* is the least that can be delivered or refused on its own: a log line, a sample, a span.
//!
//! # Fates
//!
//! - Delivered: the endpoint's answer says so.
//! - Later (no connection, 429, 5xx): tried again with growing pauses, honouring `Retry-After`; after a second from the queue.
//! - Hold (401, 403, 404): the same, and the component is unhealthy until someone has corrected a configuration.
//! - Partly: the endpoint has thrown some of the entries away without saying which; so many are counted, nothing is sent again.
//! - Refused (400): the request is halved until the entries at fault are alone; those go to the dead-letter log, the others arrive.

mod backlog;
mod check;
mod dead;
mod endpoint;
mod http;
mod intake;
mod lane;
mod protocol;
mod queue;
mod request;
mod sender;
mod shard;
mod spec;
mod supervisor;
#[cfg(test)]
mod testing;
mod ticket;
mod transport;
mod trouble;
mod upkeep;
mod worker;

pub use check::{client_problems, header_problems, public_url, url_problem};
pub use http::{HttpSettings, HttpTransport, credentials, default_verdict, host_of};
pub use net::Body;
pub use protocol::{Decoded, EntryRef, Meter, Piece, Protocol, Slice, StreamKey, Words, stable_hash};
pub use request::Request;
pub use sender::{Plan, Sender, Surroundings};
pub use spec::{Destination, Spec, Target};
pub use transport::{Outcome, Transport, Verdict};

/// Reason under which entries are counted that were answered with status 429 when the configuration says not to try again.
pub const RATE_LIMITED: &str = "rate_limited";
/// Reason under which entries are counted that did not fit into a full shard when `block_on_overflow` is off.
pub const QUEUE_IS_FULL: &str = "queue_is_full";
/// Reason under which entries are counted that were left for an endpoint which is gone from the configuration.
pub const ENDPOINT_REMOVED: &str = "endpoint_removed";
