//! Views of metrics.

use super::common::{Attributes, List, Resource, Scope};
use super::view;
use crate::wire::{Fields, Value};
use protowire::get_varint;

/// The resources of a request with their metrics.
pub fn resources(request: &[u8]) -> List<'_, ResourceMetrics<'_>> {
    List::new(request, 1)
}

view! {
    /// Metrics of a resource.
    ResourceMetrics {
        /// The resource.
        1 optional resource: Option<Resource<'a>>,
        /// Of the conventions that the resource follows.
        3 text schema_url: &'a [u8],
    }
    lists {
        /// Its scopes.
        2 => scopes: List<'a, ScopeMetrics<'a>>,
    }
}

view! {
    /// Metrics of a library.
    ScopeMetrics {
        /// The library.
        1 optional scope: Option<Scope<'a>>,
        /// Of the conventions that the metrics follow.
        3 text schema_url: &'a [u8],
    }
    lists {
        /// Its metrics.
        2 => metrics: List<'a, Metric<'a>>,
    }
}

view! {
    /// A metric.
    Metric {
        /// Its name.
        1 text name: &'a [u8],
        /// What it means.
        2 text description: &'a [u8],
        /// UCUM.
        3 text unit: &'a [u8],
    }
    lists {
        /// What else is known of it.
        12 => metadata: Attributes<'a>,
    }
}

/// Data points of a metric, by its type.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// Values that were sampled.
    Gauge(Gauge<'a>),
    /// Sums.
    Sum(Sum<'a>),
    /// Histograms with buckets of any width.
    Histogram(Histogram<'a>),
    /// Histograms with buckets that grow exponentially.
    ExponentialHistogram(ExponentialHistogram<'a>),
    /// Quantiles.
    Summary(Summary<'a>),
}

impl<'a> Metric<'a> {
    /// Its data points. `None` if the type is not one of those known here.
    pub fn data(&self) -> Option<Data<'a>> {
        let data = |field| match field {
            (5, Value::Bytes(data)) => Some(Data::Gauge(data.into())),
            (7, Value::Bytes(data)) => Some(Data::Sum(data.into())),
            (9, Value::Bytes(data)) => Some(Data::Histogram(data.into())),
            (10, Value::Bytes(data)) => Some(Data::ExponentialHistogram(data.into())),
            (11, Value::Bytes(data)) => Some(Data::Summary(data.into())),
            _ => None,
        };
        Fields::new(self.bytes).filter_map(data).last()
    }
}

view! {
    /// Values that were sampled.
    Gauge {}
    lists {
        /// The values.
        1 => points: List<'a, NumberPoint<'a>>,
    }
}

view! {
    /// Sums.
    Sum {
        /// 1 delta, 2 cumulative.
        2 enumeration aggregation_temporality: i32,
        /// Whether they only grow.
        3 boolean is_monotonic: bool,
    }
    lists {
        /// The sums.
        1 => points: List<'a, NumberPoint<'a>>,
    }
}

view! {
    /// Histograms with buckets of any width.
    Histogram {
        /// 1 delta, 2 cumulative.
        2 enumeration aggregation_temporality: i32,
    }
    lists {
        /// The histograms.
        1 => points: List<'a, HistogramPoint<'a>>,
    }
}

view! {
    /// Histograms with buckets that grow exponentially.
    ExponentialHistogram {
        /// 1 delta, 2 cumulative.
        2 enumeration aggregation_temporality: i32,
    }
    lists {
        /// The histograms.
        1 => points: List<'a, ExponentialHistogramPoint<'a>>,
    }
}

view! {
    /// Quantiles.
    Summary {}
    lists {
        /// The summaries.
        1 => points: List<'a, SummaryPoint<'a>>,
    }
}

/// A number of a data point or an exemplar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A `double`.
    Double(f64),
    /// A signed integer.
    Int(i64),
}

/// The last of two fields, as members of a `oneof` replace each other.
fn number(bytes: &[u8], double: u32, int: u32) -> Option<Number> {
    let number = |field| match field {
        (number, Value::Fixed64(bits)) if number == double => Some(Number::Double(f64::from_bits(bits))),
        (number, Value::Fixed64(bits)) if number == int => Some(Number::Int(bits as i64)),
        _ => None,
    };
    Fields::new(bytes).filter_map(number).last()
}

view! {
    /// A value.
    NumberPoint {
        /// Since when it is counted, in nanoseconds since the Unix epoch; 0 if that is not known.
        2 fixed64 start_time_unix_nano: u64,
        /// When it had this value, likewise.
        3 fixed64 time_unix_nano: u64,
        /// Bit 0: there is no value.
        8 uint32 flags: u32,
    }
    lists {
        /// Its attributes.
        7 => attributes: Attributes<'a>,
        /// Examples.
        5 => exemplars: List<'a, Exemplar<'a>>,
    }
}

impl NumberPoint<'_> {
    /// The value.
    pub fn value(&self) -> Option<Number> {
        number(self.bytes, 4, 6)
    }
}

view! {
    /// A histogram with buckets of any width.
    HistogramPoint {
        /// Since when it is counted, in nanoseconds since the Unix epoch; 0 if that is not known.
        2 fixed64 start_time_unix_nano: u64,
        /// When it had these values, likewise.
        3 fixed64 time_unix_nano: u64,
        /// Observations.
        4 fixed64 count: u64,
        /// Their sum.
        5 optional_double sum: Option<f64>,
        /// Observations by bucket.
        6 message bucket_counts: Fixed64s<'a>,
        /// Upper bounds, inclusive, of all buckets but the last.
        7 message explicit_bounds: Doubles<'a>,
        /// Bit 0: there is no value.
        10 uint32 flags: u32,
        /// The smallest observation.
        11 optional_double min: Option<f64>,
        /// The largest.
        12 optional_double max: Option<f64>,
    }
    lists {
        /// Its attributes.
        9 => attributes: Attributes<'a>,
        /// Examples.
        8 => exemplars: List<'a, Exemplar<'a>>,
    }
}

view! {
    /// A histogram with buckets that grow exponentially.
    ExponentialHistogramPoint {
        /// Since when it is counted, in nanoseconds since the Unix epoch; 0 if that is not known.
        2 fixed64 start_time_unix_nano: u64,
        /// When it had these values, likewise.
        3 fixed64 time_unix_nano: u64,
        /// Observations.
        4 fixed64 count: u64,
        /// Their sum.
        5 optional_double sum: Option<f64>,
        /// Bounds of buckets are powers of `2^(2^-scale)`.
        6 sint32 scale: i32,
        /// Observations that are zero or next to it.
        7 fixed64 zero_count: u64,
        /// Observations above zero.
        8 buckets positive: Option<Buckets<'a>>,
        /// Observations below zero.
        9 buckets negative: Option<Buckets<'a>>,
        /// Bit 0: there is no value.
        10 uint32 flags: u32,
        /// The smallest observation.
        12 optional_double min: Option<f64>,
        /// The largest.
        13 optional_double max: Option<f64>,
        /// Up to which absolute value observations count as zero.
        14 double zero_threshold: f64,
    }
    lists {
        /// Its attributes.
        1 => attributes: Attributes<'a>,
        /// Examples.
        11 => exemplars: List<'a, Exemplar<'a>>,
    }
}

view! {
    /// Buckets of an exponential histogram.
    Buckets {
        /// Index of the first.
        1 sint32 offset: i32,
        /// Observations by bucket.
        2 message bucket_counts: Varints<'a>,
    }
    lists {}
}

view! {
    /// A summary.
    SummaryPoint {
        /// Since when it is counted, in nanoseconds since the Unix epoch; 0 if that is not known.
        2 fixed64 start_time_unix_nano: u64,
        /// When it had these values, likewise.
        3 fixed64 time_unix_nano: u64,
        /// Observations.
        4 fixed64 count: u64,
        /// Their sum.
        5 double sum: f64,
        /// Bit 0: there is no value.
        8 uint32 flags: u32,
    }
    lists {
        /// Its attributes.
        7 => attributes: Attributes<'a>,
        /// Its quantiles.
        6 => quantile_values: List<'a, ValueAtQuantile<'a>>,
    }
}

view! {
    /// A quantile.
    ValueAtQuantile {
        /// Which, from 0 to 1.
        1 double quantile: f64,
        /// Its value.
        2 double value: f64,
    }
    lists {}
}

view! {
    /// An example of what was counted.
    Exemplar {
        /// When, in nanoseconds since the Unix epoch.
        2 fixed64 time_unix_nano: u64,
        /// The span in which it was.
        4 id span_id: Option<&'a [u8; 8]>,
        /// The trace.
        5 id trace_id: Option<&'a [u8; 16]>,
    }
    lists {
        /// Attributes that the data point does not have.
        7 => filtered_attributes: Attributes<'a>,
    }
}

impl Exemplar<'_> {
    /// The value.
    pub fn value(&self) -> Option<Number> {
        number(self.bytes, 3, 6)
    }
}

/// Numbers of 8 bytes each, unsigned.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fixed64s<'a>(&'a [[u8; 8]]);

impl<'a> From<&'a [u8]> for Fixed64s<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Fixed64s(bytes.as_chunks().0)
    }
}

impl<'a> Fixed64s<'a> {
    pub(crate) fn raw(&self) -> &'a [u8] {
        self.0.as_flattened()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u64> + use<'a> {
        self.0.iter().map(|bytes| u64::from_le_bytes(*bytes))
    }
}

/// Numbers of 8 bytes each, `double`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Doubles<'a>(Fixed64s<'a>);

impl<'a> From<&'a [u8]> for Doubles<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Doubles(bytes.into())
    }
}

impl<'a> Doubles<'a> {
    pub(crate) fn raw(&self) -> &'a [u8] {
        self.0.raw()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = f64> + use<'a> {
        self.0.iter().map(f64::from_bits)
    }
}

/// Numbers of 1 to 10 bytes, unsigned.
#[derive(Clone, Copy, Debug, Default)]
pub struct Varints<'a>(&'a [u8]);

impl<'a> From<&'a [u8]> for Varints<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Varints(bytes)
    }
}

impl<'a> Varints<'a> {
    pub(crate) fn raw(&self) -> &'a [u8] {
        self.0
    }
}

impl Iterator for Varints<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let (value, end) = get_varint(self.0, 0)?;
        self.0 = &self.0[end..];
        Some(value)
    }
}
