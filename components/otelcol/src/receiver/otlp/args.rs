//! Arguments.

use crate::debug_metrics::DebugMetricsArgs;
use crate::output::OutputArgs;
use crate::server::grpc_args::GrpcServerArgs;
use crate::server::http_args::HttpServerArgs;
use component::Error;
use value::{Block, Invalid};

/// Receives logs, metrics and traces over OTLP: gRPC, and HTTP with protobuf or JSON.
///
/// A client is answered when what it sent was delivered, or is durable, or was dropped by a rule of the configuration. It may send again what it gets
/// another answer for.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Arguments {
    /// The gRPC server; there is none without this block.
    #[arg(block)]
    pub grpc: Option<GrpcServerArgs>,
    /// The HTTP server; there is none without this block.
    #[arg(block)]
    pub http: Option<HttpArgs>,
    /// Metrics about the component itself.
    #[arg(block, default)]
    pub debug_metrics: DebugMetricsArgs,
    /// Where telemetry goes. Requests for a signal that goes nowhere are refused.
    #[arg(block)]
    pub output: OutputArgs,
}

/// The HTTP server.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = HttpArgs::validate)]
pub struct HttpArgs {
    /// What HTTP servers have.
    #[arg(flatten)]
    pub server: HttpServerArgs,
    /// Path for traces.
    #[arg(default = "/v1/traces".to_owned())]
    pub traces_url_path: String,
    /// Path for metrics.
    #[arg(default = "/v1/metrics".to_owned())]
    pub metrics_url_path: String,
    /// Path for logs.
    #[arg(default = "/v1/logs".to_owned())]
    pub logs_url_path: String,
}

impl HttpArgs {
    fn validate(&self) -> Result<(), Invalid> {
        let paths = [
            ("traces_url_path", &self.traces_url_path),
            ("metrics_url_path", &self.metrics_url_path),
            ("logs_url_path", &self.logs_url_path),
        ];
        match paths.into_iter().find(|(_, path)| path.is_empty()) {
            Some((name, _)) => Err(Error::about(name, "must not be empty").into()),
            None => Ok(()),
        }
    }
}

impl Arguments {
    /// Everything that is wrong with the servers, as far as that shows without files and ports.
    pub(super) fn problems(&self) -> Vec<Error> {
        let grpc = self.grpc.iter().filter_map(|grpc| grpc.check().err());
        let http = self.http.iter().filter_map(|http| http.server.check().err());
        let grpc = grpc.map(|error| error.inside("grpc", 0));
        grpc.chain(http.map(|error| error.inside("http", 0))).collect()
    }
}
