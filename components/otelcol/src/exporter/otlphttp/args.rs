//! Arguments.

use crate::client::{QueueArgs, RetryArgs, TlsArgs, block_problems, request_problems};
use crate::debug_metrics::DebugMetricsArgs;
use crate::export::{Compression, Format};
use component::{AuthHandler, Caveat, Error};
use net::{HttpClientConfig, ProxyConfig, Url};
use signals::Signal;
use std::collections::BTreeMap;
use value::{Block, ByteSize, GoDuration, Invalid};

/// Sends telemetry over HTTP, as OTLP.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = Arguments::validate)]
pub struct Arguments {
    /// How the server is reached.
    #[arg(block)]
    pub client: ClientArgs,
    /// How requests are collected.
    #[arg(block, default)]
    pub sending_queue: QueueArgs,
    /// What becomes of requests that fail.
    #[arg(block, default)]
    pub retry_on_failure: RetryArgs,
    /// What metrics tell about the component.
    #[arg(block, default)]
    pub debug_metrics: DebugMetricsArgs,
    /// Where traces go; the client's endpoint and `/v1/traces` if it is not set.
    #[arg(default)]
    pub traces_endpoint: String,
    /// Where metrics go; the client's endpoint and `/v1/metrics` if it is not set.
    #[arg(default)]
    pub metrics_endpoint: String,
    /// Where logs go; the client's endpoint and `/v1/logs` if it is not set.
    #[arg(default)]
    pub logs_endpoint: String,
    /// How requests are written: `proto` or `json`.
    #[arg(default = "proto".to_owned())]
    pub encoding: String,
}

/// How the server is reached.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = ClientArgs::validate)]
pub struct ClientArgs {
    /// The server: `http://otlp:4318`. May be empty if each signal that is sent has an endpoint of its own.
    #[arg]
    pub endpoint: String,
    /// Proxy for all requests. Without it the environment variables `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` decide.
    #[arg(default)]
    pub proxy_url: String,
    /// How requests are compressed: `gzip`, `zstd`, `snappy`, `zlib`, `deflate`, `lz4`, or `none`.
    #[arg(default = "gzip".to_owned())]
    pub compression: String,
    /// How much is done for compression.
    #[arg(block)]
    pub compression_params: Option<CompressionParamsArgs>,
    /// Encryption.
    #[arg(block, default)]
    pub tls: TlsArgs,
    /// Has no effect.
    #[arg(default)]
    pub read_buffer_size: ByteSize,
    /// Has no effect.
    #[arg(default = ByteSize(512 << 10))]
    pub write_buffer_size: ByteSize,
    /// How long one attempt may take.
    #[arg(default = GoDuration::seconds(30))]
    pub timeout: GoDuration,
    /// Headers of requests. Those that a request needs cannot be replaced.
    #[arg(default)]
    pub headers: BTreeMap<String, String>,
    /// Has no effect.
    #[arg(default = 100)]
    pub max_idle_conns: i64,
    /// Has no effect.
    #[arg(default)]
    pub max_idle_conns_per_host: i64,
    /// Has no effect: `num_consumers` bounds the number of requests at a time.
    #[arg(default)]
    pub max_conns_per_host: i64,
    /// Has no effect: connections are kept for 90 seconds.
    #[arg(default = GoDuration::seconds(90))]
    pub idle_conn_timeout: GoDuration,
    /// Has no effect.
    #[arg(default)]
    pub disable_keep_alives: bool,
    /// Has no effect.
    #[arg(default)]
    pub http2_read_idle_timeout: GoDuration,
    /// Has no effect.
    #[arg(default = GoDuration::seconds(15))]
    pub http2_ping_timeout: GoDuration,
    /// Whether HTTP/2 is used where the server offers it.
    #[arg(default = true)]
    pub force_attempt_http2: bool,
    /// Credentials: the handler of an `otelcol.auth` component.
    #[arg(default)]
    pub auth: AuthHandler,
    /// Cookies, which are not kept.
    #[arg(block)]
    pub cookies: Option<CookiesArgs>,
}

/// How much is done for compression.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct CompressionParamsArgs {
    /// `gzip`, `zlib` and `deflate`: 1 (fastest) to 9 (smallest), -1 for 6; `zstd`: 1 to 22. Without effect on the others.
    #[arg]
    pub level: i64,
}

/// Cookies.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct CookiesArgs {
    /// Has no effect: cookies are not kept.
    #[arg(default)]
    pub enabled: bool,
}

/// The compression of a name.
fn compression(name: &str) -> Option<Compression> {
    Some(match name {
        "" | "none" => Compression::None,
        "gzip" => Compression::Gzip,
        "zstd" => Compression::Zstd,
        "snappy" => Compression::Snappy,
        "zlib" => Compression::Zlib,
        "deflate" => Compression::Deflate,
        "lz4" => Compression::Lz4,
        _ => return None,
    })
}

fn check_url(argument: &str, text: &str) -> Option<Error> {
    // The text may hold a password and is not repeated as a whole.
    let message = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => return None,
        Ok(url) => format!("has the scheme {:?}; use \"http\" or \"https\"", url.scheme()),
        Err(error) => format!("should look like \"http://otlp:4318\": {error}"),
    };
    Some(Error::about(argument, message))
}

impl Arguments {
    fn validate(&self) -> Result<(), Invalid> {
        component::first(self.problems())
    }

    fn endpoints(&self) -> [(&'static str, &str); 3] {
        [
            ("logs_endpoint", &self.logs_endpoint),
            ("metrics_endpoint", &self.metrics_endpoint),
            ("traces_endpoint", &self.traces_endpoint),
        ]
    }

    /// Everything that is wrong with the arguments of the component itself.
    fn problems(&self) -> Vec<Error> {
        let mut found = Vec::new();
        if self.client.endpoint.is_empty() && self.endpoints().iter().all(|(_, url)| url.is_empty()) {
            found.push(Error::about("endpoint", "at least one endpoint must be specified").inside("client", 0));
        }
        for (name, url) in self.endpoints() {
            if !url.is_empty() {
                found.extend(check_url(name, url));
            }
        }
        if !matches!(self.encoding.as_str(), "proto" | "json") {
            let message = format!("is {:?}; use \"proto\" or \"json\"", self.encoding);
            found.push(Error::about("encoding", message));
        }
        found
    }

    /// Everything that is wrong, in all blocks.
    pub(super) fn check(&self) -> Vec<Error> {
        let mut found = self.problems();
        let client = self.client.problems();
        let (retry, queue) = (&self.retry_on_failure, &self.sending_queue);
        found.extend(block_problems(client, &self.client.tls, retry, queue));
        found
    }

    /// What the arguments make of the promise that records arrive.
    pub(super) fn caveats(&self) -> Vec<Caveat> {
        let mut found = self.retry_on_failure.caveats();
        let text = "keeps what the endpoint refuses for good (status 400) as dead letters; \"invar why\" names it";
        found.push(Caveat::note(text));
        found
    }

    /// Where records of a signal go; empty if nowhere.
    pub(super) fn url(&self, signal: Signal) -> String {
        let own = match signal {
            Signal::Logs => &self.logs_endpoint,
            Signal::Metrics => &self.metrics_endpoint,
            Signal::Traces => &self.traces_endpoint,
        };
        match (own.as_str(), self.client.endpoint.as_str()) {
            ("", "") => String::new(),
            ("", endpoint) => format!("{}{}", endpoint.trim_end_matches('/'), signal.http_path()),
            (own, _) => own.to_owned(),
        }
    }

    /// The address that stands for all of them.
    pub(super) fn address(&self) -> &str {
        let own = self.endpoints().map(|(_, url)| url);
        std::iter::once(self.client.endpoint.as_str())
            .chain(own)
            .find(|address| !address.is_empty())
            .unwrap_or_default()
    }

    /// Host and port, as messages name the endpoint.
    pub(super) fn host(&self) -> String {
        Url::parse(self.address()).map_or_else(|_| "?".to_owned(), |url| delivery::host_of(&url))
    }

    /// How requests are written.
    pub(super) fn format(&self) -> Format {
        Format {
            json: self.encoding == "json",
            compression: compression(&self.client.compression).unwrap_or(Compression::None),
            level: self.client.compression_params.as_ref().map(|params| params.level),
        }
    }
}

impl ClientArgs {
    fn validate(&self) -> Result<(), Invalid> {
        component::first(self.problems())
    }

    /// Everything that is wrong with the block itself.
    fn problems(&self) -> Vec<Error> {
        let mut found = Vec::new();
        if !self.endpoint.is_empty() {
            found.extend(check_url("endpoint", &self.endpoint));
        }
        if compression(&self.compression).is_none() {
            let message = format!(
                "is {:?}; use \"gzip\", \"zstd\", \"snappy\", \"zlib\", \"deflate\", \"lz4\" or \"none\"",
                self.compression
            );
            found.push(Error::about("compression", message));
        }
        if self.timeout.0 < 0 {
            found.push(Error::about("timeout", "must not be less than 0"));
        }
        found.extend(request_problems(&self.headers, &self.auth));
        found.extend(
            self.http()
                .validate()
                .err()
                .map(|message| Error::about("proxy_url", message)),
        );
        found
    }

    /// The same as `net` takes it.
    pub(super) fn http(&self) -> HttpClientConfig {
        HttpClientConfig {
            tls_config: Some(self.tls.config()),
            proxy: ProxyConfig {
                proxy_url: self.proxy_url.clone(),
                proxy_from_environment: self.proxy_url.is_empty(),
                ..ProxyConfig::default()
            },
            enable_http2: self.force_attempt_http2,
            ..HttpClientConfig::default()
        }
    }
}
