//! Blocks that clients of OTLP have in common.

mod queue;
mod retry;
mod tls;

pub use queue::QueueArgs;
pub use retry::RetryArgs;
pub use tls::TlsArgs;

use component::{AuthHandler, Error};
use std::collections::BTreeMap;

/// Everything that is wrong with what requests carry: headers, which gRPC calls metadata, and credentials.
pub(crate) fn request_problems(headers: &BTreeMap<String, String>, auth: &AuthHandler) -> Vec<Error> {
    let mut found = delivery::header_problems(headers);
    if auth.0.as_ref().is_some_and(|auth| auth.client.is_none()) {
        found.push(Error::about("auth", "is for servers and cannot be used by a client"));
    }
    found
}

/// Everything that is wrong in the blocks that both exporters have, where they have them. `client` is what their `client` blocks find wrong
/// with themselves.
pub(crate) fn block_problems(client: Vec<Error>, tls: &TlsArgs, retry: &RetryArgs, queue: &QueueArgs) -> Vec<Error> {
    let inside = |errors: Vec<Error>, block: &'static str| {
        let errors = errors.into_iter();
        errors.map(|error| error.inside(block, 0)).collect::<Vec<_>>()
    };
    let batch = queue.batch.iter().flat_map(|batch| inside(batch.problems(), "batch"));
    [
        inside(client, "client"),
        inside(inside(tls.problems(), "tls"), "client"),
        inside(retry.problems(), "retry_on_failure"),
        inside(queue.problems(), "sending_queue"),
        inside(batch.collect(), "sending_queue"),
    ]
    .into_iter()
    .flatten()
    .collect()
}
