//! Clients that send what was encoded and compressed beforehand.

use super::{Coding, Transport, request};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::client::conn::http2;
use hyper::{Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use otlp_wire::Signal;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Different requests that are sent in turn, each of a resource of its own.
const VARIANTS: usize = 16;
/// Frames that clients send: the length that HTTP/2 begins with, which those of Go never exceed.
const FRAME: usize = 16 << 10;
/// Pause of a client that was told to come later.
const LATER: Duration = Duration::from_millis(20);

/// What is sent and how.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Where to.
    pub addr: SocketAddr,
    /// What.
    pub signal: Signal,
    /// What over.
    pub transport: Transport,
    /// Compressed how.
    pub coding: Coding,
    /// Records of a request.
    pub records: usize,
    /// Connections of HTTP/2. Over HTTP/1.1 there are `in_flight` times as many.
    pub connections: usize,
    /// Requests without an answer that each connection of HTTP/2 may have.
    pub in_flight: usize,
    /// Requests that are sent in a second; `None` for as many as are answered.
    pub rate: Option<f64>,
}

/// What was sent so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Requests that were answered with success.
    pub requests: u64,
    /// Records in those.
    pub records: u64,
    /// Requests that were to be sent again later, and are not.
    pub refused: u64,
    /// The first thing that went wrong.
    pub failed: Option<String>,
}

#[derive(Default)]
struct Shared {
    requests: AtomicU64,
    refused: AtomicU64,
    failed: OnceLock<String>,
    stop: AtomicBool,
    turn: AtomicUsize,
}

/// Clients that send until they are stopped.
pub struct Load {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    records: u64,
}

/// What came of a request.
enum Answer {
    Taken,
    Later,
}

impl Load {
    /// Encodes the requests and connects. Needs a Tokio runtime.
    ///
    /// # Errors
    /// Nobody listens.
    pub async fn start(options: LoadOptions) -> io::Result<Load> {
        let bodies: io::Result<Vec<Bytes>> = (0..VARIANTS)
            .map(|seed| {
                let plain = request(options.signal, options.records, seed as u64);
                Ok(frame(options, &options.coding.compress(&plain)?))
            })
            .collect();
        let bodies: Arc<[Bytes]> = bodies?.into();
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        let clients = options.connections * options.in_flight;
        let pace = options.rate.map(|rate| Duration::from_secs_f64(clients as f64 / rate));
        for connection in 0..options.connections {
            let link = match options.transport {
                Transport::Grpc => Some(dial(options.addr).await?),
                Transport::Http => None,
            };
            for place in 0..options.in_flight {
                let (shared, bodies) = (shared.clone(), bodies.clone());
                let mut client = match &link {
                    Some(link) => Client::Grpc(link.clone(), call_to(options)),
                    None => Client::Http(TcpStream::connect(options.addr).await?, Vec::new()),
                };
                if let Client::Http(stream, _) = &client {
                    stream.set_nodelay(true)?;
                }
                // Not all of them at once.
                let number = connection * options.in_flight + place;
                let first = Instant::now() + pace.unwrap_or_default().mul_f64(number as f64 / clients as f64);
                tasks.spawn(async move {
                    if let Err(error) = send(&shared, &mut client, &bodies, pace, first).await {
                        let _ = shared.failed.set(error.to_string());
                    }
                });
            }
        }
        Ok(Load {
            shared,
            tasks,
            records: options.records as u64,
        })
    }

    /// What was answered so far.
    pub fn sent(&self) -> Sent {
        let requests = self.shared.requests.load(Ordering::Relaxed);
        Sent {
            requests,
            records: requests * self.records,
            refused: self.shared.refused.load(Ordering::Relaxed),
            failed: self.shared.failed.get().cloned(),
        }
    }

    /// Sends nothing more and waits for the answers to what was sent.
    pub async fn stop(mut self) -> Sent {
        self.shared.stop.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
        self.sent()
    }
}

/// The bytes that go over a connection for a request: all of it over HTTP/1.1, the message with its prefix over gRPC.
fn frame(options: LoadOptions, content: &Bytes) -> Bytes {
    let mut out = BytesMut::new();
    match options.transport {
        Transport::Grpc => {
            out.put_u8(u8::from(options.coding != Coding::None));
            out.put_u32(content.len() as u32);
        }
        Transport::Http => {
            let encoding = match options.coding {
                Coding::None => String::new(),
                coding => format!("content-encoding: {}\r\n", coding.as_str()),
            };
            let head = format!(
                "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\n{encoding}content-length: {}\r\n\r\n",
                options.signal.http_path(),
                content.len()
            );
            out.extend_from_slice(head.as_bytes());
        }
    }
    out.extend_from_slice(content);
    out.freeze()
}

async fn dial(addr: SocketAddr) -> io::Result<http2::SendRequest<Chunks>> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (link, connection) = http2::Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(link)
}

/// What calls begin with.
#[derive(Clone)]
struct Call {
    uri: Uri,
    coding: Coding,
}

fn call_to(options: LoadOptions) -> Call {
    let uri = format!("http://{}{}", options.addr, options.signal.grpc_path());
    Call {
        uri: uri.parse().expect("an address and a path are a URI"),
        coding: options.coding,
    }
}

enum Client {
    Grpc(http2::SendRequest<Chunks>, Call),
    Http(TcpStream, Vec<u8>),
}

async fn send(
    shared: &Shared,
    client: &mut Client,
    bodies: &[Bytes],
    pace: Option<Duration>,
    first: Instant,
) -> io::Result<()> {
    let mut next = first;
    while !shared.stop.load(Ordering::Relaxed) {
        if let Some(pace) = pace {
            // What could not be sent in time is not made up for.
            next = next.max(Instant::now() - pace);
            tokio::time::sleep_until(next).await;
            next += pace;
            if shared.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        let body = bodies[shared.turn.fetch_add(1, Ordering::Relaxed) % bodies.len()].clone();
        let answer = match client {
            Client::Grpc(link, call) => grpc(link, call, body).await,
            Client::Http(stream, buffer) => http(stream, buffer, &body).await,
        };
        match answer? {
            Answer::Taken => {
                shared.requests.fetch_add(1, Ordering::Relaxed);
            }
            Answer::Later => {
                shared.refused.fetch_add(1, Ordering::Relaxed);
                if pace.is_none() {
                    tokio::time::sleep(LATER).await;
                }
            }
        }
    }
    Ok(())
}

async fn grpc(link: &mut http2::SendRequest<Chunks>, call: &Call, body: Bytes) -> io::Result<Answer> {
    let mut request = Request::post(call.uri.clone())
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if call.coding != Coding::None {
        request = request.header("grpc-encoding", call.coding.as_str());
    }
    let request = request.body(Chunks(body)).map_err(io::Error::other)?;
    let response = link.send_request(request).await.map_err(io::Error::other)?;
    let (head, mut body) = response.into_parts();
    let mut status = head.headers.get("grpc-status").cloned();
    let message = head.headers.get("grpc-message").cloned();
    while let Some(frame) = body.frame().await {
        if let Ok(trailers) = frame.map_err(io::Error::other)?.into_trailers() {
            status = trailers.get("grpc-status").cloned();
        }
    }
    match status.as_ref().map(|status| status.as_bytes()) {
        Some(b"0") => Ok(Answer::Taken),
        // Resource exhausted, unavailable.
        Some(b"8" | b"14") => Ok(Answer::Later),
        _ => Err(io::Error::other(format!("answered with {status:?} {message:?}"))),
    }
}

async fn http(stream: &mut TcpStream, buffer: &mut Vec<u8>, request: &[u8]) -> io::Result<Answer> {
    stream.write_all(request).await?;
    let (head, status, length) = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length = length.and_then(|length| length.trim().parse::<usize>().ok());
            let status = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
            break (end + 4, status, length.unwrap_or(0));
        }
        more(stream, buffer).await?;
    };
    while buffer.len() < head + length {
        more(stream, buffer).await?;
    }
    buffer.drain(..head + length);
    match status.as_str() {
        "200" => Ok(Answer::Taken),
        "429" | "502" | "503" | "504" => Ok(Answer::Later),
        _ => Err(io::Error::other(format!("answered with status {status}"))),
    }
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// A message in frames.
struct Chunks(Bytes);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let len = self.0.len().min(FRAME);
        Poll::Ready((len > 0).then(|| Ok(Frame::data(self.0.split_to(len)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        // As clients of gRPC do, it does not say how long it is.
        SizeHint::default()
    }
}
