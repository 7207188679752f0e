//! One `Metric` message (`io/prometheus/client/metrics.proto`).

use super::wire::{Fields, Value, malformed, signed};
use crate::error::Error;
use prommodel::{Compactor, Histogram, ResetHint, Span as Buckets};

/// First byte in the body and the one after the last.
pub(super) type Span = (usize, usize);

/// Where a part of the body stands in it.
fn span(body: &[u8], part: &[u8]) -> Span {
    let start = (part.as_ptr() as usize).saturating_sub(body.as_ptr() as usize);
    (start, start + part.len())
}

/// The bytes of a span.
pub(super) fn slice(body: &[u8], span: Span) -> &[u8] {
    body.get(span.0..span.1).unwrap_or_default()
}

#[derive(Debug, Default)]
pub(super) struct Metric {
    /// Names and values, in the order of the message.
    pub(super) labels: Vec<(Span, Span)>,
    /// Milliseconds; 0 is none, which this version of the message cannot tell apart.
    pub(super) timestamp: i64,
    pub(super) gauge: f64,
    pub(super) untyped: f64,
    pub(super) counter: Counter,
    pub(super) summary: Summary,
    pub(super) histogram: HistogramMessage,
}

#[derive(Debug, Default)]
pub(super) struct Counter {
    pub(super) value: f64,
    pub(super) exemplar: Option<Span>,
    /// Milliseconds; 0 is none.
    pub(super) start: i64,
}

#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) count: u64,
    pub(super) sum: f64,
    /// Quantiles and their values.
    pub(super) quantiles: Vec<(f64, f64)>,
    pub(super) start: i64,
}

#[derive(Debug, Default)]
pub(super) struct HistogramMessage {
    count: u64,
    count_float: f64,
    pub(super) sum: f64,
    pub(super) buckets: Vec<Bucket>,
    schema: i32,
    zero_threshold: f64,
    zero_count: u64,
    zero_count_float: f64,
    positive: Side,
    negative: Side,
    pub(super) exemplars: Vec<Span>,
    pub(super) start: i64,
}

#[derive(Debug, Default)]
struct Side {
    spans: Vec<Buckets>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    pub(super) count: f64,
    pub(super) bound: f64,
    pub(super) exemplar: Option<Span>,
}

impl Metric {
    fn clear(&mut self) {
        self.labels.clear();
        self.timestamp = 0;
        self.gauge = 0.0;
        self.untyped = 0.0;
        self.counter = Counter::default();
        self.summary.quantiles.clear();
        self.summary.count = 0;
        self.summary.sum = 0.0;
        self.summary.start = 0;
        self.histogram.clear();
    }

    /// Reads a message that lies in `body`.
    pub(super) fn read(&mut self, body: &[u8], message: &[u8]) -> Result<(), Error> {
        self.clear();
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => {
                    let (name, value) = label(value.bytes(field)?)?;
                    self.labels.push((span(body, name), span(body, value)));
                }
                2 => number(value.bytes(field)?, &mut self.gauge)?,
                3 => self.counter.read(body, value.bytes(field)?)?,
                4 => self.summary.read(value.bytes(field)?)?,
                5 => number(value.bytes(field)?, &mut self.untyped)?,
                6 => self.timestamp = value.integer(field)? as i64,
                7 => self.histogram.read(body, value.bytes(field)?)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// A message with nothing but a value in field 1.
fn number(message: &[u8], out: &mut f64) -> Result<(), Error> {
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        if field == 1 {
            *out = value.double(field)?;
        }
    }
    Ok(())
}

/// A `LabelPair`.
pub(super) fn label(message: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let (mut name, mut text): (&[u8], &[u8]) = (b"", b"");
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => {
                name = value.bytes(field)?;
                if name.is_empty() || std::str::from_utf8(name).is_err() {
                    let name = String::from_utf8_lossy(name);
                    return Err(Error::new(0, format!("invalid label name: {name}")));
                }
            }
            2 => {
                text = value.bytes(field)?;
                if std::str::from_utf8(text).is_err() {
                    let text = String::from_utf8_lossy(text);
                    return Err(Error::new(0, format!("invalid label value: {text}")));
                }
            }
            _ => {}
        }
    }
    Ok((name, text))
}

/// A `google.protobuf.Timestamp` in milliseconds.
fn timestamp(message: &[u8]) -> Result<i64, Error> {
    let (mut seconds, mut nanos) = (0i64, 0i32);
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => seconds = value.integer(field)? as i64,
            2 => nanos = value.integer(field)? as i32,
            _ => {}
        }
    }
    Ok(seconds.wrapping_mul(1000).wrapping_add(i64::from(nanos / 1_000_000)))
}

/// Value and timestamp of an `Exemplar`.
pub(super) fn exemplar(message: &[u8]) -> Result<(f64, Option<i64>), Error> {
    let (mut number, mut time) = (0.0, None);
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        match field {
            2 => number = value.double(field)?,
            3 => time = Some(timestamp(value.bytes(field)?)?),
            _ => {}
        }
    }
    Ok((number, time))
}

/// An exemplar that can be read. Whether its labels are text is seen when they are decoded.
fn checked_exemplar(body: &[u8], message: &[u8]) -> Result<Span, Error> {
    exemplar(message)?;
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        if field == 1 {
            let mut label = Fields::new(value.bytes(field)?);
            while let Some((field, value)) = label.next()? {
                if matches!(field, 1 | 2) {
                    value.bytes(field)?;
                }
            }
        }
    }
    Ok(span(body, message))
}

impl Counter {
    fn read(&mut self, body: &[u8], message: &[u8]) -> Result<(), Error> {
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => self.value = value.double(field)?,
                2 => self.exemplar = Some(checked_exemplar(body, value.bytes(field)?)?),
                3 => self.start = timestamp(value.bytes(field)?)?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Summary {
    fn read(&mut self, message: &[u8]) -> Result<(), Error> {
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => self.count = value.integer(field)?,
                2 => self.sum = value.double(field)?,
                3 => {
                    let mut quantile = (0.0, 0.0);
                    let mut fields = Fields::new(value.bytes(field)?);
                    while let Some((field, value)) = fields.next()? {
                        match field {
                            1 => quantile.0 = value.double(field)?,
                            2 => quantile.1 = value.double(field)?,
                            _ => {}
                        }
                    }
                    self.quantiles.push(quantile);
                }
                4 => self.start = timestamp(value.bytes(field)?)?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl HistogramMessage {
    fn clear(&mut self) {
        self.count = 0;
        self.count_float = 0.0;
        self.sum = 0.0;
        self.buckets.clear();
        self.schema = 0;
        self.zero_threshold = 0.0;
        self.zero_count = 0;
        self.zero_count_float = 0.0;
        for side in [&mut self.positive, &mut self.negative] {
            side.spans.clear();
            side.deltas.clear();
            side.counts.clear();
        }
        self.exemplars.clear();
        self.start = 0;
    }

    fn read(&mut self, body: &[u8], message: &[u8]) -> Result<(), Error> {
        let mut fields = Fields::new(message);
        while let Some((field, value)) = fields.next()? {
            match field {
                1 => self.count = value.integer(field)?,
                2 => self.sum = value.double(field)?,
                3 => self.buckets.push(bucket(body, value.bytes(field)?)?),
                4 => self.count_float = value.double(field)?,
                5 => self.schema = signed(value.integer(field)?) as i32,
                6 => self.zero_threshold = value.double(field)?,
                7 => self.zero_count = value.integer(field)?,
                8 => self.zero_count_float = value.double(field)?,
                9 => self.negative.spans.push(bucket_span(value.bytes(field)?)?),
                10 => value.signed_into(field, &mut self.negative.deltas)?,
                11 => value.doubles_into(field, &mut self.negative.counts)?,
                12 => self.positive.spans.push(bucket_span(value.bytes(field)?)?),
                13 => value.signed_into(field, &mut self.positive.deltas)?,
                14 => value.doubles_into(field, &mut self.positive.counts)?,
                15 => self.start = timestamp(value.bytes(field)?)?,
                16 => self.exemplars.push(checked_exemplar(body, value.bytes(field)?)?),
                _ => {}
            }
        }
        Ok(())
    }

    /// The number of observations, of either kind.
    pub(super) fn any_count(&self) -> f64 {
        if self.count_float == 0.0 {
            self.count as f64
        } else {
            self.count_float
        }
    }

    /// Whether this is a native histogram, possibly an empty one (Prometheus: `isNativeHistogram`).
    pub(super) fn is_native(&self) -> bool {
        !self.positive.spans.is_empty()
            || !self.negative.spans.is_empty()
            || self.zero_threshold > 0.0
            || self.zero_count > 0
    }

    fn is_float(&self) -> bool {
        self.count_float > 0.0 || self.zero_count_float > 0.0
    }

    /// Whether the spans describe the buckets that there are.
    pub(super) fn check(&self) -> Result<(), String> {
        for (side, name) in [(&self.positive, "positive"), (&self.negative, "negative")] {
            let need: u64 = side.spans.iter().map(|span| u64::from(span.length)).sum();
            let have = if self.is_float() {
                side.counts.len()
            } else {
                side.deltas.len()
            };
            if need != have as u64 {
                return Err(format!("{name} side: spans require {need} buckets, have {have}"));
            }
        }
        Ok(())
    }

    /// Writes the native histogram.
    pub(super) fn write(&self, gauge: bool, out: &mut Histogram, compactor: &mut Compactor) {
        if self.is_float() {
            let buckets = out.float();
            buckets.count = self.count_float;
            buckets.zero_count = self.zero_count_float;
            buckets.positive.extend_from_slice(&self.positive.counts);
            buckets.negative.extend_from_slice(&self.negative.counts);
        } else {
            let buckets = out.integer();
            buckets.count = self.count;
            buckets.zero_count = self.zero_count;
            buckets.positive.extend_from_slice(&self.positive.deltas);
            buckets.negative.extend_from_slice(&self.negative.deltas);
        }
        out.schema = self.schema;
        out.reset = if gauge { ResetHint::Gauge } else { ResetHint::Unknown };
        out.zero_threshold = self.zero_threshold;
        out.sum = self.sum;
        out.positive_spans.extend_from_slice(&self.positive.spans);
        out.negative_spans.extend_from_slice(&self.negative.spans);
        out.compact(0, compactor);
    }
}

fn bucket(body: &[u8], message: &[u8]) -> Result<Bucket, Error> {
    let mut bucket = Bucket::default();
    let mut whole = 0;
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => whole = value.integer(field)?,
            2 => bucket.bound = value.double(field)?,
            3 => bucket.exemplar = Some(checked_exemplar(body, value.bytes(field)?)?),
            4 => bucket.count = value.double(field)?,
            _ => {}
        }
    }
    if bucket.count == 0.0 {
        bucket.count = whole as f64;
    }
    Ok(bucket)
}

fn bucket_span(message: &[u8]) -> Result<Buckets, Error> {
    let mut span = Buckets::default();
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        match (field, value) {
            (1, Value::Varint(offset)) => span.offset = signed(offset) as i32,
            (2, Value::Varint(length)) => span.length = length as u32,
            (1 | 2, _) => return Err(malformed(&format!("wrong wireType for field {field}"))),
            _ => {}
        }
    }
    Ok(span)
}
