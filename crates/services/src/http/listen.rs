//! The listener: takes connections, a bounded number of them, and ends them in good order.

use super::App;
use super::connection::Guarded;
use super::routes::dispatch;
use axum::body::Body;
use axum::http::Request;
use component::{CancellationToken, Error};
use http_body_util::Limited;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// What clients may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// How long a client may take for a TLS handshake, the head of a request, or to make room for a part of an answer. An idle
    /// connection is closed after the same time.
    pub patience: Duration,
    /// Bytes of the head of a request.
    pub head: usize,
    /// Bytes of the body of a request.
    pub body: usize,
    /// How long answers may take after the server was told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 1024,
            patience: Duration::from_secs(30),
            head: 64 << 10,
            body: 16 << 20,
            drain: Duration::from_secs(5),
        }
    }
}

/// Requests of one HTTP/2 connection at once.
const MAX_STREAMS: u32 = 128;
/// Pause after the system refused a connection, for want of file descriptors most of the time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes a port.
pub(super) fn bind(address: &str) -> Result<std::net::TcpListener, Error> {
    let fail = |error: io::Error| {
        let (why, what_to_do) = match error.kind() {
            io::ErrorKind::AddrInUse => ("address already in use".to_owned(), "stop the other process or pass"),
            io::ErrorKind::PermissionDenied => ("permission denied".to_owned(), "use a port above 1023 or pass"),
            io::ErrorKind::AddrNotAvailable => (
                "this machine does not have the address".to_owned(),
                "pass another one by",
            ),
            _ => (error.to_string().to_lowercase(), "pass another address by"),
        };
        Error::new(format!(
            "cannot listen on {address:?}: {why}; {what_to_do} --server.http.listen-addr"
        ))
    };
    let listener = match address.strip_prefix(':') {
        // Go's way to say all addresses: IPv6 with IPv4 in it, or IPv4 alone where there is no IPv6.
        Some(port) => {
            let port: u16 = port.parse().map_err(|_| {
                Error::new(format!(
                    "cannot listen on {address:?}: the port is not a number from 0 to 65535; pass another address by \
                     --server.http.listen-addr"
                ))
            })?;
            std::net::TcpListener::bind(("::", port)).or_else(|error| match error.kind() {
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
                _ => std::net::TcpListener::bind(("0.0.0.0", port)),
            })
        }
        None => address
            .to_socket_addrs()
            .and_then(|found| std::net::TcpListener::bind(found.collect::<Vec<SocketAddr>>().as_slice())),
    };
    let listener = listener.map_err(fail)?;
    listener.set_nonblocking(true).map_err(fail)?;
    Ok(listener)
}

pub(super) async fn serve(listener: TcpListener, app: Arc<App>, limits: Limits, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(limits.connections.max(1)));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let next = async {
            let seat = room.clone().acquire_owned().await;
            (seat, listener.accept().await)
        };
        tokio::select! {
            () = stop.cancelled() => break,
            (seat, accepted) = next => match accepted {
                Ok((stream, _)) => {
                    let (app, stop) = (app.clone(), stop.clone());
                    connections.spawn(async move {
                        let _seat = seat;
                        connection(stream, app, limits, stop).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(service = "http", err = %error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let finished = timeout(limits.drain, async { while connections.join_next().await.is_some() {} }).await;
    if finished.is_err() {
        tracing::warn!(
            service = "http",
            connections = connections.len(),
            "answers took too long and were cut off"
        );
        connections.shutdown().await;
    }
}

async fn connection(stream: TcpStream, app: Arc<App>, limits: Limits, stop: CancellationToken) {
    // Small answers go out at once. An error here shows again at the first use of the connection.
    let _ = stream.set_nodelay(true);
    let tls = app.policy.load().tls.clone();
    match tls {
        None => requests(Guarded::new(stream, limits.patience), app, limits, stop).await,
        Some(config) => match timeout(limits.patience, TlsAcceptor::from(config).accept(stream)).await {
            Ok(Ok(stream)) => requests(Guarded::new(stream, limits.patience), app, limits, stop).await,
            Ok(Err(error)) => tracing::debug!(service = "http", err = %error, "the TLS handshake failed"),
            Err(_) => tracing::debug!(service = "http", "the TLS handshake took too long"),
        },
    }
}

async fn requests<S>(stream: S, app: Arc<App>, limits: Limits, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let app = app.clone();
        let request = request.map(|body| Body::new(Limited::new(body, limits.body)));
        async move { Ok::<_, Infallible>(dispatch(app, request).await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.patience)
        .max_buf_size(limits.head.max(8 << 10));
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.patience)
        .keep_alive_timeout(limits.patience)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(service = "http", err = %error, "a connection ended");
    }
}
