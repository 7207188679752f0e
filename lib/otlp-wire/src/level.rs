//! What is inside of what, down to records; the same for all signals.

use crate::Signal;
use crate::wire::{Children, Fields, Value};
use protowire::{put_varint, varint_len};

/// Messages around records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Request,
    /// `ResourceLogs` and the like.
    Resource,
    /// `ScopeLogs` and the like.
    Scope,
    Metric,
    /// `Gauge`, `Sum`, `Histogram`, `ExponentialHistogram`, `Summary`.
    Data,
}

/// What a field of such a message is, if it leads to records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Child {
    Container(Level),
    Record,
}

impl Level {
    /// What the field `number` of a message of this level is; `None` if it is about the message itself.
    #[inline]
    pub(crate) fn child(self, signal: Signal, number: u32) -> Option<Child> {
        match (self, number) {
            (Level::Request, 1) => Some(Child::Container(Level::Resource)),
            (Level::Resource, 2) => Some(Child::Container(Level::Scope)),
            (Level::Scope, 2) if signal == Signal::Metrics => Some(Child::Container(Level::Metric)),
            (Level::Scope, 2) => Some(Child::Record),
            (Level::Metric, 5 | 7 | 9..=11) => Some(Child::Container(Level::Data)),
            (Level::Data, 1) => Some(Child::Record),
            _ => None,
        }
    }
}

/// Records in a message.
pub(crate) fn count(signal: Signal, level: Level, bytes: &[u8]) -> usize {
    if level == Level::Scope && signal != Signal::Metrics {
        return Children::new(bytes, 2).count();
    }
    let inner = |(number, value)| match (level.child(signal, number), value) {
        (Some(Child::Record), Value::Bytes(_)) => 1,
        (Some(Child::Container(inner)), Value::Bytes(content)) => count(signal, inner, content),
        _ => 0,
    };
    Fields::new(bytes).map(inner).sum()
}

/// Writes the length of what stands behind `out[at + reserved..]` at `at`, in as few bytes as possible: what follows moves if those are not
/// `reserved` ones.
pub(crate) fn close(out: &mut Vec<u8>, at: usize, reserved: usize) {
    let start = at + reserved;
    let len = out.len() - start;
    let need = varint_len(len as u64);
    if need > reserved {
        out.resize(out.len() + need - reserved, 0);
    }
    if need != reserved {
        out.copy_within(start..start + len, at + need);
        out.truncate(at + need + len);
    }
    put_varint(out, at, len as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_few_bytes_as_they_need() {
        for (len, reserved) in [(5, 3), (5, 1), (300, 1), (300, 2), (300, 5), (0, 2)] {
            let mut out = vec![9];
            out.extend(std::iter::repeat_n(0, reserved));
            out.extend(std::iter::repeat_n(b'x', len));
            close(&mut out, 1, reserved);
            let (value, end) = protowire::get_varint(&out, 1).unwrap();
            assert_eq!((value, end), (len as u64, 1 + varint_len(len as u64)));
            assert!(out.len() == end + len && out[end..].iter().all(|byte| *byte == b'x'));
        }
    }
}
