//! A server that counts.

use super::{Coding, PREFIX, signal_of};
use bytes::{Bytes, BytesMut};
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use otlp_wire::edit::{self, Verdict};
use otlp_wire::{Rope, Signal};
use std::convert::Infallible;
use std::future::Ready;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct SinkOptions {
    /// Of so many requests one is read to the end; the records of the others are counted.
    pub check_every: u64,
    /// An attribute that the records of those have to have.
    pub attribute: Option<&'static str>,
}

#[derive(Default)]
struct Counts {
    records: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
    /// The first thing that was wrong.
    wrong: OnceLock<String>,
    /// Records that are taken in a second; 0 for any number.
    rate: AtomicU64,
    /// When those are through that were taken.
    busy_until: Mutex<Option<Instant>>,
}

/// A receiver of OTLP over gRPC and HTTP/1.1, on one port, that counts records.
pub struct OtlpSink {
    addr: SocketAddr,
    counts: Arc<Counts>,
}

type Trailers = Ready<Option<Result<HeaderMap, Infallible>>>;
type Answer = Response<Either<Full<Bytes>, WithTrailers<Full<Bytes>, Trailers>>>;

impl OtlpSink {
    /// Starts it on a free port of loopback. Needs a Tokio runtime, and lives as long as it.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start(options: SinkOptions) -> io::Result<OtlpSink> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let counted = counts.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Without it, answers may wait for 40 ms.
                let _ = stream.set_nodelay(true);
                let counts = counted.clone();
                tokio::spawn(async move {
                    let service = service_fn(|request| {
                        let counts = counts.clone();
                        async move { Ok::<_, Infallible>(answer(&counts, options, request).await) }
                    });
                    let builder = auto::Builder::new(TokioExecutor::new());
                    // A client that breaks off may come again.
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Ok(OtlpSink { addr, counts })
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Records that were taken.
    pub fn records(&self) -> u64 {
        self.counts.records.load(Ordering::Relaxed)
    }

    /// Requests that were taken, and the bytes of their bodies as they came.
    pub fn requests(&self) -> (u64, u64) {
        (
            self.counts.requests.load(Ordering::Relaxed),
            self.counts.bytes.load(Ordering::Relaxed),
        )
    }

    /// The first thing that was wrong with a request.
    pub fn wrong(&self) -> Option<String> {
        self.counts.wrong.get().cloned()
    }

    /// From now on at most so many records are taken in a second: answers come when it is their turn. `None` for any number.
    pub fn set_rate(&self, records: Option<u64>) {
        self.counts.rate.store(records.unwrap_or(0), Ordering::Relaxed);
    }
}

impl Counts {
    /// Waits until it is the turn of so many records.
    async fn turn(&self, records: u64) {
        let rate = self.rate.load(Ordering::Relaxed);
        if rate == 0 {
            return;
        }
        let until = {
            let mut busy = self.busy_until.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let from = busy.map_or(now, |busy| busy.max(now));
            *busy.insert(from + Duration::from_secs_f64(records as f64 / rate as f64))
        };
        // Those that wait go on when there is no limit any more.
        while Instant::now() < until && self.rate.load(Ordering::Relaxed) != 0 {
            let pause = Instant::now() + Duration::from_millis(50);
            tokio::time::sleep_until(pause.min(until)).await;
        }
    }
}

async fn answer(counts: &Counts, options: SinkOptions, request: Request<Incoming>) -> Answer {
    let grpc = request
        .headers()
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let outcome = take(counts, options, grpc, request).await;
    if let Err(why) = &outcome {
        let _ = counts.wrong.set(why.clone());
    }
    if grpc {
        let mut trailers = HeaderMap::new();
        let status = HeaderValue::from_static(if outcome.is_ok() { "0" } else { "3" });
        trailers.insert("grpc-status", status);
        let body = Full::new(Bytes::from_static(&[0; PREFIX])).with_trailers(std::future::ready(Some(Ok(trailers))));
        let mut answer = Response::new(Either::Right(body));
        let kind = HeaderValue::from_static("application/grpc");
        answer.headers_mut().insert("content-type", kind);
        return answer;
    }
    let mut answer = Response::new(Either::Left(Full::default()));
    if outcome.is_err() {
        *answer.status_mut() = StatusCode::BAD_REQUEST;
    }
    let kind = HeaderValue::from_static("application/x-protobuf");
    answer.headers_mut().insert("content-type", kind);
    answer
}

async fn take(counts: &Counts, options: SinkOptions, grpc: bool, request: Request<Incoming>) -> Result<(), String> {
    let (parts, mut incoming) = request.into_parts();
    let signal = signal_of(parts.uri.path()).ok_or_else(|| format!("unknown path {}", parts.uri.path()))?;
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let name = header(if grpc { "grpc-encoding" } else { "content-encoding" }).unwrap_or_default();
    let coding = Coding::named(name).ok_or_else(|| format!("unknown encoding {name:?}"))?;
    let length = header("content-length").and_then(|length| length.parse().ok());
    let mut body = BytesMut::with_capacity(length.unwrap_or(64 << 10));
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| format!("the body broke off: {error}"))?;
        if let Ok(data) = frame.into_data() {
            body.extend_from_slice(&data);
        }
    }
    let size = body.len() as u64;
    let message = match grpc {
        false => &body[..],
        true => body.get(PREFIX..).ok_or("a message without its prefix")?,
    };
    let compressed = coding != Coding::None && (!grpc || body[0] == 1);
    let mut plain = Vec::new();
    let message = match compressed {
        false => message,
        true => {
            let unpacked = coding.decompress(message, &mut plain);
            unpacked.map_err(|error| format!("not what its encoding says: {error}"))?;
            &plain[..]
        }
    };
    let number = counts.requests.load(Ordering::Relaxed);
    let records = if number.is_multiple_of(options.check_every.max(1)) {
        check(signal, message, options.attribute)?
    } else {
        let scan = otlp_wire::scan(signal, message).map_err(|error| error.to_string())?;
        scan.records as u64
    };
    counts.turn(records).await;
    counts.records.fetch_add(records, Ordering::Relaxed);
    counts.requests.fetch_add(1, Ordering::Relaxed);
    counts.bytes.fetch_add(size, Ordering::Relaxed);
    Ok(())
}

/// Reads every record; their number.
fn check(signal: Signal, message: &[u8], attribute: Option<&str>) -> Result<u64, String> {
    let scan = otlp_wire::scan_utf8(signal, message).map_err(|error| error.to_string())?;
    let (mut records, mut without) = (0, 0);
    let rope = Rope::from(message.to_vec());
    edit::records(signal, &rope, |_, pending| {
        records += 1;
        let has = attribute.is_none_or(|key| pending.get().get(key.as_bytes()).is_some());
        without += usize::from(!has);
        Verdict::Keep
    });
    if records != scan.records {
        return Err(format!("{records} of {} records can be read", scan.records));
    }
    match without {
        0 => Ok(records as u64),
        _ => Err(format!(
            "{without} of {records} records lack the attribute {}",
            attribute.unwrap_or_default()
        )),
    }
}
