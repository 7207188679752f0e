//! Remote write 2.0: texts stand once in a table of the request, and series refer to them.

use crate::error::Error;
use crate::histogram;
use crate::parts::{Exemplar, Sample, Series, double, int, read_sample, read_text};
use prommodel::{Histogram, Kind};
use protowire::{Field, Reader, push_bytes, push_message, push_uint, push_varint};
use std::collections::HashMap;

/// What is said about a metric along with its series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// Type.
    pub kind: Kind,
    /// Meaning.
    pub help: &'a str,
    /// Unit.
    pub unit: &'a str,
}

/// Writes a request.
#[derive(Clone, Debug)]
pub struct Writer {
    symbols: HashMap<Box<str>, u64>,
    table: Vec<u8>,
    series: Vec<u8>,
    refs: Vec<u64>,
}

impl Default for Writer {
    fn default() -> Self {
        let mut writer = Writer {
            symbols: HashMap::new(),
            table: Vec::new(),
            series: Vec::new(),
            refs: Vec::new(),
        };
        writer.clear();
        writer
    }
}

impl Writer {
    fn symbol(&mut self, text: &str) -> u64 {
        if let Some(number) = self.symbols.get(text) {
            return *number;
        }
        let number = self.symbols.len() as u64;
        self.symbols.insert(text.into(), number);
        push_bytes(&mut self.table, 4, text.as_bytes());
        number
    }

    fn labels<'l>(&mut self, labels: impl IntoIterator<Item = (&'l str, &'l str)>) {
        self.refs.clear();
        for (name, value) in labels {
            let (name, value) = (self.symbol(name), self.symbol(value));
            self.refs.extend([name, value]);
        }
    }

    /// Appends a series; `write` appends its sample, histogram or exemplar.
    fn push(&mut self, metadata: Metadata<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        let (help, unit) = (self.symbol(metadata.help), self.symbol(metadata.unit));
        let refs = &self.refs;
        push_message(&mut self.series, 5, |out| {
            push_refs(out, refs);
            write(out);
            push_message(out, 5, |out| {
                if metadata.kind != Kind::Unknown {
                    push_uint(out, 1, metadata.kind as u64);
                }
                int(out, 3, help as i64);
                int(out, 4, unit as i64);
            });
        });
    }

    /// Appends a series with one sample.
    pub fn sample<'l>(
        &mut self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        metadata: Metadata<'_>,
        sample: Sample,
    ) {
        self.labels(labels);
        self.push(metadata, |out| push_sample(out, sample));
    }

    /// Appends a series with one native histogram.
    pub fn histogram<'l>(
        &mut self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        metadata: Metadata<'_>,
        histogram: &Histogram,
        timestamp: i64,
        start_timestamp: i64,
    ) {
        self.labels(labels);
        self.push(metadata, |out| {
            push_message(out, 3, |out| {
                histogram::write(out, histogram, timestamp, start_timestamp)
            });
        });
    }

    /// Appends a series with a sample, if there is one, and its exemplars. A receiver may refuse exemplars without a sample.
    pub fn exemplars<'l>(
        &mut self,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
        metadata: Metadata<'_>,
        sample: Option<Sample>,
        exemplars: &[Exemplar<'_>],
    ) {
        self.labels(labels);
        let own = std::mem::take(&mut self.refs);
        let mut written = Vec::new();
        for exemplar in exemplars {
            self.labels(exemplar.labels.iter().copied());
            let refs = &self.refs;
            push_message(&mut written, 4, |out| {
                push_refs(out, refs);
                double(out, 2, exemplar.value);
                int(out, 3, exemplar.timestamp);
            });
        }
        self.refs = own;
        self.push(metadata, |out| {
            if let Some(sample) = sample {
                push_sample(out, sample);
            }
            out.extend_from_slice(&written);
        });
    }

    /// Appends the message to `out`.
    pub fn finish(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.table);
        out.extend_from_slice(&self.series);
    }

    /// Bytes of the message so far.
    pub fn len(&self) -> usize {
        self.table.len() + self.series.len()
    }

    /// Whether no series was written.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Begins another message in the same memory.
    pub fn clear(&mut self) {
        self.symbols.clear();
        self.table.clear();
        self.series.clear();
        // The first symbol is the empty one.
        self.symbol("");
    }
}

fn push_refs(out: &mut Vec<u8>, refs: &[u64]) {
    if !refs.is_empty() {
        push_message(out, 1, |out| refs.iter().for_each(|number| push_varint(out, *number)));
    }
}

fn push_sample(out: &mut Vec<u8>, sample: Sample) {
    push_message(out, 2, |out| {
        double(out, 1, sample.value);
        int(out, 2, sample.timestamp);
        int(out, 3, sample.start_timestamp);
    });
}

/// Reads a request series by series. Ends after the first error. Symbols may stand behind the series, so they are read first.
pub fn series(message: &[u8]) -> Result<impl Iterator<Item = Result<Series<'_>, Error>>, Error> {
    let mut symbols: Vec<&str> = Vec::new();
    let mut reader = Reader::new(message);
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (4, Field::Bytes(bytes, _)) => symbols.push(read_text(bytes)?),
            (4, _) => return Err(reader.error("symbols are strings").into()),
            _ => {}
        }
    }
    let mut reader = Some(Reader::new(message));
    Ok(std::iter::from_fn(move || {
        let series = next(reader.as_mut()?, &symbols).transpose();
        if !matches!(series, Some(Ok(_))) {
            reader = None;
        }
        series
    }))
}

fn next<'a>(reader: &mut Reader<'a>, symbols: &[&'a str]) -> Result<Option<Series<'a>>, Error> {
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (5, Field::Bytes(_, inner)) => return read_series(inner, symbols).map(Some),
            (5, _) => return Err(reader.error("series are messages").into()),
            _ => {}
        }
    }
    Ok(None)
}

fn read_series<'a>(mut reader: Reader<'a>, symbols: &[&'a str]) -> Result<Series<'a>, Error> {
    let mut series = Series::default();
    let mut refs = Vec::new();
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (1, field) => read_refs(field, &mut refs)?,
            (2, Field::Bytes(_, inner)) => series.samples.push(read_sample(inner)?),
            (3, Field::Bytes(_, inner)) => series.histograms.push(histogram::read(inner)?),
            (4, Field::Bytes(_, inner)) => series.exemplars.push(read_exemplar(inner, symbols)?),
            (5, Field::Bytes(_, inner)) => read_metadata(inner, symbols, &mut series)?,
            (2..=5, _) => return Err(reader.error("parts of a series are messages").into()),
            _ => {}
        }
    }
    series.labels = labels(&refs, symbols)?;
    Ok(series)
}

fn read_refs(field: Field<'_>, refs: &mut Vec<u64>) -> Result<(), Error> {
    match field {
        Field::Varint(v) => refs.push(v),
        Field::Bytes(_, mut packed) => {
            while !packed.is_empty() {
                refs.push(packed.varint()?);
            }
        }
        _ => {
            return Err(protowire::Error {
                at: 0,
                reason: "references to symbols are varints",
            }
            .into());
        }
    }
    Ok(())
}

fn symbol<'a>(number: u64, symbols: &[&'a str]) -> Result<&'a str, Error> {
    let at = usize::try_from(number).map_err(|_| Error::Symbol(number))?;
    symbols.get(at).copied().ok_or(Error::Symbol(number))
}

fn labels<'a>(refs: &[u64], symbols: &[&'a str]) -> Result<Vec<(&'a str, &'a str)>, Error> {
    let (pairs, rest) = refs.as_chunks::<2>();
    if let [alone] = rest {
        return Err(Error::Symbol(*alone));
    }
    pairs
        .iter()
        .map(|[name, value]| Ok((symbol(*name, symbols)?, symbol(*value, symbols)?)))
        .collect()
}

fn read_exemplar<'a>(mut reader: Reader<'a>, symbols: &[&'a str]) -> Result<Exemplar<'a>, Error> {
    let mut exemplar = Exemplar::default();
    let mut refs = Vec::new();
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (1, field) => read_refs(field, &mut refs)?,
            (2, Field::Fixed64(bits)) => exemplar.value = f64::from_bits(bits),
            (3, Field::Varint(v)) => exemplar.timestamp = v as i64,
            (2 | 3, _) => return Err(reader.error("a field of an exemplar is of another type").into()),
            _ => {}
        }
    }
    exemplar.labels = labels(&refs, symbols)?;
    Ok(exemplar)
}

fn read_metadata<'a>(mut reader: Reader<'a>, symbols: &[&'a str], series: &mut Series<'a>) -> Result<(), Error> {
    while let Some((number, field)) = reader.field()? {
        match (number, field) {
            (1, Field::Varint(v)) => series.kind = Kind::of_number(v),
            (3, Field::Varint(v)) => series.help = symbol(v, symbols)?,
            (4, Field::Varint(v)) => series.unit = symbol(v, symbols)?,
            (1 | 3 | 4, _) => return Err(reader.error("a field of metadata is of another type").into()),
            _ => {}
        }
    }
    Ok(())
}
