//! The smart HTTP protocol (gitprotocol-http(5)) over reqwest.

use crate::Error;
use crate::address::Http as Place;
use crate::repository::Interrupt;
use gix_transport::client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse, Transport};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, Url};
use std::any::Any;
use std::error::Error as _;
use std::future::Future;
use std::io::{self, BufRead, Cursor, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;

const CONNECT: Duration = Duration::from_secs(20);
/// Longest silence of a server.
const SILENCE: Duration = Duration::from_secs(60);
/// How often a request looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);
const MOST_REDIRECTS: usize = 10;

/// A transport to `place`. Credentials are sent to the place's own origin only.
pub(crate) fn transport(
    place: &Place,
    user: &str,
    password: &str,
    interrupt: &Interrupt,
) -> Result<Transport<Requests>, Error> {
    let origin = Url::parse(&place.url).map_err(|error| Error::caused("the repository is no URL", error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::caused("cannot start a runtime for HTTP", error))?;
    let http = client(origin.scheme() == "https")?;
    let wire = Wire {
        runtime,
        http,
        interrupt: interrupt.clone(),
        redirected: Mutex::new(None),
        // Basic authentication by reqwest would print nothing either, but it would go wherever a redirect leads.
        credentials: (!user.is_empty() || !password.is_empty()).then(|| (user.to_owned(), password.to_owned())),
        origin,
    };
    let url = gix::url::parse(place.url.as_bytes()).map_err(|_| Error::new("the repository is no URL"))?;
    Ok(Transport::new_http(
        Requests(Arc::new(wire)),
        url,
        gix_transport::Protocol::V2,
        false,
    ))
}

fn client(tls: bool) -> Result<Client, Error> {
    let cannot = |error: String| Error::caused("cannot make an HTTP client", error);
    let mut roots = rustls::RootCertStore::empty();
    if tls {
        // Reading the system's certificates takes time and memory; who speaks plain HTTP does not need them.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(Error::new(
                "this system has no trusted certificates; install them (ca-certificates)",
            ));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| cannot(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let policy = Policy::custom(|attempt| {
        let from_tls = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
        if attempt.previous().len() > MOST_REDIRECTS {
            attempt.error("too many redirects")
        } else if from_tls && attempt.url().scheme() != "https" {
            attempt.error("refusing to follow a redirect from https to http")
        } else {
            attempt.follow()
        }
    });
    Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(policy)
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .build()
        .map_err(|error| cannot(explain(error)))
}

/// An error of reqwest without the address.
fn explain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

struct Wire {
    runtime: Runtime,
    http: Client,
    interrupt: Interrupt,
    origin: Url,
    credentials: Option<(String, String)>,
    redirected: Mutex<Option<String>>,
}

impl Wire {
    fn run<T>(&self, work: impl Future<Output = reqwest::Result<T>>) -> io::Result<T> {
        self.runtime.block_on(async {
            let mut work = std::pin::pin!(work);
            loop {
                match tokio::time::timeout(LOOK, &mut work).await {
                    Ok(done) => return done.map_err(|error| io::Error::other(explain(error))),
                    Err(_) if self.interrupt.is_set() => return Err(io::Error::other("interrupted")),
                    Err(_) => {}
                }
            }
        })
    }

    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.origin.origin()
    }
}

/// A request, and then its answer. It is sent when the answer is asked for: by then its body is written.
enum Exchange {
    Waiting {
        method: Method,
        url: String,
        base: String,
        headers: HeaderMap,
        body: Vec<u8>,
    },
    Sent(Response),
    Over,
}

#[derive(Clone)]
struct Shared {
    wire: Arc<Wire>,
    exchange: Arc<Mutex<Exchange>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the request if it is not sent yet.
    fn send(&self) -> io::Result<()> {
        let mut exchange = self.lock();
        if !matches!(*exchange, Exchange::Waiting { .. }) {
            return Ok(());
        }
        let Exchange::Waiting {
            method,
            url,
            base,
            headers,
            body,
        } = std::mem::replace(&mut *exchange, Exchange::Over)
        else {
            return Ok(());
        };
        let target = Url::parse(&url).map_err(io::Error::other)?;
        let mut request = self
            .wire
            .http
            .request(method, target.clone())
            .headers(headers)
            .body(body);
        if let Some((user, password)) = &self.wire.credentials
            && self.wire.is_own(&target)
        {
            request = request.basic_auth(user, Some(password));
        }
        let response = self.wire.run(async { request.send().await })?;
        let status = response.status();
        if !status.is_success() {
            let what = match status.as_u16() {
                401 | 403 if self.wire.credentials.is_some() => "the server refuses the credentials",
                401 | 403 => "the server wants credentials; set \"basic_auth\"",
                404 => "the server has no such repository, or hides it without credentials",
                _ => "the server answers with an error",
            };
            // Not as "permission denied", which would start a search for credentials.
            return Err(io::Error::other(format!("{what} (HTTP status {status})")));
        }
        // What follows goes to where the first request was led.
        if response.url() != &target
            && let Some(tail) = url.strip_prefix(&base)
            && let Some(moved) = response.url().as_str().strip_suffix(tail)
        {
            *self.wire.redirected.lock().unwrap_or_else(PoisonError::into_inner) = Some(moved.to_owned());
        }
        *exchange = Exchange::Sent(response);
        Ok(())
    }
}

/// The requests of one fetch.
pub(crate) struct Requests(Arc<Wire>);

/// Lines of the answer's headers.
pub(crate) struct Headers {
    shared: Shared,
    lines: Option<Cursor<Vec<u8>>>,
}

/// The answer's body.
pub(crate) struct Body {
    shared: Shared,
    chunk: Cursor<Vec<u8>>,
}

/// The request's body.
pub(crate) struct Upload(Shared);

impl Headers {
    fn lines(&mut self) -> io::Result<&mut Cursor<Vec<u8>>> {
        if self.lines.is_none() {
            self.shared.send()?;
            let mut lines = Vec::new();
            if let Exchange::Sent(response) = &*self.shared.lock() {
                for (name, value) in response.headers() {
                    lines.extend_from_slice(name.as_str().as_bytes());
                    lines.push(b':');
                    lines.extend_from_slice(value.as_bytes());
                    lines.push(b'\n');
                }
            }
            self.lines = Some(Cursor::new(lines));
        }
        Ok(self.lines.get_or_insert_default())
    }
}

impl Read for Headers {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.lines()?.read(buf)
    }
}

impl BufRead for Headers {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.lines()?.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        if let Some(lines) = &mut self.lines {
            lines.consume(n);
        }
    }
}

impl Read for Body {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(buf.len());
        buf[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.position() as usize >= self.chunk.get_ref().len() {
            self.shared.send()?;
            let mut exchange = self.shared.lock();
            let Exchange::Sent(response) = &mut *exchange else {
                break;
            };
            match self.shared.wire.run(response.chunk())? {
                Some(chunk) => self.chunk = Cursor::new(chunk.into()),
                None => *exchange = Exchange::Over,
            }
        }
        self.chunk.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.chunk.consume(n);
    }
}

impl Write for Upload {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match &mut *self.0.lock() {
            Exchange::Waiting { body, .. } => {
                body.extend_from_slice(buf);
                Ok(buf.len())
            }
            _ => Err(io::Error::other("the request is already sent")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Requests {
    fn exchange(
        &self,
        method: Method,
        url: &str,
        base: &str,
        lines: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Shared {
        let mut headers = HeaderMap::new();
        for line in lines {
            if let Some((name, value)) = line.as_ref().split_once(':')
                && let Ok(name) = HeaderName::from_bytes(name.trim().as_bytes())
                && let Ok(value) = HeaderValue::from_str(value.trim())
                && name != AUTHORIZATION
            {
                headers.append(name, value);
            }
        }
        Shared {
            wire: self.0.clone(),
            exchange: Arc::new(Mutex::new(Exchange::Waiting {
                method,
                url: url.to_owned(),
                base: base.to_owned(),
                headers,
                body: Vec::new(),
            })),
        }
    }
}

fn answer(shared: &Shared) -> (Headers, Body) {
    let headers = Headers {
        shared: shared.clone(),
        lines: None,
    };
    let body = Body {
        shared: shared.clone(),
        chunk: Cursor::default(),
    };
    (headers, body)
}

impl Http for Requests {
    type Headers = Headers;
    type ResponseBody = Body;
    type PostBody = Upload;

    fn get(
        &mut self,
        url: &str,
        base: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Headers, Body>> {
        let shared = self.exchange(Method::GET, url, base, headers);
        shared.send().map_err(gix::Error::from_error)?;
        let (headers, body) = answer(&shared);
        Ok(GetResponse { headers, body })
    }

    fn post(
        &mut self,
        url: &str,
        base: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Headers, Body, Upload>> {
        let shared = self.exchange(Method::POST, url, base, headers);
        let (headers, body) = answer(&shared);
        Ok(PostResponse {
            post_body: Upload(shared),
            headers,
            body,
        })
    }

    fn configure(&mut self, _: &dyn Any) -> gix::Result {
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.0.redirected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
