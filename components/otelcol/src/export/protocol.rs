//! OTLP as the engine sees it: payloads are the bytes of requests, entries are their records.

use super::body::{Format, Packed, pack};
use super::context::{self, signal_of};
use super::metrics::{Metrics, SignalMetrics};
use crate::exporter::{otlp, otlphttp};
use bytes::Bytes;
use delivery::{Body, Decoded, EntryRef, Piece, Protocol, Request, Slice, StreamKey, Target, Words, stable_hash};
use otlp_wire::{Rope, Signal, json, split_at};
use serde_json::{Map, Value};
use signals::{Amount, Labels, Otlp, Refused};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// How many streams the records of a signal fall into. More than requests are sent at a time, so that all of those have something to send.
const LANES: u8 = 64;

/// What an endpoint is beyond its [`delivery::Spec`].
#[derive(PartialEq)]
pub(crate) struct Settings {
    pub(crate) format: Format,
    /// The metadata of clients that the authentication wants to know.
    pub(crate) context: Vec<String>,
    pub(crate) connection: Connection,
}

/// What an endpoint is reached with: all arguments that have a part in it.
#[derive(PartialEq)]
pub(crate) enum Connection {
    Http(Box<otlphttp::Arguments>),
    Grpc(Box<otlp::Arguments>),
}

/// OTLP.
#[derive(Default)]
pub(crate) struct Otlps {
    /// The lane of the next spans.
    turn: AtomicU8,
}

/// Records of one signal, of clients that are the same to the authentication, whose order is kept.
///
/// Metrics and logs of a resource stay in order: their lane follows from the first resource of what they came with. Spans have no order; they take lanes
/// in turn.
#[derive(Clone)]
pub(crate) struct Lane {
    signal: Signal,
    number: u8,
    tenant: Arc<str>,
    hash: u64,
}

impl Lane {
    fn new(signal: Signal, number: u8, tenant: Arc<str>) -> Lane {
        let number = number % LANES;
        let mut hash = stable_hash(&[signal as u8, number]);
        if &*tenant != signal.name() {
            // The order of one client's records is no other's.
            hash = stable_hash(&[&hash.to_le_bytes(), tenant.as_bytes()].concat());
        }
        Lane {
            signal,
            number,
            tenant,
            hash,
        }
    }
}

impl StreamKey for Lane {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn same(&self, other: &Self) -> bool {
        (self.signal, self.number, &self.tenant) == (other.signal, other.number, &other.tenant)
    }

    fn tenant(&self) -> Option<&Arc<str>> {
        Some(&self.tenant)
    }
}

/// The bytes of the first resource of a request.
fn first_resource(signal: Signal, payload: &Rope) -> &[u8] {
    let first = payload.segments().first().map_or(&[][..], |first| first);
    match signal {
        Signal::Logs => otlp_wire::logs::resources(first)
            .next()
            .and_then(|one| one.resource)
            .map_or(&[], |resource| resource.raw()),
        Signal::Metrics => otlp_wire::metrics::resources(first)
            .next()
            .and_then(|one| one.resource)
            .map_or(&[], |resource| resource.raw()),
        Signal::Traces => &[],
    }
}

/// Size of a record: records have no sizes of their own here, so each has an even share.
fn share(payload: &Otlp, index: usize) -> u64 {
    let (length, index) = (payload.payload.len() as u128, index as u128);
    let records = u128::from(payload.records.max(1));
    // The shares of all records add up to the whole.
    (length * (index + 1) / records - length * index / records) as u64
}

/// The requests that have the records of a slice.
fn cut_out(slice: Slice<'_, Otlps>) -> Rope {
    let Otlp {
        signal,
        payload,
        records,
        ..
    } = slice.payload;
    let mut rope = payload.clone();
    if (slice.range.end as u64) < *records {
        rope = split_at(*signal, &rope, slice.range.end).0.payload;
    }
    if slice.range.start > 0 {
        rope = split_at(*signal, &rope, slice.range.start).1.payload;
    }
    rope
}

fn whole(payload: &Otlp, stream: Lane) -> Piece<Otlps> {
    Piece {
        stream,
        selection: (),
        range: 0..usize::try_from(payload.records).unwrap_or(usize::MAX),
        amount: Amount {
            items: payload.records,
            bytes: payload.payload.len() as u64,
        },
    }
}

/// A request of one record, in JSON.
fn json_of(entry: EntryRef<'_, Otlps>) -> Vec<u8> {
    let alone = cut_out(Slice {
        payload: entry.payload,
        selection: entry.selection,
        range: entry.index..entry.index + 1,
    });
    json::encode(entry.payload.signal, &alone.to_bytes())
}

impl Protocol for Otlps {
    type Payload = Otlp;
    type Stream = Lane;
    type Selection = ();
    type Settings = Settings;
    type Encoding = ();
    type Metrics = Metrics;
    type Meter = SignalMetrics;
    type Error = io::Error;

    const WORDS: Words = Words {
        entries: "records",
        refused: "refused",
        batch_bytes: "max_size of the block sending_queue.batch",
        max_retries: "the number of attempts of retry_on_failure",
    };

    /// To cut a request takes a copy of it.
    const WHOLE: bool = true;

    fn admit(&self, payload: &Otlp, targets: &[Arc<Target<Self>>]) -> Result<(), Refused> {
        let client = payload.client.as_deref();
        targets
            .iter()
            .try_for_each(|target| context::check(&target.settings.context, client))
    }

    fn cut(
        &self,
        payload: &Otlp,
        targets: &[Arc<Target<Self>>],
        mut give: impl FnMut(usize, Piece<Self>),
    ) -> Vec<(&'static str, Amount)> {
        if payload.records > 0 {
            let lane = match payload.signal {
                Signal::Traces => self.turn.fetch_add(1, Ordering::Relaxed),
                signal => stable_hash(first_resource(signal, &payload.payload)) as u8,
            };
            for (number, target) in targets.iter().enumerate() {
                let tenant = context::tenant(payload.signal, &target.settings.context, payload.client.as_deref());
                give(number, whole(payload, Lane::new(payload.signal, lane, tenant)));
            }
        }
        Vec::new()
    }

    fn entries<'a>(slice: Slice<'a, Self>) -> impl Iterator<Item = (usize, u64)> + 'a {
        let payload = slice.payload;
        slice.range.map(move |index| (index, share(payload, index)))
    }

    fn list((): &()) -> usize {
        0
    }

    fn size(payload: &Otlp, _: usize, index: usize) -> u64 {
        share(payload, index)
    }

    fn encode(target: &Target<Self>, (): &mut (), request: &Request<Self>) -> io::Result<Body> {
        let format = target.settings.format;
        let mut all = Rope::new();
        for (_, slices) in request.groups() {
            slices.for_each(|slice| all.concat(cut_out(slice)));
        }
        if format.json {
            let text = json::encode(signal_of(request.tenant()), &all.to_bytes());
            return pack(format, &[text.into()]);
        }
        pack(format, all.segments())
    }

    fn shrink_encoding((): &mut (), _: usize) {}

    fn decode(_: &Target<Self>, body: &Bytes, tenant: &Arc<str>) -> io::Result<Decoded<Self>> {
        let signal = signal_of(tenant);
        let packed = Packed::open(body.clone().into());
        let json = packed.json;
        let content = packed.decompressed()?;
        let (request, records) = if json {
            json::decode(signal, &content).map_err(io::Error::other)?
        } else {
            otlp_wire::receive(signal, content).map_err(io::Error::other)?
        };
        let payload = Otlp {
            signal,
            payload: request.into(),
            records: records as u64,
            client: None,
        };
        let lane = stable_hash(first_resource(signal, &payload.payload)) as u8;
        let stream = Lane::new(signal, lane, tenant.clone());
        Ok(Decoded {
            pieces: vec![whole(&payload, stream)],
            payload,
        })
    }

    fn letter(entry: EntryRef<'_, Self>) -> Map<String, Value> {
        let text = json_of(entry);
        let request = serde_json::from_slice(&text).unwrap_or_else(|_| String::from_utf8_lossy(&text).into());
        let fields = [
            ("signal", Value::from(entry.payload.signal.name())),
            ("request", request),
        ];
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
    }

    fn example(entry: EntryRef<'_, Self>) -> (Labels, Bytes) {
        let labels = Labels::from_pairs([("signal", entry.payload.signal.name())]);
        (labels, json_of(entry).into())
    }

    fn label(tenant: &str) -> &str {
        context::label(tenant)
    }

    fn meter(metrics: &Arc<Metrics>, _: &Target<Self>, label: &str) -> SignalMetrics {
        metrics.of(label)
    }
}
