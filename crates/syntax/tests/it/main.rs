//! The language against recorded behaviour of Alloy (vectors, worked cases, upstream test data), real configurations and random
//! input. The data lies in a folder beside the workspace; where it is absent, its tests say so and pass.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod configs;
mod diag;
mod differences;
mod fmt;
mod parse;
mod property;
mod scan;

use std::path::{Path, PathBuf};
use syntax::TokenKind;

/// The shared data, or `None` after a visible line.
fn shared() -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    if path.is_dir() {
        return Some(path.to_path_buf());
    }
    println!("skipped: ../shared is absent");
    None
}

/// One list of the language's test vectors.
fn vectors(name: &str) -> Option<Vec<serde_json::Value>> {
    let text = std::fs::read_to_string(shared()?.join("vectors/syntax.json")).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let list = all[name].as_array().unwrap().clone();
    assert!(list.len() > 15, "vectors are missing");
    Some(list)
}

/// All files below a folder whose name ends in `.alloy`, in order.
fn alloy_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(alloy_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "alloy") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The tokens of a text that formatting must keep, and its comments, each in order. Commas and terminators come and go, empty
/// labels vanish, object keys may lose back quotes.
fn essence(text: &[u8]) -> (Vec<String>, Vec<String>) {
    let (mut tokens, mut comments) = (Vec::new(), Vec::new());
    for token in syntax::scanner::scan(text).0 {
        let bytes = &text[token.span.range()];
        match token.kind {
            TokenKind::Terminator | TokenKind::Comma => {}
            TokenKind::Comment => comments.push(syntax::scanner::comment_text(bytes)),
            TokenKind::String if bytes == b"\"\"" => {}
            TokenKind::String => tokens.push(String::from_utf8_lossy(bytes).replace('`', "\"")),
            kind if kind.has_text() => tokens.push(String::from_utf8_lossy(bytes).into_owned()),
            kind => tokens.push(kind.to_string()),
        }
    }
    (tokens, comments)
}

/// Formats a valid text and checks what must hold for each: same tokens, same comments, same tree, and nothing left to format.
fn format_checked(source: &str) -> String {
    let (file, diags) = syntax::parse("f.alloy", source.as_bytes());
    assert_eq!(diags, [], "{source:?}");
    let output = syntax::format::format("f.alloy", source.as_bytes()).unwrap();
    let (again, diags) = syntax::parse("f.alloy", &output);
    let text = String::from_utf8(output.clone()).unwrap();
    assert_eq!(diags, [], "{source:?} became {text:?}");
    assert!(file.body.same_as(&again.body), "{source:?} became {text:?}");
    assert_eq!(
        essence(source.as_bytes()),
        essence(&output),
        "{source:?} became {text:?}"
    );
    assert_eq!(
        syntax::format::format("f.alloy", &output).unwrap(),
        output,
        "{source:?} became {text:?}"
    );
    text
}

/// The printed report about a text.
fn report(source: &[u8]) -> String {
    let (_, diags) = syntax::parse("f.alloy", source);
    syntax::diag::Printer::default().print(&diags, |name| (name == "f.alloy").then_some(source))
}
