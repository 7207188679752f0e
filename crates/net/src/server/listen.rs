//! The listener: takes connections, a bounded number of them, and ends them in good order.

use super::guarded::Guarded;
use super::pace::{Overdue, Pace, Paced};
use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// What clients may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// How long a client may take for a TLS handshake, and to say its first words.
    pub patience: Duration,
    /// How long a connection may be idle, if their number is limited or it is one of HTTP/1.1; after so long, one of HTTP/2 is asked for a
    /// sign of life. Also how long the head of a request may take.
    pub idle: Duration,
    /// How long a client may take to make room for a part of an answer.
    pub stall: Duration,
    /// Bytes of the head of a request.
    pub head: usize,
    /// Whether HTTP/2 is spoken beside HTTP/1.1.
    pub http2: bool,
    /// Requests of one HTTP/2 connection at once.
    pub streams: u32,
    /// How long answers may take after the server was told to stop.
    pub drain: Duration,
}

/// What a server has to tell its log.
pub enum Event<'a> {
    /// The system did not hand over a connection, for want of file descriptors most of the time.
    NotAccepted(&'a io::Error),
    /// A client did not get through the TLS handshake.
    Handshake(&'a dyn fmt::Display),
    /// A connection ended by an error.
    Ended(&'a dyn fmt::Display),
    /// So many connections were cut off because answers took too long after the stop.
    CutOff(usize),
}

/// Who sent a request: in its extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Pause after the system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a connection on which nothing is being answered may take to end.
const FAREWELL: Duration = Duration::from_secs(1);

/// Takes a port; `host` is a name or an address, empty for all addresses of the machine: IPv6 with IPv4 in it, or IPv4 alone where
/// there is no IPv6. Port 0 lets the system choose.
///
/// # Errors
/// Those of the operating system; see [`bind_failure`].
pub fn bind(host: &str, port: u16) -> io::Result<std::net::TcpListener> {
    let listener = if host.is_empty() {
        std::net::TcpListener::bind(("::", port)).or_else(|error| match error.kind() {
            io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
            _ => std::net::TcpListener::bind(("0.0.0.0", port)),
        })?
    } else {
        // An IPv6 address may be in brackets.
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let found: Vec<SocketAddr> = std::net::ToSocketAddrs::to_socket_addrs(&(host, port))?.collect();
        std::net::TcpListener::bind(found.as_slice())?
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Why a port was not taken, and the beginning of what to do about it: `use a port above 1023 or`.
pub fn bind_failure(error: &io::Error) -> (String, &'static str) {
    match error.kind() {
        io::ErrorKind::AddrInUse => ("address already in use".to_owned(), "stop the other process or"),
        io::ErrorKind::PermissionDenied => ("permission denied".to_owned(), "use a port above 1023 or"),
        io::ErrorKind::AddrNotAvailable => ("this machine does not have the address".to_owned(), ""),
        _ => (error.to_string().to_lowercase(), ""),
    }
}

/// Serves connections until `stop`, then lets what is being answered finish within [`Limits::drain`].
///
/// `tls` is asked for each new connection; without a configuration it is plain. `connection` is called once for each connection and
/// answers its requests: it is called with each of them in the order in which they came, so what it does before its future is polled is
/// in order. A future is dropped when its client goes away. Requests have their [`Peer`] in their extensions.
pub async fn serve<C, S, F, B>(
    listener: TcpListener,
    limits: Limits,
    tls: impl Fn() -> Option<Arc<ServerConfig>>,
    connection: C,
    report: fn(Event<'_>),
    stop: CancellationToken,
) where
    C: Fn() -> S,
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let room = Arc::new(Semaphore::new(limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
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
                Ok((stream, peer)) => {
                    let (answer, tls, stop) = (connection(), tls(), stop.clone());
                    connections.spawn(async move {
                        let _seat = seat;
                        let answer = move |mut request: Request<Incoming>| {
                            request.extensions_mut().insert(Peer(peer));
                            answer(request)
                        };
                        converse(stream, tls, answer, limits, report, stop).await;
                    });
                }
                Err(error) => {
                    report(Event::NotAccepted(&error));
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let finished = timeout(limits.drain, async { while connections.join_next().await.is_some() {} }).await;
    if finished.is_err() {
        report(Event::CutOff(connections.len()));
        connections.shutdown().await;
    }
}

async fn converse<S, F, B>(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    answer: S,
    limits: Limits,
    report: fn(Event<'_>),
    stop: CancellationToken,
) where
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Small answers go out at once. An error here shows again at the first use of the connection.
    let _ = stream.set_nodelay(true);
    match tls {
        None => {
            let stream = Guarded::new(stream, limits.patience, limits.stall);
            requests(stream, answer, limits, report, stop).await;
        }
        Some(config) => match timeout(limits.patience, TlsAcceptor::from(config).accept(stream)).await {
            Ok(Ok(stream)) => {
                let stream = Guarded::new(stream, limits.patience, limits.stall);
                requests(stream, answer, limits, report, stop).await;
            }
            Ok(Err(error)) => report(Event::Handshake(&error)),
            Err(_) => report(Event::Handshake(&"it took too long")),
        },
    }
}

async fn requests<T, S, F, B>(stream: T, answer: S, limits: Limits, report: fn(Event<'_>), stop: CancellationToken)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let pace = Pace::new();
    let answers = pace.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (one, pieces) = (answers.begin(), request.version() == Version::HTTP_2);
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await.map(|body| Paced::new(body, one, pieces))) }
    });
    let io = TokioIo::new(stream);
    let head = limits.head.max(8 << 10);
    let ended = if limits.http2 {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_buf_size(head);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(limits.idle)
            .keep_alive_timeout(limits.patience)
            .max_concurrent_streams(limits.streams.max(1))
            .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX));
        let connection = builder.serve_connection_with_upgrades(io, service);
        attend(
            connection,
            |connection| connection.graceful_shutdown(),
            &pace,
            limits,
            stop,
        )
        .await
    } else {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(limits.idle)
            .max_buf_size(head);
        let connection = builder.serve_connection(io, service).with_upgrades();
        attend(
            connection,
            |connection| connection.graceful_shutdown(),
            &pace,
            limits,
            stop,
        )
        .await
    };
    if let Err(error) = ended {
        report(Event::Ended(&error));
    }
}

/// Serves a connection to its end: until the client ends it, does not take its answers, or has nothing to ask, or until `stop`.
async fn attend<C, E>(
    connection: C,
    finish: impl Fn(Pin<&mut C>),
    pace: &Pace,
    limits: Limits,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    C: Future<Output = Result<(), E>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut connection = std::pin::pin!(connection);
    // Where nobody waits for a seat, who answers pings may keep theirs.
    let idle = match limits.connections {
        usize::MAX => Duration::MAX,
        _ => limits.idle,
    };
    let overdue = tokio::select! {
        ended = connection.as_mut() => return ended.map_err(Into::into),
        overdue = pace.overdue(limits.stall, idle) => overdue,
        () = stop.cancelled() => Overdue::Idle,
    };
    if overdue == Overdue::Idle {
        // What was asked is answered. Who is still asking, or asks nothing, is not waited for.
        finish(connection.as_mut());
        pace.touch();
        let overdue = tokio::select! {
            ended = connection.as_mut() => return ended.map_err(Into::into),
            overdue = pace.overdue(limits.stall, FAREWELL.min(limits.drain / 2)) => overdue,
        };
        if overdue == Overdue::Idle {
            return Ok(());
        }
    }
    Err("the client does not read".into())
}
