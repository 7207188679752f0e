//! What a parser yields.

use crate::error::Error;
use crate::labels::LabelsBuf;
use prommodel::{Histogram, Kind};

/// One thing in a body. It lives until the parser advances.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// The type of a family.
    Type {
        /// The family. A quoted name is without its quotes, and escapes stay.
        name: &'a [u8],
        /// Its type.
        kind: Kind,
    },
    /// What a family means.
    Help {
        /// The family.
        name: &'a [u8],
        /// The text, unescaped.
        text: &'a str,
    },
    /// The unit of a family; OpenMetrics and protobuf.
    Unit {
        /// The family.
        name: &'a [u8],
        /// The unit.
        unit: &'a [u8],
    },
    /// A comment, with its `#`; the text format only.
    Comment(&'a [u8]),
    /// A sample.
    Series(Series<'a>),
    /// A sample that is a native histogram, or one made of a classic histogram.
    Histogram(HistogramSample<'a>),
}

/// A sample with a number.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// The series as it was exposed: the bytes of `name{labels}`, blanks and escapes included. In protobuf, which has no such bytes, the
    /// labels in their order with 0xff between them. The same bytes under the same options and the same type are the same series: the key of
    /// a cache.
    pub raw: &'a [u8],
    /// Milliseconds since 1970, if the target gave a timestamp.
    pub timestamp: Option<i64>,
    /// The value. Every NaN is 0x7ff8000000000001, so that none is taken for a stale marker (text formats).
    pub value: f64,
    /// When the series began, in milliseconds: from `_created` or from protobuf.
    pub start: Option<i64>,
}

/// A sample with a histogram.
#[derive(Clone, Copy, Debug)]
pub struct HistogramSample<'a> {
    /// As in [`Series::raw`]. Of a converted classic histogram, the series in the text format under the base name.
    pub raw: &'a [u8],
    /// Milliseconds since 1970, if the target gave a timestamp.
    pub timestamp: Option<i64>,
    /// When the series began, in milliseconds.
    pub start: Option<i64>,
    /// The histogram, without empty buckets at the ends of spans.
    pub histogram: &'a Histogram,
}

/// An exemplar of a sample.
#[derive(Clone, Copy, Debug)]
pub struct Exemplar<'a> {
    pub(crate) raw: RawLabels<'a>,
    /// The observed value.
    pub value: f64,
    /// Milliseconds since 1970. Without one, the timestamp of the sample counts.
    pub timestamp: Option<i64>,
}

/// Labels of an exemplar, still encoded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RawLabels<'a> {
    /// `name="value",...}` of OpenMetrics, after the brace.
    Text(&'a [u8]),
    /// A message `io.prometheus.client.Exemplar`.
    Proto(&'a [u8]),
}

impl<'a> Exemplar<'a> {
    /// The labels as they were exposed: text after the brace, or the protobuf message.
    pub fn raw(&self) -> &'a [u8] {
        match self.raw {
            RawLabels::Text(raw) | RawLabels::Proto(raw) => raw,
        }
    }

    /// Decodes the labels, sorted by name. As in Prometheus, escapes in the values of an OpenMetrics exemplar stay as they are.
    pub fn labels(&self, out: &mut LabelsBuf) -> Result<(), Error> {
        match self.raw {
            RawLabels::Text(raw) => crate::text::exemplar_labels(raw, out),
            RawLabels::Proto(raw) => crate::proto::exemplar_labels(raw, out),
        }
    }
}
