//! Calls over gRPC, as far as a client that pushes needs it.

use super::clients::Answer;
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, header};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// Codes that ask to come again: resource exhausted, unavailable.
const LATER: [i32; 2] = [8, 14];

/// One connection, made anew when it breaks. The runtime works only while a call waits.
pub(super) struct Channel {
    runtime: Runtime,
    port: u16,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Channel {
    pub(super) fn new(port: u16) -> io::Result<Channel> {
        Ok(Channel {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            port,
            open: None,
        })
    }

    /// Calls a method with an encoded message.
    pub(super) fn call(&mut self, path: &str, message: &[u8], patience: Duration) -> io::Result<Answer> {
        let mut frame = BytesMut::with_capacity(message.len() + 5);
        // Not compressed.
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).map_err(io::Error::other)?);
        frame.put_slice(message);
        let request = Request::post(format!("http://127.0.0.1:{}{path}", self.port))
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .body(Full::new(frame.freeze()))
            .map_err(io::Error::other)?;
        let (port, open) = (self.port, &mut self.open);
        let answer = self
            .runtime
            .block_on(async { tokio::time::timeout(patience, exchange(port, open, request)).await });
        let answer = answer.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)));
        if answer.is_err() {
            self.open = None;
        }
        answer
    }
}

async fn exchange(
    port: u16,
    open: &mut Option<SendRequest<Full<Bytes>>>,
    request: Request<Full<Bytes>>,
) -> io::Result<Answer> {
    let sender = match open {
        Some(sender) => sender,
        None => {
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .map_err(io::Error::other)?;
            tokio::spawn(async move {
                // How it ends shows in the call.
                let _ = connection.await;
            });
            open.insert(sender)
        }
    };
    sender.ready().await.map_err(io::Error::other)?;
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    let (head, body) = answer.into_parts();
    if head.status != hyper::StatusCode::OK {
        return Ok(Answer::Odd(format!("HTTP status {} over gRPC", head.status)));
    }
    let body = body.collect().await.map_err(io::Error::other)?;
    let trailers = body.trailers().unwrap_or(&head.headers);
    let code = trailers.get("grpc-status").and_then(|code| code.to_str().ok());
    Ok(match code.and_then(|code| code.parse().ok()) {
        Some(0) => Answer::Taken,
        Some(code) if LATER.contains(&code) => Answer::Later,
        Some(code) => Answer::Odd(format!("gRPC status {code}")),
        None => Answer::Odd("no gRPC status".to_owned()),
    })
}
