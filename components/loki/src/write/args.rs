//! Arguments and exports.

use component::{Caveat, Error, LogsReceiver};
use net::{HttpClientConfig, Url};
use std::collections::BTreeMap;
use value::{Block, ByteSize, GoDuration, Invalid};

/// Sends entries to Loki.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Where entries go: each endpoint gets all of them.
    #[arg(name = "endpoint", block, many, required)]
    pub endpoints: Vec<EndpointArgs>,
    /// Labels that entries get which do not have them.
    #[arg(default)]
    pub external_labels: BTreeMap<String, String>,
    /// Most streams of one request; 0 for any number.
    #[arg(default)]
    pub max_streams: i64,
    /// How long entries wait in a full queue. The queue on disk is there without it.
    #[arg(block, default)]
    pub wal: WalArgs,
}

impl Arguments {
    /// What the arguments make of the promise that entries arrive.
    pub(super) fn caveats(&self) -> Vec<Caveat> {
        let mut found = Vec::new();
        for (n, endpoint) in self.endpoints.iter().enumerate() {
            let block = format!("endpoint#{n}");
            let name = endpoint.title();
            if let Some(attempts) = endpoint.max_backoff_retries.filter(|attempts| *attempts > 0) {
                let text = format!("gives up after {attempts} attempts at {name}, by max_backoff_retries");
                found.push(Caveat::best_effort(text).at(&block, "max_backoff_retries"));
            }
            if !endpoint.retry_on_http_429 {
                let text = format!("drops what {name} answers with status 429, by retry_on_http_429");
                found.push(Caveat::best_effort(text).at(&block, "retry_on_http_429"));
            }
            if !endpoint.queue_config.block_on_overflow {
                let text = format!("drops what does not fit into the queue of {name}, by block_on_overflow");
                let block = format!("{block}/queue_config#0");
                found.push(Caveat::best_effort(text).at(block, "block_on_overflow"));
            }
        }
        if self.wal.enabled {
            let text = format!(
                "gives up what waits for longer than {} when the queue on disk is full, by wal",
                gotime::format_duration(self.wal.max_segment_age.0)
            );
            found.push(Caveat::best_effort(text).at("wal#0", "enabled"));
        }
        let text = "keeps what an endpoint refuses for good (status 400) as dead letters; \"invar why\" names it";
        found.push(Caveat::note(text));
        found
    }
}

/// One destination.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = EndpointArgs::validate)]
pub struct EndpointArgs {
    /// Where to push: `http://loki:3100/loki/api/v1/push`.
    #[arg]
    pub url: String,
    /// Name in messages.
    #[arg(default)]
    pub name: String,
    /// How long entries are collected for one request.
    #[arg(default = GoDuration::seconds(1))]
    pub batch_wait: GoDuration,
    /// Size of lines and structured metadata at which a request is sent, uncompressed.
    #[arg(default = ByteSize(1 << 20))]
    pub batch_size: ByteSize,
    /// How long one attempt may take.
    #[arg(default = GoDuration::seconds(10))]
    pub remote_timeout: GoDuration,
    /// Headers of requests. Those that a push needs cannot be replaced.
    #[arg(default)]
    pub headers: BTreeMap<String, String>,
    /// First pause between attempts.
    #[arg(default = GoDuration::millis(500))]
    pub min_backoff_period: GoDuration,
    /// Longest pause between attempts.
    #[arg(default = GoDuration::minutes(5))]
    pub max_backoff_period: GoDuration,
    /// Attempts after which entries are given up and counted as dropped; 0 or not set: never.
    #[arg(default)]
    pub max_backoff_retries: Option<i64>,
    /// Tenant of entries that have no label `__tenant_id__`.
    #[arg(default)]
    pub tenant_id: String,
    /// Whether entries are sent again that were answered with status 429; otherwise they are dropped and counted.
    #[arg(default = true)]
    pub retry_on_http_429: bool,
    /// How much may be on the way.
    #[arg(block, default)]
    pub queue_config: QueueArgs,
    #[arg(flatten)]
    /// Credentials, encryption, proxies.
    pub http: HttpClientConfig,
}

impl EndpointArgs {
    /// The name of the endpoint in messages.
    pub(super) fn title(&self) -> String {
        if self.name.is_empty() {
            self.host()
        } else {
            self.name.clone()
        }
    }

    /// Host and port, as metrics name the endpoint.
    pub(super) fn host(&self) -> String {
        Url::parse(&self.url).map_or_else(|_| "?".to_owned(), |url| delivery::host_of(&url))
    }

    /// What the endpoint is called in the queue and in the ledger: its name, or its address without credentials.
    pub(super) fn key(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        let mut key = delivery::public_url(&self.url);
        if !self.tenant_id.is_empty() {
            key.push_str(" as ");
            key.push_str(&self.tenant_id);
        }
        key
    }

    fn validate(&self) -> Result<(), Invalid> {
        component::first(self.problems())
    }

    /// Everything that is wrong with the arguments of an endpoint itself.
    fn problems(&self) -> Vec<Error> {
        let url = delivery::url_problem(&self.url, "http://loki:3100/loki/api/v1/push");
        let mut found: Vec<Error> = url.into_iter().collect();
        if self.remote_timeout.0 <= 0 {
            found.push(Error::about("remote_timeout", "must be greater than 0"));
        }
        found.extend(delivery::header_problems(&self.headers));
        found
    }

    /// Everything that is wrong with an endpoint, in all of its blocks.
    pub(super) fn check(&self) -> Vec<Error> {
        let mut found = self.problems();
        found.extend(delivery::client_problems(&self.http));
        let queue = self.queue_config.check().err();
        found.extend(queue.map(|error| error.inside("queue_config", 0)));
        found
    }
}

/// How much may be on the way to an endpoint.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = QueueArgs::validate)]
pub struct QueueArgs {
    /// Bytes a shard may hold before it overflows. Matters only if `block_on_overflow` is false.
    #[arg(default = ByteSize(10 << 20))]
    pub capacity: ByteSize,
    /// How many requests are sent at a time. A stream always takes the same shard.
    #[arg(default = 1)]
    pub min_shards: i64,
    /// How long delivery goes on when the component stops.
    #[arg(default = GoDuration::seconds(15))]
    pub drain_timeout: GoDuration,
    /// Whether sources wait when a shard is full; otherwise what does not fit is dropped and counted.
    #[arg(default = true)]
    pub block_on_overflow: bool,
}

impl QueueArgs {
    fn validate(&self) -> Result<(), Invalid> {
        Ok(self.check()?)
    }

    fn check(&self) -> component::Result<()> {
        if !(0..=1024).contains(&self.min_shards) {
            return Err(Error::about("min_shards", "must be between 1 and 1024"));
        }
        Ok(())
    }
}

/// The write-ahead log, as Alloy calls it. Here entries go to a queue on disk in any case when an endpoint does not take them in time.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = WalArgs::validate)]
pub struct WalArgs {
    /// Whether entries that are older than `max_segment_age` may be given up when the queue is full; otherwise sources wait then.
    #[arg(default)]
    pub enabled: bool,
    /// How long entries wait at least before they are given up.
    #[arg(default = GoDuration::minutes(60))]
    pub max_segment_age: GoDuration,
    /// Has no effect.
    #[arg(default = GoDuration::millis(250))]
    pub min_read_frequency: GoDuration,
    /// Has no effect.
    #[arg(default = GoDuration::seconds(1))]
    pub max_read_frequency: GoDuration,
    /// Has no effect.
    #[arg(default = GoDuration::seconds(15))]
    pub drain_timeout: GoDuration,
}

impl WalArgs {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.min_read_frequency >= self.max_read_frequency {
            return Err("min_read_frequency must be less than max_read_frequency".to_owned());
        }
        Ok(())
    }
}

/// What others refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// Takes entries.
    #[arg]
    pub receiver: LogsReceiver,
}
