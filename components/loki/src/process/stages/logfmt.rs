//! `stage.logfmt`: extracts values from `key=value` pairs.

use super::{Compile, expression};
use crate::process::compile::Compiler;
use crate::process::extracted::Extracted;
use crate::process::json::unescape;
use crate::process::names::{Reads, Slot};
use crate::process::record::{Record, Source};
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use goregex::Regex;
use std::collections::BTreeMap;
use std::ops::Range;
use value::Block;

/// Extracts values from `key=value` pairs.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Names of extracted values, each with its key; empty for the same name.
    #[arg(default)]
    pub mapping: BTreeMap<String, Option<String>>,
    /// Extract all keys that match, anywhere in the key.
    #[arg(default)]
    pub regex: String,
    /// Name of the extracted value to parse instead of the line.
    #[arg(default)]
    pub source: String,
}

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        if !self.source.is_empty() {
            reads.name(&self.source);
        }
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if self.mapping.is_empty() && self.regex.is_empty() {
            return Err(Error::new("mapping or regex is required"));
        }
        let source = (!self.source.is_empty()).then(|| compiler.read(&self.source));
        let regex = match self.regex.as_str() {
            "" => None,
            pattern => Some(expression("regex", pattern)?),
        };
        let keys = super::labels::sources(&self.mapping)
            .filter_map(|(name, key)| Some((key.as_bytes().to_vec(), compiler.write(name)?)))
            .collect();
        compiler.step("stage.logfmt", Logfmt { source, keys, regex });
        Ok(())
    }
}

struct Logfmt {
    source: Option<Slot>,
    keys: Vec<(Vec<u8>, Slot)>,
    regex: Option<Regex>,
}

impl Step for Logfmt {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        if self.keys.is_empty() && self.regex.is_none() {
            return Flow::Next;
        }
        let Some(source) = record.source(self.source.as_ref()) else {
            return Flow::Next;
        };
        let mut line = 0;
        while line < source.text.len() {
            let end = memchr::memchr(b'\n', &source.text[line..]).map_or(source.text.len(), |at| line + at);
            let mut at = line;
            loop {
                match pair(&source.text[..end], at) {
                    Scan::Pair(pair, next) => {
                        at = next;
                        self.keep(&pair, &source, record, cx);
                    }
                    Scan::End => break,
                    // Nothing behind the error counts, what came before it does.
                    Scan::Error => return Flow::Next,
                }
            }
            line = end + 1;
        }
        Flow::Next
    }
}

impl Logfmt {
    fn keep(&self, pair: &Pair, source: &Source, record: &mut Record, cx: &mut Cx<'_>) {
        let key = &source.text[pair.key.clone()];
        let value = || match pair.escaped {
            false => source.piece(pair.value.start, pair.value.end),
            true => Extracted::Text(unescape(&source.text[pair.value.clone()]).into_owned().into()),
        };
        for (wanted, slot) in &self.keys {
            if wanted == key {
                record.set(slot, value());
            }
        }
        if let Some(regex) = &self.regex
            && regex.is_match(key)
            && let Ok(name) = std::str::from_utf8(key)
        {
            record.set_named(cx.names, name, value());
        }
    }
}

struct Pair {
    key: Range<usize>,
    value: Range<usize>,
    escaped: bool,
}

enum Scan {
    Pair(Pair, usize),
    End,
    Error,
}

/// The next pair of a line from `at` on. Bytes up to the space separate; a key without `=` has an empty value.
fn pair(line: &[u8], at: usize) -> Scan {
    let Some(blank) = line[at..].iter().position(|byte| *byte > b' ') else {
        return Scan::End;
    };
    let start = at + blank;
    let stop = |from: usize| {
        line[from..]
            .iter()
            .position(|byte| *byte <= b' ' || matches!(byte, b'=' | b'"'))
            .map_or(line.len(), |n| from + n)
    };
    let key_end = stop(start);
    let key = start..key_end;
    let empty = |next: usize| {
        let value = next..next;
        Scan::Pair(
            Pair {
                key: key.clone(),
                value,
                escaped: false,
            },
            next,
        )
    };
    if line[key.clone()]
        .utf8_chunks()
        .any(|chunk| !chunk.invalid().is_empty() || chunk.valid().contains('\u{fffd}'))
    {
        return Scan::Error;
    }
    match line.get(key_end) {
        Some(b'"') => return Scan::Error,
        Some(b'=') if key.is_empty() => return Scan::Error,
        Some(b'=') => {}
        _ => return empty(key_end),
    }
    let from = key_end + 1;
    match line.get(from) {
        None => empty(line.len()),
        Some(byte) if *byte <= b' ' => empty(from),
        Some(b'"') => quoted(line, key, from + 1),
        Some(_) => {
            let end = stop(from);
            if let Some(b'=' | b'"') = line.get(end) {
                return Scan::Error;
            }
            let pair = Pair {
                key,
                value: from..end,
                escaped: false,
            };
            Scan::Pair(pair, end)
        }
    }
}

fn quoted(line: &[u8], key: Range<usize>, start: usize) -> Scan {
    let mut escaped = false;
    let mut at = start;
    loop {
        let Some(hit) = memchr::memchr2(b'"', b'\\', &line[at..]) else {
            return Scan::Error;
        };
        at += hit;
        if line[at] == b'"' {
            break;
        }
        escaped = true;
        at += match line.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'\'' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u')
                if line
                    .get(at + 2..at + 6)
                    .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) =>
            {
                6
            }
            _ => return Scan::Error,
        };
    }
    // A text with escapes is read like a JSON string, in which control characters are an error.
    if escaped && line[start..at].iter().any(|byte| *byte < b' ') {
        return Scan::Error;
    }
    let pair = Pair {
        key,
        value: start..at,
        escaped,
    };
    Scan::Pair(pair, at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(line: &str) -> (Vec<(&str, String)>, bool) {
        let mut found = Vec::new();
        let mut at = 0;
        loop {
            match pair(line.as_bytes(), at) {
                Scan::Pair(pair, next) => {
                    at = next;
                    let raw = &line.as_bytes()[pair.value];
                    let value = if pair.escaped {
                        unescape(raw).into_owned()
                    } else {
                        raw.to_vec()
                    };
                    found.push((&line[pair.key], String::from_utf8(value).unwrap()));
                }
                Scan::End => return (found, true),
                Scan::Error => return (found, false),
            }
        }
    }

    #[test]
    fn pairs_are_found_up_to_the_first_error() {
        for (line, expected, good) in [
            ("a=1 b=\"x y\"  c", &[("a", "1"), ("b", "x y"), ("c", "")][..], true),
            ("a= b", &[("a", ""), ("b", "")], true),
            ("a=\"\\u00e9\\n\\\"\"b=2", &[("a", "é\n\""), ("b", "2")], true),
            ("a=1 b=x=y", &[("a", "1")], false),
            ("a=1 =2", &[("a", "1")], false),
            ("a=1 b=\"x", &[("a", "1")], false),
            ("a=\"x\"\" b=1", &[("a", "x")], false),
            ("{\"a\":1}", &[], false),
            ("a=\"\"", &[("a", "")], true),
            ("", &[], true),
        ] {
            let (found, end) = pairs(line);
            let found: Vec<_> = found.iter().map(|(key, value)| (*key, value.as_str())).collect();
            assert_eq!((found.as_slice(), end), (expected, good), "{line}");
        }
    }
}
