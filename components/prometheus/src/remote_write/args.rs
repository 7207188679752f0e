//! Arguments and exports.

use super::cloud::{AzureAdArgs, GoogleIamArgs, SigV4Args};
use component::{Caveat, Error, MetricsReceiver, RelabelRule};
use net::cloud::CloudConfig;
use net::{HttpClientConfig, Url};
use std::collections::BTreeMap;
use value::{Block, GoDuration, Invalid};

/// The message of remote write 1.0, as `protobuf_message` names it, and that of 2.0.
pub(super) const V1: &str = "prometheus.WriteRequest";
pub(super) const V2: &str = "io.prometheus.write.v2.Request";

/// Sends samples by remote write.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Where samples go: each endpoint gets all of them.
    #[arg(name = "endpoint", block, many)]
    pub endpoints: Vec<EndpointArgs>,
    /// Labels that series get which do not have them.
    #[arg(default)]
    pub external_labels: BTreeMap<String, String>,
    /// Accepted, and without effect: the queue on disk holds what was not delivered, and nothing else.
    #[arg(block, default)]
    pub wal: WalArgs,
}

/// Alloy's write-ahead log.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct WalArgs {
    /// How often Alloy cleans its log up.
    #[arg(default = GoDuration::minutes(120))]
    pub truncate_frequency: GoDuration,
    /// How long Alloy keeps samples at least.
    #[arg(default = GoDuration::minutes(5))]
    pub min_keepalive_time: GoDuration,
    /// How long Alloy keeps samples at most. Here they are kept until they are delivered or the queue is full.
    #[arg(default = GoDuration::minutes(480))]
    pub max_keepalive_time: GoDuration,
}

/// One destination.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = EndpointArgs::validate)]
pub struct EndpointArgs {
    /// Where to write: `http://mimir:9009/api/v1/push`.
    #[arg]
    pub url: String,
    /// Name in metrics and messages.
    #[arg(default)]
    pub name: String,
    /// How long one attempt may take.
    #[arg(default = GoDuration::seconds(30))]
    pub remote_timeout: GoDuration,
    /// Headers of requests. Those that remote write needs cannot be replaced.
    #[arg(default)]
    pub headers: BTreeMap<String, String>,
    /// Whether exemplars are sent.
    #[arg(default = true)]
    pub send_exemplars: bool,
    /// Whether native histograms are sent. Without it they are dropped and counted.
    #[arg(default)]
    pub send_native_histograms: bool,
    /// `prometheus.WriteRequest` for remote write 1.0, `io.prometheus.write.v2.Request` for 2.0.
    #[arg(default = V1.to_owned())]
    pub protobuf_message: String,
    /// Whether the addresses of the host are asked in turn. The client asks one after the other until one answers, with or without it.
    #[arg(default)]
    pub round_robin_dns: bool,
    /// How much may be on the way.
    #[arg(block, default)]
    pub queue_config: QueueArgs,
    /// What is said of metrics besides their samples.
    #[arg(block, default)]
    pub metadata_config: MetadataArgs,
    /// Rules that change series on their way to this endpoint, or drop them.
    #[arg(name = "write_relabel_config", block, many)]
    pub write_relabel: Vec<RelabelRule>,
    /// Signs requests for Amazon Managed Service for Prometheus, or another service of AWS.
    #[arg(block)]
    pub sigv4: Option<SigV4Args>,
    /// Authenticates with tokens of Microsoft Entra ID, once Azure AD, for Azure Monitor.
    #[arg(block)]
    pub azuread: Option<AzureAdArgs>,
    /// Authenticates with tokens of Google Cloud, for Cloud Monitoring.
    #[arg(block)]
    pub google_iam: Option<GoogleIamArgs>,
    /// Credentials, encryption, proxies.
    #[arg(flatten)]
    pub http: HttpClientConfig,
}

/// How much may be on the way to an endpoint.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = QueueArgs::validate)]
pub struct QueueArgs {
    /// Samples that a shard holds in Alloy. Accepted, and without effect: the memory budget bounds what waits.
    #[arg(default = 10_000)]
    pub capacity: i64,
    /// Least number of requests that are sent at a time.
    #[arg(default = 1)]
    pub min_shards: i64,
    /// Most requests that are sent at a time.
    #[arg(default = 50)]
    pub max_shards: i64,
    /// Most samples of a request.
    #[arg(default = 2000)]
    pub max_samples_per_send: i64,
    /// How long samples are collected for one request.
    #[arg(default = GoDuration::seconds(5))]
    pub batch_send_deadline: GoDuration,
    /// First pause between attempts.
    #[arg(default = GoDuration::millis(30))]
    pub min_backoff: GoDuration,
    /// Longest pause between attempts.
    #[arg(default = GoDuration::seconds(5))]
    pub max_backoff: GoDuration,
    /// Whether samples are sent again that were answered with status 429; otherwise they are dropped and counted.
    #[arg(default = true)]
    pub retry_on_http_429: bool,
    /// Samples older than this are dropped and counted; 0 for none.
    #[arg(default)]
    pub sample_age_limit: GoDuration,
}

/// What is said of metrics besides their samples.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct MetadataArgs {
    /// Whether types, units and help texts are sent.
    #[arg(default = true)]
    pub send: bool,
    /// How often, in remote write 1.0; in 2.0 they are part of each request.
    #[arg(default = GoDuration::minutes(1))]
    pub send_interval: GoDuration,
    /// Most metrics of a request.
    #[arg(default = 2000)]
    pub max_samples_per_send: i64,
}

/// What others refer to.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Exports {
    /// Takes samples.
    #[arg]
    pub receiver: MetricsReceiver,
}

impl Arguments {
    /// What the arguments make of the promise that samples arrive.
    pub(super) fn caveats(&self) -> Vec<Caveat> {
        let mut found = Vec::new();
        for (n, endpoint) in self.endpoints.iter().enumerate() {
            let (block, title) = (format!("endpoint#{n}"), endpoint.title());
            let queue = format!("{block}/queue_config#0");
            if !endpoint.send_native_histograms {
                let text = format!("sends no native histograms to {title}, by send_native_histograms");
                found.push(Caveat::drops(text).at(&block, "send_native_histograms"));
            }
            if !endpoint.queue_config.retry_on_http_429 {
                let text = format!("drops what {title} answers with status 429, by retry_on_http_429");
                found.push(Caveat::best_effort(text).at(&queue, "retry_on_http_429"));
            }
            if endpoint.queue_config.sample_age_limit.0 > 0 {
                let text = format!("drops samples for {title} that are older than sample_age_limit");
                found.push(Caveat::drops(text).at(&queue, "sample_age_limit"));
            }
            for (number, rule) in endpoint.write_relabel.iter().enumerate() {
                if let Some(text) = rule.drops() {
                    let block = format!("{block}/write_relabel_config#{number}");
                    found.push(Caveat::drops(text).at(block, ""));
                }
            }
        }
        let text = "keeps what an endpoint refuses for good (status 400) as dead letters; \"invar why\" names it";
        found.push(Caveat::note(text));
        found
    }
}

impl EndpointArgs {
    fn validate(&self) -> Result<(), Invalid> {
        component::first(self.problems())
    }

    /// Everything that is wrong with the arguments of an endpoint itself.
    fn problems(&self) -> Vec<Error> {
        let url = delivery::url_problem(&self.url, "http://mimir:9009/api/v1/push");
        let mut found: Vec<Error> = url.into_iter().collect();
        if self.remote_timeout.0 <= 0 {
            found.push(Error::about("remote_timeout", "must be greater than 0"));
        }
        if ![V1, V2].contains(&self.protobuf_message.as_str()) {
            let message = format!("{:?} is neither {V1:?} nor {V2:?}", self.protobuf_message);
            found.push(Error::about("protobuf_message", message));
        }
        found.extend(delivery::header_problems(&self.headers));
        found.extend(self.auth_conflict());
        found
    }

    /// Everything that is wrong with an endpoint, in all of its blocks.
    pub(super) fn check(&self) -> Vec<Error> {
        let mut found = self.problems();
        found.extend(delivery::client_problems(&self.http));
        for (number, rule) in self.write_relabel.iter().enumerate() {
            let problems = rule.problems().into_iter();
            found.extend(problems.map(|error| error.inside("write_relabel_config", number)));
        }
        let sigv4 = self.sigv4.iter().flat_map(SigV4Args::problems);
        found.extend(sigv4.map(|error| error.inside("sigv4", 0)));
        let azuread = self.azuread.iter().flat_map(AzureAdArgs::problems);
        found.extend(azuread.map(|error| error.inside("azuread", 0)));
        let queue = self.queue_config.check().err();
        found.extend(queue.map(|error| error.inside("queue_config", 0)));
        found
    }

    /// The error that more than one way to authenticate is configured.
    fn auth_conflict(&self) -> Option<Error> {
        let http = &self.http;
        let clouds = [self.sigv4.is_some(), self.azuread.is_some(), self.google_iam.is_some()];
        let blocks = [
            http.basic_auth.is_some(),
            http.authorization.is_some(),
            http.oauth2.is_some(),
        ];
        let tokens = !http.bearer_token.is_empty() || !http.bearer_token_file.is_empty();
        let count = |set: &[bool]| set.iter().filter(|set| **set).count();
        // Conflicts of the others among each other are found where they are.
        if count(&clouds) == 0 || count(&clouds) + count(&blocks) + usize::from(tokens) <= 1 {
            return None;
        }
        let message = "at most one of sigv4, azuread, google_iam, basic_auth, authorization, oauth2, bearer_token & bearer_token_file must be configured";
        Some(match count(&clouds) + count(&blocks) {
            1 if http.bearer_token.is_empty() => Error::about("bearer_token_file", message),
            1 => Error::about("bearer_token", message),
            // Which blocks there are is known.
            _ => Error::new(message).certain(),
        })
    }

    /// How requests are signed or given tokens of a cloud, if they are.
    pub(super) fn cloud(&self) -> Option<CloudConfig> {
        let sigv4 = self.sigv4.as_ref().map(SigV4Args::config);
        let azuread = || self.azuread.as_ref().and_then(AzureAdArgs::config);
        sigv4
            .or_else(azuread)
            .or_else(|| self.google_iam.as_ref().map(GoogleIamArgs::config))
    }

    /// Host and port.
    pub(super) fn host(&self) -> String {
        Url::parse(&self.url).map_or_else(|_| "?".to_owned(), |url| delivery::host_of(&url))
    }

    /// The name in messages.
    pub(super) fn title(&self) -> String {
        match self.name.as_str() {
            "" => self.host(),
            name => name.to_owned(),
        }
    }

    /// The address as it may be shown.
    pub(super) fn public_url(&self) -> String {
        delivery::public_url(&self.url)
    }
}

impl QueueArgs {
    fn validate(&self) -> Result<(), Invalid> {
        Ok(self.check()?)
    }

    fn check(&self) -> component::Result<()> {
        for (name, value) in [
            ("capacity", self.capacity),
            ("min_shards", self.min_shards),
            ("max_shards", self.max_shards),
            ("max_samples_per_send", self.max_samples_per_send),
        ] {
            if value <= 0 {
                return Err(Error::about(name, "must be greater than 0"));
            }
        }
        if self.min_shards > self.max_shards {
            return Err(Error::about("min_shards", "must be at most max_shards").with("max_shards"));
        }
        Ok(())
    }
}
