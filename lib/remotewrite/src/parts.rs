//! Samples and exemplars, and series as they are read.

use crate::error::Error;
use prommodel::{Histogram, Kind};
use protowire::{Field, Reader, push_bytes, push_double, push_uint};

/// A value at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// The value.
    pub value: f64,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// When what is counted began, in milliseconds since the Unix epoch; 0 if that is not known. 2.0 only.
    pub start_timestamp: i64,
}

/// A native histogram at a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramSample {
    /// The histogram.
    pub histogram: Histogram,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// When what is counted began, in milliseconds since the Unix epoch; 0 if that is not known. 2.0 only.
    pub start_timestamp: i64,
}

/// An example of what was counted: a trace id, in most cases.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exemplar<'a> {
    /// Names and values.
    pub labels: Vec<(&'a str, &'a str)>,
    /// The value.
    pub value: f64,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
}

/// A series of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series<'a> {
    /// Names and values, as the request has them: sorted by name, if the sender keeps to the specification.
    pub labels: Vec<(&'a str, &'a str)>,
    /// Values.
    pub samples: Vec<Sample>,
    /// Native histograms.
    pub histograms: Vec<HistogramSample>,
    /// Exemplars.
    pub exemplars: Vec<Exemplar<'a>>,
    /// Type of the metric. 2.0 only.
    pub kind: Kind,
    /// What the metric means. 2.0 only.
    pub help: &'a str,
    /// Its unit. 2.0 only.
    pub unit: &'a str,
}

/// Whether proto3 leaves a double out: it is positive zero.
pub(crate) fn is_default(value: f64) -> bool {
    value.to_bits() == 0
}

/// `optional double` of proto3.
pub(crate) fn double(out: &mut Vec<u8>, number: u64, value: f64) {
    if !is_default(value) {
        push_double(out, number, value);
    }
}

/// `int64` of proto3: negative numbers take ten bytes.
pub(crate) fn int(out: &mut Vec<u8>, number: u64, value: i64) {
    if value != 0 {
        push_uint(out, number, value as u64);
    }
}

/// A string of proto3.
pub(crate) fn text(out: &mut Vec<u8>, number: u64, text: &str) {
    if !text.is_empty() {
        push_bytes(out, number, text.as_bytes());
    }
}

pub(crate) fn read_text(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|_| Error::Text)
}

pub(crate) fn read_sample(mut reader: Reader<'_>) -> Result<Sample, Error> {
    let mut sample = Sample::default();
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (1, Field::Fixed64(bits)) => sample.value = f64::from_bits(bits),
            (2, Field::Varint(v)) => sample.timestamp = v as i64,
            (3, Field::Varint(v)) => sample.start_timestamp = v as i64,
            (1..=3, _) => return Err(reader.error("a sample is a number and times").into()),
            _ => {}
        }
    }
    Ok(sample)
}
