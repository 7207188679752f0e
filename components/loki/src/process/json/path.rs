//! The part of JMESPath that configurations use nearly always: `a`, `a.b`, `a[0].b`, `"quoted name".b`.

use super::scan::{Kind, Piece, array, members, unescape};
use std::ops::Range;

/// A path from the outermost object to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Key in the outermost object.
    pub key: Vec<u8>,
    rest: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(Vec<u8>),
    Index(i64),
}

impl Path {
    /// The path that an expression is; `None` if it is more than a path.
    pub fn parse(expression: &str) -> Option<Path> {
        let mut rest = expression.as_bytes();
        let mut steps = Vec::new();
        loop {
            steps.push(Step::Key(name(&mut rest)?));
            while let Some(b'[') = rest.first() {
                let close = rest.iter().position(|byte| *byte == b']')?;
                let digits = &rest[1..close];
                let unsigned = digits.strip_prefix(b"-").unwrap_or(digits);
                if unsigned.is_empty() || !unsigned.iter().all(u8::is_ascii_digit) {
                    return None;
                }
                steps.push(Step::Index(std::str::from_utf8(digits).ok()?.parse().ok()?));
                rest = &rest[close + 1..];
            }
            match rest.split_first() {
                None => break,
                Some((b'.', tail)) => rest = tail,
                Some(_) => return None,
            }
        }
        let rest = steps.split_off(1);
        match steps.pop() {
            Some(Step::Key(key)) => Some(Path { key, rest }),
            _ => None,
        }
    }

    /// Whether the value under the first key is the result.
    pub fn is_key(&self) -> bool {
        self.rest.is_empty()
    }

    /// Follows the rest of the path from the value of the first key; `None` where it leads nowhere.
    pub fn follow(&self, text: &[u8], from: Piece) -> Option<Piece> {
        let mut here = from;
        for step in &self.rest {
            if here.kind != Kind::Container {
                return None;
            }
            here = match step {
                Step::Key(key) => member(text, here.range, key)?,
                Step::Index(index) => element(text, here.range, *index)?,
            };
        }
        Some(here)
    }
}

fn name(rest: &mut &[u8]) -> Option<Vec<u8>> {
    if let Some(quoted) = rest.strip_prefix(b"\"") {
        let close = quoted.iter().position(|byte| *byte == b'"')?;
        // Escapes are left to the full language.
        if quoted[..close].contains(&b'\\') {
            return None;
        }
        *rest = &quoted[close + 1..];
        return Some(quoted[..close].to_vec());
    }
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let length = rest.iter().position(|byte| !word(byte)).unwrap_or(rest.len());
    if length == 0 || rest[0].is_ascii_digit() {
        return None;
    }
    let (name, tail) = rest.split_at(length);
    *rest = tail;
    Some(name.to_vec())
}

fn member(text: &[u8], range: Range<usize>, key: &[u8]) -> Option<Piece> {
    let mut found = None;
    let base = range.start;
    members(&text[range], |name, escaped, piece| {
        let same = if escaped { &*unescape(name) == key } else { name == key };
        if same {
            found = Some(piece);
        }
    })
    .ok()?;
    found.map(|piece| shifted(piece, base))
}

fn element(text: &[u8], range: Range<usize>, index: i64) -> Option<Piece> {
    let base = range.start;
    let mut elements = Vec::new();
    array(&text[range], |piece| elements.push(piece)).ok()?;
    let at = if index < 0 {
        index + elements.len() as i64
    } else {
        index
    };
    let piece = elements.into_iter().nth(usize::try_from(at).ok()?)?;
    Some(shifted(piece, base))
}

fn shifted(piece: Piece, base: usize) -> Piece {
    Piece {
        kind: piece.kind,
        range: piece.range.start + base..piece.range.end + base,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(expression: &str, text: &str) -> Option<String> {
        let path = Path::parse(expression).unwrap();
        let first = member(text.as_bytes(), 0..text.len(), &path.key)?;
        let piece = path.follow(text.as_bytes(), first)?;
        Some(text[piece.range].to_owned())
    }

    #[test]
    fn paths_lead_to_values() {
        let text = r#"{"a":{"b":[{"c":"x"},{"c":"y"}]},"d e":1,"a\u0031":2}"#;
        assert_eq!(at("a.b[1].c", text).as_deref(), Some("y"));
        assert_eq!(at("a.b[-2].c", text).as_deref(), Some("x"));
        assert_eq!(at("a.b[2].c", text), None);
        assert_eq!(at("a.b.c", text), None);
        assert_eq!(at("\"d e\"", text).as_deref(), Some("1"));
        assert_eq!(at("a1", text).as_deref(), Some("2"));
        assert_eq!(at("d.x", r#"{"d":1}"#), None);
    }

    #[test]
    fn more_than_a_path_is_left_to_the_language() {
        for expression in [
            "",
            "a.",
            "a[*]",
            "a[?b]",
            "a | b",
            "length(a)",
            "@",
            "a.*",
            "a[0:1]",
            "`1`",
            "[0]",
            "a[]",
            "1a",
            "\"a\\n\"",
        ] {
            assert_eq!(Path::parse(expression), None, "{expression}");
        }
    }
}
