//! Calls over HTTP/2 whose answers end with trailers: what gRPC is made of.

use crate::body::Body;
use crate::config::TlsConfig;
use crate::error::{ConfigError, SendError};
use crate::tls::{self, TlsExtras};
use crate::{HeaderMap, StatusCode};
use bytes::Bytes;
use host::Fs;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::http::uri::{Authority, PathAndQuery, Scheme, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

/// How long one connection may take to be made.
const CONNECT: Duration = Duration::from_secs(20);
/// How long the slower ones of several connections may take.
const CONNECT_OTHERS: Duration = Duration::from_secs(2);

/// Where a [`Channel`] leads and how.
#[derive(Clone, Debug)]
pub struct ChannelConfig {
    /// Name or address of the server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What calls name as their `:authority`; host and port if empty.
    pub authority: String,
    /// Encryption; none without it.
    pub tls: Option<(TlsConfig, TlsExtras)>,
    /// Whether calls are spread over all addresses of the host; otherwise they go to the first that answers.
    pub spread: bool,
    /// After how long without anything from the server it is asked whether it is there.
    pub ping_every: Option<Duration>,
    /// How long it may take to answer that.
    pub ping_timeout: Duration,
    /// Whether it is asked while there is no call.
    pub ping_idle: bool,
}

/// The answer to a call.
#[derive(Debug)]
pub struct Reply {
    /// Status of HTTP.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Beginning of the body.
    pub body: Bytes,
    /// What stands behind the body.
    pub trailers: HeaderMap,
}

/// Connections of HTTP/2 to one server, made when they are needed and again when they are lost.
pub struct Channel {
    config: ChannelConfig,
    scheme: Scheme,
    authority: Authority,
    fs: Arc<dyn Fs>,
    links: Mutex<Vec<Link>>,
    turn: AtomicUsize,
}

#[derive(Clone)]
struct Link {
    address: SocketAddr,
    sender: http2::SendRequest<Body>,
}

impl Channel {
    /// A channel. Connects to nothing yet; fails if the authority is not one, or a certificate or key is unreadable or not what it should be.
    pub fn new(config: ChannelConfig, fs: Arc<dyn Fs>) -> Result<Channel, ConfigError> {
        if let Some((tls, extras)) = &config.tls {
            tls.check()?;
            tls::client_config(tls, *extras, true, &*fs)?;
        }
        let authority = match config.authority.as_str() {
            "" if config.host.contains(':') => format!("[{}]:{}", config.host, config.port),
            "" => format!("{}:{}", config.host, config.port),
            authority => authority.to_owned(),
        };
        let authority = Authority::try_from(authority)
            .map_err(|error| ConfigError::caused("the authority is not the name of a server", error))?;
        Ok(Channel {
            scheme: match config.tls {
                Some(_) => Scheme::HTTPS,
                None => Scheme::HTTP,
            },
            authority,
            config,
            fs,
            links: Mutex::default(),
            turn: AtomicUsize::new(0),
        })
    }

    /// Posts a body to a path and reads at most `limit` bytes of the answer's body. Takes as long as it takes: it may be dropped at any point.
    pub async fn call(
        &self,
        path: PathAndQuery,
        headers: HeaderMap,
        body: Body,
        limit: usize,
    ) -> Result<Reply, SendError> {
        let mut link = self.link().await?;
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|error| SendError::new(error.to_string()))?;
        let mut request = hyper::Request::post(uri)
            .body(body)
            .map_err(|error| SendError::new(error.to_string()))?;
        *request.headers_mut() = headers;
        let response = link.sender.send_request(request).await.map_err(told)?;
        read(response, limit).await
    }

    /// A connection that is open.
    async fn link(&self) -> Result<Link, SendError> {
        let mut links = self.links.lock().await;
        links.retain(|link| !link.sender.is_closed());
        if links.is_empty() {
            *links = self.connect().await?;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % links.len();
        Ok(links[turn].clone())
    }

    /// Connections to one or, if calls are spread, all addresses of the server that can be reached: at least one.
    async fn connect(&self) -> Result<Vec<Link>, SendError> {
        let target = (self.config.host.as_str(), self.config.port);
        let found = tokio::time::timeout(CONNECT, tokio::net::lookup_host(target)).await;
        let mut addresses: Vec<SocketAddr> = match found {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(error)) => {
                return Err(SendError::new(format!(
                    "{:?} has no address: {error}",
                    self.config.host
                )));
            }
            Err(_) => return Err(SendError::timeout()),
        };
        addresses.dedup();
        let tls = self.tls().await?;
        let mut links: Vec<Link> = Vec::new();
        let mut failed = None;
        for address in addresses {
            let patience = if links.is_empty() { CONNECT } else { CONNECT_OTHERS };
            match tokio::time::timeout(patience, self.connect_to(address, tls.clone())).await {
                Ok(Ok(sender)) => links.push(Link { address, sender }),
                Ok(Err(error)) => failed = Some(error),
                Err(_) => failed = Some(SendError::timeout()),
            }
            if !self.config.spread && !links.is_empty() {
                break;
            }
        }
        match failed {
            Some(error) if links.is_empty() => Err(error),
            _ if links.is_empty() => Err(SendError::new(format!("{:?} has no address", self.config.host))),
            _ => {
                tracing::debug!(addresses = ?links.iter().map(|link| link.address).collect::<Vec<_>>(), "connected");
                Ok(links)
            }
        }
    }

    /// The encryption as the files are now.
    async fn tls(&self) -> Result<Option<TlsConnector>, SendError> {
        let Some((tls, extras)) = self.config.tls.clone() else {
            return Ok(None);
        };
        let fs = self.fs.clone();
        let made = tokio::task::spawn_blocking(move || tls::client_config(&tls, extras, true, &*fs)).await;
        let mut config = made
            .map_err(|error| SendError::new(error.to_string()))?
            .map_err(|error| SendError::new(error.to_string()))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Some(TlsConnector::from(Arc::new(config))))
    }

    async fn connect_to(
        &self,
        address: SocketAddr,
        tls: Option<TlsConnector>,
    ) -> Result<http2::SendRequest<Body>, SendError> {
        let failed = |error: std::io::Error| SendError::new(error.to_string());
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new());
        if let Some(every) = self.config.ping_every {
            builder
                .keep_alive_interval(every)
                .keep_alive_timeout(self.config.ping_timeout)
                .keep_alive_while_idle(self.config.ping_idle);
        }
        match tls {
            Some(tls) => {
                let name = ServerName::try_from(self.authority.host().trim_matches(['[', ']']).to_owned())
                    .map_err(|error| SendError::new(error.to_string()))?;
                let stream = tls.connect(name, stream).await.map_err(failed)?;
                let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(told)?;
                tokio::spawn(connection);
                Ok(sender)
            }
            None => {
                let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(told)?;
                tokio::spawn(connection);
                Ok(sender)
            }
        }
    }
}

/// The error with what is behind it.
fn told(error: hyper::Error) -> SendError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    SendError::new(text)
}

async fn read(response: hyper::Response<Incoming>, limit: usize) -> Result<Reply, SendError> {
    let (head, mut incoming) = response.into_parts();
    let (mut body, mut trailers) = (Vec::new(), HeaderMap::new());
    while let Some(frame) = incoming.frame().await {
        match frame.map_err(told)?.into_data() {
            Ok(data) => {
                let room = limit - body.len();
                body.extend_from_slice(&data[..data.len().min(room)]);
            }
            Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
        }
    }
    Ok(Reply {
        status: head.status,
        headers: head.headers,
        body: body.into(),
        trailers,
    })
}
