//! Remote write 1.0.

mod pack;

pub use pack::{Packer, WireRow};

use crate::error::Error;
use crate::histogram;
use crate::parts::{Exemplar, Sample, Series, double, int, is_default, read_sample, read_text, text};
use prommodel::{Histogram, Kind};
use protowire::{Field, Reader, push_message, push_uint, push_varint, varint_len};

/// Labels of a series in wire form. They are encoded once for a series and copied for each of its samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedLabels(Box<[u8]>);

/// Labels that are in wire form already.
pub trait WireLabels {
    /// Bytes that they take.
    fn wire_len(&self) -> usize;

    /// Appends them: field 1 of a series, once for each, by name.
    fn write(&self, out: &mut Vec<u8>);
}

impl WireLabels for EncodedLabels {
    fn wire_len(&self) -> usize {
        self.0.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

impl WireLabels for prommodel::Series {
    #[inline]
    fn wire_len(&self) -> usize {
        prommodel::Series::wire_len(self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.labels().for_each(|label| out.extend_from_slice(label.wire()));
    }
}

impl EncodedLabels {
    /// Encodes names and values, which are sorted by name.
    pub fn new<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut out = Vec::new();
        push_labels(&mut out, labels);
        EncodedLabels(out.into())
    }

    /// Bytes that they take.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn push_labels<'a>(out: &mut Vec<u8>, labels: impl IntoIterator<Item = (&'a str, &'a str)>) {
    for (name, value) in labels {
        push_message(out, 1, |out| {
            text(out, 1, name);
            text(out, 2, value);
        });
    }
}

/// Writes a request.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Appends a series with one sample. Its start timestamp has no place in this version.
    #[inline]
    pub fn sample(&mut self, labels: &impl WireLabels, sample: Sample) {
        // All lengths are known beforehand: nothing is moved.
        let value = if is_default(sample.value) { 0 } else { 9 };
        let timestamp = match sample.timestamp {
            0 => 0,
            timestamp => 1 + varint_len(timestamp as u64),
        };
        let length = labels.wire_len() + 2 + value + timestamp;
        self.out.reserve(length + 1 + varint_len(length as u64));
        self.out.push(0x0a);
        push_varint(&mut self.out, length as u64);
        labels.write(&mut self.out);
        self.out.extend_from_slice(&[0x12, (value + timestamp) as u8]);
        double(&mut self.out, 1, sample.value);
        int(&mut self.out, 2, sample.timestamp);
    }

    /// Appends a series with one exemplar.
    pub fn exemplar<'l>(
        &mut self,
        labels: &impl WireLabels,
        exemplar: impl IntoIterator<Item = (&'l str, &'l str)>,
        value: f64,
        timestamp: i64,
    ) {
        push_message(&mut self.out, 1, |out| {
            labels.write(out);
            push_message(out, 3, |out| {
                push_labels(out, exemplar);
                double(out, 2, value);
                int(out, 3, timestamp);
            });
        });
    }

    /// Appends a series with one native histogram.
    pub fn histogram(&mut self, labels: &impl WireLabels, histogram: &Histogram, timestamp: i64) {
        push_message(&mut self.out, 1, |out| {
            labels.write(out);
            push_message(out, 4, |out| histogram::write(out, histogram, timestamp, 0));
        });
    }

    /// Appends metadata of a metric family.
    pub fn metadata(&mut self, family: &str, kind: Kind, help: &str, unit: &str) {
        push_message(&mut self.out, 3, |out| {
            if kind != Kind::Unknown {
                push_uint(out, 1, kind as u64);
            }
            text(out, 2, family);
            text(out, 4, help);
            text(out, 5, unit);
        });
    }

    /// The message so far.
    pub fn message(&self) -> &[u8] {
        &self.out
    }

    /// Bytes of the message so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Begins another message in the same memory.
    pub fn clear(&mut self) {
        self.out.clear();
    }
}

/// Metadata of a metric family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// Name of the family.
    pub family: &'a str,
    /// Its type.
    pub kind: Kind,
    /// What it means.
    pub help: &'a str,
    /// Its unit.
    pub unit: &'a str,
}

/// A part of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Part<'a> {
    /// A series.
    Series(Series<'a>),
    /// Metadata.
    Metadata(Metadata<'a>),
}

/// Reads a request part by part. Ends after the first error.
pub fn series(message: &[u8]) -> impl Iterator<Item = Result<Part<'_>, Error>> {
    let mut reader = Some(Reader::new(message));
    std::iter::from_fn(move || {
        let part = next(reader.as_mut()?).transpose();
        if !matches!(part, Some(Ok(_))) {
            reader = None;
        }
        part
    })
}

fn next<'a>(reader: &mut Reader<'a>) -> Result<Option<Part<'a>>, Error> {
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (1, Field::Bytes(_, inner)) => return read_series(inner).map(Part::Series).map(Some),
            (3, Field::Bytes(_, inner)) => return read_metadata(inner).map(Part::Metadata).map(Some),
            (1 | 3, _) => return Err(reader.error("series and metadata are messages").into()),
            _ => {}
        }
    }
    Ok(None)
}

fn read_series(mut reader: Reader<'_>) -> Result<Series<'_>, Error> {
    let mut series = Series::default();
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (1, Field::Bytes(_, inner)) => series.labels.push(read_label(inner)?),
            (2, Field::Bytes(_, inner)) => series.samples.push(read_sample(inner)?),
            (3, Field::Bytes(_, inner)) => series.exemplars.push(read_exemplar(inner)?),
            (4, Field::Bytes(_, inner)) => series.histograms.push(histogram::read(inner)?),
            (1..=4, _) => return Err(reader.error("parts of a series are messages").into()),
            _ => {}
        }
    }
    Ok(series)
}

fn read_label(mut reader: Reader<'_>) -> Result<(&str, &str), Error> {
    let (mut name, mut value) = ("", "");
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (1, Field::Bytes(bytes, _)) => name = read_text(bytes)?,
            (2, Field::Bytes(bytes, _)) => value = read_text(bytes)?,
            (1 | 2, _) => return Err(reader.error("a label is two strings").into()),
            _ => {}
        }
    }
    Ok((name, value))
}

fn read_exemplar(mut reader: Reader<'_>) -> Result<Exemplar<'_>, Error> {
    let mut exemplar = Exemplar::default();
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (1, Field::Bytes(_, inner)) => exemplar.labels.push(read_label(inner)?),
            (2, Field::Fixed64(bits)) => exemplar.value = f64::from_bits(bits),
            (3, Field::Varint(v)) => exemplar.timestamp = v as i64,
            (1..=3, _) => return Err(reader.error("a field of an exemplar is of another type").into()),
            _ => {}
        }
    }
    Ok(exemplar)
}

fn read_metadata(mut reader: Reader<'_>) -> Result<Metadata<'_>, Error> {
    let mut metadata = Metadata::default();
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (1, Field::Varint(v)) => metadata.kind = Kind::of_number(v),
            (2, Field::Bytes(bytes, _)) => metadata.family = read_text(bytes)?,
            (4, Field::Bytes(bytes, _)) => metadata.help = read_text(bytes)?,
            (5, Field::Bytes(bytes, _)) => metadata.unit = read_text(bytes)?,
            (1 | 2 | 4 | 5, _) => return Err(reader.error("a field of metadata is of another type").into()),
            _ => {}
        }
    }
    Ok(metadata)
}
