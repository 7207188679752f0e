//! What a configuration says of one endpoint.

use crate::protocol::Protocol;
use crate::transport::Transport;
use component::Result;
use host::Host;
use signals::Amount;
use std::sync::Arc;
use std::time::Duration;

/// How an endpoint is treated.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// What it is called in the queue, in the ledger and to people who look at them. Of two endpoints with one key the second becomes
    /// `key (2)`.
    pub key: String,
    /// The name that the configuration gives it; may be empty. A new endpoint of the same name takes over from an old one.
    pub name: String,
    /// Its address as the configuration has it. Without a name, a new endpoint of the same address takes over from an old one.
    pub address: String,
    /// Name in messages.
    pub title: String,
    /// Host and port, as metrics name it; see [`host_of`](crate::host_of).
    pub host: String,
    /// Tenant of entries that name none; may be empty.
    pub tenant: Arc<str>,
    /// How many workers send at a time, at least one. A stream always takes the same one.
    pub shards: usize,
    /// Size of entries at which a request is sent, in bytes as [`Protocol::entries`] gives them.
    pub batch_bytes: u64,
    /// Number of entries at which a request is sent; `u64::MAX` for any number.
    pub batch_entries: u64,
    /// What a request needs to be sent at once although more would fit; the same as `batch_bytes` and `batch_entries`, or less. One of the two
    /// is enough.
    pub enough: Amount,
    /// How long entries are collected for one request.
    pub batch_wait: Duration,
    /// Most streams of one request.
    pub max_streams: Option<usize>,
    /// Bytes that a shard may hold before it overflows; matters only without `block_on_overflow`.
    pub capacity: u64,
    /// Whether sources wait when a shard is full; otherwise what does not fit is dropped and counted.
    pub block_on_overflow: bool,
    /// How long delivery goes on when it is to stop.
    pub drain_timeout: Duration,
    /// First pause between attempts.
    pub min_backoff: Duration,
    /// Longest pause between attempts.
    pub max_backoff: Duration,
    /// Attempts after which entries are given up; `None` for never. Not 0.
    pub max_retries: Option<u64>,
    /// How long after its first attempt a request is given up that is answered with [`Verdict::Later`](crate::Verdict::Later); `None` for
    /// never. A restart begins anew.
    pub max_elapsed: Option<Duration>,
}

/// Everything that is known of an endpoint without asking it. An endpoint whose target is equal after a change of the arguments stays,
/// with all that it holds.
pub struct Target<P: Protocol> {
    /// How it is treated.
    pub spec: Spec,
    /// What the protocol and the transport want to know.
    pub settings: P::Settings,
}

impl<P: Protocol> PartialEq for Target<P> {
    fn eq(&self, other: &Target<P>) -> bool {
        self.spec == other.spec && self.settings == other.settings
    }
}

/// An endpoint that a configuration asks for.
pub struct Destination<P: Protocol> {
    /// What it is.
    pub target: Target<P>,
    /// Makes the way to it. Called only if there is no endpoint with an equal target. Has no effect outside; fails if the arguments
    /// ask for what is not there, an unreadable certificate for example.
    pub connect: Box<dyn FnOnce(&Host) -> Result<Arc<dyn Transport>> + Send>,
}
