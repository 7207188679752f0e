//! What the tests and benchmarks of several crates share: peers that misbehave on demand.

pub mod cluster;
pub mod kube_api;
pub mod loki_sink;
pub mod metrics_peers;
pub mod otlp_peers;
mod pace;
pub mod schema;
pub mod tls_front;
pub mod txtar;

/// A runtime for peers, with one thread.
///
/// # Errors
/// The system has no thread or timer for it.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}
