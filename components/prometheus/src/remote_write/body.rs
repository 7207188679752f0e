//! Requests: a byte that says which version, and a snappy block of protobuf.

use super::args::V2;
use super::protocol::{Settings, Write};
use super::selection::List;
use super::series::Merged;
use bytes::Bytes;
use delivery::{Protocol, Request, Slice};
use net::{Body, HeaderMap, HeaderName, HeaderValue};
use prommodel::{Label, SeriesBuilder, SeriesKey, Table};
use remotewrite::v1::WireLabels;
use remotewrite::{Sample as WireSample, v1, v2};
use signals::{Exemplar, HistogramSample, Metrics, Sample};
use smol_str::SmolStr;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

const ONE: u8 = 1;
const TWO: u8 = 2;
/// Bytes of a decoded request; more does not fit into a record of the queue.
const LARGEST: usize = 1 << 30;

/// Why a request cannot be written or read.
#[derive(Debug)]
pub(super) enum BodyError {
    Snappy(snap::Error),
    Wire(remotewrite::Error),
    Version(Option<u8>),
    TooLarge(usize),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::Snappy(error) => error.fmt(f),
            BodyError::Wire(error) => error.fmt(f),
            BodyError::Version(version) => write!(f, "{version:?} is no version of remote write"),
            BodyError::TooLarge(size) => write!(f, "{size} bytes are too many for a request"),
        }
    }
}

impl std::error::Error for BodyError {}

impl From<snap::Error> for BodyError {
    fn from(error: snap::Error) -> Self {
        BodyError::Snappy(error)
    }
}

impl From<remotewrite::Error> for BodyError {
    fn from(error: remotewrite::Error) -> Self {
        BodyError::Wire(error)
    }
}

/// Buffers for encoding, reused.
pub(super) struct Encoding {
    packer: v1::Packer,
    keys: Vec<u32>,
    one: v1::Writer,
    two: v2::Writer,
    message: Vec<u8>,
    packed: Vec<u8>,
    snappy: snap::raw::Encoder,
}

impl Default for Encoding {
    fn default() -> Self {
        Encoding {
            packer: v1::Packer::default(),
            keys: Vec::new(),
            one: v1::Writer::default(),
            two: v2::Writer::default(),
            message: Vec::new(),
            packed: Vec::new(),
            snappy: snap::raw::Encoder::new(),
        }
    }
}

impl Encoding {
    pub(super) fn encode(&mut self, settings: &Settings, request: &Request<Write>) -> Result<Bytes, BodyError> {
        if settings.args.protobuf_message == V2 {
            self.two.clear();
            self.write_two(settings, request);
            self.message.clear();
            self.two.finish(&mut self.message);
            return compress(TWO, &self.message, &mut self.snappy, &mut self.packed);
        }
        if !all_samples(request) {
            self.one.clear();
            write_one(&mut self.one, settings, request);
            return compress(ONE, self.one.message(), &mut self.snappy, &mut self.packed);
        }
        self.packer.clear();
        pack(&mut self.packer, &mut self.keys, settings, request);
        check_size(self.packer.message_len())?;
        let block = self.packer.block();
        let mut body = Vec::with_capacity(block.len() + 1);
        body.push(ONE);
        body.extend_from_slice(block);
        Ok(body.into())
    }

    pub(super) fn shrink(&mut self, keep: usize) {
        let most = keep.saturating_mul(32);
        if keep == 0 || self.one.len() > most || self.packed.capacity() > most || self.packer.capacity() > most {
            *self = Encoding::default();
        }
    }

    fn write_two(&mut self, settings: &Settings, request: &Request<Write>) {
        // Receivers refuse exemplars that come without a sample of their series.
        let mut exemplars: HashMap<SeriesKey, Vec<&Exemplar>> = HashMap::new();
        for (_, slices) in request.groups() {
            for slice in slices.filter(|slice| slice.selection.list == List::Exemplars) {
                for (at, _) in Write::entries(slice.clone()) {
                    let exemplar = &slice.payload.exemplars[at];
                    exemplars.entry(exemplar.series.key()).or_default().push(exemplar);
                }
            }
        }
        let families = settings.families.look();
        let metadata = |labels: Merged<'_>| {
            let name = labels.all().find(|label| label.name() == prommodel::NAME);
            let family = families.of(name.map_or("", Label::value));
            family.map_or_else(v2::Metadata::default, |family| v2::Metadata {
                kind: family.kind,
                help: &family.help,
                unit: &family.unit,
            })
        };
        fn pairs<'a>(labels: Merged<'a>) -> impl Iterator<Item = (&'a str, &'a str)> + Clone {
            labels.all().map(|label| (label.name(), label.value()))
        }
        let (two, mapping) = (&mut self.two, &settings.mapping);
        for (_, slices) in request.groups() {
            for slice in slices {
                let (payload, selection) = (slice.payload, slice.selection);
                if selection.list.is_values() {
                    selection.values(payload, slice.range, mapping, |at, labels, time, number| {
                        let own = match exemplars.is_empty() {
                            true => None,
                            false => exemplars.remove(&selection.key(payload, at)),
                        };
                        let (pairs, metadata, value) = (pairs(labels), metadata(labels), value(number, time));
                        match own {
                            None => two.sample(pairs, metadata, value),
                            Some(own) => two.exemplars(pairs, metadata, Some(value), &wire(&own)),
                        }
                    });
                    continue;
                }
                for (at, _) in Write::entries(slice.clone()) {
                    let labels = selection.labels(payload, at, mapping);
                    let (pairs, metadata) = (pairs(labels), metadata(labels));
                    if selection.list == List::Histograms {
                        let sample = &payload.histograms[at];
                        two.histogram(pairs, metadata, &sample.histogram, sample.timestamp, 0);
                    } else if let Some(own) = exemplars.remove(&selection.key(payload, at)) {
                        // Only those that no sample has taken.
                        two.exemplars(pairs, metadata, None, &wire(&own));
                    }
                }
            }
        }
    }
}

fn check_size(message: usize) -> Result<(), BodyError> {
    match message {
        0..=LARGEST => Ok(()),
        size => Err(BodyError::TooLarge(size)),
    }
}

fn compress(
    version: u8,
    message: &[u8],
    snappy: &mut snap::raw::Encoder,
    packed: &mut Vec<u8>,
) -> Result<Bytes, BodyError> {
    check_size(message.len())?;
    let most = snap::raw::max_compress_len(message.len()) + 1;
    if packed.len() < most {
        packed.resize(most, 0);
    }
    packed[0] = version;
    let length = snappy.compress(message, &mut packed[1..])?;
    Ok(Bytes::copy_from_slice(&packed[..=length]))
}

fn all_samples(request: &Request<Write>) -> bool {
    request
        .groups()
        .all(|(_, mut slices)| slices.all(|slice| slice.selection.list.is_values()))
}

fn value(value: f64, timestamp: i64) -> WireSample {
    WireSample {
        value,
        timestamp,
        start_timestamp: 0,
    }
}

/// A series for the packer.
struct Keyed<'a> {
    keys: &'a [u32],
    labels: Merged<'a>,
}

impl v1::WireRow for Keyed<'_> {
    #[inline]
    fn keys(&self) -> &[u32] {
        self.keys
    }

    #[inline]
    fn wire(&self, at: usize) -> &[u8] {
        let label = self.labels.label(at);
        label.expect("there is a label for each key").wire()
    }

    #[inline]
    fn wire_len(&self) -> usize {
        self.labels.wire_len()
    }
}

fn pack(packer: &mut v1::Packer, keys: &mut Vec<u32>, settings: &Settings, request: &Request<Write>) {
    for (_, slices) in request.groups() {
        for slice in slices {
            let Slice {
                payload,
                selection,
                range,
            } = slice;
            selection.values(payload, range, &settings.mapping, |_, labels, time, number| {
                keys.clear();
                labels.numbers(keys);
                packer.row(&Keyed { keys, labels }, value(number, time));
            });
        }
    }
}

fn wire<'a>(exemplars: &[&'a Exemplar]) -> Vec<remotewrite::Exemplar<'a>> {
    let labels = |one: &'a Exemplar| {
        one.labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    };
    exemplars
        .iter()
        .map(|one| remotewrite::Exemplar {
            labels: labels(one),
            value: one.value,
            timestamp: one.timestamp,
        })
        .collect()
}

fn write_one(writer: &mut v1::Writer, settings: &Settings, request: &Request<Write>) {
    for (_, slices) in request.groups() {
        for slice in slices {
            let (payload, selection) = (slice.payload, slice.selection);
            if selection.list.is_values() {
                selection.values(payload, slice.range, &settings.mapping, |_, labels, time, number| {
                    writer.sample(&labels, value(number, time));
                });
                continue;
            }
            for (at, _) in Write::entries(slice.clone()) {
                let labels = selection.labels(payload, at, &settings.mapping);
                if selection.list == List::Histograms {
                    let sample = &payload.histograms[at];
                    writer.histogram(&labels, &sample.histogram, sample.timestamp);
                } else {
                    let one = &payload.exemplars[at];
                    let pairs = one.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                    writer.exemplar(&labels, pairs, one.value, one.timestamp);
                }
            }
        }
    }
}

/// The headers of a body, and what is sent.
pub(super) fn unpack(mut body: Body) -> (HeaderMap, Body) {
    let (content_type, version) = match body.take_first() {
        Some(TWO) => (remotewrite::V2_CONTENT_TYPE, remotewrite::V2_VERSION),
        _ => (remotewrite::V1_CONTENT_TYPE, remotewrite::V1_VERSION),
    };
    let mut headers = HeaderMap::new();
    headers.insert(
        HeaderName::from_static("content-type"),
        HeaderValue::from_static(content_type),
    );
    let name = HeaderName::from_static("x-prometheus-remote-write-version");
    headers.insert(name, HeaderValue::from_static(version));
    (headers, body)
}

/// A message of families, as a body of version 1.0.
pub(super) fn families<'f>(families: impl IntoIterator<Item = &'f Arc<signals::Family>>) -> Result<Bytes, BodyError> {
    let mut writer = v1::Writer::default();
    for family in families {
        writer.metadata(&family.name, family.kind, &family.help, &family.unit);
    }
    let mut body = vec![ONE];
    body.extend_from_slice(&snap::raw::Encoder::new().compress_vec(writer.message())?);
    Ok(body.into())
}

/// The samples of a body.
pub(super) fn decode(table: &Table, body: &[u8]) -> Result<Metrics, BodyError> {
    let (version, packed) = body
        .split_first()
        .map_or((None, body), |(version, rest)| (Some(*version), rest));
    let length = snap::raw::decompress_len(packed)?;
    if length > LARGEST {
        return Err(BodyError::TooLarge(length));
    }
    let message = snap::raw::Decoder::new().decompress_vec(packed)?;
    let mut metrics = Metrics::default();
    match version {
        Some(ONE) => {
            for part in v1::series(&message) {
                if let v1::Part::Series(series) = part? {
                    push(table, &series, &mut metrics);
                }
            }
        }
        Some(TWO) => {
            for series in v2::series(&message)? {
                push(table, &series?, &mut metrics);
            }
        }
        other => return Err(BodyError::Version(other)),
    }
    Ok(metrics)
}

fn push(table: &Table, read: &remotewrite::Series<'_>, metrics: &mut Metrics) {
    let mut builder = SeriesBuilder::new(table);
    for (name, value) in &read.labels {
        builder.set(name, value);
    }
    let series = builder.build();
    metrics.samples.extend(read.samples.iter().map(|sample| Sample {
        series: series.clone(),
        timestamp: sample.timestamp,
        value: sample.value,
    }));
    metrics
        .histograms
        .extend(read.histograms.iter().map(|sample| HistogramSample {
            series: series.clone(),
            timestamp: sample.timestamp,
            histogram: Arc::new(sample.histogram.clone()),
        }));
    metrics.exemplars.extend(read.exemplars.iter().map(|exemplar| {
        let labels = exemplar.labels.iter();
        Exemplar {
            series: series.clone(),
            timestamp: exemplar.timestamp,
            value: exemplar.value,
            labels: labels
                .map(|(name, value)| (SmolStr::from(*name), SmolStr::from(*value)))
                .collect(),
        }
    }));
}
