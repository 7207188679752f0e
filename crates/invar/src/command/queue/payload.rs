//! What the payloads of records are.

use super::time;
use lokipush::{Limits, PushRequest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wal::Record;

/// A Loki push request, ready to be sent.
pub const PUSH: u16 = 1;
/// An entry that a destination refused for good, with the reason.
pub const DEAD_LETTER: u16 = 2;

/// A request was decoded before it was queued, and may be as large as its sender could make it.
const LIMITS: Limits = Limits {
    max_bytes: 1 << 30,
    max_entries: usize::MAX,
};

/// A push request with its tenant.
pub struct Push<'a> {
    /// Value of `X-Scope-OrgID`; empty for none.
    pub tenant: &'a str,
    /// Body of the request: protobuf in a snappy block.
    pub body: &'a [u8],
}

impl<'a> Push<'a> {
    /// Takes a payload apart: length of the tenant (16 bits, little-endian), tenant, body.
    pub fn parse(payload: &'a [u8]) -> Result<Push<'a>, String> {
        let (len, rest) = payload
            .split_first_chunk::<2>()
            .ok_or("the payload is too short for a push request")?;
        let (tenant, body) = rest
            .split_at_checked(usize::from(u16::from_le_bytes(*len)))
            .ok_or("the tenant is longer than the payload")?;
        let tenant = std::str::from_utf8(tenant).map_err(|_| "the tenant is not UTF-8")?;
        Ok(Push { tenant, body })
    }
}

/// A dead letter, as far as it is needed to send it again.
#[derive(Deserialize)]
pub struct Letter {
    /// Tenant; empty for none.
    #[serde(default)]
    pub tenant: Option<String>,
    /// Label text.
    pub stream: String,
    timestamp: String,
    /// The line.
    pub line: String,
    /// Structured metadata.
    #[serde(default)]
    pub structured_metadata: Option<BTreeMap<String, String>>,
}

impl Letter {
    /// Reads a payload.
    pub fn parse(payload: &[u8]) -> Result<Letter, String> {
        serde_json::from_slice(payload).map_err(|error| format!("the payload is not a dead letter: {error}"))
    }

    /// When the line was written, in nanoseconds since the Unix epoch.
    pub fn nanos(&self) -> Result<i64, String> {
        let timestamp: jiff::Timestamp = self
            .timestamp
            .parse()
            .map_err(|error| format!("timestamp {:?}: {error}", self.timestamp))?;
        i64::try_from(timestamp.as_nanosecond())
            .map_err(|_| format!("{} is outside of the years 1677 to 2262", self.timestamp))
    }
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    stream: &'a str,
    timestamp: String,
    line: &'a str,
    structured_metadata: BTreeMap<&'a str, &'a str>,
    tenant: &'a str,
}

/// A record of which only the outside can be shown.
#[derive(Serialize)]
struct Opaque {
    seq: u64,
    kind: u16,
    items: u32,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Calls `each` with the JSON text of each line in a record, until it returns false.
pub fn lines(record: &Record, each: &mut dyn FnMut(String) -> bool) -> Result<(), serde_json::Error> {
    let shown = match record.entry.kind {
        PUSH => push_lines(record, each)?,
        DEAD_LETTER => letter(record).map(|text| {
            each(text);
        }),
        _ => Err(None),
    };
    if let Err(error) = shown {
        each(serde_json::to_string(&Opaque {
            seq: record.entry.seq,
            kind: record.entry.kind,
            items: record.entry.items,
            bytes: record.payload.len(),
            error,
        })?);
    }
    Ok(())
}

type Shown = Result<(), Option<String>>;

fn push_lines(record: &Record, each: &mut dyn FnMut(String) -> bool) -> Result<Shown, serde_json::Error> {
    let opened = Push::parse(&record.payload).and_then(|push| {
        let message = lokipush::decompress(push.body, LIMITS.max_bytes).map_err(|error| error.to_string())?;
        Ok((push.tenant, message))
    });
    let (tenant, message) = match opened {
        Ok(opened) => opened,
        Err(error) => return Ok(Err(Some(error))),
    };
    let request = match PushRequest::from_protobuf(&message, LIMITS) {
        Ok(request) => request,
        Err(error) => return Ok(Err(Some(error.to_string()))),
    };
    for stream in &request.streams {
        let labels = stream.labels.text();
        for entry in &stream.entries {
            let text = serde_json::to_string(&Line {
                seq: record.entry.seq,
                stream: &labels,
                timestamp: time(entry.timestamp),
                line: &String::from_utf8_lossy(&entry.line),
                structured_metadata: entry.metadata.iter().map(|(name, value)| (&**name, &**value)).collect(),
                tenant,
            })?;
            if !each(text) {
                return Ok(Ok(()));
            }
        }
    }
    Ok(Ok(()))
}

/// A dead letter as it is stored, with its sequence number in front.
fn letter(record: &Record) -> Result<String, Option<String>> {
    let wrong = |error: String| Some(format!("the payload is not a JSON object: {error}"));
    let text = std::str::from_utf8(&record.payload).map_err(|error| wrong(error.to_string()))?;
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let seq = record.entry.seq;
    // Splicing keeps the order of the fields.
    let inside = text.trim().trim_start_matches('{');
    Ok(match fields.is_empty() {
        true => format!("{{\"seq\":{seq}}}"),
        false => format!("{{\"seq\":{seq},{}", inside.trim_start()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_that_are_cut_off_are_errors() {
        assert!(Push::parse(b"").is_err());
        assert!(Push::parse(b"\x01").is_err());
        assert!(Push::parse(b"\x05\x00abcd").is_err());
        let push = Push::parse(b"\x02\x00abcd").expect("whole");
        assert_eq!((push.tenant, push.body), ("ab", &b"cd"[..]));
        assert!(Letter::parse(b"{}").is_err());
    }
}
