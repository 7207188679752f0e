//! Requests written from code.
//!
//! ```
//! use otlp_wire::common::AnyValue;
//! use otlp_wire::logs::LogRecord;
//! use otlp_wire::write::{Writer, number};
//! use otlp_wire::{Signal, scan};
//!
//! let mut out = Writer::new();
//! out.container(number::RESOURCES, |out| {
//!     out.message(number::RESOURCE, |out| {
//!         out.attribute(number::RESOURCE_ATTRIBUTES, b"service.name", AnyValue::String(b"api"));
//!     });
//!     out.container(number::SCOPES, |out| {
//!         let mut record = LogRecord::default();
//!         record.time_unix_nano = 1;
//!         record.body = Some(AnyValue::String(b"hello"));
//!         out.message(number::RECORDS, |out| {
//!             record.write(out);
//!             out.attribute(number::LOG_ATTRIBUTES, b"level", AnyValue::String(b"info"));
//!         });
//!     });
//! });
//! assert_eq!(scan(Signal::Logs, &out.finish()).map(|scan| scan.records), Ok(1));
//! ```

use crate::level::close;
use crate::view::common::{AnyValue, KeyValue};
use crate::view::metrics::{Buckets, Number};
use crate::view::traces::Status;
use bytes::Bytes;
use protowire::{push_bytes, push_double, push_message, push_uint, push_varint, varint_len, zigzag};

/// Numbers of the fields that are messages or attributes. Others are written by the `write` of views.
pub mod number {
    /// `ResourceLogs` and the like, in a request.
    pub const RESOURCES: u32 = 1;
    /// `Resource`, in those.
    pub const RESOURCE: u32 = 1;
    /// Attributes, in a `Resource`.
    pub const RESOURCE_ATTRIBUTES: u32 = 1;
    /// `ScopeLogs` and the like, in a `ResourceLogs` and the like.
    pub const SCOPES: u32 = 2;
    /// `InstrumentationScope`, in those.
    pub const SCOPE: u32 = 1;
    /// Attributes, in an `InstrumentationScope`.
    pub const SCOPE_ATTRIBUTES: u32 = 3;
    /// Log records, spans or metrics, in a `ScopeLogs` and the like.
    pub const RECORDS: u32 = 2;
    /// Attributes, in a `LogRecord`.
    pub const LOG_ATTRIBUTES: u32 = 6;
    /// Attributes, in a `Span`.
    pub const SPAN_ATTRIBUTES: u32 = 9;
    /// `Event`, in a `Span`.
    pub const SPAN_EVENTS: u32 = 11;
    /// Attributes, in an `Event`.
    pub const EVENT_ATTRIBUTES: u32 = 3;
    /// `Link`, in a `Span`.
    pub const SPAN_LINKS: u32 = 13;
    /// Attributes, in a `Link`.
    pub const LINK_ATTRIBUTES: u32 = 4;
    /// `Gauge`, in a `Metric`.
    pub const GAUGE: u32 = 5;
    /// `Sum`, in a `Metric`.
    pub const SUM: u32 = 7;
    /// `Histogram`, in a `Metric`.
    pub const HISTOGRAM: u32 = 9;
    /// `ExponentialHistogram`, in a `Metric`.
    pub const EXPONENTIAL_HISTOGRAM: u32 = 10;
    /// `Summary`, in a `Metric`.
    pub const SUMMARY: u32 = 11;
    /// Attributes about a `Metric`, in it.
    pub const METADATA: u32 = 12;
    /// Data points, in a `Gauge` and the like.
    pub const POINTS: u32 = 1;
    /// Attributes, in the data points of a `Gauge` or `Sum`.
    pub const NUMBER_ATTRIBUTES: u32 = 7;
    /// Exemplars, in the same.
    pub const NUMBER_EXEMPLARS: u32 = 5;
    /// Attributes, in the data points of a `Histogram`.
    pub const HISTOGRAM_ATTRIBUTES: u32 = 9;
    /// Exemplars, in the same.
    pub const HISTOGRAM_EXEMPLARS: u32 = 8;
    /// Counts by bucket ([`super::Writer::fixed64s`]), in the same.
    pub const HISTOGRAM_COUNTS: u32 = 6;
    /// Bounds of buckets ([`super::Writer::doubles`]), in the same.
    pub const HISTOGRAM_BOUNDS: u32 = 7;
    /// Attributes, in the data points of an `ExponentialHistogram`.
    pub const EXPONENTIAL_ATTRIBUTES: u32 = 1;
    /// Exemplars, in the same.
    pub const EXPONENTIAL_EXEMPLARS: u32 = 11;
    /// Buckets above zero, in the same.
    pub const EXPONENTIAL_POSITIVE: u32 = 8;
    /// Buckets below zero, in the same.
    pub const EXPONENTIAL_NEGATIVE: u32 = 9;
    /// Index of the first bucket ([`super::Writer::sint32`]), in those.
    pub const BUCKETS_OFFSET: u32 = 1;
    /// Counts by bucket ([`super::Writer::varints`]), in those.
    pub const BUCKETS_COUNTS: u32 = 2;
    /// Attributes, in the data points of a `Summary`.
    pub const SUMMARY_ATTRIBUTES: u32 = 7;
    /// Quantiles, in the same.
    pub const SUMMARY_QUANTILES: u32 = 6;
    /// Attributes, in an `Exemplar`.
    pub const EXEMPLAR_ATTRIBUTES: u32 = 7;
}

/// A value as it stands in messages, without something to borrow from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value(Box<[u8]>);

impl Value {
    /// The same value.
    pub fn view(&self) -> AnyValue<'_> {
        self.0.as_ref().into()
    }

    /// Values one after the other.
    pub fn array<'v>(values: impl IntoIterator<Item = AnyValue<'v>>) -> Self {
        Value::write(|out| {
            push_message(out, 5, |out| {
                values.into_iter().for_each(|value| any_value(out, 1, value))
            });
        })
    }

    /// Values by key.
    pub fn map<'v>(pairs: impl IntoIterator<Item = (&'v [u8], AnyValue<'v>)>) -> Self {
        let pair = |out: &mut Vec<u8>, (key, value)| key_value(out, 1, key, value);
        Value::write(|out| push_message(out, 6, |out| pairs.into_iter().for_each(|one| pair(out, one))))
    }

    fn write(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut out = Vec::new();
        write(&mut out);
        Value(out.into())
    }
}

impl From<AnyValue<'_>> for Value {
    fn from(value: AnyValue<'_>) -> Self {
        Value::write(|out| content(out, value))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        AnyValue::String(text.as_bytes()).into()
    }
}

/// Appends what is in an `AnyValue`.
fn content(out: &mut Vec<u8>, value: AnyValue<'_>) {
    match value {
        AnyValue::Empty => {}
        AnyValue::String(text) => push_bytes(out, 1, text),
        AnyValue::Bool(v) => push_uint(out, 2, v.into()),
        AnyValue::Int(v) => push_uint(out, 3, v as u64),
        AnyValue::Double(v) => push_double(out, 4, v),
        AnyValue::Array(list) => push_message(out, 5, |out| {
            list.rest().for_each(|value| push_bytes(out, 1, value));
        }),
        AnyValue::Map(attributes) => push_message(out, 6, |out| {
            attributes.iter().rest().for_each(|pair| push_bytes(out, 1, pair));
        }),
        AnyValue::Bytes(bytes) => push_bytes(out, 7, bytes),
    }
}

/// Appends an `AnyValue` as field `number`.
pub(crate) fn any_value(out: &mut Vec<u8>, number: u32, value: AnyValue<'_>) {
    let number = u64::from(number);
    match value {
        AnyValue::String(text) => {
            // Most values; the length is known.
            push_varint(out, number << 3 | 2);
            push_varint(out, (1 + varint_len(text.len() as u64) + text.len()) as u64);
            push_bytes(out, 1, text);
        }
        _ => push_message(out, number, |out| content(out, value)),
    }
}

/// Appends a `KeyValue` as field `number`.
fn key_value(out: &mut Vec<u8>, number: u32, key: &[u8], value: AnyValue<'_>) {
    push_message(out, number.into(), |out| {
        if !key.is_empty() {
            push_bytes(out, 1, key);
        }
        any_value(out, 2, value);
    });
}

/// Writes messages inside of each other. What is zero or empty is left out, as proto3 does; members of a `oneof` and what is optional are not.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

/// Bytes for the length of a container, until it is known: enough from 16 KiB to 2 MiB.
const CONTAINER: usize = 3;

impl Writer {
    /// A request without anything in it.
    pub fn new() -> Self {
        Writer::default()
    }

    /// The request.
    pub fn finish(self) -> Bytes {
        self.out.into()
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Appends a message; `write` writes what is in it.
    pub fn message(&mut self, number: u32, write: impl FnOnce(&mut Writer)) {
        self.nested(number, 1, write);
    }

    /// The same for one that is expected to be long: a resource, a scope.
    pub fn container(&mut self, number: u32, write: impl FnOnce(&mut Writer)) {
        self.nested(number, CONTAINER, write);
    }

    fn nested(&mut self, number: u32, reserved: usize, write: impl FnOnce(&mut Writer)) {
        self.tag(number, 2);
        let at = self.out.len();
        self.out.resize(at + reserved, 0);
        write(self);
        close(&mut self.out, at, reserved);
    }

    fn tag(&mut self, number: u32, wire: u64) {
        push_varint(&mut self.out, u64::from(number) << 3 | wire);
    }

    /// Appends an attribute.
    pub fn attribute(&mut self, number: u32, key: &[u8], value: AnyValue<'_>) {
        key_value(&mut self.out, number, key, value);
    }

    /// Appends attributes of another message.
    pub fn attributes<'a>(&mut self, number: u32, pairs: impl IntoIterator<Item = KeyValue<'a>>) {
        for pair in pairs {
            self.message(number, |out| {
                push_bytes(&mut out.out, 1, pair.key);
                push_bytes(&mut out.out, 2, pair.raw_value);
            });
        }
    }

    /// Appends a text.
    pub fn text(&mut self, number: u32, text: &[u8]) {
        if !text.is_empty() {
            push_bytes(&mut self.out, number.into(), text);
        }
    }

    /// Appends bytes.
    pub fn bytes(&mut self, number: u32, bytes: &[u8]) {
        self.text(number, bytes);
    }

    /// Appends the id of a trace or span.
    pub fn id<const N: usize>(&mut self, number: u32, id: Option<&[u8; N]>) {
        self.text(number, id.map_or(&[], |id| id.as_slice()));
    }

    /// Appends a `fixed64`.
    pub fn fixed64(&mut self, number: u32, value: u64) {
        if value != 0 {
            self.tag(number, 1);
            self.out.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// Appends a `fixed32`.
    pub fn fixed32(&mut self, number: u32, value: u32) {
        if value != 0 {
            self.tag(number, 5);
            self.out.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// Appends a `double`.
    pub fn double(&mut self, number: u32, value: f64) {
        // Negative zero is not what is left out.
        self.fixed64(number, value.to_bits());
    }

    /// Appends an `optional double`.
    pub fn optional_double(&mut self, number: u32, value: Option<f64>) {
        if let Some(value) = value {
            push_double(&mut self.out, number.into(), value);
        }
    }

    /// Appends a `uint32` or a `uint64`.
    pub fn uint64(&mut self, number: u32, value: u64) {
        if value != 0 {
            push_uint(&mut self.out, number.into(), value);
        }
    }

    /// Appends a `uint32`.
    pub fn uint32(&mut self, number: u32, value: u32) {
        self.uint64(number, value.into());
    }

    /// Appends a value of an `enum`.
    pub fn enumeration(&mut self, number: u32, value: i32) {
        self.uint64(number, i64::from(value) as u64);
    }

    /// Appends a `sint32`.
    pub fn sint32(&mut self, number: u32, value: i32) {
        self.uint64(number, zigzag(value.into()));
    }

    /// Appends a `bool`.
    pub fn boolean(&mut self, number: u32, value: bool) {
        self.uint64(number, value.into());
    }

    /// Appends numbers of 8 bytes.
    pub fn fixed64s(&mut self, number: u32, values: impl IntoIterator<Item = u64>) {
        self.packed(number, |out| {
            values
                .into_iter()
                .for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        });
    }

    /// Appends numbers.
    pub fn doubles(&mut self, number: u32, values: impl IntoIterator<Item = f64>) {
        self.fixed64s(number, values.into_iter().map(f64::to_bits));
    }

    /// Appends varints.
    pub fn varints(&mut self, number: u32, values: impl IntoIterator<Item = u64>) {
        self.packed(number, |out| {
            values.into_iter().for_each(|value| push_varint(out, value))
        });
    }

    fn packed(&mut self, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.out.len();
        let mut empty = false;
        push_message(&mut self.out, number.into(), |out| {
            let before = out.len();
            write(out);
            empty = out.len() == before;
        });
        if empty {
            self.out.truncate(start);
        }
    }

    /// Appends the value of a data point of a gauge or sum.
    pub fn point_value(&mut self, value: Number) {
        self.number(value, 4);
    }

    /// Appends the value of an exemplar.
    pub fn exemplar_value(&mut self, value: Number) {
        self.number(value, 3);
    }

    fn number(&mut self, value: Number, double: u32) {
        match value {
            Number::Double(value) => push_double(&mut self.out, double.into(), value),
            Number::Int(value) => {
                self.tag(6, 1);
                self.out.extend_from_slice(&value.to_le_bytes());
            }
        }
    }

    /// Appends a value.
    pub fn any(&mut self, number: u32, value: Option<AnyValue<'_>>) {
        if let Some(value) = value {
            any_value(&mut self.out, number, value);
        }
    }

    pub(crate) fn status(&mut self, number: u32, status: Option<Status<'_>>) {
        if let Some(status) = status {
            self.message(number, |out| status.write(out));
        }
    }

    pub(crate) fn buckets(&mut self, number: u32, buckets: Option<Buckets<'_>>) {
        if let Some(buckets) = buckets {
            self.message(number, |out| buckets.write(out));
        }
    }
}
