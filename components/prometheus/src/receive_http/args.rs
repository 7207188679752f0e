//! Arguments.

use component::prelude::*;
use intake::{GrpcArgs, HttpArgs};
use std::fmt;
use value::{GoDuration, Invalid, Seg};

/// The versions of remote write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

impl Version {
    /// The version whose message has a name.
    pub(super) fn of(message: &str) -> Option<Version> {
        [Version::V1, Version::V2]
            .into_iter()
            .find(|version| version.message() == message)
    }

    fn message(self) -> &'static str {
        match self {
            Version::V1 => "prometheus.WriteRequest",
            Version::V2 => "io.prometheus.write.v2.Request",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

/// Receives samples that clients push by Prometheus' remote write, at `/api/v1/metrics/write`.
///
/// A client gets a 2xx when its samples were delivered, are on disk, or were dropped by a rule of the configuration. A request with invalid series is
/// answered with 400, and the valid ones are passed on.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = Arguments::validate)]
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
    /// Where samples go: each receiver gets all of them.
    #[arg]
    pub forward_to: Vec<MetricsReceiver>,
    /// The messages that are taken: `prometheus.WriteRequest` is remote write 1.0, and `io.prometheus.write.v2.Request` 2.0, which is
    /// experimental.
    #[arg(default = vec![Version::V1.message().to_owned()])]
    pub accepted_remote_write_protobuf_messages: Vec<String>,
    /// Whether types, units and help texts of metrics are passed on. Experimental.
    #[arg(default)]
    pub append_metadata: bool,
    /// Whether series of remote write 2.0 get their type and unit as labels `__type__` and `__unit__`. Experimental.
    #[arg(default)]
    pub enable_type_and_unit_labels: bool,
}

const MESSAGES: &str = "accepted_remote_write_protobuf_messages";

impl Arguments {
    fn validate(&self) -> std::result::Result<(), Invalid> {
        component::first(self.unknown_messages())
    }

    fn unknown_messages(&self) -> Vec<Error> {
        let messages = &self.accepted_remote_write_protobuf_messages;
        if messages.is_empty() {
            return vec![Error::about(MESSAGES, "must name at least one message")];
        }
        let unknown = messages
            .iter()
            .enumerate()
            .filter(|(_, message)| Version::of(message).is_none());
        let error = |(at, message): (usize, &String)| {
            let (v1, v2) = (Version::V1, Version::V2);
            Error::about(
                MESSAGES,
                format!("there is no message {message:?}; use \"{v1}\" or \"{v2}\""),
            )
            .at([Seg::Index(at)])
        };
        unknown.map(error).collect()
    }

    /// Everything that is wrong, as far as that shows without files and ports.
    pub(super) fn problems(&self) -> Vec<Error> {
        let mut found = self.unknown_messages();
        found.extend(self.server().problems());
        found
    }

    /// Refuses what is experimental where that is not wanted.
    pub(super) fn settled(&self, stability: Stability) -> Result<()> {
        if stability == Stability::Experimental {
            return Ok(());
        }
        let how = "is an experimental feature; run with --stability.level=experimental to use it";
        if self.accepted().contains(&Version::V2) {
            return Err(Error::about(MESSAGES, format!("\"{}\" {how}", Version::V2)));
        }
        for (name, used) in [
            ("append_metadata", self.append_metadata),
            ("enable_type_and_unit_labels", self.enable_type_and_unit_labels),
        ] {
            if used {
                return Err(Error::about(name, how));
            }
        }
        Ok(())
    }

    /// The versions that are taken.
    pub(super) fn accepted(&self) -> Vec<Version> {
        let messages = self.accepted_remote_write_protobuf_messages.iter();
        messages.filter_map(|message| Version::of(message)).collect()
    }

    /// What the server needs of them.
    pub(super) fn server(&self) -> intake::Settings {
        intake::Settings {
            http: self.http.clone(),
            grpc: self.grpc.clone(),
            grace: self.graceful_shutdown_timeout,
        }
    }
}
