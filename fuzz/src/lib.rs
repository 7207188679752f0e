//! What must hold for any bytes; each function is a fuzz target.
//!
//! An input of the language is a text. For the formatter and the evaluator one that begins with the byte 255, which no valid text does, is choices from
//! which a valid program is made.

mod evaluator;
mod metrics;
#[path = "../../lib/otlp-wire/tests/it/model.rs"]
mod model;
#[path = "../../lib/otlp-wire/tests/it/oracle.rs"]
mod oracle;
#[path = "../../crates/syntax/tests/it/program.rs"]
mod program;
mod promql;
mod tree;

pub use evaluator::evaluator;
pub use metrics::{remotewrite, scrape};
pub use promql::promql;

use otlp_wire::{Signal, json};
use std::borrow::Cow;
use syntax::{Token, TokenKind, format, parse, parse_expression, scanner::scan};

/// Byte that begins choices instead of a text.
const CHOICES: u8 = 255;

/// Tokens cover the text: they stand one after the other, and between them there are blanks only.
pub fn scanner(bytes: &[u8]) {
    let (tokens, errors) = scan(bytes);
    covered(bytes, &tokens);
    assert_eq!(tokens.last().map(|token| token.kind), Some(TokenKind::Eof));
    let inside = |offset: u32| offset as usize <= bytes.len();
    assert!(errors.iter().all(|error| inside(error.offset)), "{errors:?}");
    if errors.is_empty() {
        assert!(
            tokens.iter().all(|token| token.kind != TokenKind::Illegal),
            "{tokens:?}"
        );
    }
}

fn covered(bytes: &[u8], tokens: &[Token]) {
    let mut end = if bytes.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
    for token in tokens {
        let range = token.span.range();
        assert!(range.start >= end && range.end >= range.start, "{token:?} after {end}");
        let between = bytes.get(end..range.start).expect("tokens are inside of the text");
        assert!(
            between.iter().all(|b| b" \t\r\n".contains(b)),
            "{between:?} before {token:?}"
        );
        end = range.end;
    }
    let rest = bytes.get(end..).expect("tokens are inside of the text");
    assert!(rest.iter().all(|b| b" \t\r\n".contains(b)), "{rest:?} is no token");
}

/// The tree of any text is inside of it; its tokens cover it if it was read to its end; diagnostics can be printed.
pub fn parser(bytes: &[u8]) {
    let (file, diags) = parse("f", bytes);
    tree::check_body(&file.body, bytes.len());
    for comment in file.comments.iter().flat_map(|group| &group.0) {
        assert!(bytes[comment.range()].starts_with(b"/"));
    }
    syntax::diag::Printer::default().print(&diags, |_| Some(bytes));
    if diags.is_empty() {
        covered(bytes, &file.tokens);
        assert_eq!(file.tokens, scan(bytes).0);
        let comments = file
            .tokens
            .iter()
            .filter(|token| token.kind == TokenKind::Comment)
            .count();
        assert_eq!(comments, file.comments.iter().map(|group| group.0.len()).sum::<usize>());
    }
    let (expr, diags) = parse_expression(bytes);
    tree::check_expr(&expr, bytes.len());
    if diags.is_empty() {
        // What messages quote reads back as the same.
        let text = format::format_expr(&expr);
        let (again, diags) = parse_expression(text.as_bytes());
        assert_eq!(diags, [], "{text:?}");
        assert!(expr.same_as(&again), "{text:?}");
    }
}

/// Texts with errors are refused, all others are formatted; nothing gets lost, and there is nothing left to format.
pub fn formatter(bytes: &[u8]) {
    let text: Cow<'_, [u8]> = match bytes.split_first() {
        Some((&CHOICES, choices)) => program::program(choices).into_bytes().into(),
        _ => bytes.into(),
    };
    let (file, diags) = parse("f", &text);
    // Trees with errors are not formatted, but nothing else keeps a caller from it.
    let _ = format::format_file(&file);
    let formatted = match format::format("f", &text) {
        Ok(formatted) => formatted,
        Err(reported) => {
            assert_eq!(reported, diags, "{:?}", String::from_utf8_lossy(&text));
            assert!(!matches!(bytes.first(), Some(&CHOICES)), "{reported:?}");
            return;
        }
    };
    assert_eq!(diags, []);
    assert_eq!(format::lossless(&text, &formatted), Ok(()));
    assert_eq!(format::format("f", &formatted).as_ref(), Ok(&formatted));
    // The other ways to write a tree.
    let body = format::format_body_in(&file.source, &file.body);
    let (again, diags) = parse("f", body.as_bytes());
    assert_eq!(diags, [], "{body:?}");
    assert!(file.body.same_as(&again.body), "{body:?}");
}

/// OTLP requests are refused, or read, cut, edited and written in JSON as generated code would. The first byte says of which signal, and whether
/// what follows is protobuf or JSON.
pub fn otlp(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let signal = Signal::ALL[usize::from(kind % 3)];
    if kind / 3 % 2 == 0 {
        oracle::check(signal, rest);
    } else if let Ok((request, _)) = json::decode(signal, rest) {
        assert!(oracle::check(signal, &request));
    }
}
