//! Requests that are legal protobuf but not what generated code writes, made into what it would write.

use crate::Signal;
use crate::error::Error;
use crate::level::{Level, count};
use crate::scan::scan;
use crate::schema::{Card, DEPRECATED, Field, Message, SCOPES};
use crate::wire::{Value, field};
use bytes::Bytes;
use protowire::{push_bytes, push_message, push_varint};

/// Takes a request in: checks it ([`scan`]) and makes it regular if it is not, so that views, edits and [`crate::split`] see all of it. Returns
/// it, uncopied if it was regular, and the number of its records.
///
/// What is made regular: of a field that may occur once the last counts, and messages are merged, as protobuf says; packed numbers are
/// put in one field; deprecated lists of instrumentation libraries become lists of scopes, or go if there are scopes, as in the Collector.
///
/// # Errors
///
/// As [`scan`].
pub fn receive(signal: Signal, request: Bytes) -> Result<(Bytes, usize), Error> {
    let scan = scan(signal, &request)?;
    if scan.regular {
        return Ok((request, scan.records));
    }
    let mut out = Vec::with_capacity(request.len());
    rewrite(&request, signal.schema(), 0, &mut out);
    // Not those of the scan: of a metric with data of two kinds only one is left.
    let records = count(signal, Level::Request, &out);
    Ok((out.into(), records))
}

/// A field as it stands in a message.
struct Found<'a> {
    number: u32,
    value: Value<'a>,
    raw: &'a [u8],
    /// What the tables know of it.
    known: Option<&'static Field>,
}

/// Appends what a valid message means. `level` 0 is the request, 1 a `ResourceLogs` or the like.
fn rewrite(bytes: &[u8], schema: &Message, level: u32, out: &mut Vec<u8>) {
    let mut fields = Vec::new();
    let mut at = 0;
    while let Some((number, value, end)) = field(bytes, at) {
        fields.push(Found {
            number,
            value,
            raw: &bytes[at..end],
            known: schema.field(number),
        });
        at = end;
    }
    if level == 1 {
        move_deprecated(&mut fields, schema);
    }
    let is_member = |found: &Found<'_>| found.known.is_some_and(|known| known.card == Card::OneOf);
    let last_member = fields.iter().rposition(is_member);
    for (i, found) in fields.iter().enumerate() {
        let Some(known) = found.known else {
            out.extend_from_slice(found.raw);
            continue;
        };
        let same = |other: &&Found<'_>| other.number == found.number;
        match (known.card, known.kind.message(), found.value) {
            (Card::Many, Some(message), Value::Bytes(content)) => {
                push_message(out, found.number.into(), |out| {
                    rewrite(content, message, level + 1, out)
                });
            }
            (Card::Many, ..) => out.extend_from_slice(found.raw),
            (Card::OneOf, message, _) => {
                if last_member != Some(i) {
                    continue;
                }
                let Some(message) = message else {
                    out.extend_from_slice(found.raw);
                    continue;
                };
                // Those before the last that no other member has replaced.
                let members: Vec<_> = fields[..=i].iter().filter(|other| is_member(other)).collect();
                let other = members.iter().rposition(|member| member.number != found.number);
                let merged = concat(members[other.map_or(0, |at| at + 1)..].iter().copied());
                push_message(out, found.number.into(), |out| {
                    rewrite(&merged, message, level + 1, out)
                });
            }
            (Card::One | Card::Optional, Some(message), _) => {
                if !fields[..i].iter().any(|other| same(&other)) {
                    let merged = concat(fields.iter().filter(same));
                    push_message(out, found.number.into(), |out| {
                        rewrite(&merged, message, level + 1, out)
                    });
                }
            }
            (Card::One | Card::Optional, None, _) => {
                if !fields[i + 1..].iter().any(|other| same(&other)) {
                    out.extend_from_slice(found.raw);
                }
            }
            (Card::Packed, ..) => {
                if !fields[..i].iter().any(|other| same(&other)) {
                    push_bytes(out, found.number.into(), &concat(fields.iter().filter(same)));
                }
            }
        }
    }
}

/// Protobuf merges messages, and lists of packed numbers, that are written one after the other.
fn concat<'f, 'a: 'f>(fields: impl Iterator<Item = &'f Found<'a>>) -> Vec<u8> {
    let mut merged = Vec::new();
    for found in fields {
        match found.value {
            Value::Bytes(content) => merged.extend_from_slice(content),
            // Numbers that are not packed.
            Value::Varint(number) => push_varint(&mut merged, number),
            Value::Fixed64(number) => merged.extend_from_slice(&number.to_le_bytes()),
            Value::Fixed32(_) | Value::Group => {}
        }
    }
    merged
}

/// What the Collector does on reading: the deprecated list is the list of scopes if there is none, and is forgotten otherwise.
fn move_deprecated(fields: &mut Vec<Found<'_>>, schema: &Message) {
    if fields.iter().any(|found| found.number == SCOPES) {
        fields.retain(|found| found.number != DEPRECATED || !matches!(found.value, Value::Bytes(_)));
    }
    for found in fields {
        if found.number == DEPRECATED && matches!(found.value, Value::Bytes(_)) {
            found.number = SCOPES;
            found.known = schema.field(SCOPES);
        }
    }
}
