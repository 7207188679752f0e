//! What the end of a call means.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use delivery::{Outcome, Verdict};
use net::{HeaderMap, Reply, StatusCode};
use otlp_wire::response::{PartialSuccess, Status};
use std::time::Duration;

/// Characters of a message that are shown.
const TEXT_LIMIT: usize = 300;
/// Names of status codes by number.
const NAMES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];
const UNKNOWN: u32 = 2;

/// What a status code means; `wait` is what a `RetryInfo` asks for. OTLP: resources that are exhausted are worth another attempt only if it is there.
fn verdict(code: u32, wait: Option<Duration>) -> Verdict {
    match code {
        0 => Verdict::Delivered,
        1 | 4 | 10 | 11 | 14 | 15 => Verdict::Later(wait),
        8 => match wait {
            Some(wait) => Verdict::Later(Some(wait)),
            // What servers say of a message that is larger than they take.
            None => Verdict::Refused { too_large: true },
        },
        // Who asks is not known or may not, or there is no such service: nothing is the matter with the records.
        7 | 12 | 16 => Verdict::Hold,
        _ => Verdict::Refused { too_large: false },
    }
}

/// The status code that an answer stands for that has none (gRPC: `http-grpc-status-mapping.md`).
fn code_of(status: StatusCode) -> u32 {
    match status.as_u16() {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => UNKNOWN,
    }
}

/// Percent-encoded text, as `grpc-message` has it.
fn percent_decoded(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let hex = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (text[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The status in the metadata of a call's end.
fn details(metadata: &HeaderMap) -> Option<Status> {
    let text = metadata.get("grpc-status-details-bin")?.as_bytes();
    // With or without padding.
    let bytes = STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok()?;
    Status::decode(&bytes).ok()
}

/// What became of a call. `by_client`: who the records came from has a part in the credentials.
pub(super) fn outcome(reply: &Reply, by_client: bool) -> Outcome {
    // A call that fails at once has it all in its headers.
    let metadata = if reply.trailers.contains_key("grpc-status") {
        &reply.trailers
    } else {
        &reply.headers
    };
    let number = |value: &net::HeaderValue| value.to_str().ok()?.parse::<u32>().ok();
    let code = match metadata.get("grpc-status") {
        Some(value) => number(value).unwrap_or(UNKNOWN),
        None => code_of(reply.status),
    };
    let details = details(metadata);
    let message = metadata
        .get("grpc-message")
        .map(|text| percent_decoded(text.as_bytes()));
    let message = message.or_else(|| details.as_ref().map(|details| details.message.clone()));
    let text: String = message.unwrap_or_default().chars().take(TEXT_LIMIT).collect();
    let name = NAMES.get(code as usize).copied().unwrap_or("Unknown");
    let text = match text.as_str() {
        "" if reply.status != StatusCode::OK => format!("answers {name} (HTTP status {})", reply.status),
        "" => format!("answers {name}"),
        text => format!("answers {name}: {text}"),
    };
    let verdict = match code {
        // One client that may not must not hold the others up.
        7 | 16 if by_client => Verdict::Denied,
        _ => verdict(code, details.and_then(|details| details.retry_delay)),
    };
    if verdict == Verdict::Delivered
        && let Some(partly) = partly(reply)
    {
        return partly;
    }
    Outcome {
        status: Some(reply.status),
        message: text,
        verdict,
    }
}

/// What the message of a success says: five bytes in front of it are a flag and its length.
fn partly(reply: &Reply) -> Option<Outcome> {
    let message = match reply.body.get(..5)? {
        [0, length @ ..] => {
            let length = u32::from_be_bytes(length.try_into().ok()?);
            reply.body.get(5..5 + length as usize)?
        }
        // It was not asked for compression.
        _ => return None,
    };
    let read = PartialSuccess::decode(message).ok()??;
    if read.rejected <= 0 {
        tracing::warn!(
            message = read.message,
            "the endpoint has a warning about a request that it took"
        );
        return None;
    }
    Some(Outcome {
        status: Some(reply.status),
        message: format!("has thrown {} records away: {}", read.rejected, read.message),
        verdict: Verdict::Partly {
            rejected: read.rejected.unsigned_abs(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(pairs: &[(&'static str, &str)]) -> Reply {
        let mut trailers = HeaderMap::new();
        for (name, value) in pairs {
            trailers.insert(*name, value.parse().unwrap());
        }
        Reply {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Default::default(),
            trailers,
        }
    }

    #[test]
    fn each_code_has_its_verdict() {
        let of = |code: u32| outcome(&reply(&[("grpc-status", &code.to_string())]), false).verdict;
        for code in [1, 4, 10, 11, 14, 15] {
            assert_eq!(of(code), Verdict::Later(None), "{code}");
        }
        for code in [7, 12, 16] {
            assert_eq!(of(code), Verdict::Hold, "{code}");
        }
        for code in [2, 3, 5, 6, 9, 13, 99] {
            assert_eq!(of(code), Verdict::Refused { too_large: false }, "{code}");
        }
        assert_eq!(of(8), Verdict::Refused { too_large: true });
        assert_eq!(of(0), Verdict::Delivered);
        let of = |code: u32| outcome(&reply(&[("grpc-status", &code.to_string())]), true).verdict;
        assert_eq!((of(7), of(16)), (Verdict::Denied, Verdict::Denied));
        assert_eq!((of(12), of(0)), (Verdict::Hold, Verdict::Delivered));
    }

    #[test]
    fn a_delay_is_honoured_and_messages_are_decoded() {
        let status = Status {
            code: 8,
            message: "slow down".to_owned(),
            retry_delay: Some(Duration::from_millis(1500)),
        };
        let details = STANDARD_NO_PAD.encode(status.encode());
        let said = outcome(
            &reply(&[
                ("grpc-status", "8"),
                ("grpc-message", "slow%20down%21"),
                ("grpc-status-details-bin", &details),
            ]),
            false,
        );
        assert_eq!(said.verdict, Verdict::Later(Some(Duration::from_millis(1500))));
        assert_eq!(said.message, "answers ResourceExhausted: slow down!");
        let plain = Reply {
            status: StatusCode::BAD_GATEWAY,
            ..reply(&[])
        };
        assert_eq!(outcome(&plain, false).verdict, Verdict::Later(None));
    }
}
