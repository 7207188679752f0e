//! Entries as Loki takes them: by stream, in push requests.

use super::args::EndpointArgs;
use super::metrics::{INGESTER_ERROR, Metrics, TenantMetrics};
use super::streams::{Stream, StreamCache};
use bytes::Bytes;
use delivery::{Body, Decoded, EntryRef, Piece, Protocol, Request, Slice, Target, Words};
use lokipush::{Compressor, Encoder, Limits, PushRequest};
use serde_json::{Map, Value};
use signals::{Amount, Entry, Labels, LogStream, Logs, Metadata};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a decoded request; more does not fit into a record of the queue.
const LARGEST: usize = 1 << 30;

/// Loki's push protocol, with the labels that all entries get.
pub(super) struct Push {
    streams: Mutex<StreamCache>,
}

impl Push {
    /// The protocol with labels for entries that do not have them.
    pub(super) fn new(external_labels: BTreeMap<String, String>) -> Self {
        Push {
            streams: Mutex::new(StreamCache::new(external_labels)),
        }
    }

    fn stream(&self, labels: &Labels) -> Arc<Stream> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).get(labels)
    }
}

/// Buffers for encoding, reused.
#[derive(Default)]
pub(super) struct Encoding {
    encoder: Encoder,
    compressor: Compressor,
}

/// Size of an entry as `batch_size` counts it.
fn size(entry: &Entry) -> u64 {
    let pairs = entry.metadata.pairs();
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    lokipush::entry::size(&entry.line, pairs) as u64
}

/// All entries of a stream of a batch.
fn piece(stream: Arc<Stream>, number: usize, entries: &[Entry]) -> Piece<Push> {
    Piece {
        stream,
        selection: number,
        range: 0..entries.len(),
        amount: Amount {
            items: entries.len() as u64,
            bytes: entries.iter().map(size).sum(),
        },
    }
}

fn entries(slice: Slice<'_, Push>) -> &[Entry] {
    &slice.payload[*slice.selection].entries[slice.range]
}

impl Protocol for Push {
    type Payload = Logs;
    type Stream = Arc<Stream>;
    /// Number of a stream of the batch.
    type Selection = usize;
    type Settings = EndpointArgs;
    type Encoding = Encoding;
    type Metrics = Metrics;
    type Meter = TenantMetrics;
    type Error = lokipush::Error;

    const WORDS: Words = Words {
        entries: "entries",
        refused: INGESTER_ERROR,
        batch_bytes: "batch_size",
        max_retries: "max_backoff_retries",
    };

    fn cut(
        &self,
        payload: &Logs,
        targets: &[Arc<Target<Self>>],
        mut give: impl FnMut(usize, Piece<Self>),
    ) -> Vec<(&'static str, Amount)> {
        for (number, stream) in payload.iter().enumerate() {
            if stream.entries.is_empty() {
                continue;
            }
            let whole = piece(self.stream(&stream.labels), number, &stream.entries);
            for target in 0..targets.len() {
                give(target, whole.clone());
            }
        }
        Vec::new()
    }

    fn shrink(&self) {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn entries<'a>(slice: Slice<'a, Self>) -> impl Iterator<Item = (usize, u64)> + 'a {
        let start = slice.range.start;
        let sizes = entries(slice).iter().map(size);
        sizes.enumerate().map(move |(at, size)| (start + at, size))
    }

    fn list(selection: &usize) -> usize {
        *selection
    }

    fn size(payload: &Logs, list: usize, index: usize) -> u64 {
        payload[list].entries[index].size()
    }

    /// A snappy block of protobuf. Fails beyond 4 GiB.
    fn encode(_: &Target<Self>, encoding: &mut Encoding, request: &Request<Self>) -> Result<Body, lokipush::Error> {
        let encoder = &mut encoding.encoder;
        encoder.clear();
        for (stream, slices) in request.groups() {
            encoder.begin_stream(&stream.text);
            for entry in slices.flat_map(entries) {
                let pairs = entry.metadata.pairs();
                if pairs.is_empty() {
                    encoder.plain_entry(entry.timestamp, &entry.line);
                } else {
                    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                    encoder.entry(entry.timestamp, &entry.line, pairs);
                }
            }
        }
        let body = encoding.compressor.compress(encoder.finish())?;
        Ok(Bytes::copy_from_slice(body).into())
    }

    fn shrink_encoding(encoding: &mut Encoding, keep: usize) {
        if encoding.encoder.len() > keep || keep == 0 {
            *encoding = Encoding::default();
        }
    }

    fn decode(_: &Target<Self>, body: &Bytes, tenant: &Arc<str>) -> Result<Decoded<Self>, lokipush::Error> {
        let message = Bytes::from(lokipush::decompress(body, LARGEST)?);
        let limits = Limits {
            max_bytes: LARGEST,
            max_entries: usize::MAX,
        };
        let decoded = PushRequest::from_protobuf(&message, limits)?;
        let mut payload = Vec::new();
        let mut pieces = Vec::new();
        for (number, stream) in decoded.streams.into_iter().enumerate() {
            let known = Stream::new(stream.labels.text().into_owned(), Some(tenant.clone()));
            let entries = stream.entries.into_iter().map(|entry| Entry {
                timestamp: entry.timestamp,
                line: match entry.line {
                    Cow::Borrowed(line) => message.slice_ref(line),
                    Cow::Owned(line) => line.into(),
                },
                metadata: Metadata::from_pairs(entry.metadata),
            });
            let entries: Vec<Entry> = entries.collect();
            pieces.push(piece(Arc::new(known), number, &entries));
            payload.push(LogStream {
                labels: Labels::empty(),
                entries,
            });
        }
        Ok(Decoded { payload, pieces })
    }

    fn letter(entry: EntryRef<'_, Self>) -> Map<String, Value> {
        let record = &entry.payload[*entry.selection].entries[entry.index];
        let metadata: Map<String, Value> = record
            .metadata
            .pairs()
            .iter()
            .map(|(name, value)| (name.to_string(), Value::from(value.as_str())))
            .collect();
        let fields = [
            ("stream", Value::from(entry.stream.text.as_str())),
            ("timestamp", Value::from(gotime::format_rfc3339_nano(record.timestamp))),
            ("line", Value::from(String::from_utf8_lossy(&record.line))),
            ("structured_metadata", Value::from(metadata)),
        ];
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
    }

    fn example(entry: EntryRef<'_, Self>) -> (Labels, Bytes) {
        let labels = lokipush::labels::parse(entry.stream.text.as_bytes()).unwrap_or_default();
        let record = &entry.payload[*entry.selection].entries[entry.index];
        (Labels::from_pairs(labels), record.line.clone())
    }

    fn meter(metrics: &Arc<Metrics>, target: &Target<Self>, tenant: &str) -> TenantMetrics {
        metrics.tenant(&target.spec.host, tenant)
    }
}
