//! The scanner. Strict JSON; nesting is bounded and costs no stack.

use std::borrow::Cow;
use std::ops::Range;

/// The text is not JSON, or not of the outermost kind that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`
    True,
    /// `false`
    False,
    /// A number.
    Number,
    /// A string; whether it holds escapes.
    String(bool),
    /// An object or an array.
    Container,
}

/// A value in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: Kind,
    /// Where it is; of a string the part between the quotes.
    pub range: Range<usize>,
}

/// Containers deeper than this are malformed.
const MAX_DEPTH: usize = 10_000;

/// Reports the members of the object that the text is: the raw key, whether that holds escapes, and the value. Answers
/// `false` for the text `null`.
pub fn members(text: &[u8], mut each: impl FnMut(&[u8], bool, Piece)) -> Result<bool, Malformed> {
    let mut at = blank(text, 0);
    match text.get(at) {
        Some(b'n') => {
            at = literal(text, at, b"null")?;
            return if blank(text, at) == text.len() {
                Ok(false)
            } else {
                Err(Malformed)
            };
        }
        Some(b'{') => at = blank(text, at + 1),
        _ => return Err(Malformed),
    }
    if text.get(at) == Some(&b'}') {
        return end(text, at + 1).map(|()| true);
    }
    loop {
        if text.get(at) != Some(&b'"') {
            return Err(Malformed);
        }
        let (close, escaped) = string(text, at + 1)?;
        let key = &text[at + 1..close];
        at = blank(text, close + 1);
        if text.get(at) != Some(&b':') {
            return Err(Malformed);
        }
        let (piece, after) = value(text, blank(text, at + 1))?;
        each(key, escaped, piece);
        at = blank(text, after);
        match text.get(at) {
            Some(b',') => at = blank(text, at + 1),
            Some(b'}') => return end(text, at + 1).map(|()| true),
            _ => return Err(Malformed),
        }
    }
}

/// Reports the elements of the array that the text is.
pub fn array(text: &[u8], mut each: impl FnMut(Piece)) -> Result<(), Malformed> {
    let mut at = blank(text, 0);
    if text.get(at) != Some(&b'[') {
        return Err(Malformed);
    }
    at = blank(text, at + 1);
    if text.get(at) == Some(&b']') {
        return end(text, at + 1);
    }
    loop {
        let (piece, after) = value(text, at)?;
        each(piece);
        at = blank(text, after);
        match text.get(at) {
            Some(b',') => at = blank(text, at + 1),
            Some(b']') => return end(text, at + 1),
            _ => return Err(Malformed),
        }
    }
}

fn end(text: &[u8], at: usize) -> Result<(), Malformed> {
    if blank(text, at) == text.len() {
        Ok(())
    } else {
        Err(Malformed)
    }
}

fn blank(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = text.get(at) {
        at += 1;
    }
    at
}

fn literal(text: &[u8], at: usize, word: &[u8]) -> Result<usize, Malformed> {
    if text[at..].starts_with(word) {
        Ok(at + word.len())
    } else {
        Err(Malformed)
    }
}

/// The value that starts at `at`, and where the text goes on behind it.
fn value(text: &[u8], at: usize) -> Result<(Piece, usize), Malformed> {
    let (kind, range, after) = match text.get(at) {
        Some(b'"') => {
            let (close, escaped) = string(text, at + 1)?;
            (Kind::String(escaped), at + 1..close, close + 1)
        }
        Some(b'{' | b'[') => {
            let after = container(text, at)?;
            (Kind::Container, at..after, after)
        }
        _ => {
            let (kind, after) = scalar(text, at)?;
            (kind, at..after, after)
        }
    };
    Ok((Piece { kind, range }, after))
}

fn scalar(text: &[u8], at: usize) -> Result<(Kind, usize), Malformed> {
    Ok(match text.get(at) {
        Some(b't') => (Kind::True, literal(text, at, b"true")?),
        Some(b'f') => (Kind::False, literal(text, at, b"false")?),
        Some(b'n') => (Kind::Null, literal(text, at, b"null")?),
        Some(b'-' | b'0'..=b'9') => (Kind::Number, number_end(text, at)?),
        _ => return Err(Malformed),
    })
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Where the string ends whose first byte is at `at`, and whether it holds escapes.
fn string(text: &[u8], mut at: usize) -> Result<(usize, bool), Malformed> {
    let mut escaped = false;
    loop {
        // Eight bytes a step to the next quote, backslash or control character. Of each test the lowest hit is exact.
        while let Some(word) = text.get(at..at + 8) {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(word);
            let word = u64::from_le_bytes(bytes);
            let quote = word ^ (ONES * b'"' as u64);
            let slash = word ^ (ONES * b'\\' as u64);
            let hits = ((quote.wrapping_sub(ONES) & !quote)
                | (slash.wrapping_sub(ONES) & !slash)
                | (word.wrapping_sub(ONES * 0x20) & !word))
                & HIGHS;
            if hits != 0 {
                at += hits.trailing_zeros() as usize / 8;
                break;
            }
            at += 8;
        }
        match text.get(at) {
            Some(b'"') => return Ok((at, escaped)),
            Some(b'\\') => {
                escaped = true;
                at += match text.get(at + 1) {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                    Some(b'u')
                        if text
                            .get(at + 2..at + 6)
                            .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) =>
                    {
                        6
                    }
                    _ => return Err(Malformed),
                };
            }
            Some(0x20..) => at += 1,
            _ => return Err(Malformed),
        }
    }
}

/// Where the number ends that starts at `at`.
fn number_end(text: &[u8], start: usize) -> Result<usize, Malformed> {
    let digits = |mut at: usize| {
        let first = at;
        while text.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        if at > first { Ok(at) } else { Err(Malformed) }
    };
    let mut at = start + usize::from(text[start] == b'-');
    at = match text.get(at) {
        Some(b'0') => at + 1,
        _ => digits(at)?,
    };
    if text.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    let mut exponent = false;
    if let Some(b'e' | b'E') = text.get(at) {
        exponent = true;
        at += 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        at = digits(at)?;
    }
    // What does not fit a double is an error, as it is in Go.
    if (exponent || at - start > 300) && number(&text[start..at]).is_infinite() {
        return Err(Malformed);
    }
    Ok(at)
}

/// Where the object or array ends that starts at `at`. Keeps one bit a level instead of recursing.
fn container(text: &[u8], mut at: usize) -> Result<usize, Malformed> {
    // Bit 0 of `level` says what the innermost container is: 1 an object. Levels beyond 64 spill.
    let mut level = 0_u64;
    let mut spilled: Vec<u64> = Vec::new();
    let mut depth = 0_usize;
    loop {
        // A value starts here.
        match text.get(at) {
            Some(open @ (b'{' | b'[')) => {
                if depth == MAX_DEPTH {
                    return Err(Malformed);
                }
                if depth > 0 && depth.is_multiple_of(64) {
                    spilled.push(level);
                    level = 0;
                }
                depth += 1;
                let object = *open == b'{';
                level = level << 1 | u64::from(object);
                at = blank(text, at + 1);
                let close = if object { b'}' } else { b']' };
                if text.get(at) != Some(&close) {
                    if object {
                        at = key(text, at)?;
                    }
                    continue;
                }
            }
            Some(b'"') => at = blank(text, string(text, at + 1)?.0 + 1),
            _ => at = blank(text, scalar(text, at)?.1),
        }
        // A value ended here.
        loop {
            let object = level & 1 == 1;
            match text.get(at) {
                Some(b',') => {
                    at = blank(text, at + 1);
                    if object {
                        at = key(text, at)?;
                    }
                    break;
                }
                Some(b'}') if object => {}
                Some(b']') if !object => {}
                _ => return Err(Malformed),
            }
            depth -= 1;
            level >>= 1;
            if depth > 0 && depth.is_multiple_of(64) {
                level = spilled.pop().unwrap_or_default();
            }
            if depth == 0 {
                return Ok(at + 1);
            }
            at = blank(text, at + 1);
        }
    }
}

/// Passes a key and its colon.
fn key(text: &[u8], at: usize) -> Result<usize, Malformed> {
    if text.get(at) != Some(&b'"') {
        return Err(Malformed);
    }
    let at = blank(text, string(text, at + 1)?.0 + 1);
    if text.get(at) != Some(&b':') {
        return Err(Malformed);
    }
    Ok(blank(text, at + 1))
}

/// The value of a number that the scanner has accepted.
pub fn number(text: &[u8]) -> f64 {
    if text.len() <= 15 && text.iter().all(u8::is_ascii_digit) {
        return text.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0')) as f64;
    }
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(f64::NAN)
}

/// The content of a string that the scanner has accepted. Halves of surrogate pairs become U+FFFD; bytes that are not
/// UTF-8 stay.
pub fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', raw) else {
        return Cow::Borrowed(raw);
    };
    let mut text = Vec::with_capacity(raw.len());
    text.extend_from_slice(&raw[..first]);
    let mut rest = &raw[first..];
    while let Some((head, tail)) = rest.split_first() {
        if *head != b'\\' {
            let next = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
            text.extend_from_slice(&rest[..next]);
            rest = &rest[next..];
            continue;
        }
        let Some((kind, tail)) = tail.split_first() else { break };
        rest = tail;
        match kind {
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'u' => {
                let unit = hex(rest);
                rest = rest.get(4..).unwrap_or_default();
                let mut c = char::from_u32(unit).unwrap_or('\u{fffd}');
                if (0xd800..0xdc00).contains(&unit) && rest.starts_with(b"\\u") {
                    let low = hex(&rest[2..]);
                    if (0xdc00..0xe000).contains(&low) {
                        c = char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)).unwrap_or('\u{fffd}');
                        rest = rest.get(6..).unwrap_or_default();
                    }
                }
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => text.push(*other),
        }
    }
    Cow::Owned(text)
}

fn hex(text: &[u8]) -> u32 {
    let digit = |byte: &u8| (*byte as char).to_digit(16).unwrap_or_default();
    text.iter().take(4).fold(0, |sum, byte| sum << 4 | digit(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Result<Vec<(String, Kind, String)>, Malformed> {
        let mut found = Vec::new();
        let text = text.as_bytes();
        let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        members(text, |key, _, piece| {
            found.push((text_of(key), piece.kind, text_of(&text[piece.range])))
        })?;
        Ok(found)
    }

    #[test]
    fn members_are_found_in_one_pass() {
        let found = keys(" {\"a\" : 1.5e1 ,\"b\":\"x\\\"y\", \"c\":[1,{\"d\":[]}],\"e\":null,\"f\":true}\n").unwrap();
        let kinds: Vec<_> = found
            .iter()
            .map(|(key, kind, text)| (key.as_str(), *kind, text.as_str()))
            .collect();
        assert_eq!(
            kinds,
            [
                ("a", Kind::Number, "1.5e1"),
                ("b", Kind::String(true), "x\\\"y"),
                ("c", Kind::Container, "[1,{\"d\":[]}]"),
                ("e", Kind::Null, "null"),
                ("f", Kind::True, "true"),
            ]
        );
        assert_eq!(members(b"null", |_, _, _| {}), Ok(false));
    }

    #[test]
    fn malformed_texts_are_refused_as_a_whole() {
        for text in [
            "",
            " ",
            "x",
            "[1]",
            "\"a\"",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\":1}x",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{\"a\":1e}",
            "{\"a\":1e999}",
            "{\"a\":tru}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":[1,]}",
            "{\"a\":[1 2]}",
            "{\"a\":{\"b\"}}",
            "{\"a\":[}",
            "{\"a\":{]}",
            "nullx",
            "{\"a\":1}{",
            "{\"a\":[[[[]]]}",
        ] {
            assert_eq!(keys(text), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn nesting_costs_no_stack_and_is_bounded() {
        for (depth, good) in [
            (63, true),
            (64, true),
            (65, true),
            (200, true),
            (10_000, true),
            (10_001, false),
            (5_000_000, false),
        ] {
            let text = format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
            assert_eq!(keys(&text).is_ok(), good, "{depth}");
            let text = format!("{{\"a\":{}1{}}}", "{\"x\":[".repeat(depth / 2), "]}".repeat(depth / 2));
            assert_eq!(keys(&text).is_ok(), good || depth == 10_001, "{depth}");
        }
        // The kinds of containers are remembered beyond one word.
        let text = format!("{{\"a\":{}1{}}}", "{\"x\":[".repeat(100), "]}".repeat(99) + "}]");
        assert!(keys(&text).is_err());
    }

    #[test]
    fn strings_are_scanned_across_words() {
        for length in 0..40 {
            let content = "x".repeat(length);
            assert_eq!(keys(&format!("{{\"a\":\"{content}\"}}")).unwrap()[0].2, content);
            assert!(keys(&format!("{{\"a\":\"{content}\u{1}\"}}")).is_err());
            assert_eq!(
                keys(&format!("{{\"a\":\"{content}é\"}}")).unwrap()[0].2,
                format!("{content}é")
            );
        }
    }

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(&*unescape(br#"\u00e9\n\t\"q\"\/"#), "é\n\t\"q\"/".as_bytes());
        assert_eq!(&*unescape(br"\ud83d\ude00"), "😀".as_bytes());
        assert_eq!(&*unescape(br"\ud83dx\ude00"), "\u{fffd}x\u{fffd}".as_bytes());
        assert!(matches!(unescape(b"plain \xff"), Cow::Borrowed(b"plain \xff")));
    }

    #[test]
    fn it_agrees_with_a_parser_on_mutations() {
        let mut random = fastrand::Rng::with_seed(7);
        let base = br#"{"a":[1,2.5e3,{"b":null}],"c":"x\ny","d":{"e":true,"f":[false,[],{}]},"g":-0.1}"#;
        for _ in 0..50_000 {
            let mut text = base.to_vec();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(0..text.len());
                match random.u8(0..3) {
                    0 => text[at] = *random.choice(br#"{}[]",:0123eE+-.\ntfu x"#).unwrap(),
                    1 => drop(text.remove(at)),
                    _ => text.insert(at, *random.choice(br#"{}[]",:01e-."#).unwrap()),
                }
            }
            let ours = members(&text, |_, _, _| {});
            let theirs = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&text);
            assert_eq!(ours == Ok(true), theirs.is_ok(), "{}", String::from_utf8_lossy(&text));
        }
    }
}
