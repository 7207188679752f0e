//! Lines of samples as programs write them, without a state machine. Whatever is unusual or wrong is left to the lexer: a test holds both
//! together on any input.

use super::grammar::{Sample, Span};
use crate::float;
use crate::labels::utf8;

const LABEL: u8 = 1;
const NAME: u8 = 2;
const DIGIT: u8 = 4;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut c = 0;
    while c < 256 {
        classes[c] = match c as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => LABEL | NAME,
            b':' => NAME,
            b'0'..=b'9' => LABEL | NAME | DIGIT,
            _ => 0,
        };
        c += 1;
    }
    classes
};

#[inline(always)]
fn class(b: &[u8], i: usize) -> u8 {
    b.get(i).map_or(0, |&c| CLASSES[c as usize])
}

/// The end of the run of bytes of one class.
#[inline(always)]
fn run(b: &[u8], mut i: usize, of: u8) -> usize {
    while class(b, i) & of != 0 {
        i += 1;
    }
    i
}

/// A sample at the start of a line, and where the next line starts.
#[inline]
pub(super) fn sample(b: &[u8], start: usize, open_metrics: bool) -> Option<(Sample, usize)> {
    let name = run(b, start, NAME);
    if name == start || class(b, start) & DIGIT != 0 {
        return None;
    }
    let mut i = name;
    if b.get(i) == Some(&b'{') {
        i = labels(b, i + 1, |_, _| {})?;
    }
    rest(b, start, name, i, open_metrics)
}

/// A sample whose series is `raw`, as in the scrape before. The bytes alone say where the labels end, so that they need no second look.
#[inline]
pub(super) fn expected(b: &[u8], start: usize, raw: &[u8], open_metrics: bool) -> Option<(Sample, usize)> {
    let name = run(raw, 0, NAME);
    let plain = name > 0 && class(raw, 0) & DIGIT == 0;
    // A name without labels, or a complete set of labels.
    if !plain || !(name == raw.len() || raw.ends_with(b"}")) || !b.get(start..)?.starts_with(raw) {
        return None;
    }
    rest(b, start, start + name, start + raw.len(), open_metrics)
}

/// The value and what follows, after the series.
#[inline(always)]
fn rest(b: &[u8], start: usize, name: usize, end: usize, open_metrics: bool) -> Option<(Sample, usize)> {
    if b.get(end) != Some(&b' ') {
        return None;
    }
    let (value, mut i) = match float::parse_prefix(b, end + 1) {
        Some((value, i)) if matches!(b.get(i), Some(b' ' | b'\n')) => (value, i),
        _ => other_value(b, end + 1)?,
    };
    let mut timestamp = None;
    if b[i] == b' ' {
        if open_metrics {
            let (seconds, after) = float::parse_prefix(b, i + 1)?;
            timestamp = Some((seconds * 1000.0) as i64);
            i = after;
        } else {
            let after = run(b, i + 1, DIGIT);
            // 18 digits are no overflow.
            if after == i + 1 || after - i > 19 {
                return None;
            }
            let digits = &b[i + 1..after];
            timestamp = Some(digits.iter().fold(0i64, |sum, c| sum * 10 + i64::from(c - b'0')));
            i = after;
        }
    }
    if b.get(i) != Some(&b'\n') {
        return None;
    }
    let sample = Sample {
        raw: (start, end),
        name: (start, start.max(name)),
        value,
        timestamp,
        start: None,
        exemplar: None,
    };
    Some((sample, i + 1))
}

/// A value that takes more than a look at its digits.
#[cold]
fn other_value(b: &[u8], start: usize) -> Option<(f64, usize)> {
    let length = b[start..]
        .iter()
        .position(|c| matches!(c, b' ' | b'\t' | b'\n' | b'{' | 0))?;
    let i = start + length;
    if !matches!(b[i], b' ' | b'\n') {
        return None;
    }
    let value = float::parse_sample(&b[start..i]).ok()?;
    Some((value, i))
}

/// The labels of a series that has been read before, and the end of its name. None if something is unusual about it.
#[inline]
pub(super) fn decode(raw: &[u8], label: impl FnMut(Span, Span)) -> Option<usize> {
    let name = run(raw, 0, NAME);
    let plain = name > 0 && class(raw, 0) & DIGIT == 0;
    let whole = name == raw.len() || raw.get(name) == Some(&b'{') && labels(raw, name + 1, label)? == raw.len();
    (plain && whole).then_some(name)
}

/// The end of the labels, after the closing brace.
#[inline(always)]
fn labels(b: &[u8], mut i: usize, mut label: impl FnMut(Span, Span)) -> Option<usize> {
    loop {
        if b.get(i) == Some(&b'}') {
            return Some(i + 1);
        }
        let equal = run(b, i, LABEL);
        if equal == i || class(b, i) & DIGIT != 0 || b.get(equal..equal + 2) != Some(b"=\"") {
            return None;
        }
        let start = equal + 2;
        let (end, ascii) = value_end(b, start)?;
        if !ascii && utf8(&b[start..end]).is_err() {
            return None;
        }
        label((i, equal), (start, end));
        i = match b.get(end + 1)? {
            b',' => end + 2,
            b'}' => return Some(end + 2),
            _ => return None,
        };
    }
}

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

/// Marks bytes that are zero. Above the lowest mark there may be wrong ones.
#[inline(always)]
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// The closing quote of a label value, and whether the value is ASCII for sure. None if there is a zero byte or a line break in it.
#[inline(always)]
fn value_end(b: &[u8], mut i: usize) -> Option<(usize, bool)> {
    let mut high = 0u64;
    loop {
        while let Some(chunk) = b.get(i..i + 8) {
            let word = u64::from_le_bytes(chunk.try_into().ok()?);
            let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
            let stop = zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c)) | control;
            high |= word & HIGHS;
            if stop != 0 {
                i += stop.trailing_zeros() as usize / 8;
                break;
            }
            i += 8;
        }
        match *b.get(i)? {
            b'"' => return Some((i, high == 0)),
            b'\\' => match b.get(i + 1)? {
                b'\n' | 0 => return None,
                &c => {
                    high |= u64::from(c & 0x80);
                    i += 2;
                }
            },
            b'\n' | 0 => return None,
            c => {
                high |= u64::from(c & 0x80);
                i += 1;
            }
        }
    }
}
