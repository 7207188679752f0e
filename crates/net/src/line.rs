//! For who asks one server the same question again and again: a connection of its own, without a pool, and without a task beside the asker's.

use crate::body::Body;
use crate::client::Head;
use crate::error::SendError;
use crate::quiet::Quiet;
use crate::{HeaderMap, HeaderValue, Url};
use http_body_util::BodyExt;
use hyper::Uri;
use hyper::client::conn::http1;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use reqwest::header::{ACCEPT, HOST};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Context;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower::Service;

/// After so long without a question a connection is made anew.
const KEEP_IDLE: Duration = Duration::from_secs(90);
/// As reqwest has them.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;

/// A question, a GET, that is asked with [`Client::ask`](crate::Client::ask). Connections are kept as long as there is a line to the same server.
pub struct Line {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
    way: Option<Way>,
    /// Whether it is asked again before a connection would be too old.
    again: bool,
}

/// What does not change from one question to the next.
struct Way {
    server: Arc<Server>,
    /// What stands in the request.
    path: Uri,
    host: HeaderValue,
}

/// The servers that there are lines to, by name and port.
#[derive(Default)]
pub(crate) struct Servers(Mutex<HashMap<Box<str>, Weak<Server>>>);

/// A server, and connections to it that nobody uses. They live as long as a line to it.
struct Server {
    uri: Uri,
    /// Those that were used last are at the end.
    idle: Mutex<Vec<Link>>,
}

/// A connection.
struct Link {
    sender: http1::SendRequest<Body>,
    /// `None` when it has ended.
    connection: Option<http1::Connection<TokioIo<TcpStream>, Body>>,
    quiet: Quiet,
    /// When the last answer was there.
    used: Instant,
}

/// Why there is none.
enum Failed {
    /// The server has closed the connection and said nothing: if it was made for an earlier question, it may not have heard this one.
    Closed(SendError),
    Error(SendError),
}

impl Line {
    /// `servers`: none if connections do not lead there straight.
    pub(crate) fn new(
        servers: Option<&Servers>,
        url: Url,
        mut headers: HeaderMap,
        timeout: Duration,
        interval: Duration,
    ) -> Line {
        let way = servers.and_then(|servers| Way::of(&url, servers));
        if let Some(way) = &way {
            // Here, and not in each question: a clone has no room for more.
            headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
            headers.entry(HOST).or_insert(way.host.clone());
        }
        Line {
            way,
            url,
            headers,
            timeout,
            again: interval < KEEP_IDLE,
        }
    }

    /// Whether it can be asked on a connection of its own.
    pub(crate) fn is_plain(&self) -> bool {
        self.way.is_some()
    }

    /// From now on it is asked as any other request.
    pub(crate) fn give_way(&mut self) {
        // A redirect may lead to another host.
        if let Some(way) = self.way.take()
            && self.headers.get(HOST) == Some(&way.host)
        {
            self.headers.remove(HOST);
        }
    }

    /// Asks, and reads at most `limit` bytes of the answer's body. May be dropped at any point; then the next one makes a connection.
    pub(crate) async fn exchange(
        &self,
        connector: &HttpConnector,
        mut headers: HeaderMap,
        limit: usize,
        body: &mut Vec<u8>,
    ) -> Result<Head, SendError> {
        let Some(way) = &self.way else {
            return Err(SendError::new("the address is unusable"));
        };
        // Where one has been closed by the server, the others may be as well.
        let mut kept = way.server.take();
        loop {
            let (mut link, again) = match kept.take() {
                Some(link) => (link, Some(headers.clone())),
                None => (Link::connect(connector.clone(), way.server.uri.clone()).await?, None),
            };
            let mut request = hyper::Request::new(Body::new());
            *request.uri_mut() = way.path.clone();
            *request.headers_mut() = std::mem::take(&mut headers);
            match link.exchange(request, limit, body).await {
                Ok(answered) => {
                    if self.again && link.is_usable() {
                        way.server.give_back(link);
                    }
                    return Ok(answered);
                }
                Err(Failed::Error(error)) => return Err(error),
                Err(Failed::Closed(error)) => headers = again.ok_or(error)?,
            }
        }
    }
}

impl Way {
    /// `None` for what needs more than a plain connection.
    fn of(url: &Url, servers: &Servers) -> Option<Way> {
        if url.scheme() != "http" || !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        let uri: Uri = url.as_str().parse().ok()?;
        let name = uri.host()?;
        let host = match url.port() {
            Some(port) => HeaderValue::from_str(&format!("{name}:{port}")),
            None => HeaderValue::from_str(name),
        };
        Some(Way {
            path: uri.path_and_query()?.as_str().parse().ok()?,
            host: host.ok()?,
            server: servers.at(&uri)?,
        })
    }
}

impl Servers {
    fn at(&self, uri: &Uri) -> Option<Arc<Server>> {
        let name = uri.authority()?.as_str();
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = servers.get(name).and_then(Weak::upgrade) {
            return Some(server);
        }
        if servers.len() == servers.capacity() {
            servers.retain(|_, server| server.strong_count() > 0);
        }
        let server = Arc::new(Server {
            uri: uri.clone(),
            idle: Mutex::default(),
        });
        servers.insert(name.into(), Arc::downgrade(&server));
        Some(server)
    }
}

impl Server {
    fn lock(&self) -> MutexGuard<'_, Vec<Link>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Link> {
        self.lock().pop().filter(|link| link.used.elapsed() < KEEP_IDLE)
    }

    fn give_back(&self, mut link: Link) {
        link.used = Instant::now();
        let mut idle = self.lock();
        let old = idle
            .iter()
            .take_while(|other| link.used - other.used >= KEEP_IDLE)
            .count();
        idle.drain(..old);
        idle.push(link);
    }
}

/// What connects as reqwest does.
pub(crate) fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE));
    connector.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    connector
}

impl Link {
    async fn connect(mut connector: HttpConnector, server: Uri) -> Result<Link, SendError> {
        let stream = connector.call(server).await;
        let stream = stream.map_err(|error| SendError::told("client error (Connect)", &error))?;
        let (sender, connection) = http1::handshake(stream)
            .await
            .map_err(|error| SendError::told("client error (Connect)", &error))?;
        Ok(Link {
            sender,
            connection: Some(connection),
            quiet: Quiet::default(),
            used: Instant::now(),
        })
    }

    /// Whether another request may be sent.
    fn is_usable(&self) -> bool {
        self.connection.is_some() && !self.sender.is_closed()
    }

    async fn exchange(
        &mut self,
        request: hyper::Request<Body>,
        limit: usize,
        body: &mut Vec<u8>,
    ) -> Result<Head, Failed> {
        let Link {
            sender,
            connection,
            quiet,
            ..
        } = self;
        let mut answer = pin!(answer(sender, request, limit, body));
        let answered = poll_fn(|cx| {
            quiet.poll(cx, |cx| {
                // It reads what the answer waits for, and notices first if the server has closed it.
                poll_connection(connection, cx);
                let answered = answer.as_mut().poll(cx);
                if answered.is_ready() {
                    // What the end of the answer means for the connection.
                    poll_connection(connection, cx);
                }
                answered
            })
        })
        .await;
        let (head, whole) = answered.inspect_err(|_| *connection = None)?;
        if !whole {
            *connection = None;
        }
        Ok(head)
    }
}

fn poll_connection(connection: &mut Option<http1::Connection<TokioIo<TcpStream>, Body>>, cx: &mut Context<'_>) {
    if let Some(open) = connection
        && Pin::new(open).poll(cx).is_ready()
    {
        // Its error, if it has one, is the answer's as well. What waits for it hears of the end when it is dropped.
        *connection = None;
    }
}

/// The answer, and whether it was read to its end.
async fn answer(
    sender: &mut http1::SendRequest<Body>,
    request: hyper::Request<Body>,
    limit: usize,
    body: &mut Vec<u8>,
) -> Result<(Head, bool), Failed> {
    let response = match sender.send_request(request).await {
        Ok(response) => response,
        Err(error) => {
            let closed = error.is_canceled() || error.is_closed() || error.is_incomplete_message() || was_cut(&error);
            let error = SendError::told("client error (SendRequest)", &error);
            return Err(if closed {
                Failed::Closed(error)
            } else {
                Failed::Error(error)
            });
        }
    };
    let (head, mut incoming) = response.into_parts();
    let (mut broken, mut whole) = (None, false);
    while body.len() < limit {
        match incoming.frame().await {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    let room = limit - body.len();
                    body.extend_from_slice(&data[..data.len().min(room)]);
                }
            }
            None => {
                whole = true;
                break;
            }
            // The status is what counts for most; a body that breaks off does not change it.
            Some(Err(error)) => {
                broken = Some(SendError::told("", &error));
                break;
            }
        }
    }
    let head = Head {
        status: head.status,
        headers: head.headers,
        broken,
    };
    Ok((head, whole))
}

/// The connection was cut, not only closed.
fn was_cut(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    source.is_some_and(|error| {
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe | ErrorKind::NotConnected
        )
    })
}
