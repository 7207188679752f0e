//! The listener: takes connections, a bounded number of them, and ends them in good order.

use super::routes::dispatch;
use super::{App, answer};
use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use component::{CancellationToken, Error};
use http_body_util::Limited;
use hyper::body::{Frame, SizeHint};
use net::server::{Event, Incoming, Request};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{Sleep, sleep};

/// What clients may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// How long a client may take for a TLS handshake, the head of a request, a part of its body, or to make room for a part of an
    /// answer. An idle connection is closed after the same time.
    pub patience: Duration,
    /// Bytes of the head of a request.
    pub head: usize,
    /// Bytes of the body of a request.
    pub body: usize,
    /// How long answers may take after the server was told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 1024,
            patience: Duration::from_secs(30),
            head: 64 << 10,
            body: 16 << 20,
            drain: Duration::from_secs(5),
        }
    }
}

/// Requests of one HTTP/2 connection at once.
const MAX_STREAMS: u32 = 128;

/// Takes a port.
pub(super) fn bind(address: &str) -> Result<std::net::TcpListener, Error> {
    let fail = |error: io::Error| {
        let (why, what_to_do) = net::server::bind_failure(&error);
        let what_to_do = match what_to_do {
            "" => "pass another address by".to_owned(),
            first => format!("{first} pass"),
        };
        Error::new(format!(
            "cannot listen on {address:?}: {why}; {what_to_do} --server.http.listen-addr"
        ))
    };
    let listener = match address.strip_prefix(':') {
        // Go's way to say all addresses: IPv6 with IPv4 in it, or IPv4 alone where there is no IPv6.
        Some(port) => {
            let port: u16 = port.parse().map_err(|_| {
                Error::new(format!(
                    "cannot listen on {address:?}: the port is not a number from 0 to 65535; pass another address by \
                     --server.http.listen-addr"
                ))
            })?;
            net::server::bind("", port)
        }
        None => address
            .to_socket_addrs()
            .and_then(|found| std::net::TcpListener::bind(found.collect::<Vec<SocketAddr>>().as_slice())),
    };
    let listener = listener.map_err(fail)?;
    listener.set_nonblocking(true).map_err(fail)?;
    Ok(listener)
}

pub(super) async fn serve(listener: TcpListener, app: Arc<App>, limits: Limits, stop: CancellationToken) {
    let policy = app.policy.clone();
    let (body, patience) = (limits.body, limits.patience);
    let limits = net::server::Limits {
        connections: limits.connections,
        patience: limits.patience,
        idle: limits.patience,
        stall: limits.patience,
        head: limits.head,
        http2: true,
        streams: MAX_STREAMS,
        drain: limits.drain,
    };
    let tls = move || policy.load().tls.clone();
    let connection = move || {
        let app = app.clone();
        move |request: Request<Incoming>| {
            let too_large = request.body().size_hint().lower() > body as u64;
            let app = app.clone();
            async move {
                if too_large {
                    let message = format!("the body of the request has more than {body} bytes");
                    return answer::error(StatusCode::PAYLOAD_TOO_LARGE, message);
                }
                let request = request.map(|incoming| {
                    let prompt = Prompt::new(incoming, patience);
                    Body::new(Limited::new(prompt, body))
                });
                dispatch(app, request).await
            }
        }
    };
    net::server::serve(listener, limits, tls, connection, report, stop).await;
}

fn report(event: Event<'_>) {
    match event {
        Event::NotAccepted(error) => tracing::warn!(service = "http", err = %error, "cannot accept a connection"),
        Event::Handshake(error) => tracing::debug!(service = "http", err = %error, "the TLS handshake failed"),
        Event::Ended(error) => tracing::debug!(service = "http", err = %error, "a connection ended"),
        Event::CutOff(connections) => {
            tracing::warn!(service = "http", connections, "answers took too long and were cut off")
        }
    }
}

/// The body of a request, which breaks off when the client takes too long for a part of it.
struct Prompt {
    inner: Incoming,
    patience: Duration,
    waits: Option<Pin<Box<Sleep>>>,
}

impl Prompt {
    fn new(inner: Incoming, patience: Duration) -> Self {
        Prompt {
            inner,
            patience,
            waits: None,
        }
    }
}

impl HttpBody for Prompt {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            this.waits = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let patience = this.patience;
        let waits = this.waits.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(waits.as_mut().poll(cx));
        Poll::Ready(Some(Err("the body of the request takes too long".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
