//! A server on loopback and the little HTTP and WebSocket that a test needs to talk to it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use memstore::Store;

/// Serves `store` on a free port of loopback, on a thread of its own, until the process ends.
pub fn serve(store: Arc<Store>) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    listener.set_nonblocking(true).expect("a socket");
    let router = memstore::router(store);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("runtime");
            axum::serve(listener, router).await
        })
    });
    addr
}

pub fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("listening");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a socket");
    stream
}

/// One request on a connection of its own; the whole answer.
pub fn exchange(addr: SocketAddr, head: &str, body: &[u8]) -> String {
    let mut stream = connect(addr);
    let length = body.len();
    write!(
        stream,
        "{head}\r\nHost: {addr}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    .expect("write");
    stream.write_all(body).expect("write");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answer");
    String::from_utf8(answer).expect("UTF-8")
}

/// Reads up to the empty line.
fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("head");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("ASCII")
}

/// Opens a WebSocket; the head of the answer if it is refused.
pub fn websocket(addr: SocketAddr, path: &str) -> Result<TcpStream, String> {
    let mut stream = connect(addr);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .expect("write");
    let head = read_head(&mut stream);
    if head.starts_with("HTTP/1.1 101") {
        Ok(stream)
    } else {
        Err(head)
    }
}

/// The next text frame as JSON; `None` for a close frame.
pub fn receive(stream: &mut TcpStream) -> Option<serde_json::Value> {
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("frame");
    let length = match head[1] {
        126 => {
            let mut length = [0; 2];
            stream.read_exact(&mut length).expect("frame");
            u64::from(u16::from_be_bytes(length))
        }
        127 => {
            let mut length = [0; 8];
            stream.read_exact(&mut length).expect("frame");
            u64::from_be_bytes(length)
        }
        short => u64::from(short),
    };
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body).expect("frame");
    match head[0] {
        0x81 => Some(serde_json::from_slice(&body).expect("JSON")),
        0x88 => None,
        other => panic!("unexpected frame {other:#x}"),
    }
}
