//! `$1` and `${name}` in replacements, by the rules of Go's `Regexp.Expand`.

use crate::Locations;

pub(crate) fn expand(template: &[u8], names: &[Option<String>], locations: &Locations, text: &[u8], out: &mut Vec<u8>) {
    let mut rest = template;
    while let Some(at) = rest.iter().position(|&byte| byte == b'$') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(b"$") {
            out.push(b'$');
            rest = after;
            continue;
        }
        let Some((reference, after)) = reference(rest) else {
            // Malformed: the dollar sign is text.
            out.push(b'$');
            continue;
        };
        rest = after;
        let range = match number(reference) {
            Some(index) => locations.get(index),
            None => names
                .iter()
                .enumerate()
                .filter(|(_, name)| name.as_deref().map(str::as_bytes) == Some(reference))
                .find_map(|(index, _)| locations.get(index)),
        };
        if let Some(range) = range {
            out.extend_from_slice(&text[range]);
        }
    }
    out.extend_from_slice(rest);
}

/// Splits `name` or `{name}` off the front.
fn reference(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (brace, body) = match text.strip_prefix(b"{") {
        Some(body) => (true, body),
        None => (false, text),
    };
    let mut length = 0;
    for chunk in body.utf8_chunks().take(1) {
        length = chunk
            .valid()
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(chunk.valid().len());
    }
    if length == 0 {
        return None;
    }
    let (name, rest) = body.split_at(length);
    if brace {
        rest.strip_prefix(b"}").map(|rest| (name, rest))
    } else {
        Some((name, rest))
    }
}

/// The group number, unless `name` is a name. Leading zeros make a name.
fn number(name: &[u8]) -> Option<usize> {
    if name.len() > 9 || (name.len() > 1 && name[0] == b'0') || !name.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        name.iter()
            .fold(0, |number, digit| number * 10 + usize::from(digit - b'0')),
    )
}
