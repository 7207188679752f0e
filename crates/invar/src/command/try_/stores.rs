//! What `invar try` keeps of each signal, and the server that gives it out.

use axum::Router;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;

/// Where programs send OTLP over HTTP if nobody tells them otherwise.
const OTLP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4318);

/// Stores in memory, one for each signal.
pub struct Stores {
    /// Lines.
    pub logs: Arc<memstore::Store>,
    /// Samples.
    pub metrics: Arc<promstore::Store>,
    /// Spans.
    pub traces: Arc<spanstore::Store>,
}

impl Stores {
    /// Empty stores, each of which may take `max_bytes`.
    pub fn new(max_bytes: usize) -> Self {
        Stores {
            logs: Arc::new(memstore::Store::new(memstore::Config {
                max_bytes,
                ..memstore::Config::default()
            })),
            metrics: Arc::new(promstore::Store::new(promstore::Config {
                max_bytes,
                ..promstore::Config::default()
            })),
            traces: Arc::new(spanstore::Store::new(spanstore::Config {
                max_bytes,
                ..spanstore::Config::default()
            })),
        }
    }

    /// The APIs of all of them beside each other: Loki's, Prometheus' and Tempo's have no path in common.
    pub fn router(&self) -> Router {
        memstore::router(self.logs.clone())
            .merge(promstore::router(self.metrics.clone()))
            .merge(spanstore::router(self.traces.clone()))
    }
}

/// Listens where programs send spans. `None` if somebody else does, or if there is no loopback: then they can be sent to the page's address.
///
/// This is the place of `otelcol.receiver.otlp` in the configuration: as long as no exporter carries what it receives to the stores, that of spans takes
/// them itself.
pub async fn listen_for_spans() -> Option<TcpListener> {
    TcpListener::bind(OTLP).await.ok()
}
