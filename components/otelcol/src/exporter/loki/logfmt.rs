//! Logfmt, as `go-logfmt` reads and writes it.

/// A value of a pair.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field {
    /// A text.
    Text(String),
    /// Something that is written as it is, unless it has to be quoted.
    Other(String),
}

/// Pairs in their order.
pub(super) type Pairs = Vec<(String, Field)>;

/// Reads a line. `None` if it is not all pairs with values.
pub(super) fn parse(line: &str) -> Option<Pairs> {
    let mut pairs = Vec::new();
    let bytes = line.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] <= b' ' {
            // A record is one line.
            if bytes[at] == b'\n' {
                break;
            }
            at += 1;
            continue;
        }
        let begin = at;
        while at < bytes.len() && bytes[at] > b' ' && bytes[at] != b'=' && bytes[at] != b'"' {
            at += 1;
        }
        if at == begin || bytes.get(at) != Some(&b'=') {
            return None;
        }
        let key = line[begin..at].to_owned();
        at += 1;
        let value = match bytes.get(at) {
            Some(b'"') => {
                let begin = at;
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                if at >= bytes.len() {
                    return None;
                }
                at += 1;
                serde_json::from_str(line.get(begin..at)?).ok()?
            }
            Some(one) if *one > b' ' => {
                let begin = at;
                while at < bytes.len() && bytes[at] > b' ' {
                    if matches!(bytes[at], b'=' | b'"') {
                        return None;
                    }
                    at += 1;
                }
                line[begin..at].to_owned()
            }
            // `key=` has no value.
            _ => return None,
        };
        pairs.push((key, Field::Text(value)));
    }
    Some(pairs)
}

fn needs_quotes(text: &str) -> bool {
    text.chars()
        .any(|one| one <= ' ' || matches!(one, '=' | '"' | '\u{fffd}'))
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for one in text.chars() {
        match one {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(one))),
            '\u{fffd}' => out.push_str("\\ufffd"),
            one => out.push(one),
        }
    }
    out.push('"');
}

/// Writes a line. `None` if a key has nothing that may be in one.
pub(super) fn write(pairs: &Pairs) -> Option<String> {
    let mut out = String::new();
    for (key, value) in pairs {
        if !out.is_empty() {
            out.push(' ');
        }
        let before = out.len();
        out.extend(
            key.chars()
                .filter(|one| *one > ' ' && !matches!(one, '=' | '"' | '\u{fffd}')),
        );
        if out.len() == before {
            return None;
        }
        out.push('=');
        match value {
            Field::Text(text) if text == "null" => out.push_str("\"null\""),
            Field::Text(text) | Field::Other(text) if needs_quotes(text) => quoted(text, &mut out),
            Field::Text(text) | Field::Other(text) => out.push_str(text),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_written() {
        let line = r#"level=info msg="two words\n" q="a\"b=c" n=1"#;
        let pairs = parse(line).unwrap();
        assert_eq!(pairs.len(), 4);
        assert_eq!(pairs[1], ("msg".to_owned(), Field::Text("two words\n".to_owned())));
        assert_eq!(write(&pairs).unwrap(), line);
        for text in ["plain text", "a=1 b", "a=\"x", "=1", "a=b=c", "a="] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(""), Some(vec![]));
        let odd = vec![
            ("a b".to_owned(), Field::Text("null".to_owned())),
            ("c".to_owned(), Field::Text(String::new())),
        ];
        assert_eq!(write(&odd).unwrap(), "ab=\"null\" c=");
        assert_eq!(write(&vec![("=".to_owned(), Field::Other("1".to_owned()))]), None);
    }
}
