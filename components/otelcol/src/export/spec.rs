//! From the blocks that both exporters have to how the engine treats the endpoint.

use crate::client::{QueueArgs, RetryArgs};
use delivery::Spec;
use signals::Amount;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a request, uncompressed, where the configuration gives no limit: servers of gRPC refuse more than 4 MiB unless they are told otherwise.
const USUAL: u64 = 3 << 20;
/// How long delivery goes on when the component stops.
const DRAIN: Duration = Duration::from_secs(15);
const ANY: u64 = u64::MAX;

/// What both exporters say of their endpoint.
pub(crate) struct Manner<'a> {
    /// The address as the configuration has it.
    pub(crate) address: &'a str,
    /// Host and port, for messages.
    pub(crate) host: String,
    pub(crate) retry: &'a RetryArgs,
    pub(crate) queue: &'a QueueArgs,
}

/// An address without what may be secret in it.
fn key_of(address: &str) -> String {
    match net::Url::parse(address) {
        Ok(mut url) if url.has_host() => {
            // Only addresses without a host refuse this.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.to_string()
        }
        _ => address.to_owned(),
    }
}

/// How the engine treats the endpoint.
pub(crate) fn spec(manner: Manner<'_>) -> Spec {
    let Manner {
        address,
        host,
        retry,
        queue,
    } = manner;
    let mut most = Amount {
        items: ANY,
        bytes: USUAL,
    };
    let mut enough = Amount { items: ANY, bytes: ANY };
    let mut wait = Duration::ZERO;
    if let Some(batch) = &queue.batch {
        let positive = |size: i64| u64::try_from(size).ok().filter(|&size| size > 0).unwrap_or(ANY);
        // Nothing is waited for if nothing is the least.
        let least = u64::try_from(batch.min_size).unwrap_or(1).max(1);
        wait = batch.flush_timeout.as_std();
        most.bytes = ANY;
        if batch.sizer == "bytes" {
            (most.bytes, enough.bytes) = (positive(batch.max_size), least);
        } else {
            (most.items, enough.items) = (positive(batch.max_size), least);
        }
    }
    Spec {
        key: key_of(address),
        name: String::new(),
        address: address.to_owned(),
        title: host.clone(),
        host,
        tenant: Arc::from(""),
        shards: usize::try_from(queue.num_consumers).unwrap_or(1).clamp(1, 256),
        batch_bytes: most.bytes,
        batch_entries: most.items,
        enough,
        batch_wait: wait,
        max_streams: None,
        capacity: ANY,
        block_on_overflow: true,
        drain_timeout: DRAIN,
        min_backoff: retry.initial_interval.as_std(),
        max_backoff: retry.max_interval.as_std(),
        max_retries: (!retry.enabled).then_some(1),
        max_elapsed: retry.longest(),
    }
}
