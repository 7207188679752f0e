//! Questions that are asked again and again.

use crate::kit::{Server, client};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use net::{BasicAuth, Client, Head, HeaderMap, HeaderValue, HttpClientConfig, Line, ProxyConfig, SendError, Url};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use value::Secret;

/// What a [`Peer`] does with a request.
#[derive(Clone, Copy)]
enum Does {
    /// Answers with these bytes and goes on.
    Says(&'static str),
    /// Answers and closes the connection.
    Leaves(&'static str),
    /// Answers, and closes the connection when the next request is there.
    Deaf(&'static str),
    /// Answers with these bytes, and then nothing.
    Hangs(&'static str),
    /// Answers byte by byte.
    Drips(&'static str),
}

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// A server that does what it is told, one thing for each request, the last one again and again.
struct Peer {
    url: Url,
    connections: Arc<AtomicUsize>,
    /// Connections that the client has closed.
    closed: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    async fn start(script: &[Does]) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = Peer {
            url: Url::parse(&format!("http://{}/metrics?a=b", listener.local_addr().unwrap())).unwrap(),
            connections: Arc::default(),
            closed: Arc::default(),
            heads: Arc::default(),
        };
        let (connections, closed, heads) = (peer.connections.clone(), peer.closed.clone(), peer.heads.clone());
        let script: Arc<[Does]> = script.into();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (script, heads, closed) = (script.clone(), heads.clone(), closed.clone());
                tokio::spawn(async move {
                    if serve(stream, &script, &heads).await.is_none() {
                        closed.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        peer
    }

    fn line(&self, client: &Client) -> Line {
        line(client, self.url.as_str())
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn requests(&self) -> usize {
        self.heads.lock().unwrap().len()
    }

    async fn sees_closed(&self, number: usize) {
        while self.closed.load(Ordering::SeqCst) < number {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// `None` when the client closes the connection.
async fn serve(mut stream: TcpStream, script: &[Does], heads: &Mutex<Vec<String>>) -> Option<()> {
    let mut deaf = false;
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        if deaf {
            return Some(());
        }
        let does = {
            let mut heads = heads.lock().unwrap();
            heads.push(String::from_utf8(head).unwrap());
            script[(heads.len() - 1).min(script.len() - 1)]
        };
        match does {
            Does::Says(text) => stream.write_all(text.as_bytes()).await.ok()?,
            Does::Leaves(text) => {
                stream.write_all(text.as_bytes()).await.ok()?;
                return Some(());
            }
            Does::Deaf(text) => {
                stream.write_all(text.as_bytes()).await.ok()?;
                deaf = true;
            }
            Does::Hangs(text) => {
                stream.write_all(text.as_bytes()).await.ok()?;
                let _ = stream.read_u8().await;
                return None;
            }
            Does::Drips(text) => {
                for byte in text.as_bytes() {
                    stream.write_all(&[*byte]).await.ok()?;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(60);

fn line(client: &Client, url: &str) -> Line {
    client.line(Url::parse(url).unwrap(), HeaderMap::new(), TIMEOUT, INTERVAL)
}

fn plain() -> Client {
    client(&HttpClientConfig::default())
}

async fn ask(client: &Client, line: &mut Line) -> Result<(Head, String), SendError> {
    let mut body = b"before".to_vec();
    let head = client.ask(line, 1 << 20, &mut body).await?;
    Ok((head, String::from_utf8(body).unwrap()))
}

#[tokio::test]
async fn the_connection_is_kept_and_goes_with_the_line() {
    let peer = Peer::start(&[Does::Says(HELLO)]).await;
    let client = plain();
    let mut line = peer.line(&client);
    for _ in 0..3 {
        let (head, body) = ask(&client, &mut line).await.unwrap();
        assert_eq!(
            (head.status, body.as_str(), head.broken),
            (StatusCode::OK, "hello", None)
        );
    }
    assert_eq!((peer.connections(), peer.requests()), (1, 3));
    let head = peer.heads.lock().unwrap()[2].clone();
    assert!(head.starts_with("GET /metrics?a=b HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains(&format!("host: 127.0.0.1:{}\r\n", peer.url.port().unwrap())),
        "{head}"
    );
    // Another question for the same server.
    let mut other = peer.line(&client);
    ask(&client, &mut other).await.unwrap();
    assert_eq!(peer.connections(), 1);
    drop(line);
    ask(&client, &mut other).await.unwrap();
    assert_eq!(peer.connections(), 1);
    drop(other);
    peer.sees_closed(1).await;
    let mut seldom = client.line(peer.url.clone(), HeaderMap::new(), TIMEOUT, Duration::from_secs(300));
    ask(&client, &mut seldom).await.unwrap();
    peer.sees_closed(2).await;
}

#[tokio::test]
async fn questions_at_a_time_have_connections_of_their_own() {
    let peer = Peer::start(&[Does::Drips(HELLO)]).await;
    let client = plain();
    let (mut one, mut two) = (peer.line(&client), peer.line(&client));
    for _ in 0..3 {
        let (one, two) = tokio::join!(ask(&client, &mut one), ask(&client, &mut two));
        assert_eq!((one.unwrap().1.as_str(), two.unwrap().1.as_str()), ("hello", "hello"));
        assert_eq!(peer.connections(), 2);
    }
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_made_again() {
    for first in [Does::Leaves(HELLO), Does::Deaf(HELLO)] {
        let peer = Peer::start(&[first, Does::Says(HELLO)]).await;
        let client = plain();
        let mut line = peer.line(&client);
        ask(&client, &mut line).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(ask(&client, &mut line).await.unwrap().1, "hello");
        assert_eq!(peer.connections(), 2);
    }
    let bye = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
    let peer = Peer::start(&[Does::Says(bye)]).await;
    let client = plain();
    let mut line = peer.line(&client);
    for number in 1..4 {
        assert_eq!(ask(&client, &mut line).await.unwrap().1, "hello");
        peer.sees_closed(number).await;
    }
}

#[tokio::test]
async fn who_closes_a_new_connection_is_not_asked_again() {
    let peer = Peer::start(&[Does::Leaves("")]).await;
    let client = plain();
    let error = ask(&client, &mut peer.line(&client)).await.unwrap_err();
    let told = "client error (SendRequest): connection closed before message completed";
    assert_eq!((error.to_string().as_str(), peer.requests()), (told, 1));
    let peer = Peer::start(&[Does::Says("nonsense\r\n\r\n")]).await;
    let client = plain();
    let mut line = peer.line(&client);
    for _ in 0..2 {
        let error = ask(&client, &mut line).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "client error (SendRequest): invalid HTTP version parsed"
        );
    }
}

#[tokio::test]
async fn nobody_there_is_told_as_for_other_requests() {
    let peer = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", peer.local_addr().unwrap());
    drop(peer);
    let client = plain();
    let told = ask(&client, &mut line(&client, &url)).await.unwrap_err().to_string();
    assert_eq!(told, crate::kit::send(&client, &url).await.unwrap_err().to_string());
}

#[tokio::test]
async fn bodies_of_all_kinds_are_read() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    let peer = Peer::start(&[
        Does::Says(chunked),
        Does::Drips(chunked),
        Does::Drips(HELLO),
        Does::Says("HTTP/1.1 204 No Content\r\n\r\n"),
        Does::Says("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"),
        Does::Leaves("HTTP/1.1 200 OK\r\n\r\nhello until the end"),
    ])
    .await;
    let client = plain();
    let mut line = peer.line(&client);
    for expected in [
        (200, "hello"),
        (200, "hello"),
        (200, "hello"),
        (204, ""),
        (500, ""),
        (200, "hello until the end"),
    ] {
        let (head, body) = ask(&client, &mut line).await.unwrap();
        assert_eq!(
            (head.status.as_u16(), body.as_str(), head.broken),
            (expected.0, expected.1, None)
        );
    }
    assert_eq!(peer.connections(), 1);
}

#[tokio::test]
async fn large_bodies_are_read_up_to_the_limit() {
    let text = "0123456789".repeat(100_000);
    let answer = text.clone();
    let server = Server::start(move |_| answer.clone().into_response()).await;
    let (client, mut body) = (plain(), Vec::new());
    let mut line = line(&client, &server.url("/"));
    for limit in [usize::MAX, 10, text.len(), text.len() - 1, 0, usize::MAX] {
        let head = client.ask(&mut line, limit, &mut body).await.unwrap();
        assert_eq!((head.status, head.broken), (StatusCode::OK, None));
        assert!(body == text.as_bytes()[..limit.min(text.len())], "{limit}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told() {
    let peer = Peer::start(&[
        Does::Leaves("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello"),
        Does::Says(HELLO),
    ])
    .await;
    let client = plain();
    let mut line = peer.line(&client);
    let (head, body) = ask(&client, &mut line).await.unwrap();
    assert_eq!((head.status, body.as_str()), (StatusCode::OK, "hello"));
    let told = "error reading a body from connection: end of file before message length reached";
    assert_eq!(head.broken.unwrap().to_string(), told);
    assert_eq!(ask(&client, &mut line).await.unwrap().1, "hello");
}

#[tokio::test]
async fn who_is_slow_is_left_and_asked_again() {
    for slow in [
        Does::Hangs(""),
        Does::Hangs("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello"),
    ] {
        let peer = Peer::start(&[slow, Does::Says(HELLO)]).await;
        let client = plain();
        let mut line = client.line(peer.url.clone(), HeaderMap::new(), Duration::from_millis(50), INTERVAL);
        assert!(ask(&client, &mut line).await.unwrap_err().is_timeout());
        peer.sees_closed(1).await;
        assert_eq!(ask(&client, &mut line).await.unwrap().1, "hello");
        assert_eq!(peer.connections(), 2);
    }
}

#[tokio::test]
async fn redirects_are_followed_as_for_other_requests() {
    let there = Server::start(|seen| seen.header("host").to_owned().into_response()).await;
    let to = there.url("/to");
    let server = Server::start(move |_| Redirect::temporary(&to).into_response()).await;
    let follows = plain();
    let mut one = line(&follows, &server.url("/from"));
    for _ in 0..2 {
        let (head, body) = ask(&follows, &mut one).await.unwrap();
        assert_eq!((head.status, body), (StatusCode::OK, there.addr.to_string()));
    }
    let stays = client(&HttpClientConfig {
        follow_redirects: false,
        ..HttpClientConfig::default()
    });
    let (head, _) = ask(&stays, &mut line(&stays, &server.url("/from"))).await.unwrap();
    assert_eq!(head.status, StatusCode::TEMPORARY_REDIRECT);
}

#[tokio::test]
async fn headers_credentials_and_proxies_are_those_of_the_client() {
    let server = Server::content().await;
    let config = HttpClientConfig {
        basic_auth: Some(BasicAuth {
            username: "u".to_owned(),
            password: Secret::new("p"),
            ..BasicAuth::default()
        }),
        http_headers: [
            ("x-configured".to_owned(), vec![Secret::new("one"), Secret::new("two")]),
            ("x-both".to_owned(), vec![Secret::new("configuration")]),
            ("Host".to_owned(), vec![Secret::new("other.host")]),
        ]
        .into(),
        ..HttpClientConfig::default()
    };
    let mut headers = HeaderMap::new();
    headers.insert("x-both", HeaderValue::from_static("line"));
    let configured = client(&config);
    let url = Url::parse(&server.url("/")).unwrap();
    let mut own = configured.line(url, headers, TIMEOUT, INTERVAL);
    ask(&configured, &mut own).await.unwrap();
    let seen = server.seen().remove(0);
    assert_eq!(seen.header("authorization"), "Basic dTpw");
    assert_eq!((seen.header("x-both"), seen.header("accept")), ("line", "*/*"));
    assert_eq!(seen.headers.get_all("x-configured").iter().count(), 2);
    assert_eq!(seen.headers.get_all("host").iter().collect::<Vec<_>>(), ["other.host"]);
    // The password of an address counts as well.
    let client_ = plain();
    let url = format!("http://a:b@{}/", server.addr);
    ask(&client_, &mut line(&client_, &url)).await.unwrap();
    assert_eq!(server.seen()[1].header("authorization"), "Basic YTpi");
    // The server is taken for a proxy.
    let proxied = client(&HttpClientConfig {
        proxy: ProxyConfig {
            proxy_url: server.url(""),
            ..ProxyConfig::default()
        },
        ..config
    });
    let url = "http://not.there.invalid/path";
    ask(&proxied, &mut line(&proxied, url)).await.unwrap();
    assert_eq!(server.seen()[2].path, url);
}
