//! The one pass over a request that comes from outside.

use crate::Signal;
use crate::error::Error;
use crate::schema::{DEPRECATED, Message, Op, SCOPES};
use crate::wire::{MAX_DEPTH, group};
use protowire::get_varint;

/// What a valid request is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Log records, spans or data points; of a request that is not regular, perhaps more than are left when it is made so.
    pub records: usize,
    /// Whether every field that may occur once does so at most once, members of a `oneof` exclude each other, lists of numbers are packed in
    /// one field, and there is no deprecated list of instrumentation libraries. Nearly every request is; see [`crate::receive`] for the others.
    pub regular: bool,
}

/// Checks a request: that fields are inside of each other, of the types that OTLP gives to them, at most 100 messages deep, and that
/// identifiers of traces and spans have 16 and 8 bytes or none. Unknown fields are passed over.
///
/// Whether texts are UTF-8 is not checked, since the OpenTelemetry Collector does not either; see [`scan_utf8`].
///
/// # Errors
///
/// The first thing that is wrong, and where.
pub fn scan(signal: Signal, request: &[u8]) -> Result<Scan, Error> {
    run::<false>(signal, request)
}

/// The same, and texts must be UTF-8, as protobuf demands of them.
///
/// # Errors
///
/// The first thing that is wrong, and where.
pub fn scan_utf8(signal: Signal, request: &[u8]) -> Result<Scan, Error> {
    run::<true>(signal, request)
}

fn run<const UTF8: bool>(signal: Signal, request: &[u8]) -> Result<Scan, Error> {
    let mut scanner = Scanner::<UTF8> {
        records: 0,
        regular: true,
        fault: (0, ""),
    };
    let schema = signal.schema();
    let valid = scanner.request(request, schema);
    match valid {
        Some(()) => Ok(Scan {
            records: scanner.records,
            regular: scanner.regular,
        }),
        None => {
            let (address, reason) = scanner.fault;
            Err(Error {
                at: address.saturating_sub(request.as_ptr().addr()),
                reason,
            })
        }
    }
}

const CUT_OFF: &str = "a field is cut off, or longer than the message around it";
const WRONG_TYPE: &str = "a field has another type than OTLP gives to it";

struct Scanner<const UTF8: bool> {
    records: usize,
    regular: bool,
    /// Address of what is wrong, and what: `None` comes back from wherever it is found.
    fault: (usize, &'static str),
}

impl<const UTF8: bool> Scanner<UTF8> {
    #[cold]
    fn fail(&mut self, bytes: &[u8], at: usize, reason: &'static str) -> Option<()> {
        self.fault = (bytes.as_ptr().addr() + at, reason);
        None
    }

    /// `fail` for something that could not be read.
    #[cold]
    fn unreadable(&mut self, bytes: &[u8], at: usize) -> Option<()> {
        let mut reader = protowire::Reader::new(&bytes[at..]);
        match reader.field() {
            Err(error) => self.fail(bytes, at + error.at, error.reason),
            Ok(_) => self.fail(bytes, at, CUT_OFF),
        }
    }

    fn request(&mut self, bytes: &[u8], schema: &Message) -> Option<()> {
        self.message(bytes, schema, MAX_DEPTH, |this, bytes, slot, depth| match slot {
            Some(resources) => this.resource(bytes, resources, depth),
            None => Some(()),
        })
    }

    /// A `ResourceLogs` or the like.
    fn resource(&mut self, bytes: &[u8], schema: &'static Message, depth: u32) -> Option<()> {
        let (mut scopes, mut deprecated) = (0, 0);
        let before = self.records;
        let inner = schema.slot(SCOPES).message?;
        self.message(bytes, schema, depth, |this, bytes, message, depth| {
            let before = this.records;
            match message {
                Some(message) => {
                    this.nested(bytes, message, depth)?;
                    if std::ptr::eq(message, inner) {
                        scopes += 1;
                    }
                }
                None => {
                    this.nested(bytes, inner, depth)?;
                    deprecated += this.records - before;
                    this.records = before;
                    this.regular = false;
                }
            }
            Some(())
        })?;
        if scopes == 0 {
            self.records += deprecated;
        }
        debug_assert!(self.records >= before);
        Some(())
    }

    /// Any message below those.
    fn nested(&mut self, bytes: &[u8], schema: &'static Message, depth: u32) -> Option<()> {
        self.message(bytes, schema, depth, |this, bytes, message, depth| match message {
            Some(message) => this.nested(bytes, message, depth),
            None => Some(()),
        })
    }

    /// The fields of a message; `inner` is called for messages in it, without a type for the field 1000.
    #[inline]
    fn message(
        &mut self,
        bytes: &[u8],
        schema: &Message,
        depth: u32,
        mut inner: impl FnMut(&mut Self, &[u8], Option<&'static Message>, u32) -> Option<()>,
    ) -> Option<()> {
        let mut seen = 0u32;
        let mut at = 0;
        while at < bytes.len() {
            let start = at;
            let Some((number, wire, after)) = crate::wire::tag(bytes, at) else {
                return self.unreadable(bytes, start);
            };
            at = after;
            let slot = schema.slot(number);
            if wire != slot.wire || slot.op == Op::Unknown {
                // Rare.
                at = self.other(bytes, start, slot.op, depth, &mut inner)?;
                continue;
            }
            if seen & slot.once != 0 {
                self.regular = false;
            }
            seen |= slot.once;
            match wire {
                0 => match get_varint(bytes, at) {
                    Some((_, end)) => at = end,
                    None => return self.unreadable(bytes, start),
                },
                1 => at += 8,
                5 => at += 4,
                _ => {
                    let Some((content, end)) = crate::wire::delimited(bytes, at) else {
                        return self.unreadable(bytes, start);
                    };
                    at = end;
                    match slot.op {
                        // Not so deep that the tables would refuse them.
                        Op::KeyValue if depth > 1 && is_plain::<UTF8>(content) => {
                            // They come one after the other.
                            while after == start + 1
                                && bytes.get(at) == Some(&bytes[start])
                                && let Some((content, end)) = crate::wire::delimited(bytes, at + 1)
                                && is_plain::<UTF8>(content)
                            {
                                at = end;
                            }
                        }
                        Op::AnyValue if depth > 0 && is_scalar::<UTF8>(content) => {}
                        Op::Text => self.text(content)?,
                        Op::Id8 if content.len() & !8 != 0 => {
                            return self.fail(bytes, start, "a span id has neither 8 bytes nor none");
                        }
                        Op::Id16 if content.len() & !16 != 0 => {
                            return self.fail(bytes, start, "a trace id has neither 16 bytes nor none");
                        }
                        Op::PackedFixed64 if !content.len().is_multiple_of(8) => {
                            return self.fail(bytes, start, "packed numbers of 8 bytes are cut off");
                        }
                        Op::PackedVarint => self.packed(content)?,
                        Op::Message | Op::Record | Op::KeyValue | Op::AnyValue => {
                            self.records += usize::from(slot.op == Op::Record);
                            if depth == 0 {
                                return self.fail(bytes, start, "messages are nested too deeply");
                            }
                            inner(self, content, slot.message, depth - 1)?;
                        }
                        _ => {}
                    }
                }
            }
        }
        // Only numbers of fixed width can have gone too far.
        if at > bytes.len() {
            return self.fail(bytes, bytes.len(), "a fixed-width number is cut off");
        }
        Some(())
    }

    /// A field that is not in the table, or of another type than the table says.
    #[cold]
    fn other(
        &mut self,
        bytes: &[u8],
        start: usize,
        op: Op,
        depth: u32,
        inner: &mut impl FnMut(&mut Self, &[u8], Option<&'static Message>, u32) -> Option<()>,
    ) -> Option<usize> {
        let (number, wire, at) = crate::wire::tag(bytes, start)?;
        match (op, wire) {
            (Op::PackedFixed64, 1) | (Op::PackedVarint, 0) => self.regular = false,
            (Op::Unknown, _) => {}
            _ => {
                self.fail(bytes, start, WRONG_TYPE)?;
            }
        }
        let end = match wire {
            0 => get_varint(bytes, at).map(|(_, end)| end),
            1 => Some(at + 8),
            2 => crate::wire::delimited(bytes, at).map(|(_, end)| end),
            3 => group(bytes, at, number, depth),
            5 => Some(at + 4),
            _ => None,
        };
        let Some(end) = end.filter(|end| *end <= bytes.len()) else {
            self.unreadable(bytes, start)?;
            return None;
        };
        if number == DEPRECATED && wire == 2 {
            let (content, _) = crate::wire::delimited(bytes, at)?;
            inner(self, content, None, depth.saturating_sub(1))?;
        }
        Some(end)
    }

    #[inline]
    fn text(&mut self, text: &[u8]) -> Option<()> {
        if UTF8 && let Err(error) = std::str::from_utf8(text) {
            return self.fail(text, error.valid_up_to(), "a text is not UTF-8");
        }
        Some(())
    }

    fn packed(&mut self, bytes: &[u8]) -> Option<()> {
        let mut at = 0;
        while at < bytes.len() {
            match get_varint(bytes, at) {
                Some((_, end)) => at = end,
                None => return self.fail(bytes, at, "packed numbers are cut off or have more than 64 bits"),
            }
        }
        Some(())
    }
}

/// Whether a `KeyValue` is a short key followed by a short value that is no message: most attributes are, and need no look at the tables.
#[inline(always)]
fn is_plain<const UTF8: bool>(bytes: &[u8]) -> bool {
    let [0x0a, key_len, rest @ ..] = bytes else {
        return false;
    };
    let Some((key, [0x12, value_len, value @ ..])) = rest.split_at_checked(usize::from(*key_len)) else {
        return false;
    };
    *key_len < 0x80
        && usize::from(*value_len) == value.len()
        && *value_len < 0x80
        && is_scalar::<UTF8>(value)
        && (!UTF8 || std::str::from_utf8(key).is_ok())
}

/// Whether an `AnyValue` is one text, truth value or number.
#[inline(always)]
fn is_scalar<const UTF8: bool>(bytes: &[u8]) -> bool {
    match bytes {
        [0x0a, len, text @ ..] if *len < 0x80 => {
            usize::from(*len) == text.len() && (!UTF8 || std::str::from_utf8(text).is_ok())
        }
        [0x10 | 0x18, ..] => get_varint(bytes, 1).is_some_and(|(_, end)| end == bytes.len()),
        [0x21, number @ ..] => number.len() == 8,
        [0x0a, ..] => match crate::wire::delimited(bytes, 1) {
            Some((text, end)) => end == bytes.len() && (!UTF8 || std::str::from_utf8(text).is_ok()),
            None => false,
        },
        _ => false,
    }
}
