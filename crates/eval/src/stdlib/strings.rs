//! Functions on strings. They work on characters and let bytes that are not UTF-8 pass.

use super::args::{MAX_ITEMS, arg, list_of, text_of};
use value::{Str, Value, ValueError};

/// The characters of a string, each with its bytes. A byte that is not part of one counts as U+FFFD.
fn chars(bytes: &[u8]) -> impl Iterator<Item = (char, &[u8])> + Clone {
    bytes.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid();
        let good = valid
            .char_indices()
            .map(|(at, c)| (c, &valid.as_bytes()[at..at + c.len_utf8()]));
        let bad = chunk.invalid().chunks(1);
        good.chain(bad.map(|byte| (char::REPLACEMENT_CHARACTER, byte)))
    })
}

fn glue<'a>(parts: impl IntoIterator<Item = &'a [u8]>, separator: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, part) in parts.into_iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(part);
    }
    out
}

/// How long [`glue`] makes it.
fn length<'a>(parts: impl Iterator<Item = &'a [u8]>, separator: usize) -> Option<usize> {
    let (mut count, mut all) = (0_usize, 0_usize);
    for part in parts {
        (count, all) = (count + 1, all.checked_add(part.len())?);
    }
    all.checked_add(separator.checked_mul(count.saturating_sub(1))?)
}

/// The parts around each `separator`, which is not empty.
fn parts<'a>(text: &'a [u8], separator: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + Clone {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let found = text.windows(separator.len()).position(|window| window == separator);
        let (part, after) = match found {
            Some(at) => (&text[..at], Some(&text[at + separator.len()..])),
            None => (text, None),
        };
        rest = after;
        Some(part)
    })
}

pub(super) fn join(args: &[Value]) -> Result<Value, ValueError> {
    let (items, separator) = (arg::<Vec<Str>>(args, 0)?, arg::<Str>(args, 1)?);
    joined(items.iter().map(Str::as_bytes), separator.as_bytes())
}

fn joined<'a>(parts: impl Iterator<Item = &'a [u8]> + Clone, separator: &[u8]) -> Result<Value, ValueError> {
    text_of(length(parts.clone(), separator.len()))?;
    Ok(Value::string(glue(parts, separator)))
}

/// An empty separator splits into characters.
pub(super) fn split(args: &[Value]) -> Result<Value, ValueError> {
    let (text, separator) = (arg::<Str>(args, 0)?, arg::<Str>(args, 1)?);
    // One more than there may be, to notice it.
    let values =
        |parts: &mut dyn Iterator<Item = &[u8]>| parts.take(MAX_ITEMS + 1).map(Value::string).collect::<Vec<_>>();
    let found = match separator.as_bytes() {
        [] => values(&mut chars(text.as_bytes()).map(|(_, bytes)| bytes)),
        separator => values(&mut parts(text.as_bytes(), separator)),
    };
    list_of(found.len())?;
    Ok(Value::array(found))
}

/// An empty old text is found before each character and at the end.
pub(super) fn replace(args: &[Value]) -> Result<Value, ValueError> {
    let (text, old, new) = (arg::<Str>(args, 0)?, arg::<Str>(args, 1)?, arg::<Str>(args, 2)?);
    match old.as_bytes() {
        [] => {
            let end = std::iter::once(&b""[..]);
            let all = chars(text.as_bytes()).map(|(_, bytes)| bytes);
            joined(end.clone().chain(all).chain(end), new.as_bytes())
        }
        old => joined(parts(text.as_bytes(), old), new.as_bytes()),
    }
}

pub(super) fn to_lower(args: &[Value]) -> Result<Value, ValueError> {
    let text = arg::<String>(args, 0)?;
    Ok(Value::string(text.chars().map(lower).collect::<String>()))
}

pub(super) fn to_upper(args: &[Value]) -> Result<Value, ValueError> {
    let text = arg::<String>(args, 0)?;
    Ok(Value::string(text.chars().map(upper).collect::<String>()))
}

/// One character to one character: what has no single lower case form stays.
fn lower(c: char) -> char {
    match c {
        'İ' => 'i',
        _ => single(c, c.to_lowercase()),
    }
}

fn upper(c: char) -> char {
    match c {
        // Greek letters with iota: their single form is the one that titles use.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            char::from_u32(c as u32 + 8).unwrap_or(c)
        }
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(c as u32 + 9).unwrap_or(c),
        _ => single(c, c.to_uppercase()),
    }
}

fn single(c: char, mut mapped: impl ExactSizeIterator<Item = char>) -> char {
    match mapped.len() {
        1 => mapped.next().unwrap_or(c),
        _ => c,
    }
}

/// Cuts characters off both ends.
fn cut(text: &[u8], unwanted: impl Fn(char) -> bool) -> Value {
    // From the first character that stays to the last one.
    let (mut start, mut end, mut at) = (None, 0, 0);
    for (c, bytes) in chars(text) {
        if !unwanted(c) {
            start.get_or_insert(at);
            end = at + bytes.len();
        }
        at += bytes.len();
    }
    Value::string(start.map_or(&b""[..], |start| &text[start..end]))
}

pub(super) fn trim(args: &[Value]) -> Result<Value, ValueError> {
    let (text, cutset) = (arg::<Str>(args, 0)?, arg::<Str>(args, 1)?);
    let cutset: Vec<char> = chars(cutset.as_bytes()).map(|(c, _)| c).collect();
    Ok(cut(text.as_bytes(), |c| cutset.contains(&c)))
}

pub(super) fn trim_space(args: &[Value]) -> Result<Value, ValueError> {
    Ok(cut(arg::<Str>(args, 0)?.as_bytes(), char::is_whitespace))
}

pub(super) fn trim_prefix(args: &[Value]) -> Result<Value, ValueError> {
    let (text, prefix) = (arg::<Str>(args, 0)?, arg::<Str>(args, 1)?);
    let bytes = text.as_bytes();
    Ok(Value::string(bytes.strip_prefix(prefix.as_bytes()).unwrap_or(bytes)))
}

pub(super) fn trim_suffix(args: &[Value]) -> Result<Value, ValueError> {
    let (text, suffix) = (arg::<Str>(args, 0)?, arg::<Str>(args, 1)?);
    let bytes = text.as_bytes();
    Ok(Value::string(bytes.strip_suffix(suffix.as_bytes()).unwrap_or(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> Value {
        Value::string(bytes)
    }

    #[test]
    fn case_is_mapped_one_to_one() {
        let check = |c: char, lowered: char, uppered: char| assert_eq!((lower(c), upper(c)), (lowered, uppered), "{c}");
        check('ß', 'ß', 'ß');
        check('é', 'é', 'É');
        check('İ', 'i', 'İ');
        check('ᾳ', 'ᾳ', 'ᾼ');
        check('ᾀ', 'ᾀ', 'ᾈ');
        check('ǆ', 'ǆ', 'Ǆ');
    }

    #[test]
    fn bytes_that_are_not_utf8_pass() {
        assert_eq!(trim(&[text(b"x\xffax"), text(b"x")]), Ok(text(b"\xffa")));
        assert_eq!(
            split(&[text(b"a\xff"), text(b"")]),
            Ok(Value::array(vec![text(b"a"), text(b"\xff")]))
        );
        assert_eq!(
            replace(&[text(b"\xffb\xff"), text(b"\xff"), text(b"-")]),
            Ok(text(b"-b-"))
        );
    }

    #[test]
    fn empty_texts_split_like_in_go() {
        assert_eq!(split(&[text(b""), text(b",")]), Ok(Value::array(vec![text(b"")])));
        assert_eq!(split(&[text(b""), text(b"")]), Ok(Value::array(Vec::new())));
        assert_eq!(replace(&[text(b""), text(b""), text(b"x")]), Ok(text(b"x")));
    }
}
