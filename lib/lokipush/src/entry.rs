//! One encoded entry, as it stands inside a stream.
//!
//! A sender that collects entries by stream appends each with [`write()`] to that stream's buffer the moment it arrives and
//! later hands the buffer to [`Encoder::encoded_stream`](crate::Encoder::encoded_stream): the line is then copied twice
//! in all, and sizes are known while the batch is open.

use protowire::{MAX_VARINT, push_varint, put_varint, varint_len};

const TAG_ENTRY: u8 = 2 << 3 | 2;
const TAG_TIMESTAMP: u8 = 1 << 3 | 2;
const TAG_SECONDS: u8 = 1 << 3;
const TAG_NANOS: u8 = 2 << 3;
const TAG_LINE: u8 = 2 << 3 | 2;
const TAG_METADATA: u8 = 3 << 3 | 2;
const TAG_NAME: u8 = 1 << 3 | 2;
const TAG_VALUE: u8 = 2 << 3 | 2;

/// Empty strings are not written (proto3).
#[inline]
fn string_len(s: &str) -> usize {
    if s.is_empty() {
        0
    } else {
        1 + varint_len(s.len() as u64) + s.len()
    }
}

/// Bytes of one pair of structured metadata as a protobuf message, without its own tag and length. The sum over the pairs
/// plus the length of the line is the *size* of an entry by which `loki.write` fills batches.
#[inline]
pub fn pair_size(name: &str, value: &str) -> usize {
    string_len(name) + string_len(value)
}

/// Size of an entry as `loki.write` counts it against `batch_size`: the line plus its structured metadata, in bytes.
/// Labels are not counted.
pub fn size<'m>(line: &[u8], metadata: impl IntoIterator<Item = (&'m str, &'m str)>) -> usize {
    line.len()
        + metadata
            .into_iter()
            .map(|(name, value)| pair_size(name, value))
            .sum::<usize>()
}

/// Appends an entry without structured metadata to `out`. `timestamp` is in nanoseconds since 1970.
#[inline]
pub fn write_plain(out: &mut Vec<u8>, timestamp: i64, line: &[u8]) {
    header(out, timestamp, line, 0);
    out.extend_from_slice(line);
}

/// Appends an entry to `out`; pairs of `metadata` are written in the order given. `timestamp` is in nanoseconds since 1970.
pub fn write<'m, I>(out: &mut Vec<u8>, timestamp: i64, line: &[u8], metadata: I)
where
    I: IntoIterator<Item = (&'m str, &'m str)>,
    I::IntoIter: Clone,
{
    let pairs = metadata.into_iter();
    let metadata_len: usize = pairs
        .clone()
        .map(|(name, value)| {
            let size = pair_size(name, value);
            1 + varint_len(size as u64) + size
        })
        .sum();
    header(out, timestamp, line, metadata_len);
    out.extend_from_slice(line);
    for (name, value) in pairs {
        out.push(TAG_METADATA);
        push_varint(out, pair_size(name, value) as u64);
        push_string(out, TAG_NAME, name);
        push_string(out, TAG_VALUE, value);
    }
}

fn push_string(out: &mut Vec<u8>, tag: u8, s: &str) {
    if !s.is_empty() {
        out.push(tag);
        push_varint(out, s.len() as u64);
        out.extend_from_slice(s.as_bytes());
    }
}

/// Writes everything before the bytes of the line. Sizes are computed first, so nothing is moved afterwards, and the whole
/// header goes out in one copy.
#[inline]
fn header(out: &mut Vec<u8>, timestamp: i64, line: &[u8], metadata_len: usize) {
    const SECOND: i64 = 1_000_000_000;
    // Before 1970 seconds are negative and nanoseconds still count forwards. The cast gives the two's complement that
    // protobuf wants of an int64.
    let seconds = timestamp.div_euclid(SECOND) as u64;
    let nanos = timestamp.rem_euclid(SECOND) as u64;
    let timestamp_len =
        if seconds == 0 { 0 } else { 1 + varint_len(seconds) } + if nanos == 0 { 0 } else { 1 + varint_len(nanos) };
    let line_len = if line.is_empty() {
        0
    } else {
        1 + varint_len(line.len() as u64) + line.len()
    };
    let body_len = 2 + timestamp_len + line_len + metadata_len;

    let mut head = [0u8; 6 + 4 * MAX_VARINT];
    head[0] = TAG_ENTRY;
    let mut at = put_varint(&mut head, 1, body_len as u64);
    head[at] = TAG_TIMESTAMP;
    head[at + 1] = timestamp_len as u8; // at most 17
    at += 2;
    if seconds != 0 {
        head[at] = TAG_SECONDS;
        at = put_varint(&mut head, at + 1, seconds);
    }
    if nanos != 0 {
        head[at] = TAG_NANOS;
        at = put_varint(&mut head, at + 1, nanos);
    }
    if !line.is_empty() {
        head[at] = TAG_LINE;
        at = put_varint(&mut head, at + 1, line.len() as u64);
    }
    out.reserve(at + line.len() + metadata_len);
    out.extend_from_slice(&head[..at]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(timestamp: i64, line: &[u8], metadata: &[(&str, &str)], expect: &[u8]) {
        let mut out = Vec::new();
        write(&mut out, timestamp, line, metadata.iter().copied());
        assert_eq!(out, expect);
        if metadata.is_empty() {
            let mut plain = Vec::new();
            write_plain(&mut plain, timestamp, line);
            assert_eq!(plain, expect);
        }
    }

    #[test]
    fn bytes_by_hand() {
        check(0, b"", &[], &[0x12, 2, 0x0a, 0]);
        check(
            1_000_000_000,
            b"ab",
            &[],
            &[0x12, 8, 0x0a, 2, 0x08, 1, 0x12, 2, b'a', b'b'],
        );
        check(5, b"\xff", &[], &[0x12, 7, 0x0a, 2, 0x10, 5, 0x12, 1, 0xff]);
        check(
            0,
            b"x",
            &[("k", "v"), ("e", "")],
            &[
                0x12, 18, 0x0a, 0, 0x12, 1, b'x', 0x1a, 6, 0x0a, 1, b'k', 0x12, 1, b'v', 0x1a, 3, 0x0a, 1, b'e',
            ],
        );
        // One nanosecond before 1970: -1 s + 999,999,999 ns.
        check(
            -1,
            b"",
            &[],
            &[
                0x12, 19, 0x0a, 17, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x10, 0xff, 0x93,
                0xeb, 0xdc, 0x03,
            ][..],
        );
    }

    #[test]
    fn size_counts_as_loki_write_does() {
        assert_eq!(size(b"hello", []), 5);
        // name and value: tag, length, bytes
        assert_eq!(size(b"hello", [("trace_id", "abc")]), 5 + (2 + 8) + (2 + 3));
        assert_eq!(size(b"", [("a", "")]), 3);
    }
}
