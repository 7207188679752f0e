//! Servers that may start: nothing of them can fail any more.

use super::args::HttpArgs;
use super::take::Shared;
use super::{grpc, http};
use crate::server::cors::Cors;
use crate::server::grpc_args::GrpcServerArgs;
use crate::server::http_args::bound;
use crate::server::port::{Port, report};
use component::{CancellationToken, Context, Error, Result};
use net::server::{Incoming, Limits, ServerConfig};
use signals::Signal;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// How long answers may take after a server was told to stop.
const DRAIN: Duration = Duration::from_secs(30);

pub(super) struct Ready {
    pub(super) port: Arc<Port>,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    limits: Limits,
    terms: Terms,
}

#[derive(Clone)]
enum Terms {
    Grpc(Arc<grpc::Terms>),
    Http(Arc<http::Terms>),
}

impl Ready {
    /// Reads certificates and takes the port, unless it is the one that is held already.
    pub(super) fn grpc(cx: &Context<()>, args: &GrpcServerArgs, held: Option<&Arc<Port>>) -> Result<Ready> {
        let tls = args.tls.as_ref().map(|tls| tls.server(cx)).transpose()?;
        let port = Port::take(cx.id(), "grpc", &args.endpoint, held)?;
        Ok(Ready {
            listener: port.listener()?,
            port,
            tls,
            limits: args.limits(DRAIN),
            terms: Terms::Grpc(Arc::new(grpc::Terms {
                auth: args.auth.clone(),
                include_metadata: args.include_metadata,
                limit: args.max_message(),
            })),
        })
    }

    /// The same for HTTP.
    pub(super) fn http(cx: &Context<()>, args: &HttpArgs, held: Option<&Arc<Port>>) -> Result<Ready> {
        let server = &args.server;
        let tls = server.tls.as_ref().map(|tls| tls.server(cx)).transpose()?;
        let port = Port::take(cx.id(), "http", &server.endpoint, held)?;
        let path = |path: &String| match path.starts_with('/') {
            true => path.clone(),
            false => format!("/{path}"),
        };
        Ok(Ready {
            listener: port.listener()?,
            port,
            tls,
            limits: server.limits(DRAIN),
            terms: Terms::Http(Arc::new(http::Terms {
                auth: server.auth.clone(),
                include_metadata: server.include_metadata,
                limit: server.max_body(),
                paths: [
                    (Signal::Traces, path(&args.traces_url_path)),
                    (Signal::Metrics, path(&args.metrics_url_path)),
                    (Signal::Logs, path(&args.logs_url_path)),
                ],
                encodings: server.compression_algorithms.clone(),
                cors: server.cors.as_ref().and_then(Cors::new),
                keep_alive: server.keep_alives_enabled,
                read: bound(server.read_timeout),
                wait: bound(server.write_timeout),
            })),
        })
    }

    /// Serves until `stop`; then what is being answered has a while to finish.
    pub(super) async fn serve(self, shared: Arc<Shared>, stop: CancellationToken) -> Result<()> {
        let address = self.port.address();
        // From now on only the component itself holds the port besides this server.
        drop(self.port);
        let listener = tokio::net::TcpListener::from_std(self.listener)
            .map_err(|error| Error::caused(format!("{} cannot listen on {address}", shared.cx.id()), error))?;
        let protocol = match self.terms {
            Terms::Grpc(_) => "grpc",
            Terms::Http(_) => "http",
        };
        tracing::info!(%address, protocol, tls = self.tls.is_some(), "listening for OTLP");
        let tls = self.tls;
        let connection = || {
            let (shared, terms) = (shared.clone(), self.terms.clone());
            move |request: hyper::Request<Incoming>| {
                let (shared, terms) = (shared.clone(), terms.clone());
                async move {
                    match &terms {
                        Terms::Grpc(terms) => grpc::answer(&shared, terms, request).await,
                        Terms::Http(terms) => http::answer(&shared, terms, request).await,
                    }
                }
            }
        };
        net::server::serve(listener, self.limits, || tls.clone(), connection, report, stop).await;
        tracing::info!(%address, protocol, "stopped listening for OTLP");
        Ok(())
    }
}
