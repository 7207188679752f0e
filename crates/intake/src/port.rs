//! A port, and a server that may start on it.

use crate::answer::{Handler, Serving, Terms};
use crate::args::{HttpArgs, Settings, TlsArgs, bound};
use component::{CancellationToken, Error, Result};
use host::Host;
use net::server::{Event, ServerConfig};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// How long connections may take to end after their last request was answered.
const GOODBYE: Duration = Duration::from_secs(1);

/// A port that is held.
pub(crate) struct Port {
    http: (String, u16),
    listener: TcpListener,
    address: SocketAddr,
}

/// A server that may start: nothing of it can fail any more.
pub(crate) struct Ready {
    pub(crate) port: Arc<Port>,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    http: HttpArgs,
    grace: Duration,
}

impl Port {
    /// The address, with the port that the system chose if it was asked to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn bind(id: &str, host: &str, port: u16) -> Result<Port> {
        let fail = |error: std::io::Error| {
            let (why, what_to_do) = net::server::bind_failure(&error);
            let what_to_do = match what_to_do {
                "" => "set another address in its \"http\" block".to_owned(),
                first => format!("{first} set another port in its \"http\" block"),
            };
            Error::new(format!(
                "{id} cannot listen on {:?}: {why}; {what_to_do}",
                format!("{host}:{port}")
            ))
        };
        let listener = net::server::bind(host, port).map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        Ok(Port {
            http: (host.to_owned(), port),
            listener,
            address,
        })
    }
}

fn tls(host: &Host, args: &TlsArgs, http2: bool) -> Result<ServerConfig> {
    net::server::server_config(&args.server()?, http2, &*host.fs).map_err(|error| Error::new(error.to_string()))
}

impl Ready {
    /// Reads certificates and takes the port, unless it is the one that is held already.
    pub(crate) fn new(id: &str, host: &Host, args: &Settings, held: Option<&Arc<Port>>) -> Result<Ready> {
        let http = &args.http;
        let http2 = http.http2.as_ref().is_some_and(|http2| http2.enabled);
        let server = http.tls.as_ref().map(|args| tls(host, args, http2)).transpose()?;
        if let Some(args) = args.grpc.as_ref().and_then(|grpc| grpc.tls.as_ref()) {
            tls(host, args, true).map_err(|error| Error::new(format!("grpc: {error}")))?;
        }
        let wanted = (http.listen_address.clone(), http.port());
        let port = match held.filter(|held| held.http == wanted) {
            Some(held) => held.clone(),
            None => Arc::new(Port::bind(id, &wanted.0, wanted.1)?),
        };
        let listener = port
            .listener
            .try_clone()
            .map_err(|error| Error::caused(format!("{id} cannot listen on {}", port.address), error))?;
        Ok(Ready {
            port,
            listener,
            tls: server.map(Arc::new),
            http: http.clone(),
            grace: args.grace.as_std(),
        })
    }

    /// Serves until `stop`; then what is being answered has the time of the arguments to finish.
    pub(crate) async fn serve<H: Handler>(self, shared: Arc<Serving<H>>, stop: CancellationToken) -> Result<()> {
        let address = self.port.address;
        // From now on only the component itself holds the port besides this server.
        drop(self.port);
        let listener = tokio::net::TcpListener::from_std(self.listener)
            .map_err(|error| Error::caused(format!("{} cannot listen on {address}", shared.id), error))?;
        tracing::info!(%address, tls = self.tls.is_some(), "listening for pushes");
        let terms = Terms {
            read: bound(self.http.server_read_timeout),
            wait: bound(self.http.server_write_timeout),
            cut: CancellationToken::new(),
        };
        let limit = u32::try_from(self.http.conn_limit).unwrap_or_default();
        shared.metrics.connections_limit.set(f64::from(limit));
        let cut = terms.cut.clone();
        let grace = self.grace;
        let told = stop.clone();
        let patience = async move {
            told.cancelled().await;
            tokio::time::sleep(grace).await;
            cut.cancel();
            // Until the server ends, which is soon.
            std::future::pending::<()>().await;
        };
        let tls = self.tls;
        let limits = self.http.limits(grace + GOODBYE);
        let connection = || shared.connection(&terms);
        let serve = net::server::serve(listener, limits, || tls.clone(), connection, report, stop);
        tokio::select! {
            () = serve => {}
            () = patience => {}
        }
        tracing::info!(%address, "stopped listening for pushes");
        Ok(())
    }
}

fn report(event: Event<'_>) {
    match event {
        Event::NotAccepted(error) => tracing::warn!(err = %error, "cannot accept a connection"),
        Event::Handshake(error) => tracing::debug!(err = %error, "the TLS handshake failed"),
        Event::Ended(error) => tracing::debug!(err = %error, "a connection ended"),
        Event::CutOff(connections) => tracing::warn!(connections, "connections did not end in time and were cut off"),
    }
}
