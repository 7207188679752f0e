//! The one form that both sides bring a request into.

use std::fmt::Write as _;

/// A path without repeated slashes and without the segments `.` and `..`; a slash at its end stays. Amazon's services sign the
/// path like this, whatever was sent, so that it is better sent like this.
pub fn clean_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let mut clean = format!("/{}", segments.join("/"));
    if !segments.is_empty() && path.ends_with('/') {
        clean.push('/');
    }
    clean
}

/// The path, encoded once more than it is.
pub(crate) fn canonical_path(path: &str) -> String {
    match path {
        "" => "/".to_owned(),
        path => encode(path.as_bytes(), true),
    }
}

/// The parameters, decoded and encoded again in one way, in order of their encoded names and values.
pub(crate) fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let again = |text: &str| encode(&decode(text), false);
            (again(name), again(value))
        })
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// The lines of the headers, each with its line break, and their names with semicolons between them.
pub(crate) fn canonical_headers(headers: &[(&str, &[u8])]) -> (Vec<u8>, String) {
    let mut headers: Vec<(String, &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), *value))
        .collect();
    // The order of one name's values stays: the sort is stable.
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    let (mut lines, mut names) = (Vec::new(), Vec::new());
    for same in headers.chunk_by(|a, b| a.0 == b.0) {
        let name = same[0].0.as_str();
        lines.extend_from_slice(name.as_bytes());
        for (number, (_, value)) in same.iter().enumerate() {
            lines.push(if number == 0 { b':' } else { b',' });
            lines.extend(one_spaced(value));
        }
        lines.push(b'\n');
        names.push(name);
    }
    (lines, names.join(";"))
}

/// A value without blanks around it and with one space for those in a row.
fn one_spaced(value: &[u8]) -> Vec<u8> {
    let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ')
}

/// Percent-encoding of everything but RFC 3986's unreserved characters, and of slashes unless they are kept.
fn encode(bytes: &[u8], keep_slash: bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            b'/' if keep_slash => text.push('/'),
            // Writing to a string cannot fail.
            byte => _ = write!(text, "%{byte:02X}"),
        }
    }
    text
}

/// A part of a query as forms write it: `+` is a space. What is not an encoding stands for itself.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digit = |at: usize| after.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                // Two hexadecimal digits are a byte.
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            (b'+', ..) => {
                bytes.push(b' ');
                rest = after;
            }
            (&other, ..) => {
                bytes.push(other);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_keep_what_they_end_with() {
        for (path, clean) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/a//b/", "/a/b/"),
            ("/a/./b/../c", "/a/c"),
            ("/../..", "/"),
            ("/%2F/x", "/%2F/x"),
        ] {
            assert_eq!(clean_path(path), clean, "{path}");
        }
    }

    #[test]
    fn a_path_that_is_encoded_is_encoded_again() {
        assert_eq!(canonical_path("/a%20b/c:d"), "/a%2520b/c%3Ad");
        assert_eq!(canonical_path(""), "/");
    }

    #[test]
    fn queries_have_one_form() {
        assert_eq!(
            canonical_query("b=2&a=x+y&a=%7e&c&&%zz=/"),
            "%25zz=%2F&a=x%20y&a=~&b=2&c="
        );
        assert_eq!(canonical_query(""), "");
    }
}
