//! Arguments and exports.

use component::{Caveat, Error, MetricsReceiver, RelabelRule};
use net::{HttpClientConfig, Url};
use std::collections::BTreeMap;
use value::{Block, GoDuration, Invalid, Secret};

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
    /// Signs requests for AWS. Not supported yet.
    #[arg(block)]
    pub sigv4: Option<SigV4Args>,
    /// Azure AD. Not supported yet.
    #[arg(block)]
    pub azuread: Option<AzureAdArgs>,
    /// Google IAM. Not supported yet.
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

/// Signing of requests for AWS.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct SigV4Args {
    /// Access key.
    #[arg(default)]
    pub access_key: String,
    /// Secret key.
    #[arg(default)]
    pub secret_key: Secret,
    /// External id of the role.
    #[arg(default)]
    pub external_id: String,
    /// Profile of the configuration.
    #[arg(default)]
    pub profile: String,
    /// Region.
    #[arg(default)]
    pub region: String,
    /// Role to assume.
    #[arg(default)]
    pub role_arn: String,
    /// Name of the service.
    #[arg(default = "aps".to_owned())]
    pub service_name: String,
    /// Whether the FIPS endpoint of STS is used.
    #[arg(default)]
    pub use_fips_sts_endpoint: bool,
}

/// Azure AD.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct AzureAdArgs {
    /// Cloud.
    #[arg(default = "AzurePublic".to_owned())]
    pub cloud: String,
    /// Scope of the token.
    #[arg(default)]
    pub scope: String,
    /// A managed identity.
    #[arg(block)]
    pub managed_identity: Option<ManagedIdentityArgs>,
    /// An application.
    #[arg(block)]
    pub oauth: Option<AzureOAuthArgs>,
    /// Azure's SDK.
    #[arg(block)]
    pub sdk: Option<AzureSdkArgs>,
    /// A workload identity.
    #[arg(block)]
    pub workload_identity: Option<WorkloadIdentityArgs>,
}

/// A managed identity.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct ManagedIdentityArgs {
    /// Client id.
    #[arg]
    pub client_id: String,
}

/// An application.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct AzureOAuthArgs {
    /// Client id.
    #[arg]
    pub client_id: String,
    /// Client secret.
    #[arg]
    pub client_secret: Secret,
    /// Tenant id.
    #[arg]
    pub tenant_id: String,
}

/// Azure's SDK.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct AzureSdkArgs {
    /// Tenant id.
    #[arg]
    pub tenant_id: String,
}

/// A workload identity.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct WorkloadIdentityArgs {
    /// Client id.
    #[arg]
    pub client_id: String,
    /// Tenant id.
    #[arg]
    pub tenant_id: String,
    /// File with the token.
    #[arg(default = "/var/run/secrets/azure/tokens/azure-identity-token".to_owned())]
    pub token_file_path: String,
}

/// Google IAM.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct GoogleIamArgs {
    /// File with credentials.
    #[arg(default)]
    pub credentials_file: String,
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
        match self.problems().into_iter().next() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
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
        let queue = self.queue_config.check().err();
        found.extend(queue.map(|error| error.inside("queue_config", 0)));
        found
    }

    /// What Invar cannot do yet.
    pub(super) fn unsupported(&self) -> Option<&'static str> {
        let asked = [
            ("sigv4", self.sigv4.is_some()),
            ("azuread", self.azuread.is_some()),
            ("google_iam", self.google_iam.is_some()),
        ];
        asked.into_iter().find(|(_, asked)| *asked).map(|(name, _)| name)
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
