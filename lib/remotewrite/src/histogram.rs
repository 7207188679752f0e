//! Native histograms. Both versions have the same message; 2.0 adds a field.

use crate::error::Error;
use crate::parts::{HistogramSample, double, int};
use prommodel::{Buckets, Counts, Histogram, ResetHint, Span};
use protowire::{Field, Reader, push_bytes, push_double, push_message, push_uint, push_varint, unzigzag, zigzag};

/// Appends the content of the message.
pub(crate) fn write(out: &mut Vec<u8>, histogram: &Histogram, timestamp: i64, start_timestamp: i64) {
    // Members of a `oneof` are written even if they are zero.
    match &histogram.counts {
        Counts::Integer(buckets) => push_uint(out, 1, buckets.count),
        Counts::Float(buckets) => push_double(out, 2, buckets.count),
    }
    double(out, 3, histogram.sum);
    if histogram.schema != 0 {
        push_uint(out, 4, zigzag(i64::from(histogram.schema)));
    }
    double(out, 5, histogram.zero_threshold);
    match &histogram.counts {
        Counts::Integer(buckets) => push_uint(out, 6, buckets.zero_count),
        Counts::Float(buckets) => push_double(out, 7, buckets.zero_count),
    }
    let (negative, positive) = (&histogram.negative_spans, &histogram.positive_spans);
    match &histogram.counts {
        Counts::Integer(buckets) => {
            spans(out, 8, negative);
            deltas(out, 9, &buckets.negative);
            spans(out, 11, positive);
            deltas(out, 12, &buckets.positive);
        }
        Counts::Float(buckets) => {
            spans(out, 8, negative);
            doubles(out, 10, &buckets.negative);
            spans(out, 11, positive);
            doubles(out, 13, &buckets.positive);
        }
    }
    int(out, 14, histogram.reset as i64);
    int(out, 15, timestamp);
    doubles(out, 16, &histogram.custom_values);
    int(out, 17, start_timestamp);
}

/// What a message says, before it is known whether its counts are whole.
#[derive(Default)]
struct Draft {
    sample: HistogramSample,
    whole: Buckets<u64, i64>,
    fractional: Buckets<f64, f64>,
    /// `count_float` or `zero_count_float` was there, or `count_int` or `zero_count_int`, whichever came last.
    is_fractional: bool,
}

pub(crate) fn read(mut reader: Reader<'_>) -> Result<HistogramSample, Error> {
    let mut draft = Draft::default();
    while let Some((number, field)) = reader.field()? {
        let histogram = &mut draft.sample.histogram;
        match (number, field) {
            (1, Field::Varint(v)) => (draft.whole.count, draft.is_fractional) = (v, false),
            (2, Field::Fixed64(bits)) => {
                (draft.fractional.count, draft.is_fractional) = (f64::from_bits(bits), true);
            }
            (3, Field::Fixed64(bits)) => histogram.sum = f64::from_bits(bits),
            (4, Field::Varint(v)) => histogram.schema = unzigzag(v) as i32,
            (5, Field::Fixed64(bits)) => histogram.zero_threshold = f64::from_bits(bits),
            (6, Field::Varint(v)) => draft.whole.zero_count = v,
            (7, Field::Fixed64(bits)) => draft.fractional.zero_count = f64::from_bits(bits),
            (8, Field::Bytes(_, inner)) => histogram.negative_spans.push(read_span(inner)?),
            (9, field) => read_deltas(field, &mut draft.whole.negative)?,
            (10, field) => read_doubles(field, &mut draft.fractional.negative)?,
            (11, Field::Bytes(_, inner)) => histogram.positive_spans.push(read_span(inner)?),
            (12, field) => read_deltas(field, &mut draft.whole.positive)?,
            (13, field) => read_doubles(field, &mut draft.fractional.positive)?,
            (14, Field::Varint(v)) => histogram.reset = ResetHint::of_number(v),
            (15, Field::Varint(v)) => draft.sample.timestamp = v as i64,
            (16, field) => read_doubles(field, &mut histogram.custom_values)?,
            (17, Field::Varint(v)) => draft.sample.start_timestamp = v as i64,
            (1..=17, _) => return Err(reader.error("a field of a histogram is of another type").into()),
            _ => {}
        }
    }
    draft.sample.histogram.counts = if draft.is_fractional {
        Counts::Float(draft.fractional)
    } else {
        Counts::Integer(draft.whole)
    };
    Ok(draft.sample)
}

fn spans(out: &mut Vec<u8>, number: u64, spans: &[Span]) {
    for span in spans {
        push_message(out, number, |out| {
            if span.offset != 0 {
                push_uint(out, 1, zigzag(i64::from(span.offset)));
            }
            int(out, 2, i64::from(span.length));
        });
    }
}

fn deltas(out: &mut Vec<u8>, number: u64, deltas: &[i64]) {
    if !deltas.is_empty() {
        push_message(out, number, |out| {
            deltas.iter().for_each(|delta| push_varint(out, zigzag(*delta)));
        });
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
fn read_deltas(field: Field<'_>, deltas: &mut Vec<i64>) -> Result<(), Error> {
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
