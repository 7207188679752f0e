//! From an `endpoint` block to where and how entries are sent.

use super::args::{Arguments, EndpointArgs};
use super::push::Push;
use component::{Error, Result};
use delivery::{Destination, HttpSettings, HttpTransport, Spec, Target};
use signals::Amount;
use std::sync::Arc;

/// Headers of a push.
const HEADERS: &[(&str, &str)] = &[
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
];

/// The destinations of a configuration. Fails if there are none, or two cannot be told apart.
pub(super) fn destinations(args: &Arguments) -> Result<Vec<Destination<Push>>> {
    if args.endpoints.is_empty() {
        return Err("at least one endpoint block is needed".into());
    }
    if let Some(twins) = (1..args.endpoints.len()).find_map(|number| twin(&args.endpoints, number)) {
        return Err(twins.1);
    }
    let max_streams = usize::try_from(args.max_streams).ok().filter(|&n| n > 0);
    Ok(args
        .endpoints
        .iter()
        .map(|endpoint| destination(endpoint.clone(), max_streams))
        .collect())
}

fn destination(args: EndpointArgs, max_streams: Option<usize>) -> Destination<Push> {
    Destination {
        target: Target {
            spec: spec(&args, max_streams),
            settings: args.clone(),
        },
        connect: Box::new(move |host| {
            let title = args.title();
            let settings = HttpSettings {
                fixed: HEADERS,
                timeout: args.remote_timeout.as_std(),
                retry_on_429: args.retry_on_http_429,
                ..HttpSettings::new(&title, &args.url, &args.http, &args.headers)
            };
            Ok(Arc::new(HttpTransport::new(&settings, host)?))
        }),
    }
}

/// How an endpoint is treated, by its arguments.
pub(super) fn spec(args: &EndpointArgs, max_streams: Option<usize>) -> Spec {
    let queue = &args.queue_config;
    let retries = args.max_backoff_retries.and_then(|n| u64::try_from(n).ok());
    Spec {
        key: args.key(),
        name: args.name.clone(),
        address: args.url.clone(),
        title: args.title(),
        host: args.host(),
        tenant: Arc::from(args.tenant_id.as_str()),
        shards: usize::try_from(queue.min_shards).unwrap_or(1).max(1),
        batch_bytes: args.batch_size.0,
        batch_entries: u64::MAX,
        enough: Amount {
            items: u64::MAX,
            bytes: u64::MAX,
        },
        batch_wait: args.batch_wait.as_std(),
        max_streams,
        capacity: queue.capacity.0,
        block_on_overflow: queue.block_on_overflow,
        drain_timeout: queue.drain_timeout.as_std(),
        min_backoff: args.min_backoff_period.as_std(),
        max_backoff: args.max_backoff_period.as_std(),
        max_retries: retries.filter(|&n| n > 0),
        max_elapsed: None,
    }
}

/// The endpoint before this one that has its name, if there is one, and the error that this is.
pub(super) fn twin(endpoints: &[EndpointArgs], number: usize) -> Option<(usize, Error)> {
    let one = endpoints.get(number)?;
    let first = endpoints[..number].iter().position(|other| match one.name.as_str() {
        "" => other == one,
        name => other.name == name,
    })?;
    let message = format!(
        "two endpoints are named {:?}; give each endpoint block its own \"name\"",
        one.title()
    );
    let error = match one.name.as_str() {
        "" => Error::new(message),
        _ => Error::about("name", message),
    };
    Some((first, error.inside("endpoint", number)))
}
