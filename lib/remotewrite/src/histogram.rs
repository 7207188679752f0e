//! Native histograms. Both versions have the same message; 2.0 adds a field.

use crate::error::Error;
use crate::parts::{double, int};
use protowire::{Field, Reader, push_bytes, push_double, push_message, push_uint, push_varint, unzigzag, zigzag};

/// A number of observations: whole, or with a fraction after computations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Count {
    /// Of observations.
    Int(u64),
    /// Of a histogram that was computed.
    Float(f64),
}

/// Buckets that follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Number of empty buckets before it; of the first span, the index of its first bucket.
    pub offset: i32,
    /// Number of buckets.
    pub length: u32,
}

/// What is in the buckets of all spans.
#[derive(Clone, Debug, PartialEq)]
pub enum Buckets {
    /// Differences to the bucket before.
    Deltas(Vec<i64>),
    /// Counts.
    Counts(Vec<f64>),
}

impl Default for Buckets {
    fn default() -> Self {
        Buckets::Deltas(Vec::new())
    }
}

/// A native histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Observations.
    pub count: Count,
    /// Their sum; the bits of [`crate::STALE_NAN_BITS`] if the series is gone.
    pub sum: f64,
    /// Resolution: -4 to 8, or -53 for buckets with [`Histogram::custom_values`] as bounds.
    pub schema: i32,
    /// Width of the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: Count,
    /// Where the negative buckets are.
    pub negative_spans: Vec<Span>,
    /// What is in them.
    pub negative: Buckets,
    /// Where the positive buckets are.
    pub positive_spans: Vec<Span>,
    /// What is in them.
    pub positive: Buckets,
    /// 0 unknown, 1 reset, 2 not reset, 3 gauge.
    pub reset_hint: u8,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Upper bounds of custom buckets.
    pub custom_values: Vec<f64>,
    /// When what is counted began, in milliseconds since the Unix epoch; 0 if that is not known. 2.0 only.
    pub start_timestamp: i64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            count: Count::Int(0),
            sum: 0.0,
            schema: 0,
            zero_threshold: 0.0,
            zero_count: Count::Int(0),
            negative_spans: Vec::new(),
            negative: Buckets::default(),
            positive_spans: Vec::new(),
            positive: Buckets::default(),
            reset_hint: 0,
            timestamp: 0,
            custom_values: Vec::new(),
            start_timestamp: 0,
        }
    }
}

impl Histogram {
    /// Appends the content of the message.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        // Members of a `oneof` are written even if they are zero.
        count(out, 1, 2, self.count);
        double(out, 3, self.sum);
        if self.schema != 0 {
            push_uint(out, 4, zigzag(i64::from(self.schema)));
        }
        double(out, 5, self.zero_threshold);
        count(out, 6, 7, self.zero_count);
        buckets(out, 8, &self.negative_spans, &self.negative);
        buckets(out, 11, &self.positive_spans, &self.positive);
        int(out, 14, i64::from(self.reset_hint));
        int(out, 15, self.timestamp);
        doubles(out, 16, &self.custom_values);
        int(out, 17, self.start_timestamp);
    }

    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Histogram, Error> {
        let mut histogram = Histogram::default();
        while let Some((number, field)) = reader.field()? {
            match (number, field) {
                (1, Field::Varint(v)) => histogram.count = Count::Int(v),
                (2, Field::Fixed64(bits)) => histogram.count = Count::Float(f64::from_bits(bits)),
                (3, Field::Fixed64(bits)) => histogram.sum = f64::from_bits(bits),
                (4, Field::Varint(v)) => histogram.schema = unzigzag(v) as i32,
                (5, Field::Fixed64(bits)) => histogram.zero_threshold = f64::from_bits(bits),
                (6, Field::Varint(v)) => histogram.zero_count = Count::Int(v),
                (7, Field::Fixed64(bits)) => histogram.zero_count = Count::Float(f64::from_bits(bits)),
                (8, Field::Bytes(_, inner)) => histogram.negative_spans.push(read_span(inner)?),
                (9, field) => read_deltas(field, &mut histogram.negative)?,
                (10, field) => read_counts(field, &mut histogram.negative)?,
                (11, Field::Bytes(_, inner)) => histogram.positive_spans.push(read_span(inner)?),
                (12, field) => read_deltas(field, &mut histogram.positive)?,
                (13, field) => read_counts(field, &mut histogram.positive)?,
                (14, Field::Varint(v)) => histogram.reset_hint = v.min(3) as u8,
                (15, Field::Varint(v)) => histogram.timestamp = v as i64,
                (16, field) => read_doubles(field, &mut histogram.custom_values)?,
                (17, Field::Varint(v)) => histogram.start_timestamp = v as i64,
                (1..=17, _) => return Err(reader.error("a field of a histogram is of another type").into()),
                _ => {}
            }
        }
        Ok(histogram)
    }
}

fn count(out: &mut Vec<u8>, int: u64, float: u64, count: Count) {
    match count {
        Count::Int(n) => push_uint(out, int, n),
        Count::Float(n) => push_double(out, float, n),
    }
}

/// Spans under `number`, deltas under the next, counts under the one after it.
fn buckets(out: &mut Vec<u8>, number: u64, spans: &[Span], buckets: &Buckets) {
    for span in spans {
        push_message(out, number, |out| {
            if span.offset != 0 {
                push_uint(out, 1, zigzag(i64::from(span.offset)));
            }
            int(out, 2, i64::from(span.length));
        });
    }
    match buckets {
        Buckets::Deltas(deltas) if !deltas.is_empty() => push_message(out, number + 1, |out| {
            deltas.iter().for_each(|delta| push_varint(out, zigzag(*delta)));
        }),
        Buckets::Deltas(_) => {}
        Buckets::Counts(counts) => doubles(out, number + 2, counts),
    }
}

fn doubles(out: &mut Vec<u8>, number: u64, values: &[f64]) {
    if !values.is_empty() {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        push_bytes(out, number, &bytes);
    }
}

fn read_span(mut reader: Reader<'_>) -> Result<Span, Error> {
    let mut span = Span::default();
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (1, Field::Varint(v)) => span.offset = unzigzag(v) as i32,
            (2, Field::Varint(v)) => span.length = v as u32,
            (1 | 2, _) => return Err(reader.error("a span is two numbers").into()),
            _ => {}
        }
    }
    Ok(span)
}

/// Packed, as everybody writes them, or one by one, as they may also be.
fn read_deltas(field: Field<'_>, buckets: &mut Buckets) -> Result<(), Error> {
    if !matches!(buckets, Buckets::Deltas(_)) {
        *buckets = Buckets::default();
    }
    let Buckets::Deltas(deltas) = buckets else {
        return Ok(());
    };
    match field {
        Field::Varint(v) => deltas.push(unzigzag(v)),
        Field::Bytes(_, mut packed) => {
            while !packed.is_empty() {
                deltas.push(unzigzag(packed.varint()?));
            }
        }
        _ => {
            return Err(protowire::Error {
                at: 0,
                reason: "deltas of buckets are varints",
            }
            .into());
        }
    }
    Ok(())
}

fn read_counts(field: Field<'_>, buckets: &mut Buckets) -> Result<(), Error> {
    let mut counts = match std::mem::take(buckets) {
        Buckets::Counts(counts) => counts,
        Buckets::Deltas(_) => Vec::new(),
    };
    read_doubles(field, &mut counts)?;
    *buckets = Buckets::Counts(counts);
    Ok(())
}

fn read_doubles(field: Field<'_>, values: &mut Vec<f64>) -> Result<(), Error> {
    match field {
        Field::Fixed64(bits) => values.push(f64::from_bits(bits)),
        Field::Bytes(bytes, reader) => {
            let (chunks, rest) = bytes.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(reader.error("packed doubles are cut off").into());
            }
            values.extend(chunks.iter().map(|chunk| f64::from_le_bytes(*chunk)));
        }
        _ => {
            return Err(protowire::Error {
                at: 0,
                reason: "numbers of a histogram are doubles",
            }
            .into());
        }
    }
    Ok(())
}
