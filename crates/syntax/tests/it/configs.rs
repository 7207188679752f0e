//! Real configurations.

use crate::{alloy_files, format_checked, shared};
use std::path::Path;

/// Files that are no valid configuration, with the first error.
const FAULTY: &[(&str, &str)] = &[(
    "configs/alloy-scenarios/routing/config.alloy",
    "configs/alloy-scenarios/routing/config.alloy:110:2: expected }, got EOF",
)];

#[test]
fn real_configurations_parse_and_format() {
    let Some(shared) = shared() else {
        return;
    };
    let files = alloy_files(&shared.join("configs"));
    assert!(files.len() > 150, "only {} files", files.len());
    let mut faulty = Vec::new();
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        let name = path.strip_prefix(&shared).unwrap().to_string_lossy().into_owned();
        match syntax::parse(&name, text.as_bytes()).1.first() {
            Some(diag) => faulty.push((name, diag.to_string())),
            None => drop(format_checked(&text)),
        }
    }
    let expected: Vec<_> = FAULTY
        .iter()
        .map(|(name, error)| (name.to_string(), error.to_string()))
        .collect();
    assert_eq!(faulty, expected);
}

/// Members of an archive.
fn members(text: &str) -> Vec<&str> {
    let parts = format!("\n{text}").matches("\n-- ").count();
    let members: Vec<&str> = text
        .split("\n-- ")
        .enumerate()
        .filter_map(|(i, part)| {
            (i > 0 || part.starts_with("-- "))
                .then(|| part.split_once('\n'))
                .flatten()
        })
        .map(|(_, member)| member)
        .collect();
    assert_eq!(members.len(), parts);
    members
}

/// Formats everything in the language; some of it is meant to be wrong, and refused.
fn look(folder: &Path, seen: &mut (usize, usize)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            look(&path, seen);
            continue;
        }
        let text = match path.extension().and_then(|extension| extension.to_str()) {
            Some("alloy" | "in" | "expect" | "txtar") => std::fs::read_to_string(&path).unwrap(),
            _ => continue,
        };
        let texts = match path.extension() {
            Some(extension) if extension == "txtar" => members(&text),
            _ => vec![text.as_str()],
        };
        for text in texts {
            // Lines as they are written on other systems say the same.
            for text in [text.to_owned(), text.replace("\r\n", "\n").replace('\n', "\r\n")] {
                match syntax::parse("f", text.as_bytes()).1.is_empty() {
                    true => {
                        format_checked(&text);
                        seen.0 += 1;
                    }
                    false => {
                        assert!(syntax::format::format("f", text.as_bytes()).is_err());
                        seen.1 += 1;
                    }
                }
            }
        }
    }
}

#[test]
fn all_texts_format_without_loss_or_are_refused() {
    let Some(shared) = shared() else {
        return;
    };
    let mut seen = (0, 0);
    look(&shared, &mut seen);
    println!("{} texts formatted, {} refused", seen.0, seen.1);
    assert!(seen.0 > 600, "only {} texts", seen.0);
}
