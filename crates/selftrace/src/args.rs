//! The arguments of the block.

use component::{Caveat, Error, OtelConsumer};
use std::time::Duration;
use url::Url;
use value::Block;

/// Which traces of this program are kept, and where they go.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct TracingArgs {
    /// Which part of the traces that begin here is kept, from 0 to 1.
    #[arg(default = 0.1)]
    pub sampling_fraction: f64,
    /// Consumers of the traces; without any, none are made.
    #[arg(default)]
    pub write_to: Vec<OtelConsumer>,
    /// Accepted for compatibility: no request to others carries the header `traceparent` yet.
    #[arg(default)]
    pub send_traceparent: bool,
    /// Who decides, instead of `sampling_fraction`.
    #[arg(block)]
    pub sampler: Option<SamplerArgs>,
}

impl Default for TracingArgs {
    fn default() -> Self {
        TracingArgs::defaults()
    }
}

/// Who decides which traces are kept.
#[derive(Block, Clone, Debug, Default, PartialEq)]
pub struct SamplerArgs {
    /// A server that gives out strategies in Jaeger's format.
    #[arg(block)]
    pub jaeger_remote: Option<JaegerRemoteArgs>,
}

/// A server that gives out strategies in Jaeger's format. Until it has answered, `sampling_fraction` holds; if it does not answer any more, what it said last.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct JaegerRemoteArgs {
    /// Where it is.
    #[arg(default = "http://127.0.0.1:5778/sampling".to_owned())]
    pub url: String,
    /// Operations that have a strategy of their own, at the most.
    #[arg(default = 256)]
    pub max_operations: i64,
    /// How often it is asked.
    #[arg(default = Duration::from_secs(60))]
    pub refresh_interval: Duration,
}

impl TracingArgs {
    /// What becomes of spans.
    pub fn caveats(&self) -> Vec<Caveat> {
        let text = "never waits for write_to: its spans are dropped and counted while the queue is full";
        let mut found = vec![Caveat::best_effort(text).at("", "write_to")];
        if self.send_traceparent {
            let text = "no request to others carries the header traceparent yet";
            found.push(Caveat::note(text).at("", "send_traceparent"));
        }
        found
    }
}

impl JaegerRemoteArgs {
    /// The address that is asked.
    pub(crate) fn address(&self) -> Result<Url, Error> {
        let inside = |error: Error| error.inside("jaeger_remote", 0).inside("sampler", 0);
        if self.refresh_interval.is_zero() {
            return Err(inside(Error::about("refresh_interval", "must be greater than zero")));
        }
        let mut url = Url::parse(&self.url).map_err(|error| inside(Error::about("url", error.to_string())))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(inside(Error::about("url", "must begin with http:// or https://")));
        }
        url.query_pairs_mut().append_pair("service", crate::export::SERVICE);
        Ok(url)
    }
}
