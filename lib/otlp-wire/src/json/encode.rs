//! Protobuf to JSON, by the tables.

use super::text::{base64, display, double, hex, quote};
use crate::schema::{Card, Field, Kind, Message, Op};
use crate::wire::{Fields, Value};
use protowire::{get_varint, unzigzag};

/// Appends the object that a message is.
pub(super) fn message(out: &mut Vec<u8>, schema: &Message, bytes: &[u8], depth: u32) {
    out.push(b'{');
    let mut writer = Writer {
        out,
        depth,
        first: true,
    };
    if in_order(schema, bytes) {
        writer.stream(schema, bytes);
    } else {
        writer.sort(schema, bytes);
    }
    out.push(b'}');
}

/// Whether fields of one number stand together, and only where they may be more than one.
fn in_order(schema: &Message, bytes: &[u8]) -> bool {
    let (mut once, mut seen, mut last) = (0u32, 0u32, 0);
    for (number, _) in Fields::new(bytes) {
        let slot = schema.slot(number);
        if slot.op == Op::Unknown {
            continue;
        }
        let bit = 1 << number;
        if once & slot.once != 0 || (number != last && seen & bit != 0) {
            return false;
        }
        once |= slot.once;
        seen |= bit;
        last = number;
    }
    true
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    depth: u32,
    first: bool,
}

impl Writer<'_> {
    /// Writes fields as they come.
    fn stream(&mut self, schema: &Message, bytes: &[u8]) {
        let mut list = None;
        for (number, value) in Fields::new(bytes) {
            let Some(field) = schema.field(number) else { continue };
            if list.is_some_and(|list| list != number) {
                self.out.push(b']');
                list = None;
            }
            if list == Some(number) {
                self.out.push(b',');
            } else {
                self.key(field);
            }
            if field.card == Card::Many && list.is_none() {
                self.out.push(b'[');
                list = Some(number);
            }
            if field.card == Card::Packed {
                self.packed(field, [value].into_iter());
            } else {
                self.value(field, value);
            }
        }
        if list.is_some() {
            self.out.push(b']');
        }
    }

    /// Writes fields in the order of the table, whatever order they have.
    fn sort(&mut self, schema: &Message, bytes: &[u8]) {
        let member =
            |(number, _): &(u32, Value<'_>)| schema.field(*number).is_some_and(|field| field.card == Card::OneOf);
        let last_member = Fields::new(bytes).filter(member).last();
        for field in schema.fields {
            let values = || {
                let values = Fields::new(bytes).filter(|(number, _)| *number == field.number);
                values.map(|(_, value)| value)
            };
            let Some(last) = values().last() else { continue };
            match field.card {
                Card::OneOf if last_member.is_none_or(|(number, _)| number != field.number) => {}
                Card::Many => {
                    self.key(field);
                    self.out.push(b'[');
                    for (i, value) in values().enumerate() {
                        if i > 0 {
                            self.out.push(b',');
                        }
                        self.value(field, value);
                    }
                    self.out.push(b']');
                }
                Card::Packed => {
                    self.key(field);
                    self.packed(field, values());
                }
                _ => {
                    self.key(field);
                    self.value(field, last);
                }
            }
        }
    }

    fn key(&mut self, field: &Field) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(field.camel.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn value(&mut self, field: &Field, value: Value<'_>) {
        match (field.kind, value) {
            (Kind::Text, Value::Bytes(text)) => quote(self.out, text),
            (Kind::Bytes, Value::Bytes(bytes)) => self.quoted(|out| base64(out, bytes)),
            (Kind::Id(_), Value::Bytes(bytes)) => self.quoted(|out| hex(out, bytes)),
            (kind, Value::Bytes(bytes)) if self.depth > 0 => match kind.message() {
                Some(inner) => message(self.out, inner, bytes, self.depth - 1),
                None => self.out.extend_from_slice(b"null"),
            },
            (_, Value::Varint(bits) | Value::Fixed64(bits)) => self.number(field.kind, bits),
            (_, Value::Fixed32(bits)) => display(self.out, bits),
            // Not in what the scan accepts.
            (_, Value::Bytes(_) | Value::Group) => self.out.extend_from_slice(b"null"),
        }
    }

    fn number(&mut self, kind: Kind, bits: u64) {
        match kind {
            Kind::Double => double(self.out, f64::from_bits(bits)),
            Kind::Bool => self.out.extend_from_slice(if bits == 0 { b"false" } else { b"true" }),
            Kind::Int32 | Kind::Enum(_) => display(self.out, bits as i32),
            Kind::Uint32 | Kind::Fixed32 => display(self.out, bits as u32),
            Kind::Sint32 => display(self.out, unzigzag(bits & 0xffff_ffff) as i32),
            Kind::Int64 | Kind::Sfixed64 => self.quoted(|out| display(out, bits as i64)),
            Kind::Uint64 | Kind::Fixed64 => self.quoted(|out| display(out, bits)),
            _ => self.out.extend_from_slice(b"null"),
        }
    }

    fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.push(b'"');
        write(self.out);
        self.out.push(b'"');
    }

    /// Numbers of one or more fields.
    fn packed<'a>(&mut self, field: &Field, values: impl Iterator<Item = Value<'a>>) {
        self.out.push(b'[');
        let mut first = true;
        let mut push = |this: &mut Self, bits| {
            if !std::mem::replace(&mut first, false) {
                this.out.push(b',');
            }
            this.number(field.kind, bits);
        };
        for value in values {
            match (value, field.kind.wire()) {
                (Value::Varint(bits) | Value::Fixed64(bits), _) => push(self, bits),
                (Value::Bytes(bytes), 1) => {
                    let (numbers, _) = bytes.as_chunks();
                    numbers.iter().for_each(|bytes| push(self, u64::from_le_bytes(*bytes)));
                }
                (Value::Bytes(bytes), _) => {
                    let mut at = 0;
                    while let Some((bits, end)) = get_varint(bytes, at) {
                        push(self, bits);
                        at = end;
                    }
                }
                _ => {}
            }
        }
        self.out.push(b']');
    }
}
