//! Clients that say what no library would.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// More than any test takes, on any machine.
pub const LONG: Duration = Duration::from_secs(60);

/// What the server says to some bytes until it closes the connection.
pub async fn say(address: SocketAddr, bytes: &[u8]) -> String {
    String::from_utf8_lossy(&hear(address, bytes).await).into_owned()
}

/// The same as bytes.
pub async fn hear(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may close before it has read all.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = timeout(LONG, stream.read_to_end(&mut answer)).await.expect("an end");
    answer
}

/// The status of the answer to a GET request for a path as it is, without the care that libraries take.
pub async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = say(address, request.as_bytes()).await;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_default(), answer)
}

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RESET: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// A frame of HTTP/2.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The fields of a GET request.
pub fn fields(path: &str) -> Vec<u8> {
    let mut fields = vec![0x82, 0x86];
    for (index, value) in [(0x04, path), (0x01, "localhost")] {
        fields.push(index);
        text(&mut fields, value);
    }
    fields
}

/// A field that no table knows; `indexed` puts it into the table.
pub fn field(name: &str, value: &str, indexed: bool) -> Vec<u8> {
    let mut field = vec![if indexed { 0x40 } else { 0x00 }];
    text(&mut field, name);
    text(&mut field, value);
    field
}

fn text(out: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    if length < 127 {
        out.push(u8::try_from(length).unwrap());
    } else {
        out.push(127);
        length -= 127;
        while length >= 128 {
            out.push(u8::try_from(length % 128).unwrap() | 128);
            length /= 128;
        }
        out.push(u8::try_from(length).unwrap());
    }
    out.extend(text.as_bytes());
}

/// What the server sent.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The code of a RST_STREAM or GOAWAY frame.
    pub fn code(&self) -> u8 {
        *self.payload.last().unwrap()
    }

    pub fn ends(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }
}

/// A connection of HTTP/2. It answers pings.
pub struct Raw {
    pub stream: TcpStream,
}

impl Raw {
    /// `window` is how many bytes of each answer the server may send.
    pub async fn connect(address: SocketAddr, window: u32) -> Raw {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut start = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let mut setting = vec![0, 4];
        setting.extend(window.to_be_bytes());
        start.extend(frame(SETTINGS, 0, 0, &setting));
        stream.write_all(&start).await.unwrap();
        Raw { stream }
    }

    pub async fn get(&mut self, stream: u32, path: &str) {
        let request = frame(HEADERS, END_HEADERS | END_STREAM, stream, &fields(path));
        self.stream.write_all(&request).await.unwrap();
    }

    /// The next frame; none at the end of the connection.
    pub async fn next(&mut self) -> Option<Frame> {
        timeout(LONG, self.read()).await.expect("a frame or the end")
    }

    async fn read(&mut self) -> Option<Frame> {
        loop {
            let mut head = [0; 9];
            self.stream.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.stream.read_exact(&mut payload).await.ok()?;
            let found = Frame {
                kind: head[3],
                flags: head[4],
                payload,
            };
            match found.kind {
                PING if found.flags & ACK == 0 => {
                    let answer = frame(PING, ACK, 0, &found.payload);
                    self.stream.write_all(&answer).await.ok()?;
                }
                SETTINGS if found.flags & ACK == 0 => {
                    self.stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await.ok()?;
                }
                _ => return Some(found),
            }
        }
    }

    /// All frames until the server closes the connection.
    pub async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }
}
