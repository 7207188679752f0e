//! Attributes edited, and records dropped, in one pass that copies what stays and decodes nothing.
//!
//! ```
//! use otlp_wire::common::AnyValue;
//! use otlp_wire::edit::{Kind, Verdict, records};
//! use otlp_wire::{Rope, Signal};
//!
//! let payload = Rope::new();
//! let edited = records(Signal::Logs, &payload, |record, attributes| {
//!     let Kind::Log(log) = record.kind() else { return Verdict::Keep };
//!     if log.severity_number < 9 {
//!         return Verdict::Drop;
//!     }
//!     attributes.get().insert(b"env", AnyValue::String(b"prod"));
//!     Verdict::Keep
//! });
//! assert!(!edited.changed);
//! ```

mod action;
mod list;
mod record;
mod splice;

pub use action::{Action, Actions};
pub use list::{Editable, Mode, Pair};
pub use record::{Kind, Record};

use crate::level::{Child, Level};
use crate::view::common::Resource;
use crate::wire::{Value, field};
use crate::{Rope, Signal};
use bytes::Bytes;
use list::Scratch;
use protowire::push_varint;
use record::Around;
use splice::Splice;

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays, with its attributes as they were left.
    Keep,
    /// It goes; so do messages around it that have no other record.
    Drop,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Edited {
    /// The requests; those in which nothing changed share their bytes with the original.
    pub payload: Rope,
    /// Records that are gone.
    pub dropped: usize,
    /// Whether anything changed.
    pub changed: bool,
}

/// The attributes of a record, which are not looked at before [`Pending::get`]: who passes over most records should not pay for it.
#[derive(Debug)]
pub struct Pending<'e, 'a> {
    request: &'a [u8],
    record: Record<'a>,
    /// Where it begins.
    start: usize,
    scratch: &'e mut Scratch,
    loaded: bool,
}

impl Pending<'_, '_> {
    /// The attributes, to be read and edited. What an earlier call did stays.
    pub fn get(&mut self) -> Editable<'_> {
        if std::mem::replace(&mut self.loaded, true) {
            return Editable::resume(self.request, self.scratch);
        }
        let (bytes, number) = (self.record.raw(), self.record.attributes());
        load(self.request, bytes, self.start, number, self.scratch)
    }
}

/// Reads the attributes of a message that begins at `start`.
fn load<'e>(request: &'e [u8], bytes: &'e [u8], start: usize, number: u32, scratch: &'e mut Scratch) -> Editable<'e> {
    let mut editable = Editable::new(request, scratch);
    let mut at = 0;
    while let Some((found, value, end)) = field(bytes, at) {
        if found == number
            && let Value::Bytes(pair) = value
        {
            editable.push(start + at, start + end, pair);
        }
        at = end;
    }
    editable
}

/// Edits records: log records, spans, data points. `each` gets every record, and its attributes to edit.
pub fn records(
    signal: Signal,
    payload: &Rope,
    mut each: impl FnMut(&Record<'_>, &mut Pending<'_, '_>) -> Verdict,
) -> Edited {
    let mut scratch = Scratch::default();
    let mut dropped = 0;
    let mut edited = edit(payload, |request, splice| {
        let mut walk = Records {
            signal,
            request,
            splice,
            scratch: &mut scratch,
            each: &mut each,
            around: Around::default(),
        };
        dropped += walk.container(request, 0, Level::Request).dropped;
    });
    edited.dropped = dropped;
    edited
}

/// A walk over the records of a request.
struct Records<'a, 'w, F> {
    signal: Signal,
    request: &'a [u8],
    splice: &'w mut Splice<'a>,
    scratch: &'w mut Scratch,
    each: &'w mut F,
    around: Around<'a>,
}

/// How many records of a message stay and go.
#[derive(Clone, Copy, Default)]
struct Tally {
    kept: usize,
    dropped: usize,
}

impl<'a, F: FnMut(&Record<'_>, &mut Pending<'_, '_>) -> Verdict> Records<'a, '_, F> {
    /// A message that begins at `base` of the request.
    fn container(&mut self, bytes: &'a [u8], base: usize, level: Level) -> Tally {
        let mut tally = Tally::default();
        let mut at = 0;
        while let Some((number, value, end)) = field(bytes, at) {
            if let (Some(child), Value::Bytes(content)) = (level.child(self.signal, number), value) {
                let (start, end) = (base + at, base + end);
                match child {
                    Child::Container(inner) => {
                        match inner {
                            Level::Resource => self.around.resource = content,
                            Level::Scope => self.around.scope = content,
                            Level::Metric => self.around.metric = content,
                            Level::Data | Level::Request => self.around.data = number,
                        }
                        self.splice.enter(start, content.len(), end);
                        let below = self.container(content, end - content.len(), inner);
                        if below.kept == 0 && below.dropped > 0 {
                            self.splice.leave_out();
                        } else {
                            self.splice.leave();
                        }
                        tally.kept += below.kept;
                        tally.dropped += below.dropped;
                    }
                    Child::Record if self.record(content, start, end) => tally.kept += 1,
                    Child::Record => tally.dropped += 1,
                }
            }
            at = end;
        }
        tally
    }

    /// A record whose field is `start..end`. Returns whether it stays.
    fn record(&mut self, bytes: &'a [u8], start: usize, end: usize) -> bool {
        let record = Record {
            signal: self.signal,
            bytes,
            around: self.around,
        };
        let mut pending = Pending {
            request: self.request,
            record,
            start: end - bytes.len(),
            scratch: self.scratch,
            loaded: false,
        };
        if (self.each)(&record, &mut pending) == Verdict::Drop {
            self.splice.skip(start, end);
            return false;
        }
        if pending.loaded && self.scratch.changed() {
            self.splice.enter(start, bytes.len(), end);
            self.scratch.apply(self.splice, record.attributes(), end);
            self.splice.leave();
        }
        true
    }
}

/// Edits the attributes of resources. One without a message of its own gets it if something is added.
pub fn resources(signal: Signal, payload: &Rope, mut each: impl FnMut(Resource<'_>, &mut Editable<'_>)) -> Edited {
    let mut scratch = Scratch::default();
    edit(payload, |request, splice| {
        let mut at = 0;
        while let Some((number, value, end)) = field(request, at) {
            if let (Some(_), Value::Bytes(bytes)) = (Level::Request.child(signal, number), value) {
                splice.enter(at, bytes.len(), end);
                resource(request, bytes, end - bytes.len(), splice, &mut scratch, &mut each);
                splice.leave();
            }
            at = end;
        }
    })
}

/// Edits the resource of a `ResourceLogs` or the like, which begins at `base`.
fn resource<'a>(
    request: &'a [u8],
    bytes: &'a [u8],
    base: usize,
    splice: &mut Splice<'a>,
    scratch: &mut Scratch,
    each: &mut impl FnMut(Resource<'_>, &mut Editable<'_>),
) {
    let mut at = 0;
    while let Some((number, value, end)) = field(bytes, at) {
        if let (1, Value::Bytes(inner)) = (number, value) {
            let content = base + end - inner.len();
            let mut editable = load(request, inner, content, 1, scratch);
            each(inner.into(), &mut editable);
            if scratch.changed() {
                splice.enter(base + at, inner.len(), base + end);
                scratch.apply(splice, 1, base + end);
                splice.leave();
            }
            return;
        }
        at = end;
    }
    let mut editable = Editable::new(request, scratch);
    each(Resource::default(), &mut editable);
    let len = scratch.len_of_new();
    if len > 0 {
        let out = splice.copy(base);
        out.push(1 << 3 | 2);
        push_varint(out, len as u64);
        scratch.push_new(out, 1);
    }
}

fn edit(payload: &Rope, mut request: impl for<'a> FnMut(&'a [u8], &mut Splice<'a>)) -> Edited {
    let mut edited = Edited {
        payload: Rope::new(),
        dropped: 0,
        changed: false,
    };
    for segment in payload.segments() {
        let mut splice = Splice::new(segment);
        request(segment, &mut splice);
        edited.payload.push(match splice.finish() {
            Some(copy) => {
                edited.changed = true;
                Bytes::from(copy)
            }
            None => segment.clone(),
        });
    }
    edited
}
