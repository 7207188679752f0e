//! The block of an HTTP server, without what is about paths.

use super::compression::Compression;
use super::port;
use super::tls_args::ServerTlsArgs;
use component::{AuthHandler, Error, Result};
use std::time::Duration;
use value::{Block, ByteSize, GoDuration, Seg};

/// An HTTP server.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct HttpServerArgs {
    /// Host and port to listen on.
    #[arg(default = "0.0.0.0:4318".to_owned())]
    pub endpoint: String,
    /// Bytes that a body may have, as it came and after decompression; 0 for 20 MiB.
    #[arg(default = ByteSize(20 << 20))]
    pub max_request_body_size: ByteSize,
    /// Whether the headers of requests travel with the telemetry.
    #[arg(default)]
    pub include_metadata: bool,
    /// Values of `Content-Encoding` that are understood; the empty one stands for bodies that are not compressed.
    #[arg(default = ["", "gzip", "zstd", "zlib", "snappy", "deflate", "lz4"].map(str::to_owned).to_vec())]
    pub compression_algorithms: Vec<String>,
    /// Whether a connection serves more than one request.
    #[arg(default = true)]
    pub keep_alives_enabled: bool,
    /// How long a connection may be idle; 0 for any time.
    #[arg(default = GoDuration::minutes(1))]
    pub idle_timeout: GoDuration,
    /// How long the head of a request may take; 0 for any time.
    #[arg(default = GoDuration::minutes(1))]
    pub read_header_timeout: GoDuration,
    /// How long a request may take to come in; 0 for any time.
    #[arg(default)]
    pub read_timeout: GoDuration,
    /// How long a client waits for an answer; after that it is told to come back. 0 for any time.
    #[arg(default = GoDuration::seconds(30))]
    pub write_timeout: GoDuration,
    /// Who may send, from `handler` of an `otelcol.auth.*`.
    #[arg(default)]
    pub auth: AuthHandler,
    /// Encryption.
    #[arg(block)]
    pub tls: Option<ServerTlsArgs>,
    /// Which web pages may send.
    #[arg(block)]
    pub cors: Option<CorsArgs>,
}

/// Which web pages may send.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct CorsArgs {
    /// Origins of pages that may, such as `https://*.example.com`; none if empty.
    #[arg(default)]
    pub allowed_origins: Vec<String>,
    /// Headers that they may send besides those that any page may: `*` for all.
    #[arg(default = vec!["X-Requested-With".to_owned()])]
    pub allowed_headers: Vec<String>,
    /// Headers of answers that they may see.
    #[arg(default)]
    pub exposed_headers: Vec<String>,
    /// For how many seconds browsers may remember all this; 0 leaves it to them.
    #[arg(default)]
    pub max_age: i64,
}

/// Go's way: a time of 0 is no bound.
pub(crate) fn bound(time: GoDuration) -> Duration {
    match time.as_std() {
        Duration::ZERO => port::LONG,
        time => time.min(port::LONG),
    }
}

impl HttpServerArgs {
    /// Checks what can be checked without files and ports.
    pub(crate) fn check(&self) -> Result<()> {
        port::parse(&self.endpoint)?;
        for (number, name) in self.compression_algorithms.iter().enumerate() {
            if !name.is_empty() && Compression::named(name).is_none() {
                let error = Error::about("compression_algorithms", format!("{name:?} is not known"));
                return Err(error.at([Seg::Index(number)]));
            }
        }
        port::check_auth(&self.auth)?;
        self.tls.as_ref().map_or(Ok(()), ServerTlsArgs::check)
    }

    /// Most bytes of a body.
    pub(crate) fn max_body(&self) -> usize {
        match usize::try_from(self.max_request_body_size.0).unwrap_or(usize::MAX) {
            0 => 20 << 20,
            size => size,
        }
    }

    /// What clients may take.
    pub(crate) fn limits(&self, drain: Duration) -> net::server::Limits {
        net::server::Limits {
            connections: usize::MAX,
            patience: bound(self.read_header_timeout),
            idle: bound(self.idle_timeout).max(bound(self.read_header_timeout)),
            stall: bound(self.write_timeout),
            head: 64 << 10,
            http2: true,
            streams: 250,
            drain,
        }
    }
}
