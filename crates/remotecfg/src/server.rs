//! The server that is asked.

use crate::args::{RemotecfgArgs, parse_url};
use bytes::Bytes;
use collectorapi::{Call, CallError, ConfigAnswer, ConfigRequest, Farewell, PROTO, Registration};
use component::Error;
use flate2::read::GzDecoder;
use futures_util::future::BoxFuture;
use host::Fs;
use net::{Body, Client, HeaderMap, HeaderValue, Method, Request, StatusCode, Url};
use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// Larger configurations are refused, and larger answers.
pub(crate) const MOST_BYTES: usize = 16 << 20;
const USER_AGENT: &str = concat!("Invar/", env!("CARGO_PKG_VERSION"));

/// What a server can be asked. Behind a trait so that tests script it.
pub(crate) trait Server: Send + Sync + 'static {
    /// Tells it who this is.
    fn register(&self, message: Registration, timeout: Duration) -> BoxFuture<'static, Result<(), Failure>>;
    /// Asks for the configuration.
    fn config(&self, message: ConfigRequest, timeout: Duration) -> BoxFuture<'static, Result<ConfigAnswer, Failure>>;
    /// Says goodbye.
    fn unregister(&self, id: &str, timeout: Duration) -> BoxFuture<'static, Result<(), Failure>>;
}

/// Why a call did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No answer.
    Unreachable(String),
    /// An answer that is an error.
    Refused(CallError),
    /// An answer that is none.
    Malformed(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unreachable(error) => write!(f, "the server cannot be reached: {error}"),
            Failure::Refused(error) => write!(f, "the server answers {error}"),
            Failure::Malformed(error) => write!(f, "the server's answer is none: {error}"),
        }
    }
}

/// A server over HTTP.
pub(crate) struct HttpServer(Arc<Inner>);

struct Inner {
    client: Client,
    url: Url,
    headers: HeaderMap,
}

impl HttpServer {
    /// A server. Fails if a certificate or key is unreadable or not what it should be.
    pub(crate) fn new(args: &RemotecfgArgs, fs: Arc<dyn Fs>) -> Result<Self, Error> {
        let url = parse_url(&args.url).map_err(|message| Error::about("url", message))?;
        let client = Client::pushing(&args.client, fs).map_err(|error| Error::new(error.to_string()))?;
        let mut headers = HeaderMap::new();
        let agent = format!("{USER_AGENT} ({})", std::env::consts::OS);
        let agent = HeaderValue::from_str(&agent).map_err(|error| Error::caused("user-agent", error))?;
        headers.insert("user-agent", agent);
        headers.insert("content-type", HeaderValue::from_static(PROTO));
        headers.insert("connect-protocol-version", HeaderValue::from_static("1"));
        headers.insert("accept-encoding", HeaderValue::from_static("gzip"));
        Ok(HttpServer(Arc::new(Inner { client, url, headers })))
    }

    fn call(&self, call: Call, message: Vec<u8>, timeout: Duration) -> BoxFuture<'static, Result<Vec<u8>, Failure>> {
        let inner = self.0.clone();
        Box::pin(async move { inner.call(call, message, timeout).await })
    }
}

impl Inner {
    async fn call(&self, call: Call, message: Vec<u8>, timeout: Duration) -> Result<Vec<u8>, Failure> {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{}", self.url.path().trim_end_matches('/'), call.path()));
        let request = Request {
            method: Method::POST,
            url,
            headers: self.headers.clone(),
            body: Body::from(Bytes::from(message)),
            timeout,
        };
        let answer = self.client.send(request, MOST_BYTES + 1).await;
        let answer = answer.map_err(|error| Failure::Unreachable(error.to_string()))?;
        if answer.broken {
            return Err(Failure::Unreachable("the answer breaks off".to_owned()));
        }
        if answer.body.len() > MOST_BYTES {
            return Err(Failure::Malformed(too_large()));
        }
        let body = match answer.header("content-encoding") {
            Some("gzip") => unpack(&answer.body)?,
            Some("identity") | None => answer.body.to_vec(),
            Some(other) => return Err(Failure::Malformed(format!("unknown content encoding {other:?}"))),
        };
        if answer.status != StatusCode::OK {
            return Err(Failure::Refused(CallError::of_answer(answer.status.as_u16(), &body)));
        }
        match answer.header("content-type") {
            Some(found) if found.split(';').next().is_some_and(|found| found.trim() == PROTO) => Ok(body),
            found => Err(Failure::Malformed(format!(
                "its content type is {:?}, not {PROTO:?}",
                found.unwrap_or_default()
            ))),
        }
    }
}

fn too_large() -> String {
    format!("it has more than {} MiB", MOST_BYTES >> 20)
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let mut decoder = GzDecoder::new(packed).take(MOST_BYTES as u64 + 1);
    match decoder.read_to_end(&mut body) {
        Ok(_) if body.len() > MOST_BYTES => Err(Failure::Malformed(too_large())),
        Ok(_) => Ok(body),
        Err(error) => Err(Failure::Malformed(error.to_string())),
    }
}

impl Server for HttpServer {
    fn register(&self, message: Registration, timeout: Duration) -> BoxFuture<'static, Result<(), Failure>> {
        let call = self.call(Call::Register, message.encode(), timeout);
        Box::pin(async move { call.await.map(drop) })
    }

    fn config(&self, message: ConfigRequest, timeout: Duration) -> BoxFuture<'static, Result<ConfigAnswer, Failure>> {
        let call = self.call(Call::GetConfig, message.encode(), timeout);
        Box::pin(async move {
            let body = call.await?;
            ConfigAnswer::decode(&body).map_err(|error| Failure::Malformed(error.to_string()))
        })
    }

    fn unregister(&self, id: &str, timeout: Duration) -> BoxFuture<'static, Result<(), Failure>> {
        let message = Farewell { id: id.to_owned() };
        let call = self.call(Call::Unregister, message.encode(), timeout);
        Box::pin(async move { call.await.map(drop) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::extract::Request as HttpRequest;
    use axum::http::header;
    use axum::response::{IntoResponse, Response};
    use collectorapi::Code;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use host::RealFs;
    use std::io::Write;
    use value::Block;

    const TIMEOUT: Duration = Duration::from_secs(60);

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// The URL of a server that answers with what `name` of the request's hash says.
    async fn serve() -> String {
        async fn answer(request: HttpRequest) -> Response {
            let (request, body) = request.into_parts();
            let head = |name: &str| request.headers[name].to_str().unwrap().to_owned();
            assert_eq!(
                (
                    request.uri.path(),
                    request.method.as_str(),
                    head("content-type"),
                    head("authorization")
                ),
                (
                    "/base/collector.v1.CollectorService/GetConfig",
                    "POST",
                    PROTO.to_owned(),
                    "Bearer t".to_owned()
                )
            );
            assert!(head("user-agent").starts_with("Invar/"));
            let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let wanted = ConfigRequest::decode(&bytes).unwrap().hash;
            let answer = ConfigAnswer {
                content: "x".repeat(if wanted == "large" { MOST_BYTES } else { 10 }),
                ..ConfigAnswer::default()
            };
            let proto = [(header::CONTENT_TYPE, PROTO)];
            let gzip = [(header::CONTENT_TYPE, PROTO), (header::CONTENT_ENCODING, "gzip")];
            let message = answer.encode();
            match wanted.as_str() {
                "gzip" => (gzip, packed(&message)).into_response(),
                "large" => (gzip, packed(&message)).into_response(),
                "error" => {
                    let error = CallError::new(Code::NotFound, "who?");
                    let json = [(header::CONTENT_TYPE, "application/json")];
                    (axum::http::StatusCode::NOT_FOUND, json, error.to_json()).into_response()
                }
                "page" => "hello".into_response(),
                "broken" => (proto, vec![0x0a, 9]).into_response(),
                _ => (proto, message).into_response(),
            }
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(axum::serve(listener, Router::new().fallback(answer)).into_future());
        format!("http://{address}/base/")
    }

    #[tokio::test]
    async fn answers_of_all_kinds_are_understood() {
        let mut args = RemotecfgArgs::defaults();
        args.url = serve().await;
        args.client.bearer_token = value::Secret::new("t");
        let server = HttpServer::new(&args, Arc::new(RealFs)).unwrap();
        let ask = |wanted: &str| {
            let request = ConfigRequest {
                hash: wanted.to_owned(),
                ..ConfigRequest::default()
            };
            let answer = server.config(request, TIMEOUT);
            async move {
                match answer.await {
                    Ok(answer) => answer.content,
                    Err(failure) => failure.to_string(),
                }
            }
        };
        assert_eq!((ask("").await, ask("gzip").await), ("x".repeat(10), "x".repeat(10)));
        assert_eq!(ask("error").await, "the server answers not_found: who?");
        assert_eq!(
            ask("large").await,
            "the server's answer is none: it has more than 16 MiB"
        );
        let page = ask("page").await;
        assert!(page.contains("content type is \"text/plain"), "{page}");
        assert!(
            ask("broken")
                .await
                .starts_with("the server's answer is none: malformed")
        );
        args.url = "http://127.0.0.1:1".to_owned();
        let nobody = HttpServer::new(&args, Arc::new(RealFs)).unwrap();
        let gone = nobody.unregister("me", TIMEOUT).await.unwrap_err();
        assert!(gone.to_string().starts_with("the server cannot be reached: "), "{gone}");
    }
}
