//! From an HTTP body to a request: media type, content encoding, snappy.

use std::io::Read;

use bytes::Bytes;

use crate::{Error, Limits, PushRequest, block};

/// The two forms of a push request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `application/x-protobuf`, and every media type that is not JSON.
    Protobuf,
    /// `application/json`.
    Json,
}

/// A push body with all encodings taken off.
#[derive(Debug, Clone)]
pub struct Body {
    format: Format,
    bytes: Bytes,
}

impl Body {
    /// Takes the encodings off `body` by the two HTTP headers. A protobuf body is a snappy block whether or not
    /// `Content-Encoding` says so; `gzip` and `deflate` come on top of that.
    ///
    /// # Errors
    /// Headers that are missing or not known, a body that is not what they say, one beyond [`Limits::max_bytes`].
    pub fn open(
        body: Bytes,
        content_type: Option<&str>,
        content_encoding: Option<&str>,
        limits: Limits,
    ) -> Result<Self, Error> {
        Body::open_admitted(body, content_type, content_encoding, limits, &mut |_| true)
    }

    /// The same for a receiver with a memory budget: `admit` is asked before memory is taken, with the number of bytes that are to
    /// be taken next, and ends it by answering false.
    ///
    /// # Errors
    /// As [`Body::open`], and [`Error::NoRoom`].
    pub fn open_admitted(
        body: Bytes,
        content_type: Option<&str>,
        content_encoding: Option<&str>,
        limits: Limits,
        admit: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Self, Error> {
        let format = format(content_type)?;
        check_size("body", body.len(), limits)?;
        let encoding = content_encoding.unwrap_or("").trim();
        let bytes = match encoding.to_ascii_lowercase().as_str() {
            "" | "identity" | "snappy" => body,
            "gzip" => inflate("gzip", flate2::read::MultiGzDecoder::new(&body[..]), limits, admit)?,
            "deflate" => inflate("deflate", flate2::read::DeflateDecoder::new(&body[..]), limits, admit)?,
            _ => return Err(Error::BadContentEncoding(encoding.to_owned())),
        };
        let bytes = match format {
            Format::Json => bytes,
            Format::Protobuf => block::decompress_admitted(&bytes, limits.max_bytes, admit)?.into(),
        };
        Ok(Body { format, bytes })
    }

    /// The form of the request.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The message or document. Lines of a decoded protobuf request are slices of it: [`Bytes::slice_ref`] shares them.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Reads the request.
    ///
    /// # Errors
    /// A malformed message or document, or more entries than [`Limits::max_entries`].
    pub fn decode(&self, limits: Limits) -> Result<PushRequest<'_>, Error> {
        match self.format {
            Format::Protobuf => PushRequest::from_protobuf(&self.bytes, limits),
            Format::Json => PushRequest::from_json(&self.bytes, limits),
        }
    }
}

fn check_size(what: &'static str, size: usize, limits: Limits) -> Result<(), Error> {
    if size > limits.max_bytes {
        return Err(Error::TooLarge {
            what,
            size: size as u64,
            limit: limits.max_bytes,
        });
    }
    Ok(())
}

fn format(content_type: Option<&str>) -> Result<Format, Error> {
    let text = content_type
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .ok_or(Error::MissingContentType)?;
    let essence = text.split(';').next().unwrap_or("").trim();
    // type "/" subtype, each a token (RFC 9110, 5.6.2). Go also takes a lone token.
    let is_token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    let mut parts = essence.splitn(2, '/');
    if !parts.all(is_token) {
        return Err(Error::BadContentType(text.to_owned()));
    }
    Ok(if essence.eq_ignore_ascii_case("application/json") {
        Format::Json
    } else {
        Format::Protobuf
    })
}

/// Bytes by which the output of a decoder grows.
const STEP: usize = 256 << 10;

fn inflate(
    encoding: &'static str,
    mut decoder: impl Read,
    limits: Limits,
    admit: &mut dyn FnMut(u64) -> bool,
) -> Result<Bytes, Error> {
    let mut out = Vec::new();
    loop {
        if !admit(STEP as u64) {
            return Err(Error::NoRoom);
        }
        // One byte more than allowed tells "too large" from "exactly as large as allowed".
        let most = (limits.max_bytes.saturating_add(1) - out.len()).min(STEP);
        let read = decoder
            .by_ref()
            .take(most as u64)
            .read_to_end(&mut out)
            .map_err(|e| Error::Encoding {
                encoding,
                reason: e.to_string(),
            })?;
        check_size("decompressed body", out.len(), limits)?;
        if read < most {
            return Ok(out.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const DOCUMENT: &[u8] = br#"{"streams":[{"stream":{"a":"1"},"values":[["1","x"]]}]}"#;

    fn open(body: &[u8], kind: Option<&str>, encoding: Option<&str>, max_bytes: usize) -> Result<Body, Error> {
        let limits = Limits {
            max_bytes,
            ..Limits::default()
        };
        Body::open(Bytes::copy_from_slice(body), kind, encoding, limits)
    }

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(body).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn every_encoding_leads_to_the_same_request() {
        let json = Some("Application/JSON; charset=utf-8");
        let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        deflate.write_all(DOCUMENT).expect("memory");
        let deflate = deflate.finish().expect("memory");
        let mut encoder = crate::Encoder::new();
        encoder.begin_stream("{a=\"1\"}");
        encoder.plain_entry(1, b"x");
        let mut compressor = crate::Compressor::new();
        let snappy = compressor.compress(encoder.finish()).expect("small").to_vec();
        for (body, kind, encoding) in [
            (DOCUMENT.to_vec(), json, None),
            (gzip(DOCUMENT), json, Some("gzip")),
            (deflate, json, Some("deflate")),
            (snappy.clone(), Some("application/x-protobuf"), Some("snappy")),
            (snappy.clone(), Some("text/plain"), None),
            (gzip(&snappy), Some("application/x-protobuf"), Some("GZIP")),
        ] {
            let body = open(&body, kind, encoding, 1000).expect("valid");
            let request = body.decode(Limits::default()).expect("valid");
            assert_eq!(request.streams.len(), 1);
            assert_eq!(request.streams[0].labels.text(), "{a=\"1\"}");
            assert_eq!(&*request.streams[0].entries[0].line, b"x");
            assert_eq!(request.streams[0].entries[0].timestamp, 1);
        }
    }

    #[test]
    fn memory_is_asked_for_before_it_is_taken() {
        let document = [br#"{"streams":[]"#.as_slice(), &[b' '; 1 << 20], b"}"].concat();
        let body = gzip(&document);
        let open = |admit: &mut dyn FnMut(u64) -> bool| {
            let limits = Limits::default();
            Body::open_admitted(
                body.clone().into(),
                Some("application/json"),
                Some("gzip"),
                limits,
                admit,
            )
        };
        let mut asked = 0;
        let opened = open(&mut |bytes| {
            asked += bytes;
            true
        });
        assert_eq!(opened.expect("valid").bytes().len(), document.len());
        assert!(asked >= document.len() as u64 && asked < 2 << 20, "{asked}");
        let mut left = 512 << 10;
        let refused = open(&mut |bytes| {
            left -= i64::try_from(bytes).expect("small");
            left >= 0
        });
        assert_eq!(refused.expect_err("no room"), Error::NoRoom);
        let mut asked = Vec::new();
        let snappy = crate::Compressor::new().compress(&[0; 5000]).expect("small").to_vec();
        let opened = Body::open_admitted(snappy.into(), Some("a/b"), None, Limits::default(), &mut |bytes| {
            asked.push(bytes);
            true
        });
        assert!(opened.is_ok());
        assert_eq!(asked, [5000]);
    }

    #[test]
    fn refuses_with_a_reason() {
        let check = |body: &[u8], kind, encoding, max, expect: &str| {
            assert_eq!(
                open(body, kind, encoding, max).expect_err("must fail").to_string(),
                expect
            );
        };
        let json = Some("application/json");
        check(
            b"",
            None,
            None,
            9,
            "the Content-Type header is missing: send application/x-protobuf or application/json",
        );
        check(
            b"",
            Some("a b/c"),
            None,
            9,
            "Content-Type \"a b/c\" is not a media type: send application/x-protobuf or application/json",
        );
        check(
            b"",
            json,
            Some("br"),
            9,
            "Content-Encoding \"br\" is not supported: use snappy, gzip, deflate or none",
        );
        check(
            &[b'x'; 10],
            json,
            None,
            9,
            "the body has 10 bytes, the limit is 9: send smaller batches",
        );
        let bomb = gzip(&[0; 1 << 20]);
        check(
            &bomb,
            json,
            Some("gzip"),
            1 << 16,
            "the decompressed body has 65537 bytes, the limit is 65536: send smaller batches",
        );
        check(
            b"xx",
            json,
            Some("gzip"),
            9,
            "the body is not valid gzip: unexpected end of file",
        );
        check(
            b"",
            Some("application/x-protobuf"),
            None,
            9,
            "the body is not a snappy block: it is empty",
        );
    }
}
