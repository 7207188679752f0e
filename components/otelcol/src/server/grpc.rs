//! gRPC over HTTP/2, for unary calls whose messages are bytes. Source: gRPC's `PROTOCOL-HTTP2.md`.

use super::compression::Compression;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Either, Full};
use hyper::Response;
use net::{HeaderMap, HeaderValue};
use otlp_wire::response::Status;
use std::convert::Infallible;
use std::future::Ready;

/// Status codes.
pub(crate) mod code {
    pub(crate) const INVALID_ARGUMENT: i32 = 3;
    pub(crate) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(crate) const UNIMPLEMENTED: i32 = 12;
    pub(crate) const INTERNAL: i32 = 13;
    pub(crate) const UNAVAILABLE: i32 = 14;
    pub(crate) const UNAUTHENTICATED: i32 = 16;
}

/// Bytes in front of a message: whether it is compressed, and its length.
pub(crate) const PREFIX: usize = 5;

type Trailers = Ready<Option<Result<HeaderMap, Infallible>>>;
type WithTrailers = http_body_util::combinators::WithTrailers<Full<Bytes>, Trailers>;
/// The body of an answer: nothing where the status is in the head, else a message and trailers.
pub(crate) type AnswerBody = Either<Full<Bytes>, WithTrailers>;
pub(crate) type Answer = Response<AnswerBody>;

/// What is wrong with the frame of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is cut off, or more follows.
    Framing,
    /// It is compressed, and the call does not say how.
    NotSaid,
    /// It is larger than the limit.
    TooLarge(u64),
}

/// The message of a call, as a part of its body, and how it is compressed.
pub(crate) fn message(
    body: &Bytes,
    encoding: Option<Compression>,
    limit: usize,
) -> Result<(Bytes, Option<Compression>), Wrong> {
    let Some((&[flag, a, b, c, d], rest)) = body.split_first_chunk::<PREFIX>() else {
        return Err(Wrong::Framing);
    };
    let len = u32::from_be_bytes([a, b, c, d]);
    if u64::from(len) > limit as u64 {
        return Err(Wrong::TooLarge(len.into()));
    }
    if rest.len() != len as usize {
        return Err(Wrong::Framing);
    }
    let compression = match flag {
        0 => None,
        1 => Some(encoding.ok_or(Wrong::NotSaid)?),
        _ => return Err(Wrong::Framing),
    };
    Ok((body.slice(PREFIX..), compression))
}

/// How long the body of a call is whose beginning is at hand, if it has one message.
pub(crate) fn length(start: &[u8]) -> Option<u64> {
    let (&[_, a, b, c, d], _) = start.split_first_chunk::<PREFIX>()?;
    Some(PREFIX as u64 + u64::from(u32::from_be_bytes([a, b, c, d])))
}

/// An answer without anything.
pub(crate) fn empty() -> Answer {
    Response::new(Either::Left(Full::default()))
}

fn head(body: AnswerBody) -> Answer {
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-accept-encoding", HeaderValue::from_static("gzip,zstd,snappy"));
    answer
}

/// The answer to a call that succeeded.
pub(crate) fn success(message: &[u8]) -> Answer {
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).expect("an answer is a few bytes"));
    framed.put_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(framed.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    head(Either::Right(body))
}

/// The answer to one that did not.
pub(crate) fn failure(status: &Status) -> Answer {
    let mut answer = head(Either::Left(Full::default()));
    let headers = answer.headers_mut();
    headers.insert("grpc-status", HeaderValue::from(status.code));
    if let Ok(message) = HeaderValue::from_str(&percent(&status.message)) {
        headers.insert("grpc-message", message);
    }
    if status.retry_delay.is_some()
        && let Ok(details) = HeaderValue::from_str(&STANDARD_NO_PAD.encode(status.encode()))
    {
        headers.insert("grpc-status-details-bin", details);
    }
    answer
}

/// A text as `grpc-message` has it: what is not printable ASCII, and `%`, in hexadecimal.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_what_its_frame_says() {
        let body = |bytes: &'static [u8]| Bytes::from_static(bytes);
        let gzip = Some(Compression::Gzip);
        assert_eq!(message(&body(b"\0\0\0\0\x02ab"), gzip, 2), Ok((body(b"ab"), None)));
        assert_eq!(message(&body(b"\x01\0\0\0\x01a"), gzip, 2), Ok((body(b"a"), gzip)));
        assert_eq!(message(&body(b"\x01\0\0\0\x01a"), None, 2), Err(Wrong::NotSaid));
        assert_eq!(message(&body(b"\0\0\0\0\x02ab"), gzip, 1), Err(Wrong::TooLarge(2)));
        assert_eq!(length(b"\0\0\0\x01\x02ab"), Some(263));
        assert_eq!(length(b"\0\0\0\0"), None);
        for wrong in [&b"\0\0\0\0"[..], b"\0\0\0\0\x02a", b"\0\0\0\0\x01ab", b"\x02\0\0\0\0"] {
            assert_eq!(
                message(&Bytes::copy_from_slice(wrong), gzip, 9),
                Err(Wrong::Framing),
                "{wrong:?}"
            );
        }
        assert_eq!(percent("50% of ü\n"), "50%25 of %C3%BC%0A");
    }
}
