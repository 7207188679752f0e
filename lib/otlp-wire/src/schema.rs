//! The messages of OTLP as data: what the scan, the repair of irregular requests and JSON go by.
//!
//! Source: `opentelemetry/proto/{common,resource,logs,trace,metrics}/v1/*.proto` of opentelemetry-proto 1.10.

mod tables;

pub(crate) use tables::{LOGS, METRICS, SPANS};

/// What a field holds.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// `string`.
    Text,
    /// `bytes`: base64 in JSON.
    Bytes,
    /// `bytes` of this length, or none at all: hexadecimal in JSON.
    Id(usize),
    /// `bool`.
    Bool,
    /// `int64`, a string in JSON.
    Int64,
    /// `int32`.
    Int32,
    /// `uint32`.
    Uint32,
    /// `uint64`, a string in JSON.
    Uint64,
    /// `sint32`.
    Sint32,
    /// `fixed64`, a string in JSON.
    Fixed64,
    /// `sfixed64`, a string in JSON.
    Sfixed64,
    /// `fixed32`.
    Fixed32,
    /// `double`.
    Double,
    /// An `enum`, with the names of its values.
    Enum(&'static [(&'static str, i32)]),
    /// A message.
    Message(&'static Message),
    /// A message that is counted: a log record, a span, a data point.
    Record(&'static Message),
    /// `KeyValue`, which is everywhere.
    KeyValue,
    /// `AnyValue`, likewise.
    AnyValue,
}

impl Kind {
    /// The message that the field holds.
    pub(crate) fn message(self) -> Option<&'static Message> {
        match self {
            Kind::Message(message) | Kind::Record(message) => Some(message),
            Kind::KeyValue => Some(&tables::KEY_VALUE),
            Kind::AnyValue => Some(&tables::ANY_VALUE),
            _ => None,
        }
    }

    /// Wire type of one value.
    pub(crate) const fn wire(self) -> u8 {
        match self {
            Kind::Bool | Kind::Int64 | Kind::Int32 | Kind::Uint32 | Kind::Uint64 | Kind::Sint32 | Kind::Enum(_) => 0,
            Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => 1,
            Kind::Fixed32 => 5,
            _ => 2,
        }
    }
}

/// How often a field occurs, and whether its zero is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Card {
    /// Once; zero is the same as absent.
    One,
    /// Once; zero is not the same as absent.
    Optional,
    /// One of the members of the `oneof` of its message (no message has two).
    OneOf,
    /// Any number of times.
    Many,
    /// Numbers one after the other in one field.
    Packed,
}

/// A field of a message.
pub(crate) struct Field {
    /// Its number.
    pub(crate) number: u32,
    /// Its name in the `.proto`.
    pub(crate) snake: &'static str,
    /// Its name in JSON.
    pub(crate) camel: &'static str,
    /// What it holds.
    pub(crate) kind: Kind,
    /// How often.
    pub(crate) card: Card,
}

/// What the scan does with a field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// Not in the table.
    Unknown,
    /// Wire type 0.
    Varint,
    /// Wire type 1.
    Fixed64,
    /// Wire type 5.
    Fixed32,
    /// Wire type 2.
    Bytes,
    /// Wire type 2, UTF-8 if that is asked for.
    Text,
    /// Wire type 2, of no or of so many bytes.
    Id8,
    /// The same with 16.
    Id16,
    /// Wire type 2, numbers of 8 bytes; or one of wire type 1.
    PackedFixed64,
    /// Wire type 2, varints; or one of wire type 0.
    PackedVarint,
    /// Wire type 2, a message.
    Message,
    /// The same, and counted.
    Record,
    /// The same, most often short and of one form.
    KeyValue,
    /// The same.
    AnyValue,
}

/// What the scan knows of a field, found by its number.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) op: Op,
    /// Wire type of `op`.
    pub(crate) wire: u8,
    /// The bit that is set when the field occurs, if it occurs once. Members of a `oneof` share one.
    pub(crate) once: u32,
    pub(crate) message: Option<&'static Message>,
}

/// Numbers of fields are below this, except 1000.
const SLOTS: usize = 17;

const UNKNOWN: Slot = Slot {
    op: Op::Unknown,
    wire: 0,
    once: 0,
    message: None,
};

/// A type of message.
pub(crate) struct Message {
    /// Its fields in the order of the `.proto`.
    pub(crate) fields: &'static [Field],
    slots: [Slot; SLOTS],
}

/// Number of the deprecated list of instrumentation libraries, in `ResourceLogs`, `ResourceSpans` and `ResourceMetrics`. Its messages have the
/// form of those of field 2.
pub(crate) const DEPRECATED: u32 = 1000;
/// Number of the list of scopes in the same messages.
pub(crate) const SCOPES: u32 = 2;

impl Message {
    /// What the scan does with a field.
    #[inline]
    pub(crate) fn slot(&self, number: u32) -> &Slot {
        self.slots.get(number as usize).unwrap_or(&UNKNOWN)
    }

    /// The field with this number.
    pub(crate) fn field(&self, number: u32) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.number == number)
    }
}

/// A message of fields, which must be a `static` of their own: tables refer to each other.
const fn message(fields: &'static [Field]) -> Message {
    let mut slots = [UNKNOWN; SLOTS];
    let mut i = 0;
    while i < fields.len() {
        let field = &fields[i];
        let op = match field.kind {
            Kind::Text => Op::Text,
            Kind::Bytes => Op::Bytes,
            Kind::Id(8) => Op::Id8,
            Kind::Id(_) => Op::Id16,
            Kind::Message(_) => Op::Message,
            Kind::Record(_) => Op::Record,
            Kind::KeyValue => Op::KeyValue,
            Kind::AnyValue => Op::AnyValue,
            _ => match (field.kind.wire(), matches!(field.card, Card::Packed)) {
                (0, false) => Op::Varint,
                (0, true) => Op::PackedVarint,
                (1, false) => Op::Fixed64,
                (1, true) => Op::PackedFixed64,
                _ => Op::Fixed32,
            },
        };
        slots[field.number as usize] = Slot {
            op,
            wire: match field.card {
                Card::Packed => 2,
                _ => field.kind.wire(),
            },
            once: match field.card {
                Card::Many => 0,
                Card::OneOf => 1 << 31,
                _ => 1 << field.number,
            },
            message: match field.kind {
                Kind::Message(message) | Kind::Record(message) => Some(message),
                Kind::KeyValue => Some(&tables::KEY_VALUE),
                Kind::AnyValue => Some(&tables::ANY_VALUE),
                _ => None,
            },
        };
        i += 1;
    }
    Message { fields, slots }
}
