//! Answers and what they have in common.

use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use std::io::Write;

/// What Go's server says of text, and of JSON whose type nobody set.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// An answer of one piece.
pub(crate) fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A text, with the line break that ends it.
pub(crate) fn text(status: StatusCode, text: impl std::fmt::Display) -> Response<Body> {
    whole(status, TEXT, format!("{text}\n"))
}

/// An error, as Go's `http.Error` sends it.
pub(crate) fn error(status: StatusCode, message: impl std::fmt::Display) -> Response<Body> {
    let mut response = text(status, message);
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A status and nothing else.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// A document that is sent compressed to those who take it.
pub(crate) fn document(request: &HeaderMap, content_type: HeaderValue, content: Vec<u8>) -> Response<Body> {
    let compressed = match coding(request) {
        Some(Coding::Gzip) => finish(
            GzEncoder::new(Vec::new(), Compression::fast()),
            &content,
            GzEncoder::finish,
        )
        .map(|bytes| ("gzip", bytes)),
        Some(Coding::Deflate) => finish(
            ZlibEncoder::new(Vec::new(), Compression::fast()),
            &content,
            ZlibEncoder::finish,
        )
        .map(|bytes| ("deflate", bytes)),
        None => None,
    };
    let mut response = match compressed {
        Some((coding, bytes)) => {
            let mut response = Response::new(Body::from(bytes));
            response
                .headers_mut()
                .insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
            response
        }
        None => Response::new(Body::from(content)),
    };
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

/// Writing to memory does not fail; if it did, the document goes out as it is.
fn finish<E: Write>(mut encoder: E, content: &[u8], end: fn(E) -> std::io::Result<Vec<u8>>) -> Option<Vec<u8>> {
    encoder.write_all(content).ok()?;
    end(encoder).ok()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
}

/// Whether the client takes gzip, and nothing else rather.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    coding(headers) == Some(Coding::Gzip)
}

/// The coding that the client takes; gzip before deflate where it does not mind (RFC 9110, 12.5.3).
fn coding(headers: &HeaderMap) -> Option<Coding> {
    let quality = |wanted: &str| {
        let mut any = 0.0;
        for list in headers.get_all(ACCEPT_ENCODING) {
            for item in list.to_str().unwrap_or_default().split(',') {
                let mut parts = item.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default();
                let q = parts
                    .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
                    .map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
                if name.eq_ignore_ascii_case(wanted) {
                    return q;
                }
                if name == "*" {
                    any = q;
                }
            }
        }
        any
    };
    let (gzip, deflate) = (quality("gzip"), quality("deflate"));
    match (gzip > 0.0, deflate > 0.0) {
        (true, _) if gzip >= deflate => Some(Coding::Gzip),
        (_, true) => Some(Coding::Deflate),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_are_chosen_by_quality() {
        let cases = [
            ("", None),
            ("gzip", Some(Coding::Gzip)),
            ("GZIP, deflate, br", Some(Coding::Gzip)),
            ("deflate", Some(Coding::Deflate)),
            ("gzip;q=0", None),
            ("gzip;q=0, *", Some(Coding::Deflate)),
            ("gzip;q=0.1, deflate;q=0.5", Some(Coding::Deflate)),
            ("identity", None),
            ("*", Some(Coding::Gzip)),
            ("gzip;q=banana", None),
        ];
        for (header, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(header));
            assert_eq!(coding(&headers), expected, "{header}");
        }
    }
}
