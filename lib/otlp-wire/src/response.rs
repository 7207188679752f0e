//! What a server answers: `Export*ServiceResponse`, and `google.rpc.Status` when it refuses.

use crate::Error;
use crate::Signal;
use protowire::{Field, Reader, push_bytes, push_message, push_uint};
use std::time::Duration;

/// `Export*PartialSuccess`: a part of the request was refused for good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialSuccess {
    /// Log records, spans or data points that were refused. 0 with a message is a warning.
    pub rejected: i64,
    /// Why, or what else there is to say.
    pub message: String,
}

impl PartialSuccess {
    /// The response that says so. A response to a request that was accepted as a whole is no bytes at all, and `{}` in JSON.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_message(&mut out, 1, |out| {
            if self.rejected != 0 {
                push_uint(out, 1, self.rejected as u64);
            }
            if !self.message.is_empty() {
                push_bytes(out, 2, self.message.as_bytes());
            }
        });
        out
    }

    /// The same in JSON.
    pub fn encode_json(&self, signal: Signal) -> String {
        let what = match signal {
            Signal::Logs => "rejectedLogRecords",
            Signal::Metrics => "rejectedDataPoints",
            Signal::Traces => "rejectedSpans",
        };
        let mut out = format!(
            "{{\"partialSuccess\":{{\"{what}\":\"{}\",\"errorMessage\":",
            self.rejected
        );
        crate::json::push_text(&mut out, self.message.as_bytes());
        out.push_str("}}");
        out
    }

    /// Reads a response. `None` if there is nothing to say: no `partial_success`, or one that is empty.
    ///
    /// # Errors
    ///
    /// If it is malformed, or no response.
    pub fn decode(response: &[u8]) -> Result<Option<Self>, Error> {
        let mut read = PartialSuccess::default();
        let mut outer = Reader::new(response);
        while let Some((number, value)) = outer.field()? {
            let mut inner = match (number, value) {
                (1, Field::Bytes(_, inner)) => inner,
                (1, _) => return Err(outer.error(WRONG).into()),
                _ => continue,
            };
            while let Some((number, value)) = inner.field()? {
                match (number, value) {
                    (1, Field::Varint(v)) => read.rejected = v as i64,
                    (2, Field::Bytes(text, _)) => read.message = String::from_utf8_lossy(text).into_owned(),
                    (1 | 2, _) => return Err(inner.error(WRONG).into()),
                    _ => {}
                }
            }
        }
        Ok(Some(read).filter(|read| *read != PartialSuccess::default()))
    }
}

/// `google.rpc.Status`: the body of an error over HTTP, and the `grpc-status-details-bin` of one over gRPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// A gRPC status code.
    pub code: i32,
    /// For humans.
    pub message: String,
    /// After which time to try again: a `google.rpc.RetryInfo`.
    pub retry_delay: Option<Duration>,
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
const WRONG: &str = "a field has another type than the response gives to it";

impl Status {
    /// The message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.code != 0 {
            push_uint(&mut out, 1, i64::from(self.code) as u64);
        }
        if !self.message.is_empty() {
            push_bytes(&mut out, 2, self.message.as_bytes());
        }
        if let Some(delay) = self.retry_delay {
            push_message(&mut out, 3, |out| {
                push_bytes(out, 1, RETRY_INFO.as_bytes());
                push_message(out, 2, |out| {
                    push_message(out, 1, |out| {
                        if delay.as_secs() != 0 {
                            push_uint(out, 1, delay.as_secs());
                        }
                        if delay.subsec_nanos() != 0 {
                            push_uint(out, 2, delay.subsec_nanos().into());
                        }
                    });
                });
            });
        }
        out
    }

    /// The same in JSON: code, message and details.
    pub fn encode_json(&self) -> String {
        let mut out = format!("{{\"code\":{},\"message\":", self.code);
        crate::json::push_text(&mut out, self.message.as_bytes());
        if let Some(delay) = self.retry_delay {
            let (seconds, nanos) = (delay.as_secs(), delay.subsec_nanos());
            let fraction = if nanos == 0 {
                String::new()
            } else {
                format!(".{nanos:09}")
            };
            out.push_str(&format!(
                ",\"details\":[{{\"@type\":\"{RETRY_INFO}\",\"retryDelay\":\"{seconds}{fraction}s\"}}]"
            ));
        }
        out.push('}');
        out
    }

    /// Reads a message. A delay that is negative is none.
    ///
    /// # Errors
    ///
    /// If it is malformed, or no status.
    pub fn decode(status: &[u8]) -> Result<Self, Error> {
        let mut read = Status::default();
        let mut reader = Reader::new(status);
        while let Some((number, value)) = reader.field()? {
            match (number, value) {
                (1, Field::Varint(v)) => read.code = v as i32,
                (2, Field::Bytes(text, _)) => read.message = String::from_utf8_lossy(text).into_owned(),
                (3, Field::Bytes(_, detail)) => {
                    if let Some(delay) = retry_info(detail)? {
                        read.retry_delay = Some(delay);
                    }
                }
                (1..=3, _) => return Err(reader.error(WRONG).into()),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// The delay that a `google.protobuf.Any` asks for, if that is what it is about.
fn retry_info(mut detail: Reader<'_>) -> Result<Option<Duration>, Error> {
    let (mut kind, mut content) = (&b""[..], None);
    while let Some((number, value)) = detail.field()? {
        match (number, value) {
            (1, Field::Bytes(bytes, _)) => kind = bytes,
            (2, Field::Bytes(_, inner)) => content = Some(inner),
            _ => {}
        }
    }
    match content {
        Some(content) if kind.ends_with(b"/google.rpc.RetryInfo") => retry_delay(content),
        _ => Ok(None),
    }
}

fn retry_delay(mut info: Reader<'_>) -> Result<Option<Duration>, Error> {
    let (mut seconds, mut nanos) = (0, 0);
    while let Some((number, value)) = info.field()? {
        let (1, Field::Bytes(_, mut duration)) = (number, value) else {
            continue;
        };
        while let Some((number, value)) = duration.field()? {
            match (number, value) {
                (1, Field::Varint(v)) => seconds = v as i64,
                (2, Field::Varint(v)) => nanos = v as i32,
                _ => {}
            }
        }
    }
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let seconds = u64::try_from(seconds).ok();
    Ok(seconds.zip(nanos).map(|(seconds, nanos)| Duration::new(seconds, nanos)))
}
