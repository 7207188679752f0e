//! Tokens and identifiers.

use crate::vectors;
use syntax::scanner::{comment_text, scan};
use syntax::{Source, TokenKind, ident};

/// Tokens as `KIND text line:column`, then errors as `line:column: message`.
fn dump(text: &str) -> Vec<String> {
    let source = Source::new("", text.as_bytes());
    let (tokens, errors) = scan(text.as_bytes());
    let tokens = tokens.iter().map(|token| {
        let bytes = source.slice(token.span);
        let literal = match token.kind {
            TokenKind::Terminator => "\n".to_string(),
            TokenKind::Comment => comment_text(bytes),
            kind if kind.has_text() => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        };
        format!("{} {literal:?} {}", token.kind, source.position(token.span.start))
    });
    let errors = errors
        .iter()
        .map(|error| format!("{}: {}", source.position(error.offset), error.message));
    tokens.chain(errors).collect()
}

#[test]
fn vectors_scan() {
    for case in vectors("scan").into_iter().flatten() {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_string();
        let tokens = case["tokens"].as_array().unwrap().iter();
        let tokens = tokens.map(|token| {
            format!(
                "{} {:?} {}",
                text(&token["tok"]),
                text(&token["lit"]),
                text(&token["pos"])
            )
        });
        let errors = case["errors"].as_array().into_iter().flatten();
        let errors = errors.map(|error| text(error).trim_start_matches("f:").to_string());
        assert_eq!(
            dump(&text(&case["in"])),
            tokens.chain(errors).collect::<Vec<_>>(),
            "{}",
            case["in"]
        );
    }
}

#[test]
fn vectors_identifiers() {
    for case in vectors("identifiers").into_iter().flatten() {
        let name = case["in"].as_str().unwrap();
        assert_eq!(ident::is_valid(name), case["valid"].as_bool().unwrap(), "{name:?}");
        let sanitized = match ident::sanitize(name) {
            Ok(sanitized) => {
                assert!(ident::is_valid(&sanitized), "{name:?} became {sanitized:?}");
                sanitized
            }
            Err(error) => format!("ERR {error}"),
        };
        // Alloy panics on keywords (difference ident.keyword).
        let expected = if ident::is_keyword(name) {
            format!("{name}_")
        } else {
            case["sanitized"].as_str().unwrap().to_string()
        };
        assert_eq!(sanitized, expected, "{name:?}");
    }
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(dump(text), expected, "{text:?}");
}

#[test]
fn terminators_and_comments() {
    check(
        "a // c\nb",
        &[
            "IDENT \"a\" 1:1",
            "TERMINATOR \"\\n\" 1:3",
            "COMMENT \"// c\" 1:3",
            "IDENT \"b\" 2:1",
            "TERMINATOR \"\\n\" 2:2",
            "EOF \"\" 2:2",
        ],
    );
    check(
        "a /* c */ // d",
        &[
            "IDENT \"a\" 1:1",
            "TERMINATOR \"\\n\" 1:3",
            "COMMENT \"/* c */\" 1:3",
            "COMMENT \"// d\" 1:11",
            "EOF \"\" 1:15",
        ],
    );
    check(
        "] /**/ +",
        &["] \"\" 1:1", "COMMENT \"/**/\" 1:3", "+ \"\" 1:8", "EOF \"\" 1:9"],
    );
    check(
        "a / b",
        &[
            "IDENT \"a\" 1:1",
            "/ \"\" 1:3",
            "IDENT \"b\" 1:5",
            "TERMINATOR \"\\n\" 1:6",
            "EOF \"\" 1:6",
        ],
    );
    check("/* a\r\n*\r/ */", &["COMMENT \"/* a\\n*\\r/ */\" 1:1", "EOF \"\" 2:7"]);
    check(
        "/*/",
        &[
            "COMMENT \"/*/\" 1:1",
            "EOF \"\" 1:4",
            "1:1: block comment not terminated",
        ],
    );
}

#[test]
fn numbers_and_names() {
    let end = |column: u32| [format!("TERMINATOR \"\\n\" 1:{column}"), format!("EOF \"\" 1:{column}")];
    for (text, tokens) in [
        ("0x10", vec!["NUMBER \"0\" 1:1", "IDENT \"x10\" 1:2"]),
        ("1.b", vec!["FLOAT \"1.\" 1:1", "IDENT \"b\" 1:3"]),
        (".5e-3", vec!["FLOAT \".5e-3\" 1:1"]),
        ("1E5", vec!["FLOAT \"1E5\" 1:1"]),
        ("x\u{661}", vec!["IDENT \"x\u{661}\" 1:1"]),
        ("true", vec!["BOOL \"true\" 1:1"]),
        ("True", vec!["IDENT \"True\" 1:1"]),
        ("\"a\tb\"", vec!["STRING \"\\\"a\\tb\\\"\" 1:1"]),
    ] {
        let expected: Vec<String> = tokens
            .iter()
            .map(|token| token.to_string())
            .chain(end(text.len() as u32 + 1))
            .collect();
        assert_eq!(dump(text), expected, "{text:?}");
    }
}

#[test]
fn errors_name_the_place() {
    for (text, error) in [
        ("a\u{feff}", "1:2: illegal byte order mark"),
        ("\"abc", "1:1: string literal not terminated"),
        ("\"ab\nc", "1:1: string literal not terminated"),
        ("\"\\", "1:3: escape sequence not terminated"),
        ("\"\\x1", "1:3: escape sequence not terminated"),
        ("\"\\'\"", "1:3: unknown escape sequence"),
        ("\"\\400\"", "1:3: escape sequence is invalid Unicode code point"),
        ("\"\\U00110000\"", "1:3: escape sequence is invalid Unicode code point"),
        ("\"\\08\"", "1:3: illegal character U+0038 '8' in escape sequence"),
        ("1e", "1:1: exponent has no digits"),
        ("é#", "1:3: illegal character U+0023 '#'"),
    ] {
        assert!(
            dump(text).iter().any(|line| line == error),
            "{text:?}: {:?}",
            dump(text)
        );
    }
    let (_, errors) = scan(b"a \xff b");
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(
        messages,
        ["illegal UTF-8 encoding", "illegal character U+FFFD '\u{fffd}'"]
    );
}
