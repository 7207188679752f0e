//! Arguments.

use crate::client::{QueueArgs, RetryArgs, TlsArgs, block_problems, request_problems};
use crate::debug_metrics::DebugMetricsArgs;
use crate::export::{Compression, Format};
use component::{AuthHandler, Caveat, Error};
use std::collections::BTreeMap;
use value::{Block, ByteSize, GoDuration, Invalid};

/// Sends telemetry over gRPC, as OTLP.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// How long one attempt may take; 0 for any time.
    #[arg(default = GoDuration::seconds(5))]
    pub timeout: GoDuration,
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
}

/// How the server is reached.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = ClientArgs::validate)]
pub struct ClientArgs {
    /// Host and port of the server: `otlp:4317`. With `http://` in front there is no TLS, with `https://` there is; `dns:///` means nothing, and
    /// neither does a path.
    #[arg]
    pub endpoint: String,
    /// How requests are compressed: `gzip`, `zstd`, `snappy`, or `none`.
    #[arg(default = "gzip".to_owned())]
    pub compression: String,
    /// Encryption.
    #[arg(block, default)]
    pub tls: TlsArgs,
    /// When the server is asked whether it is still there.
    #[arg(block)]
    pub keepalive: Option<KeepaliveArgs>,
    /// Has no effect.
    #[arg(default)]
    pub read_buffer_size: ByteSize,
    /// Has no effect.
    #[arg(default = ByteSize(512 << 10))]
    pub write_buffer_size: ByteSize,
    /// Whether an attempt waits for a connection until its time is over. It is tried again in any case.
    #[arg(default)]
    pub wait_for_ready: bool,
    /// Metadata of calls. What a call needs cannot be replaced.
    #[arg(default)]
    pub headers: BTreeMap<String, String>,
    /// How calls are spread over the addresses of the host: `round_robin`, or `pick_first`.
    #[arg(default = "round_robin".to_owned())]
    pub balancer_name: String,
    /// What calls name as the server, instead of the endpoint.
    #[arg(default)]
    pub authority: String,
    /// Credentials: the handler of an `otelcol.auth` component.
    #[arg(default)]
    pub auth: AuthHandler,
}

/// When the server is asked whether it is still there.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct KeepaliveArgs {
    /// After how long without anything from it; at least 10 seconds. 0 for never.
    #[arg(default)]
    pub ping_wait: GoDuration,
    /// How long the answer may take; 20 seconds if it is 0.
    #[arg(default)]
    pub ping_response_timeout: GoDuration,
    /// Whether it is asked while there is no call.
    #[arg(default)]
    pub ping_without_stream: bool,
}

/// A server as an endpoint names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    /// What the scheme says of TLS.
    pub(super) plain: Option<bool>,
}

/// The port of an endpoint that names none, as gRPC has it.
const PORT: u16 = 443;

/// Reads an endpoint.
pub(super) fn server(endpoint: &str) -> Result<Server, String> {
    let lower = endpoint.to_ascii_lowercase();
    let (plain, rest) = if lower.starts_with("http://") {
        (Some(true), &endpoint["http://".len()..])
    } else if lower.starts_with("https://") {
        (Some(false), &endpoint["https://".len()..])
    } else if lower.starts_with("dns://") {
        let rest = &endpoint["dns://".len()..];
        (None, rest.split_once('/').map_or(rest, |(_, host)| host))
    } else {
        (None, endpoint)
    };
    // gRPC has no use for a path; Alloy loads configurations that have one.
    let rest = rest.split('/').next().unwrap_or_default();
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let port = match port.map(str::parse) {
        None => PORT,
        Some(Ok(port)) => port,
        Some(Err(_)) => return Err("should end with a port from 0 to 65535".to_owned()),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() || host.contains(['/', '@', ' ']) {
        return Err("should look like \"otlp:4317\"".to_owned());
    }
    Ok(Server {
        host: host.to_owned(),
        port,
        plain,
    })
}

/// The compression of a name.
fn compression(name: &str) -> Option<Compression> {
    Some(match name {
        "" | "none" => Compression::None,
        "gzip" => Compression::Gzip,
        "zstd" => Compression::Zstd,
        "snappy" => Compression::SnappyFrames,
        _ => return None,
    })
}

impl Arguments {
    /// Everything that is wrong, in all blocks.
    pub(super) fn check(&self) -> Vec<Error> {
        let mut found = Vec::new();
        if self.timeout.0 < 0 {
            found.push(Error::about("timeout", "must not be less than 0"));
        }
        let client = self.client.problems();
        let (retry, queue) = (&self.retry_on_failure, &self.sending_queue);
        found.extend(block_problems(client, &self.client.tls, retry, queue));
        found
    }

    /// What the arguments make of the promise that records arrive.
    pub(super) fn caveats(&self) -> Vec<Caveat> {
        let mut found = self.retry_on_failure.caveats();
        let text = "keeps what the endpoint refuses for good (InvalidArgument) as dead letters; \"invar why\" names it";
        found.push(Caveat::note(text));
        found
    }

    /// How requests are written.
    pub(super) fn format(&self) -> Format {
        Format {
            json: false,
            compression: compression(&self.client.compression).unwrap_or(Compression::None),
            level: None,
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
        if let Err(message) = server(&self.endpoint) {
            found.push(Error::about("endpoint", message));
        }
        if compression(&self.compression).is_none() {
            let message = format!(
                "is {:?}; use \"gzip\", \"zstd\", \"snappy\" or \"none\"",
                self.compression
            );
            found.push(Error::about("compression", message));
        }
        if !["round_robin", "pick_first", ""].contains(&self.balancer_name.as_str()) {
            let message = format!("is {:?}; use \"round_robin\" or \"pick_first\"", self.balancer_name);
            found.push(Error::about("balancer_name", message));
        }
        found.extend(request_problems(&self.headers, &self.auth));
        found
    }

    /// Host and port, as messages name the endpoint.
    pub(super) fn title(&self) -> String {
        match server(&self.endpoint) {
            Ok(Server { host, port, .. }) if host.contains(':') => format!("[{host}]:{port}"),
            Ok(Server { host, port, .. }) => format!("{host}:{port}"),
            Err(_) => "?".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_as_grpc_reads_them() {
        let read = |endpoint: &str| server(endpoint).map(|server| (server.host, server.port, server.plain));
        assert_eq!(read("otlp:4317"), Ok(("otlp".to_owned(), 4317, None)));
        assert_eq!(read("http://otlp:4317/"), Ok(("otlp".to_owned(), 4317, Some(true))));
        assert_eq!(read("https://otlp"), Ok(("otlp".to_owned(), 443, Some(false))));
        assert_eq!(read("dns:///tempo.svc:80"), Ok(("tempo.svc".to_owned(), 80, None)));
        assert_eq!(read("http://a:1/v1/traces"), Ok(("a".to_owned(), 1, Some(true))));
        assert_eq!(read("[::1]:4317"), Ok(("::1".to_owned(), 4317, None)));
        assert_eq!(read("::1"), Ok(("::1".to_owned(), 443, None)));
        for wrong in ["", ":4317", "otlp:port", "a@b", "a:99999"] {
            assert!(server(wrong).is_err(), "{wrong}");
        }
    }
}
