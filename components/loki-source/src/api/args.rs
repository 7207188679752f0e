//! Arguments.

use component::RelabelRules;
use component::prelude::*;
use intake::{GrpcArgs, HttpArgs};
use std::collections::BTreeMap;
use value::{ByteSize, GoDuration};

/// Receives log lines that clients push over HTTP, in Loki's push format or as plain lines.
///
/// A client gets a 2xx when its lines were delivered, or dropped by a rule of the configuration. A push of which one stream is malformed is
/// refused as a whole.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// The HTTP server.
    #[arg(block, default)]
    pub http: HttpArgs,
    /// Accepted and checked; no gRPC server is started, since nothing could be pushed to it.
    #[arg(block)]
    pub grpc: Option<GrpcArgs>,
    /// How long requests may take that are being answered when the server stops.
    #[arg(default = GoDuration::seconds(30))]
    pub graceful_shutdown_timeout: GoDuration,
    /// Where lines go.
    #[arg]
    pub forward_to: Vec<LogsReceiver>,
    /// Labels that every stream gets; they replace labels of the same name.
    #[arg(default)]
    pub labels: BTreeMap<String, String>,
    /// Rules for the labels of pushed streams, from `rules` of a `loki.relabel`.
    #[arg(default)]
    pub relabel_rules: RelabelRules,
    /// Whether entries keep the time that the client gave them; otherwise they get the time at which they came.
    #[arg(default)]
    pub use_incoming_timestamp: bool,
    /// Bytes that a request may have, as it came and after each decoding.
    #[arg(default = ByteSize(100 << 20))]
    pub max_send_message_size: ByteSize,
}

impl Arguments {
    /// What the server needs of them.
    pub(super) fn server(&self) -> intake::Settings {
        intake::Settings {
            http: self.http.clone(),
            grpc: self.grpc.clone(),
            grace: self.graceful_shutdown_timeout,
        }
    }
}
