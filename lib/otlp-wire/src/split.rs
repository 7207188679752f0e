//! Payloads cut between records.

use crate::level::{Child, Level, close, count};
use crate::wire::{Value, field};
use crate::{Rope, Signal};
use bytes::Bytes;
use protowire::{push_varint, varint_len};
use std::num::NonZeroUsize;
use std::ops::Range;

/// A piece of a payload.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// Requests.
    pub payload: Rope,
    /// Log records, spans or data points in them.
    pub records: usize,
}

/// Cuts a payload into parts of `max` records, the last of which may have fewer. Order is kept. Takes time in proportion to the payload.
///
/// Where a cut goes through a resource, scope or metric, what is known of it stands in both parts, in front of its records; that is copied. What
/// is in one part as a whole is shared with `payload`.
pub fn split(signal: Signal, payload: &Rope, max: NonZeroUsize) -> Vec<Part> {
    cut(signal, payload, std::iter::repeat(max.get()))
}

/// Cuts off the first `records` records. The second part has the others, and is empty if there are none.
pub fn split_at(signal: Signal, payload: &Rope, records: usize) -> (Part, Part) {
    let Some(size) = NonZeroUsize::new(records) else {
        let records = payload
            .segments()
            .iter()
            .map(|segment| count(signal, Level::Request, segment));
        let all = Part {
            payload: payload.clone(),
            records: records.sum(),
        };
        return (Part::default(), all);
    };
    let mut parts = cut(signal, payload, [size.get(), usize::MAX].into_iter()).into_iter();
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn cut(signal: Signal, payload: &Rope, mut sizes: impl Iterator<Item = usize>) -> Vec<Part> {
    let mut cutter = Cutter {
        signal,
        room: sizes.next().unwrap_or(usize::MAX),
        sizes,
        parts: Vec::new(),
        part: Part::default(),
        path: Vec::new(),
        open: Vec::new(),
        out: Vec::new(),
    };
    for segment in payload.segments() {
        cutter.segment(segment);
    }
    if !cutter.part.payload.is_empty() {
        cutter.parts.push(cutter.part);
    }
    cutter.parts
}

/// A message that is cut.
struct Cut {
    /// Number of the field that it is in.
    number: u32,
    /// Its length, from which that of its parts is guessed.
    len: usize,
    /// Its fields that are not about records.
    header: Vec<u8>,
}

struct Cutter<I> {
    signal: Signal,
    sizes: I,
    /// Records that the part still takes.
    room: usize,
    parts: Vec<Part>,
    part: Part,
    /// What the records that come next are in.
    path: Vec<Cut>,
    /// Where the lengths of those of `path` stand that are begun in `out`, and how many bytes are reserved for them.
    open: Vec<(usize, usize)>,
    /// A request of the part that is being written.
    out: Vec<u8>,
}

impl<I: Iterator<Item = usize>> Cutter<I> {
    fn segment(&mut self, segment: &Bytes) {
        // What goes into the part as it is.
        let mut whole = 0..0;
        let mut at = 0;
        while let Some((number, value, end)) = field(segment, at) {
            if let (Some(Child::Container(level)), Value::Bytes(content)) =
                (Level::Request.child(self.signal, number), value)
            {
                let records = count(self.signal, level, content);
                if records <= self.room {
                    self.room -= records;
                    self.part.records += records;
                } else {
                    self.share(segment, whole);
                    self.container(content, level, number);
                    self.flush();
                    whole = end..end;
                }
            }
            whole.end = end;
            at = end;
        }
        self.share(segment, whole);
    }

    /// Adds a range of a request to the part.
    fn share(&mut self, segment: &Bytes, range: Range<usize>) {
        self.part.payload.push(segment.slice(range));
    }

    /// Divides a message that does not fit.
    fn container(&mut self, bytes: &[u8], level: Level, number: u32) {
        self.path.push(Cut {
            number,
            len: bytes.len(),
            header: header(self.signal, bytes, level),
        });
        // Records to copy in one go.
        let mut run = 0..0;
        let mut at = 0;
        while let Some((number, value, end)) = field(bytes, at) {
            let child = level.child(self.signal, number);
            let (Some(child), Value::Bytes(content)) = (child, value) else {
                self.copy(&bytes[std::mem::replace(&mut run, end..end)]);
                at = end;
                continue;
            };
            let records = match child {
                Child::Record => 1,
                Child::Container(inner) => count(self.signal, inner, content),
            };
            if records > self.room {
                self.copy(&bytes[std::mem::replace(&mut run, at..at)]);
                if let Child::Container(inner) = child {
                    self.container(content, inner, number);
                    run = end..end;
                    at = end;
                    continue;
                }
                self.finish();
            }
            self.room -= records;
            self.part.records += records;
            run.end = end;
            at = end;
        }
        self.copy(&bytes[run]);
        self.path.pop();
        if self.open.len() > self.path.len() {
            self.close();
        }
    }

    /// Copies fields of the last message of `path`.
    fn copy(&mut self, fields: &[u8]) {
        if fields.is_empty() {
            return;
        }
        for cut in &self.path[self.open.len()..] {
            push_varint(&mut self.out, u64::from(cut.number) << 3 | 2);
            let (at, reserved) = (self.out.len(), varint_len(cut.len as u64));
            self.open.push((at, reserved));
            self.out.resize(at + reserved, 0);
            self.out.extend_from_slice(&cut.header);
        }
        self.out.extend_from_slice(fields);
    }

    /// Ends the innermost message.
    fn close(&mut self) {
        if let Some((at, reserved)) = self.open.pop() {
            close(&mut self.out, at, reserved);
        }
    }

    /// Adds what was written to the part.
    fn flush(&mut self) {
        while !self.open.is_empty() {
            self.close();
        }
        self.part.payload.push(std::mem::take(&mut self.out).into());
    }

    /// Begins the next part.
    fn finish(&mut self) {
        self.flush();
        self.parts.push(std::mem::take(&mut self.part));
        self.room = self.sizes.next().unwrap_or(usize::MAX);
    }
}

/// The fields of a message that do not lead to records.
fn header(signal: Signal, bytes: &[u8], level: Level) -> Vec<u8> {
    let mut header = Vec::new();
    let mut at = 0;
    while let Some((number, value, end)) = field(bytes, at) {
        if level.child(signal, number).is_none() || !matches!(value, Value::Bytes(_)) {
            header.extend_from_slice(&bytes[at..end]);
        }
        at = end;
    }
    header
}
