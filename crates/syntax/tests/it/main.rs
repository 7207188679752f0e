//! The language against recorded behaviour of Alloy (vectors, worked cases, upstream test data), real configurations and random
//! input. The data lies in a folder beside the workspace; where it is absent, its tests say so and pass.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod configs;
mod diag;
mod differences;
mod fmt;
mod parse;
mod program;
mod property;
mod scan;

use std::path::{Path, PathBuf};

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

/// Formats a valid text and checks what must hold for each: nothing is lost, and nothing is left to format.
fn format_checked(source: &str) -> String {
    let (_, diags) = syntax::parse("f.alloy", source.as_bytes());
    assert_eq!(diags, [], "{source:?}");
    let output = syntax::format::format("f.alloy", source.as_bytes()).unwrap();
    let text = String::from_utf8(output.clone()).unwrap();
    let checked = syntax::format::lossless(source.as_bytes(), &output);
    assert_eq!(checked, Ok(()), "{source:?} became {text:?}");
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
