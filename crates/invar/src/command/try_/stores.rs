//! What `invar try` keeps of each signal, and the server that gives it out.

use axum::Router;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;

/// Where programs send OTLP if nobody tells them otherwise: over gRPC, and over HTTP.
pub const OTLP: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4317),
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4318),
];

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

/// Addresses for OTLP over gRPC and HTTP, free a moment ago: the usual ones if `usual`, unless somebody else listens there.
pub async fn free_for_otlp(usual: bool) -> io::Result<[SocketAddr; 2]> {
    // Both are held until both are known, so that they differ.
    let mut held = Vec::new();
    for address in OTLP {
        let listener = match TcpListener::bind(address).await {
            Ok(listener) if usual => listener,
            _ => TcpListener::bind(SocketAddr::new(address.ip(), 0)).await?,
        };
        held.push(listener);
    }
    Ok([held[0].local_addr()?, held[1].local_addr()?])
}
