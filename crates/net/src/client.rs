//! Sending requests.

use crate::body::Body;
use crate::cloud::CloudAuth;
use crate::config::HttpClientConfig;
use crate::credentials::{self, Auth};
use crate::error::{ConfigError, SendError};
use crate::line::{self, Line, Servers};
use crate::tls::TlsExtras;
use crate::transport::{Redirects, Settings, Transport};
use crate::{HeaderMap, Method, StatusCode};
use bytes::Bytes;
use host::Fs;
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::header::{AUTHORIZATION, HOST, LOCATION};
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// Sends requests as an [`HttpClientConfig`] says. Keeps connections open between them.
pub struct Client {
    transport: Arc<Transport>,
    auth: Auth,
    headers: HeaderMap,
    fs: Arc<dyn Fs>,
    redirects: Redirects,
    /// Makes connections for a [`Line`]; `None` if proxies stand between.
    connector: Option<HttpConnector>,
    servers: Servers,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers; they win over those of the configuration, an `Authorization` over its credentials.
    pub headers: HeaderMap,
    /// Body.
    pub body: Body,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Beginning of the body.
    pub body: Bytes,
    /// Whether the body broke off before its end and before the limit.
    pub broken: bool,
}

/// An answer whose body is elsewhere.
#[derive(Debug)]
pub struct Head {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Why the body broke off before its end and before the limit, if it did.
    pub broken: Option<SendError>,
}

impl Client {
    /// A client. Fails if a certificate or key is unreadable or not what it should be; files with passwords and tokens are
    /// read when they are needed.
    pub fn new(config: &HttpClientConfig, fs: Arc<dyn Fs>) -> Result<Self, ConfigError> {
        Self::with(config, TlsExtras::default(), Redirects::All, fs)
    }

    /// A client for sending data. The same, but of redirects it follows only those that repeat the request with its body (307 and
    /// 308): after the others a GET would be sent, and its success would be taken for the data's.
    pub fn pushing(config: &HttpClientConfig, fs: Arc<dyn Fs>) -> Result<Self, ConfigError> {
        Self::pushing_with(config, TlsExtras::default(), fs)
    }

    /// The same, with more to say of TLS.
    pub fn pushing_with(config: &HttpClientConfig, extras: TlsExtras, fs: Arc<dyn Fs>) -> Result<Self, ConfigError> {
        Self::with(config, extras, Redirects::SameRequest, fs)
    }

    fn with(
        config: &HttpClientConfig,
        extras: TlsExtras,
        redirects: Redirects,
        fs: Arc<dyn Fs>,
    ) -> Result<Self, ConfigError> {
        config.validate().map_err(ConfigError::new)?;
        let redirects = if config.follow_redirects {
            redirects
        } else {
            Redirects::None
        };
        let settings = Settings {
            tls: config.tls_config.clone().unwrap_or_default(),
            extras,
            proxy: config.proxy.clone(),
            redirects,
            http2: config.enable_http2,
        };
        let transport = Transport::new(settings, fs.clone())?;
        Ok(Client {
            redirects,
            connector: (!transport.has_proxies()).then(line::connector),
            servers: Servers::default(),
            transport: Arc::new(transport),
            auth: Auth::new(config, &fs)?,
            headers: credentials::headers(&config.http_headers)?,
            fs,
        })
    }

    /// The same client, whose requests a cloud accepts; the credentials of its configuration are not used.
    pub fn authorized_by(self, cloud: Arc<CloudAuth>) -> Self {
        Client {
            auth: Auth::Cloud(cloud),
            ..self
        }
    }

    /// Sends a request and reads at most `limit` bytes of the answer's body. An answer of any status is an answer.
    pub async fn send(&self, request: Request, limit: usize) -> Result<Answer, SendError> {
        let mut body = Vec::new();
        let head = self.receive(request, limit, &mut body).await?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.into(),
            broken: head.broken.is_some(),
        })
    }

    /// [`Client::send`] for bodies that are read into memory which is there already: `body` is emptied first.
    pub async fn receive(&self, request: Request, limit: usize, body: &mut Vec<u8>) -> Result<Head, SendError> {
        body.clear();
        let timeout = request.timeout;
        let request = self.dressed(request).await?;
        let exchange = async { receive(self.prepared(request).await?, limit, body).await };
        let head = match tokio::time::timeout(timeout, exchange).await {
            Ok(head) => head?,
            Err(_) => return Err(SendError::timeout()),
        };
        self.look_at(head.status).await;
        Ok(head)
    }

    /// A line for the question `url`, which is asked each `interval` with these headers; `timeout` is for each exchange. Connects to nothing yet.
    pub fn line(&self, url: Url, mut headers: HeaderMap, timeout: Duration, interval: Duration) -> Line {
        let straight = self.connector.is_some() && !matches!(self.auth, Auth::Cloud(_));
        // The configuration's `Host`, if it has one, and not the address's.
        if let Some(host) = self.headers.get(HOST) {
            headers.entry(HOST).or_insert_with(|| host.clone());
        }
        Line::new(straight.then_some(&self.servers), url, headers, timeout, interval)
    }

    /// Asks the question of a line. The same as [`Client::receive`] of a GET, and less work where nothing but a plain connection is needed.
    pub async fn ask(&self, line: &mut Line, limit: usize, body: &mut Vec<u8>) -> Result<Head, SendError> {
        let started = Instant::now();
        match &self.connector {
            Some(connector) if line.is_plain() => {
                let head = self.ask_plainly(connector, line, limit, body).await?;
                if !self.redirects.follows(head.status) || !head.headers.contains_key(LOCATION) {
                    self.look_at(head.status).await;
                    return Ok(head);
                }
                line.give_way();
            }
            _ => {}
        }
        let request = Request {
            method: Method::GET,
            url: line.url.clone(),
            headers: line.headers.clone(),
            body: Body::new(),
            timeout: line.timeout.saturating_sub(started.elapsed()),
        };
        // In a box, so that those who go straight have no room for this in their state.
        Box::pin(self.receive(request, limit, body)).await
    }

    async fn ask_plainly(
        &self,
        connector: &HttpConnector,
        line: &Line,
        limit: usize,
        body: &mut Vec<u8>,
    ) -> Result<Head, SendError> {
        body.clear();
        let timeout = line.timeout;
        let exchange = async {
            let mut headers = line.headers.clone();
            self.dress(&mut headers);
            self.authorize(&mut headers).await?;
            line.exchange(connector, headers, limit, body).await
        };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(head) => head,
            Err(_) => Err(SendError::timeout()),
        }
    }

    /// Sends a request and gives the answer as soon as its headers are there; the request's timeout is for these. Its body is read
    /// with [`Opened::chunk`], for as long as that takes.
    pub async fn open(&self, request: Request) -> Result<Opened, SendError> {
        let timeout = request.timeout;
        let request = self.dressed(request).await?;
        let headers = async {
            let request = self.prepared(request).await?;
            request.send().await.map_err(SendError::from_reqwest)
        };
        let response = match tokio::time::timeout(timeout, headers).await {
            Ok(response) => response?,
            Err(_) => return Err(SendError::timeout()),
        };
        self.look_at(response.status()).await;
        Ok(Opened(response))
    }

    /// The request with the headers of the configuration, and with the credentials of a cloud, which sign what they find. How long those may
    /// take is not the request's time: their errors say what was tried, and not only that there was no answer.
    async fn dressed(&self, mut request: Request) -> Result<Request, SendError> {
        self.dress(&mut request.headers);
        if let Auth::Cloud(cloud) = &self.auth {
            cloud.authorize(&mut request).await?;
        }
        Ok(request)
    }

    fn dress(&self, headers: &mut HeaderMap) {
        if self.headers.is_empty() {
            return;
        }
        // The request knows better, but several values of one configured header all go.
        let configured: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| !headers.contains_key(*name))
            .collect();
        for (name, value) in configured {
            headers.append(name, value.clone());
        }
    }

    async fn authorize(&self, headers: &mut HeaderMap) -> Result<(), SendError> {
        if !headers.contains_key(AUTHORIZATION)
            && let Some(value) = self.auth.header(&self.fs).await?
        {
            headers.insert(AUTHORIZATION, value);
        }
        Ok(())
    }

    /// The request with the credentials of the configuration.
    async fn prepared(&self, request: Request) -> Result<reqwest::RequestBuilder, SendError> {
        let Request {
            method,
            url,
            mut headers,
            body,
            ..
        } = request;
        self.authorize(&mut headers).await?;
        let http = self.transport.http().await;
        Ok(http.request(method, url).headers(headers).body(body))
    }

    /// A token that was refused is fetched anew for the next request.
    async fn look_at(&self, status: StatusCode) {
        match &self.auth {
            Auth::Token(source) if status == StatusCode::UNAUTHORIZED => source.forget().await,
            Auth::Cloud(cloud) => cloud.look_at(status).await,
            _ => {}
        }
    }
}

/// An answer whose body is read while it arrives.
pub struct Opened(reqwest::Response);

impl Opened {
    /// Status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// Headers.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The next part of the body; `None` at its end. It may be cancelled and asked again.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, SendError> {
        self.0.chunk().await.map_err(SendError::from_reqwest)
    }
}

/// Sends one request and reads the beginning of the answer.
pub(crate) async fn exchange(request: reqwest::RequestBuilder, limit: usize) -> Result<Answer, SendError> {
    let mut body = Vec::new();
    let head = receive(request, limit, &mut body).await?;
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body: body.into(),
        broken: head.broken.is_some(),
    })
}

async fn receive(request: reqwest::RequestBuilder, limit: usize, body: &mut Vec<u8>) -> Result<Head, SendError> {
    let mut response = request.send().await.map_err(SendError::from_reqwest)?;
    let mut broken = None;
    while body.len() < limit {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = limit - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            Ok(None) => break,
            // The status is what counts for most; a body that breaks off does not change it.
            Err(error) => {
                broken = Some(SendError::from_reqwest(error));
                break;
            }
        }
    }
    Ok(Head {
        status: response.status(),
        headers: std::mem::take(response.headers_mut()),
        broken,
    })
}

impl Answer {
    /// The beginning of the body as one line of text, for messages.
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
