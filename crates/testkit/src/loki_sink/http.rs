//! As much HTTP/1.1 as a server for pushes needs, by hand: a test decides when a connection breaks, and a framework would not
//! let it.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest head of a request, in bytes.
const MAX_HEAD: usize = 64 << 10;
/// Largest body, in bytes.
const MAX_BODY: usize = 256 << 20;

/// A complete request.
pub(super) struct Incoming {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// The client does not want to send another one.
    pub last: bool,
}

impl Incoming {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| &value[..])
    }
}

pub(super) struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        // An answer is written in one piece; waiting for more to send would only delay it. Without effect if it fails.
        let _best_effort = stream.set_nodelay(true);
        Connection {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// The next request; `None` if the client closed the connection between two.
    pub(super) async fn request(&mut self) -> io::Result<Option<Incoming>> {
        let head_len = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(invalid("the head of the request is too long"));
            }
            let between = self.buffer.is_empty();
            if self.fill().await? == 0 {
                return if between {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        };
        let head = self.buffer.split_to(head_len);
        let head = std::str::from_utf8(&head).map_err(|_| invalid("the head of the request is not UTF-8"))?;
        let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
        let mut first = lines.next().unwrap_or("").split(' ');
        let (method, path) = (
            first.next().unwrap_or("").to_owned(),
            first.next().unwrap_or("").to_owned(),
        );
        let headers = lines
            .map(|line| {
                line.split_once(':')
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| invalid("a header has no colon"))?;
        let mut request = Incoming {
            method,
            path,
            headers,
            body: Bytes::new(),
            last: false,
        };
        request.last = request
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        if request.header("expect").is_some() {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        request.body = match (request.header("transfer-encoding"), request.header("content-length")) {
            (Some(coding), _) if coding.eq_ignore_ascii_case("chunked") => self.chunks().await?,
            (Some(_), _) => return Err(invalid("unknown transfer encoding")),
            (None, Some(length)) => {
                let length = length.parse().map_err(|_| invalid("Content-Length is not a number"))?;
                self.exactly(length).await?
            }
            (None, None) => Bytes::new(),
        };
        Ok(Some(request))
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(16 << 10);
        self.stream.read_buf(&mut self.buffer).await
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Bytes> {
        if length > MAX_BODY {
            return Err(invalid("the body is too large"));
        }
        self.buffer.reserve(length.saturating_sub(self.buffer.len()));
        while self.buffer.len() < length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    async fn chunks(&mut self) -> io::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let size = self.line().await?;
            let size = size.split(';').next().unwrap_or("").trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| invalid("the size of a chunk is not a number"))?;
            if size == 0 {
                // Trailers up to the empty line.
                while !self.line().await?.is_empty() {}
                return Ok(body.freeze());
            }
            if body.len() + size > MAX_BODY {
                return Err(invalid("the body is too large"));
            }
            body.extend_from_slice(&self.exactly(size).await?);
            if !self.line().await?.is_empty() {
                return Err(invalid("a chunk is longer than it says"));
            }
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..at]).into_owned();
                self.buffer.advance(at + 2);
                return Ok(line);
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(invalid("a line is too long"));
            }
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Writes an answer. `extra` is whole header lines.
    pub(super) async fn answer(&mut self, status: u16, extra: &str, body: &str) -> io::Result<()> {
        let length = if status == 204 {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        let text = format!("HTTP/1.1 {status} Said\r\n{extra}{length}\r\n{body}");
        self.stream.write_all(text.as_bytes()).await
    }

    /// Waits until the client has gone; reads and forgets what it still sends.
    pub(super) async fn until_gone(&mut self) {
        while matches!(self.fill().await, Ok(n) if n > 0) {
            self.buffer.clear();
        }
    }
}
