//! Targets to scrape and a receiver of remote write, for benchmarks and crash tests: fast, and honest about what came.

use crate::pace::Pace;
use bytes::{Buf, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Series of one family in a body.
const FAMILY: usize = 20;

/// A body of `series` samples in the text format, as an HTTP service exposes it. `round` changes the values, and with `churn` (per mille) as many
/// of the series get another label.
pub fn body(series: usize, round: u64, churn: u64) -> String {
    let mut out = String::with_capacity(series * 110);
    let codes = ["200", "204", "400", "404", "500"];
    let methods = ["GET", "POST", "PUT", "DELETE"];
    for at in 0..series {
        if at % FAMILY == 0 {
            let family = at / FAMILY;
            let _ = write!(
                out,
                "# HELP http_requests_{family}_total Requests that the service has answered, by route and code.\n# TYPE http_requests_{family}_total counter\n"
            );
        }
        let (family, within) = (at / FAMILY, at % FAMILY);
        let (code, method) = (codes[within % 5], methods[within / 5]);
        let value = round * 7 + at as u64 * 13;
        let version = if (at as u64 * 37) % 1000 < churn { round } else { 0 };
        let _ = writeln!(
            out,
            "http_requests_{family}_total{{code=\"{code}\",method=\"{method}\",route=\"{ROUTE}{family}\",version=\"v1.{version}\"}} {value}"
        );
    }
    out
}

/// What targets answer.
#[derive(Clone, Copy, Debug)]
pub struct TargetsOptions {
    /// Samples of a body.
    pub series: usize,
    /// Series in a thousand that are others in each round.
    pub churn: u64,
    /// Different bodies, one after the other.
    pub rounds: u64,
    /// Whether each target has series that no other has; otherwise they differ by nothing but what the configuration says of them.
    pub distinct: bool,
}

/// What is written anew for each target if they are distinct.
const ROUTE: &str = "/api/v1/things/";

fn gzip(text: &[u8], level: Compression) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(text)?;
    encoder.finish()
}

/// The body of a target by its path.
fn own_body(text: &[u8], path: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let route = format!("{}{ROUTE}", path.trim_end_matches('/'));
    text.replace(ROUTE, &route).into_bytes()
}

struct Bodies {
    plain: Vec<Vec<u8>>,
    gzip: Vec<Vec<u8>>,
}

/// Targets on one port: any path is a target of its own.
pub struct Targets {
    addr: SocketAddr,
    scrapes: Arc<AtomicU64>,
}

impl Targets {
    /// Starts them on a free port of loopback. Needs a Tokio runtime, and lives as long as it.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start(options: TargetsOptions) -> io::Result<Targets> {
        let mut bodies = Bodies {
            plain: Vec::new(),
            gzip: Vec::new(),
        };
        for round in 0..options.rounds.max(1) {
            let text = body(options.series, round, options.churn).into_bytes();
            bodies.gzip.push(gzip(&text, Compression::default())?);
            bodies.plain.push(text);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let scrapes = Arc::new(AtomicU64::new(0));
        let (bodies, counted) = (Arc::new(bodies), scrapes.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (bodies, counted) = (bodies.clone(), counted.clone());
                tokio::spawn(async move {
                    let mut served: HashMap<String, usize> = HashMap::new();
                    let mut connection = Connection::new(stream);
                    while let Ok(Some(request)) = connection.request().await {
                        counted.fetch_add(1, Ordering::Relaxed);
                        let round = served.entry(request.path.clone()).or_default();
                        let at = *round % bodies.plain.len();
                        *round += 1;
                        let mut own = Vec::new();
                        if options.distinct {
                            own = own_body(&bodies.plain[at], &request.path);
                        }
                        let (encoding, body) = if request.gzip {
                            if options.distinct {
                                let Ok(packed) = gzip(&own, Compression::fast()) else {
                                    return;
                                };
                                own = packed;
                            }
                            ("content-encoding: gzip\r\n", &bodies.gzip[at])
                        } else {
                            ("", &bodies.plain[at])
                        };
                        let body = if options.distinct { &own } else { body };
                        let head = format!(
                            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n{encoding}content-length: {}\r\n\r\n",
                            body.len()
                        );
                        if connection.answer(head.as_bytes(), body).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Ok(Targets { addr, scrapes })
    }

    /// Where they are.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Scrapes that were answered.
    pub fn scrapes(&self) -> u64 {
        self.scrapes.load(Ordering::Relaxed)
    }
}

/// What a receiver has counted.
#[derive(Default)]
struct Counts {
    samples: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
    refused: AtomicU64,
    down: AtomicBool,
    pace: Pace,
}

/// A look at a received series: name and value of each label, time and value of its sample.
pub type Watch = Box<dyn Fn(&[(&str, &str)], i64, f64) + Send + Sync>;

/// A receiver of remote write 1.0 that counts samples.
pub struct RemoteWriteSink {
    addr: SocketAddr,
    counts: Arc<Counts>,
}

impl RemoteWriteSink {
    /// Starts it on a free port of loopback. Needs a Tokio runtime, and lives as long as it.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start(watch: Option<Watch>) -> io::Result<RemoteWriteSink> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let (counted, watch) = (counts.clone(), Arc::new(Mutex::new(watch)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (counts, watch) = (counted.clone(), watch.clone());
                tokio::spawn(async move {
                    let mut connection = Connection::new(stream);
                    while let Ok(Some(request)) = connection.request().await {
                        counts.pace.turn(request.body.len()).await;
                        if !connection.is_open() {
                            return;
                        }
                        let status = take(&counts, &watch, &request.body);
                        let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                        if connection.answer(head.as_bytes(), b"").await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Ok(RemoteWriteSink { addr, counts })
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where to send.
    pub fn url(&self) -> String {
        format!("http://{}/api/v1/write", self.addr)
    }

    /// Samples that were taken.
    pub fn samples(&self) -> u64 {
        self.counts.samples.load(Ordering::Relaxed)
    }

    /// Requests that were taken, and their bytes.
    pub fn requests(&self) -> (u64, u64) {
        (
            self.counts.requests.load(Ordering::Relaxed),
            self.counts.bytes.load(Ordering::Relaxed),
        )
    }

    /// From now on every request is answered with status 503, or taken again.
    pub fn set_down(&self, down: bool) {
        self.counts.down.store(down, Ordering::Relaxed);
    }

    /// From now on it takes so many bytes of bodies a second, one request after the other, or any number with `None`.
    pub fn set_pace(&self, bytes_per_second: Option<u64>) {
        self.counts.pace.set(bytes_per_second);
    }

    /// Requests that were answered with status 503.
    pub fn refused(&self) -> u64 {
        self.counts.refused.load(Ordering::Relaxed)
    }
}

/// Sees the body of a request; true if it is well formed.
pub type TakeBody = Box<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// A receiver of bodies of any kind, on any path.
pub struct BodySink {
    addr: SocketAddr,
    state: Arc<BodyState>,
}

#[derive(Default)]
struct BodyState {
    down: AtomicBool,
    pace: Pace,
}

impl BodySink {
    /// Starts it on a free port of loopback. Needs a Tokio runtime, and lives as long as it.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start(take: TakeBody) -> io::Result<BodySink> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let state = Arc::new(BodyState::default());
        let (shared, take) = (state.clone(), Arc::new(take));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, take) = (shared.clone(), take.clone());
                tokio::spawn(async move {
                    let mut connection = Connection::new(stream);
                    while let Ok(Some(request)) = connection.request().await {
                        state.pace.turn(request.body.len()).await;
                        if !connection.is_open() {
                            return;
                        }
                        let status = if state.down.load(Ordering::Relaxed) {
                            "503 Service Unavailable"
                        } else if take(&request.body) {
                            "200 OK"
                        } else {
                            "400 Bad Request"
                        };
                        let head = format!(
                            "HTTP/1.1 {status}\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
                        );
                        if connection.answer(head.as_bytes(), b"").await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Ok(BodySink { addr, state })
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on every request is answered with status 503, or taken again.
    pub fn set_down(&self, down: bool) {
        self.state.down.store(down, Ordering::Relaxed);
    }

    /// From now on it takes so many bytes of bodies a second, one request after the other, or any number with `None`.
    pub fn set_pace(&self, bytes_per_second: Option<u64>) {
        self.state.pace.set(bytes_per_second);
    }
}

fn take(counts: &Counts, watch: &Mutex<Option<Watch>>, body: &[u8]) -> &'static str {
    if counts.down.load(Ordering::Relaxed) {
        counts.refused.fetch_add(1, Ordering::Relaxed);
        return "503 Service Unavailable";
    }
    let Ok(message) = snap::raw::Decoder::new().decompress_vec(body) else {
        return "400 Bad Request";
    };
    let watch = watch.lock().unwrap_or_else(PoisonError::into_inner);
    let mut samples = 0;
    match &*watch {
        None => {
            // Each series is field 1 and has one sample.
            let mut reader = protowire::Reader::new(&message);
            loop {
                match reader.field() {
                    Ok(Some((1, _))) => samples += 1,
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return "400 Bad Request",
                }
            }
        }
        Some(watch) => {
            for part in remotewrite::v1::series(&message) {
                let Ok(part) = part else { return "400 Bad Request" };
                if let remotewrite::v1::Part::Series(series) = part {
                    for sample in &series.samples {
                        samples += 1;
                        watch(&series.labels, sample.timestamp, sample.value);
                    }
                }
            }
        }
    }
    counts.samples.fetch_add(samples, Ordering::Relaxed);
    counts.requests.fetch_add(1, Ordering::Relaxed);
    counts.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
    "204 No Content"
}

/// A request, as far as it is of interest.
struct Request {
    path: String,
    gzip: bool,
    body: Vec<u8>,
}

/// A connection of HTTP/1.1 that is kept open.
struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Connection {
    fn new(stream: TcpStream) -> Connection {
        // Without it, answers of two writes take 40 ms.
        let _ = stream.set_nodelay(true);
        Connection {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// The next request; none if the client has closed the connection.
    async fn request(&mut self) -> io::Result<Option<Request>> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_lowercase();
        let path = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        let length = header("content-length:")
            .and_then(|value| value.trim().parse().ok())
            .unwrap_or(0);
        let gzip = header("accept-encoding:").is_some_and(|value| value.contains("gzip"));
        self.buffer.advance(end);
        while self.buffer.len() < length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
        let body = self.buffer[..length].to_vec();
        self.buffer.advance(length);
        Ok(Some(Request { path, gzip, body }))
    }

    /// Whether the client still waits for its answer.
    fn is_open(&mut self) -> bool {
        let mut next = [0];
        match self.stream.try_read(&mut next) {
            Ok(0) => false,
            // A request that follows.
            Ok(_) => {
                self.buffer.extend_from_slice(&next);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    async fn answer(&mut self, head: &[u8], body: &[u8]) -> io::Result<()> {
        let mut whole = Vec::with_capacity(head.len() + body.len());
        whole.extend_from_slice(head);
        whole.extend_from_slice(body);
        self.stream.write_all(&whole).await
    }
}
