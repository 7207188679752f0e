//! A server of OTLP over HTTP and gRPC, that decodes what it gets and answers as it is told.

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use otlp_wire::common::AnyValue;
use otlp_wire::response::{PartialSuccess, Status};
use otlp_wire::{Signal, json, logs, metrics, receive, traces};
use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    /// Names of its records.
    pub records: Vec<String>,
    /// Its records were not taken, or not all.
    pub refused: bool,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    Take,
    /// The first so many records are thrown away.
    Part(i64),
    /// Not now; with a delay that is asked for.
    Later(Option<Duration>),
    /// Its records are not acceptable.
    Bad,
    /// Who asks may not.
    Denied,
    /// It is too large.
    Large,
}

type Script = Box<dyn Fn(&Received) -> Answer + Send + Sync>;

#[derive(Default)]
struct State {
    script: Mutex<Option<Script>>,
    received: Mutex<Vec<Received>>,
}

pub struct OtlpSink {
    pub address: SocketAddr,
    state: Arc<State>,
    _server: AbortOnDropHandle<()>,
}

impl OtlpSink {
    pub async fn new() -> OtlpSink {
        OtlpSink::at("127.0.0.1:0".parse().unwrap()).await
    }

    /// At an address where there was one before.
    pub async fn at(address: SocketAddr) -> OtlpSink {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let served = state.clone();
        let server = tokio::spawn(async move {
            let mut connections = Vec::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let state = served.clone();
                connections.push(AbortOnDropHandle::new(tokio::spawn(async move {
                    let service = hyper::service::service_fn(move |request| answer(state.clone(), request));
                    let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                })));
            }
        });
        OtlpSink {
            address,
            state,
            _server: AbortOnDropHandle::new(server),
        }
    }

    /// Answers requests from now on.
    pub fn script(&self, script: impl Fn(&Received) -> Answer + Send + Sync + 'static) {
        *self.state.script.lock().unwrap() = Some(Box::new(script));
    }

    /// Answers the next requests like this, then takes all.
    pub fn first(&self, answers: &[Answer]) {
        let left = Mutex::new(answers.iter().copied().rev().collect::<Vec<_>>());
        self.script(move |_| left.lock().unwrap().pop().unwrap_or(Answer::Take));
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    /// Names of the records that were taken, sorted.
    pub fn taken(&self) -> Vec<String> {
        let received = self.received();
        let taken = received.into_iter().filter(|request| !request.refused);
        let mut names: Vec<String> = taken.flat_map(|request| request.records).collect();
        names.sort();
        names
    }
}

fn decompressed(coding: Option<&str>, grpc: bool, body: Bytes) -> Bytes {
    let mut out = Vec::new();
    match coding {
        None => return body,
        Some("gzip") => flate2::read::GzDecoder::new(&*body)
            .read_to_end(&mut out)
            .map(drop)
            .unwrap(),
        Some("zstd") => out = zstd::decode_all(&*body).unwrap(),
        Some("snappy") if grpc => snap::read::FrameDecoder::new(&*body)
            .read_to_end(&mut out)
            .map(drop)
            .unwrap(),
        Some("snappy") => out = snap::raw::Decoder::new().decompress_vec(&body).unwrap(),
        Some("deflate" | "zlib") => flate2::read::ZlibDecoder::new(&*body)
            .read_to_end(&mut out)
            .map(drop)
            .unwrap(),
        Some("lz4") => lz4_flex::frame::FrameDecoder::new(&*body)
            .read_to_end(&mut out)
            .map(drop)
            .unwrap(),
        Some(other) => panic!("{other}"),
    }
    out.into()
}

/// Bodies of log records, names of metrics and spans.
pub fn names(signal: Signal, request: &[u8]) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match signal {
        Signal::Logs => logs::resources(request)
            .flat_map(|resource| resource.scopes())
            .flat_map(|scope| scope.records())
            .map(|record| match record.body {
                Some(AnyValue::String(body)) => text(body),
                other => panic!("{other:?}"),
            })
            .collect(),
        Signal::Metrics => metrics::resources(request)
            .flat_map(|resource| resource.scopes())
            .flat_map(|scope| scope.metrics())
            .map(|metric| text(metric.name))
            .collect(),
        Signal::Traces => traces::resources(request)
            .flat_map(|resource| resource.scopes())
            .flat_map(|scope| scope.spans())
            .map(|span| text(span.name))
            .collect(),
    }
}

type Body = StreamBody<tokio_stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>;

fn body(data: Bytes, trailers: Option<HeaderMap>) -> Body {
    let mut frames = vec![Ok(Frame::data(data))];
    frames.extend(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
    StreamBody::new(tokio_stream::iter(frames))
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (head, incoming) = request.into_parts();
    let content = incoming.collect().await.unwrap().to_bytes();
    let path = head.uri.path().to_owned();
    let signal = match path.to_lowercase() {
        path if path.contains("log") => Signal::Logs,
        path if path.contains("metric") => Signal::Metrics,
        _ => Signal::Traces,
    };
    let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap());
    let kind = header("content-type").unwrap();
    let grpc = kind.starts_with("application/grpc");
    let coding = header(if grpc { "grpc-encoding" } else { "content-encoding" });
    let content = if grpc {
        assert_eq!(header("te"), Some("trailers"));
        assert_eq!(content[0], u8::from(coding.is_some()));
        let length = u32::from_be_bytes(content[1..5].try_into().unwrap());
        assert_eq!(content.len(), 5 + length as usize);
        content.slice(5..)
    } else {
        content
    };
    let plain = decompressed(coding, grpc, content);
    let (plain, _) = match kind {
        "application/json" => json::decode(signal, &plain).unwrap(),
        _ => receive(signal, plain).unwrap(),
    };
    let mut received = Received {
        path,
        records: names(signal, &plain),
        headers: head.headers.clone(),
        refused: false,
    };
    let answer = state
        .script
        .lock()
        .unwrap()
        .as_ref()
        .map_or(Answer::Take, |script| script(&received));
    match answer {
        Answer::Take => {}
        Answer::Part(count) => drop(received.records.drain(..count as usize)),
        _ => received.refused = true,
    }
    state.received.lock().unwrap().push(received);
    let partial = match answer {
        Answer::Part(rejected) => PartialSuccess {
            rejected,
            message: "too old".to_owned(),
        }
        .encode(),
        _ => Vec::new(),
    };
    Ok(if grpc {
        grpc_response(answer, &partial)
    } else {
        http_response(answer, partial)
    })
}

fn http_response(answer: Answer, partial: Vec<u8>) -> Response<Body> {
    let status = match answer {
        Answer::Take | Answer::Part(_) => StatusCode::OK,
        Answer::Later(_) => StatusCode::SERVICE_UNAVAILABLE,
        Answer::Bad => StatusCode::BAD_REQUEST,
        Answer::Denied => StatusCode::UNAUTHORIZED,
        Answer::Large => StatusCode::PAYLOAD_TOO_LARGE,
    };
    let mut response = Response::builder()
        .status(status)
        .header("content-type", "application/x-protobuf");
    if let Answer::Later(Some(delay)) = answer {
        response = response.header("retry-after", delay.as_secs().to_string());
    }
    response.body(body(partial.into(), None)).unwrap()
}

fn grpc_response(answer: Answer, partial: &[u8]) -> Response<Body> {
    use base64::Engine as _;
    let code = match answer {
        Answer::Take | Answer::Part(_) => 0,
        Answer::Later(None) => 14,
        Answer::Later(Some(_)) | Answer::Large => 8,
        Answer::Bad => 3,
        Answer::Denied => 16,
    };
    let mut metadata = HeaderMap::new();
    metadata.insert("grpc-status", code.into());
    if let Answer::Later(Some(delay)) = answer {
        let details = Status {
            code,
            message: "slow down".to_owned(),
            retry_delay: Some(delay),
        };
        let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(details.encode());
        metadata.insert("grpc-status-details-bin", text.parse().unwrap());
    }
    let response = Response::builder().header("content-type", "application/grpc");
    if code != 0 {
        let mut response = response.body(body(Bytes::new(), None)).unwrap();
        response.headers_mut().extend(metadata);
        return response;
    }
    let mut message = vec![0];
    message.extend((partial.len() as u32).to_be_bytes());
    message.extend(partial);
    response.body(body(message.into(), Some(metadata))).unwrap()
}
