//! Functions on strings. They work on characters and let bytes that are not UTF-8 pass.

use super::args::arg;
use value::{Str, Value, ValueError};

/// The characters of a string, each with its bytes. A byte that is not part of one counts as U+FFFD.
fn chars(bytes: &[u8]) -> Vec<(char, &[u8])> {
    let mut all = Vec::new();
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        all.extend(
            valid
                .char_indices()
                .map(|(at, c)| (c, &valid.as_bytes()[at..at + c.len_utf8()])),
        );
        all.extend(
            chunk
                .invalid()
                .chunks(1)
                .map(|byte| (char::REPLACEMENT_CHARACTER, byte)),
        );
    }
    all
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

/// The parts around each `separator`, which is not empty.
fn parts<'a>(text: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut all = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at + separator.len() <= text.len() {
        if text[at..].starts_with(separator) {
            all.push(&text[start..at]);
            at += separator.len();
            start = at;
        } else {
            at += 1;
        }
    }
    all.push(&text[start..]);
    all
}

pub(super) fn join(args: &[Value]) -> Result<Value, ValueError> {
    let (items, separator) = (arg::<Vec<Str>>(args, 0)?, arg::<Str>(args, 1)?);
    Ok(Value::string(glue(
        items.iter().map(Str::as_bytes),
        separator.as_bytes(),
    )))
}

/// An empty separator splits into characters.
pub(super) fn split(args: &[Value]) -> Result<Value, ValueError> {
    let (text, separator) = (arg::<Str>(args, 0)?, arg::<Str>(args, 1)?);
    let found = match separator.as_bytes() {
        [] => chars(text.as_bytes()).into_iter().map(|(_, bytes)| bytes).collect(),
        separator => parts(text.as_bytes(), separator),
    };
    Ok(Value::array(found.into_iter().map(Value::string).collect()))
}

/// An empty old text is found before each character and at the end.
pub(super) fn replace(args: &[Value]) -> Result<Value, ValueError> {
    let (text, old, new) = (arg::<Str>(args, 0)?, arg::<Str>(args, 1)?, arg::<Str>(args, 2)?);
    let out = match old.as_bytes() {
        [] => {
            let all = chars(text.as_bytes());
            let ends: [&[u8]; 1] = [b""];
            glue(
                ends.into_iter()
                    .chain(all.into_iter().map(|(_, bytes)| bytes))
                    .chain(ends),
                new.as_bytes(),
            )
        }
        old => glue(parts(text.as_bytes(), old), new.as_bytes()),
    };
    Ok(Value::string(out))
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
    let all = chars(text);
    let mut rest = &all[..];
    while let [(c, _), tail @ ..] = rest
        && unwanted(*c)
    {
        rest = tail;
    }
    while let [head @ .., (c, _)] = rest
        && unwanted(*c)
    {
        rest = head;
    }
    Value::string(glue(rest.iter().map(|(_, bytes)| *bytes), b""))
}

pub(super) fn trim(args: &[Value]) -> Result<Value, ValueError> {
    let (text, cutset) = (arg::<Str>(args, 0)?, arg::<Str>(args, 1)?);
    let cutset: Vec<char> = chars(cutset.as_bytes()).into_iter().map(|(c, _)| c).collect();
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
