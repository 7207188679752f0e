//! A server that answers what a test wants and remembers what it was asked.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use net::{Answer, Client, HttpClientConfig, Method, SendError, Url};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// A header as text; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

type Respond = dyn Fn(&Seen) -> Response + Send + Sync;

#[derive(Clone)]
pub struct Server {
    pub addr: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    respond: Arc<Respond>,
}

impl Server {
    pub async fn start(respond: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server {
            addr: listener.local_addr().unwrap(),
            seen: Arc::default(),
            respond: Arc::new(respond),
        };
        let app = Router::new().fallback(handle).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        server
    }

    /// Answers everything with 204.
    pub async fn content() -> Server {
        Server::start(|_| StatusCode::NO_CONTENT.into_response()).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn handle(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let seen = Seen {
        method: parts.method,
        path: parts.uri.to_string(),
        headers: parts.headers,
        body: axum::body::to_bytes(body, 1 << 20).await.unwrap(),
    };
    server.seen.lock().unwrap().push(seen.clone());
    (server.respond)(&seen)
}

pub fn client(config: &HttpClientConfig) -> Client {
    Client::new(config, Arc::new(host::RealFs)).unwrap()
}

pub fn request(url: &str) -> net::Request {
    net::Request {
        method: Method::POST,
        url: Url::parse(url).unwrap(),
        headers: net::HeaderMap::new(),
        body: Bytes::from_static(b"body").into(),
        timeout: Duration::from_secs(10),
    }
}

pub async fn send(client: &Client, url: &str) -> Result<Answer, SendError> {
    client.send(request(url), 1000).await
}
