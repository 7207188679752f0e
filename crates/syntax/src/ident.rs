//! Identifiers: names of attributes, blocks, labels and plain object keys.

use crate::unicode;
use std::fmt;

/// Whether a character may start an identifier.
pub fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphabetic() || c == '_'
    } else {
        unicode::is_letter(c)
    }
}

/// Whether a character may continue an identifier as a digit.
pub fn is_digit(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_digit()
    } else {
        unicode::is_digit(c)
    }
}

/// Whether `name` is a keyword: `true`, `false`, `null`.
pub fn is_keyword(name: &str) -> bool {
    matches!(name, "true" | "false" | "null")
}

/// Whether `name` is one identifier: a letter, then letters and digits, and no keyword.
pub fn is_valid(name: &str) -> bool {
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || is_digit(c)) && !is_keyword(name)
}

/// The name to sanitise was empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmptyName;

impl fmt::Display for EmptyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot generate a new identifier for an empty string")
    }
}

impl std::error::Error for EmptyName {}

/// Turns any text into a valid identifier: every character that is neither letter nor digit becomes `_`, a leading digit gets `_`
/// before it, a keyword gets `_` after it. Different inputs may give the same output.
pub fn sanitize(name: &str) -> Result<String, EmptyName> {
    if name.is_empty() {
        return Err(EmptyName);
    }
    let mut out = String::with_capacity(name.len() + 1);
    if name.starts_with(is_digit) {
        out.push('_');
    }
    out.extend(name.chars().map(|c| if is_letter(c) || is_digit(c) { c } else { '_' }));
    if is_keyword(&out) {
        out.push('_');
    }
    Ok(out)
}
