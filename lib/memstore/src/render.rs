//! Loki's JSON shapes.

use lokipush::Labels;
use serde_json::{Map, Value, json};

use crate::live::LiveBatch;
use crate::query::FoundStream;
use crate::store::State;

/// How structured metadata is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metadata {
    /// Third element of an entry: an object of names and values, as in a push.
    Plain,
    /// Third element of an entry: `{"structuredMetadata": {..}}`, for a client that asks for categorized labels.
    Categorized,
}

pub(crate) fn success(data: Value) -> String {
    json!({"status": "success", "data": data}).to_string()
}

pub(crate) fn labels(labels: &Labels) -> Value {
    object(labels.iter().map(|(name, value)| (name, value)))
}

fn object<'p>(pairs: impl IntoIterator<Item = (&'p String, &'p String)>) -> Value {
    Value::Object(
        pairs
            .into_iter()
            .map(|(n, v)| (n.clone(), Value::from(&v[..])))
            .collect(),
    )
}

/// JSON has no other strings than UTF-8: what is not becomes U+FFFD.
fn entry(timestamp: i64, line: &[u8], metadata: &[(String, String)], style: Metadata) -> Value {
    let mut values = vec![
        timestamp.to_string().into(),
        String::from_utf8_lossy(line).into_owned().into(),
    ];
    if !metadata.is_empty() {
        let pairs = object(metadata.iter().map(|(n, v)| (n, v)));
        values.push(match style {
            Metadata::Plain => pairs,
            Metadata::Categorized => json!({"structuredMetadata": pairs}),
        });
    }
    Value::Array(values)
}

/// The answer to a query: `resultType` streams.
pub(crate) fn streams(found: &[FoundStream], style: Metadata) -> String {
    let result: Vec<Value> = found
        .iter()
        .map(|stream| {
            let values = stream
                .entries
                .iter()
                .map(|e| entry(e.timestamp, &e.line, &e.metadata, style));
            json!({"stream": labels(&stream.labels), "values": values.collect::<Vec<_>>()})
        })
        .collect();
    let mut data = Map::new();
    data.insert("resultType".into(), "streams".into());
    if style == Metadata::Categorized {
        data.insert("encodingFlags".into(), json!(["categorize-labels"]));
    }
    data.insert("result".into(), result.into());
    data.insert("stats".into(), json!({}));
    success(data.into())
}

/// One message of a tail with what a query found.
pub(crate) fn tail_history(found: &[FoundStream], style: Metadata) -> String {
    let streams: Vec<Value> = found
        .iter()
        .map(|stream| {
            let values = stream
                .entries
                .iter()
                .map(|e| entry(e.timestamp, &e.line, &e.metadata, style));
            json!({"stream": labels(&stream.labels), "values": values.collect::<Vec<_>>()})
        })
        .collect();
    json!({"streams": streams}).to_string()
}

/// One message of a tail. Entries that follow each other in one stream share an object.
pub(crate) fn tail_batch(batch: &LiveBatch, style: Metadata) -> String {
    let streams: Vec<Value> = batch
        .entries
        .chunk_by(|a, b| a.labels == b.labels)
        .map(|entries| {
            let values = entries.iter().map(|e| entry(e.timestamp, &e.line, &e.metadata, style));
            json!({"stream": labels(&entries[0].labels), "values": values.collect::<Vec<_>>()})
        })
        .collect();
    let mut message = json!({"streams": streams});
    if batch.dropped > 0 {
        let named = batch.dropped_first.iter();
        let named = named.map(|(l, timestamp)| json!({"labels": labels(l), "timestamp": timestamp.to_string()}));
        message["dropped_entries"] = named.collect();
        message["dropped_count"] = batch.dropped.into();
    }
    message.to_string()
}

pub(crate) fn state(state: State) -> String {
    let State {
        bytes,
        max_bytes,
        entries,
        streams,
        tenants,
        received_entries,
        duplicate_entries,
        dropped_entries,
        dropped_bytes,
    } = state;
    json!({
        "bytes": bytes,
        "max_bytes": max_bytes,
        "entries": entries,
        "streams": streams,
        "tenants": tenants,
        "received_entries": received_entries,
        "duplicate_entries": duplicate_entries,
        "dropped_entries": dropped_entries,
        "dropped_bytes": dropped_bytes,
    })
    .to_string()
}
