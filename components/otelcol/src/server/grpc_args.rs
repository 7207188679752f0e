//! The block of a gRPC server.

use super::port;
use super::tls_args::ServerTlsArgs;
use component::{AuthHandler, Error, Result};
use std::time::Duration;
use value::{Block, ByteSize, GoDuration};

/// A gRPC server.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct GrpcServerArgs {
    /// Host and port to listen on.
    #[arg(default = "0.0.0.0:4317".to_owned())]
    pub endpoint: String,
    /// Kind of socket: `tcp`.
    #[arg(default = "tcp".to_owned())]
    pub transport: String,
    /// Bytes that a message may have, as it came and after decompression; 0 for 4 MiB.
    #[arg(default = ByteSize(4 << 20))]
    pub max_recv_msg_size: ByteSize,
    /// Calls of one connection at once; 0 for any number.
    #[arg(default)]
    pub max_concurrent_streams: u32,
    /// Has no effect.
    #[arg(default = ByteSize(512 << 10))]
    pub read_buffer_size: ByteSize,
    /// Has no effect.
    #[arg(default)]
    pub write_buffer_size: ByteSize,
    /// Whether the metadata of calls travels with the telemetry.
    #[arg(default)]
    pub include_metadata: bool,
    /// Who may call, from `handler` of an `otelcol.auth.*`.
    #[arg(default)]
    pub auth: AuthHandler,
    /// Encryption.
    #[arg(block)]
    pub tls: Option<ServerTlsArgs>,
    /// Connections that nobody uses.
    #[arg(block)]
    pub keepalive: Option<KeepaliveArgs>,
}

/// Connections that nobody uses.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct KeepaliveArgs {
    /// What the server does about them.
    #[arg(block)]
    pub server_parameters: Option<ServerParametersArgs>,
    /// What clients may do about them.
    #[arg(block)]
    pub enforcement_policy: Option<EnforcementPolicyArgs>,
}

/// The longest duration: never.
const NEVER: GoDuration = GoDuration(i64::MAX);

/// What the server does about connections that nobody uses.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct ServerParametersArgs {
    /// Has no effect: connections stay open.
    #[arg(default = NEVER)]
    pub max_connection_idle: GoDuration,
    /// Has no effect: connections stay open.
    #[arg(default = NEVER)]
    pub max_connection_age: GoDuration,
    /// Has no effect: connections stay open.
    #[arg(default = NEVER)]
    pub max_connection_age_grace: GoDuration,
    /// After which time without activity a client is asked whether it is there; 0 for 2 hours.
    #[arg(default = GoDuration::seconds(2 * 3600))]
    pub time: GoDuration,
    /// How long it may take to answer; 0 for 20 seconds.
    #[arg(default = GoDuration::seconds(20))]
    pub timeout: GoDuration,
}

/// What clients may do about connections that nobody uses.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct EnforcementPolicyArgs {
    /// Has no effect: clients may ask as often as they like.
    #[arg(default = GoDuration::minutes(5))]
    pub min_time: GoDuration,
    /// Has no effect: clients may.
    #[arg(default)]
    pub permit_without_stream: bool,
}

/// How long a client may take to make room for a part of an answer, and answers may take after the server was told to stop.
const STALL: Duration = Duration::from_secs(120);

impl GrpcServerArgs {
    /// Checks what can be checked without files and ports.
    pub(crate) fn check(&self) -> Result<()> {
        port::parse(&self.endpoint)?;
        if !["tcp", "tcp4", "tcp6", ""].contains(&self.transport.as_str()) {
            return Err(Error::about(
                "transport",
                format!("{:?} is not supported; use \"tcp\"", self.transport),
            ));
        }
        port::check_auth(&self.auth)?;
        self.tls.as_ref().map_or(Ok(()), ServerTlsArgs::check)
    }

    /// Most bytes of a message.
    pub(crate) fn max_message(&self) -> usize {
        match usize::try_from(self.max_recv_msg_size.0).unwrap_or(usize::MAX) {
            0 => 4 << 20,
            size => size,
        }
    }

    /// What clients may take.
    pub(crate) fn limits(&self, drain: Duration) -> net::server::Limits {
        let parameters = self
            .keepalive
            .as_ref()
            .and_then(|keepalive| keepalive.server_parameters.as_ref());
        let time = |time: Option<GoDuration>, default: u64| match time.map(GoDuration::as_std) {
            None | Some(Duration::ZERO) => Duration::from_secs(default),
            Some(time) => time.clamp(Duration::from_secs(1), super::port::LONG),
        };
        net::server::Limits {
            connections: usize::MAX,
            patience: time(parameters.map(|parameters| parameters.timeout), 20),
            idle: time(parameters.map(|parameters| parameters.time), 2 * 3600),
            stall: STALL,
            head: 64 << 10,
            http2: true,
            streams: match self.max_concurrent_streams {
                0 => u32::MAX,
                streams => streams,
            },
            drain,
        }
    }
}
