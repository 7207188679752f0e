//! One attempt to deliver, and what its answer means.

use component::BoxFuture;
use net::{Body, StatusCode};
use std::time::Duration;

/// Takes requests to one endpoint.
pub trait Transport: Send + Sync + 'static {
    /// One attempt to deliver a body, which [`Protocol::encode`](crate::Protocol::encode) made, for a tenant (empty for none). It
    /// bounds its own time, and may be dropped at any point.
    fn push<'a>(&'a self, tenant: &'a str, body: Body) -> BoxFuture<'a, Outcome>;
}

/// What became of an attempt.
#[derive(Debug)]
pub struct Outcome {
    /// Status of the answer, if there was one.
    pub status: Option<StatusCode>,
    /// For people, behind the name of the endpoint: `answers 503 Service Unavailable: text`, `cannot be reached: connection refused`.
    pub message: String,
    /// What to do.
    pub verdict: Verdict,
}

/// What an answer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has the entries.
    Delivered,
    /// It has the request, and has thrown so many of its entries away without saying which. None of them is to be sent again.
    Partly {
        /// How many.
        rejected: u64,
    },
    /// The same request may succeed later, not before this time.
    Later(Option<Duration>),
    /// The same request will succeed when someone has corrected a configuration, here or there.
    Hold,
    /// At least one of the entries is not acceptable.
    Refused {
        /// There are too many of them, or one is too large.
        too_large: bool,
    },
    /// None of the entries is acceptable, because of who they came from: they need not be tried one by one.
    Denied,
    /// All of the entries are to be dropped: rate limited, and the configuration says not to try again.
    Limited,
}
