//! From an `endpoint` block to where and how samples are sent.

use super::args::{Arguments, EndpointArgs, V2};
use super::body::unpack;
use super::families::Families;
use super::metrics::Metrics;
use super::protocol::{Settings, Write};
use super::series::Mapping;
use bytes::Bytes;
use component::{Error, RelabelRules, Result};
use delivery::{Destination, HttpSettings, HttpTransport, Outcome, Spec, Target, Transport, Verdict, default_verdict};
use host::Host;
use net::cloud::CloudAuth;
use net::{HeaderMap, StatusCode};
use prommodel::Table;
use signals::{Amount, SAMPLE_BYTES};
use std::sync::Arc;
use std::time::Duration;

/// How long delivery goes on when it is to stop.
const DRAIN: Duration = Duration::from_secs(60);
/// The headers in which a receiver of version 2.0 says what it has taken.
const WRITTEN: [&str; 3] = [
    "x-prometheus-remote-write-samples-written",
    "x-prometheus-remote-write-histograms-written",
    "x-prometheus-remote-write-exemplars-written",
];

/// What destinations are made with.
pub(super) struct Workshop {
    pub(super) table: Table,
    pub(super) metrics: Arc<Metrics>,
    pub(super) families: Arc<Families>,
}

/// The destinations of a configuration.
///
/// # Errors
/// Two cannot be told apart, or one has rules that are wrong.
pub(super) fn destinations(args: &Arguments, workshop: &Workshop) -> Result<Vec<Destination<Write>>> {
    let mut found = Vec::with_capacity(args.endpoints.len());
    for (number, endpoint) in args.endpoints.iter().enumerate() {
        if let Some(error) = twin(&args.endpoints, number) {
            return Err(error);
        }
        found.push(destination(args, endpoint, workshop).map_err(|error| error.inside("endpoint", number))?);
    }
    Ok(found)
}

/// The error that an endpoint before this one is the same, or has its name.
pub(super) fn twin(endpoints: &[EndpointArgs], number: usize) -> Option<Error> {
    let one = endpoints.get(number)?;
    let same = |other: &EndpointArgs| match one.name.as_str() {
        "" => other == one,
        name => other.name == name,
    };
    endpoints[..number].iter().any(same).then(|| {
        let message = format!(
            "two endpoints are named {:?}; give each endpoint block its own \"name\"",
            one.title()
        );
        match one.name.as_str() {
            "" => Error::new(message),
            _ => Error::about("name", message),
        }
        .inside("endpoint", number)
    })
}

fn destination(args: &Arguments, endpoint: &EndpointArgs, workshop: &Workshop) -> Result<Destination<Write>> {
    let rules = RelabelRules::new(endpoint.write_relabel.clone())?;
    let external = args.external_labels.iter();
    let settings = Settings {
        args: endpoint.clone(),
        external: external.map(|(name, value)| (name.clone(), value.clone())).collect(),
        mapping: Mapping::new(&workshop.table, &args.external_labels, rules),
        families: workshop.families.clone(),
        meter: workshop.metrics.endpoint(&endpoint.title(), endpoint),
    };
    let endpoint = endpoint.clone();
    Ok(Destination {
        target: Target {
            spec: spec(&endpoint),
            settings,
        },
        connect: Box::new(move |host| transport(&endpoint, host)),
    })
}

/// The way to an endpoint.
pub(super) fn transport(args: &EndpointArgs, host: &Host) -> Result<Arc<dyn Transport>> {
    let title = args.title();
    let settings = HttpSettings {
        cloud: args.cloud().map(|config| Arc::new(CloudAuth::new(config, host))),
        fixed: &[("content-encoding", "snappy")],
        timeout: args.remote_timeout.as_std(),
        retry_on_429: args.queue_config.retry_on_http_429,
        verdict: default_verdict,
        judge: (args.protobuf_message == V2).then_some(understood as _),
        unpack: Some(unpack),
        ..HttpSettings::new(&title, &args.url, &args.http, &args.headers)
    };
    Ok(Arc::new(HttpTransport::new(&settings, host)?))
}

/// A receiver that knows only version 1.0 may answer 2.0 with success and take nothing: one that knows it says what it has written.
fn understood(status: StatusCode, headers: &HeaderMap, _: &Bytes) -> Option<Outcome> {
    let says = WRITTEN.iter().any(|name| headers.contains_key(*name));
    (!says).then(|| Outcome {
        status: Some(status),
        message: format!("answers {status} without saying what it has written, so it does not know {V2}; set protobuf_message to \"prometheus.WriteRequest\""),
        verdict: Verdict::Hold,
    })
}

fn spec(args: &EndpointArgs) -> Spec {
    let queue = &args.queue_config;
    let samples = u64::try_from(queue.max_samples_per_send).unwrap_or(1).max(1);
    let url = args.public_url();
    Spec {
        key: match args.name.as_str() {
            "" => url.clone(),
            name => name.to_owned(),
        },
        name: args.name.clone(),
        address: args.url.clone(),
        title: args.title(),
        host: args.host(),
        tenant: Arc::from(""),
        shards: usize::try_from(queue.min_shards).unwrap_or(1).max(1),
        // Histograms are larger than samples: a request is not to become huge.
        batch_bytes: samples.saturating_mul(SAMPLE_BYTES * 16),
        batch_entries: samples,
        batch_wait: queue.batch_send_deadline.as_std(),
        max_streams: None,
        capacity: u64::MAX,
        block_on_overflow: true,
        drain_timeout: DRAIN,
        min_backoff: queue.min_backoff.as_std(),
        max_backoff: queue.max_backoff.as_std(),
        max_retries: None,
        max_elapsed: None,
        enough: Amount {
            items: samples,
            bytes: u64::MAX,
        },
    }
}
