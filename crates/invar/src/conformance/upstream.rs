//! The archives of upstream's validator, with the reports that it prints.

use super::{Checker, assert_documented, shared};
use runtime::sources::SourceFile;
use std::collections::BTreeSet;
use testkit::txtar::Archive;

/// Diagnostics that differ on purpose: archive, what Alloy says, what Invar says, and the section of `docs/differences.md`.
const DIFFERENT: &[(&str, Option<&str>, Option<&str>, &str)] = &[
    (
        "invalid_types",
        Some("Error: main.alloy:3:13: target::ConvertFrom: conversion from 'int64' is not supported"),
        Some("Error: main.alloy:3:13: expected object, got number"),
        "check.targets",
    ),
    (
        "invalid_types",
        Some("Error: main.alloy:10:12: unknown action random"),
        Some("Error: main.alloy:10:12: expected one of \"insert\", \"update\", \"upsert\", \"delete\", got \"random\""),
        "otelcol.auth.headers.action",
    ),
    (
        "valid",
        None,
        Some("Error: main.alloy:229:43: combine_maps: merge conditions must not be empty"),
        "validate.types",
    ),
    (
        "valid",
        None,
        Some("Error: main.alloy:230:43: combine_maps: merge conditions must not be empty"),
        "validate.types",
    ),
];

/// Excerpts that differ on purpose though place and words are the same: archive, place, section.
const UNDERLINED: &[(&str, &str, &str)] = &[
    ("invalid_foreach", "main.alloy:37:3", "check.duplicates"),
    ("invalid_foreach", "main.alloy:62:1", "check.duplicates"),
    ("invalid_foreach", "main.alloy:93:5", "check.duplicates"),
];

/// A diagnostic as it is printed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Printed {
    /// `Error: main.alloy:1:1: message`
    head: String,
    /// The lines of the file with the place underlined.
    excerpt: String,
}

/// The diagnostics of a report.
fn printed(report: &str) -> BTreeSet<Printed> {
    let mut all: Vec<Printed> = Vec::new();
    for line in report.lines() {
        if line.starts_with("Error: ") || line.starts_with("Warning: ") {
            all.push(Printed {
                head: line.to_owned(),
                excerpt: String::new(),
            });
        } else if let Some(last) = all.last_mut().filter(|_| !line.is_empty()) {
            last.excerpt.push_str(line);
            last.excerpt.push('\n');
        }
    }
    all.into_iter().collect()
}

#[test]
fn upstreams_archives_are_reported_as_upstream_does() {
    let Some(folder) = shared("upstream/alloy/validator/default") else {
        return;
    };
    let checker = Checker::new();
    let (mut only_theirs, mut only_ours, mut underlined) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut archives = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.extension().is_none_or(|extension| extension != "txtar") {
            continue;
        }
        archives += 1;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let read = |path| {
            std::fs::read_to_string(path)
                .expect("test data is text")
                .replace("\r\n", "\n")
        };
        let golden = printed(&read(path.with_extension("diags")));
        let files = Archive::parse(&read(path)).files.into_iter().map(|file| SourceFile {
            name: file.name,
            text: file.content.into_bytes(),
        });
        let mut found = checker.validate(&files.collect::<Vec<_>>(), &folder.display().to_string());
        for diagnostic in &mut found.diagnostics.0 {
            assert!(diagnostic.trace.instances().is_empty(), "{diagnostic}");
            // Alloy gives none.
            diagnostic.hint = None;
        }
        // One after the other, since a report is cut when it gets long.
        let ours = found.diagnostics.iter().map(|diagnostic| {
            let alone = syntax::Diagnostics(vec![diagnostic.clone()]);
            runtime::report(&alone, &found.sources, false)
        });
        let ours = printed(&ours.collect::<String>());
        let heads = |all: &BTreeSet<Printed>| -> BTreeSet<String> { all.iter().map(|one| one.head.clone()).collect() };
        let (theirs_said, ours_said) = (heads(&golden), heads(&ours));
        let named = |head: &String| (name.clone(), head.clone());
        only_theirs.extend(theirs_said.difference(&ours_said).map(named));
        only_ours.extend(ours_said.difference(&theirs_said).map(named));
        let both = ours.difference(&golden).filter(|one| theirs_said.contains(&one.head));
        underlined.extend(both.map(|one| (name.clone(), one.head.clone(), one.excerpt.clone())));
    }
    assert!(archives >= 6, "{archives} archives");

    let mut wrong = Vec::new();
    for (archive, theirs, ours, id) in DIFFERENT {
        assert_documented(id);
        let named = |head: &str| (archive.to_string(), head.to_owned());
        if theirs.is_some_and(|theirs| !only_theirs.remove(&named(theirs))) {
            wrong.push(format!(
                "{archive}: listed under {id}, and no difference any more: {theirs:?}"
            ));
        }
        if ours.is_some_and(|ours| !only_ours.remove(&named(ours))) {
            wrong.push(format!("{archive}: listed under {id}, and not said: {ours:?}"));
        }
    }
    for (archive, place, id) in UNDERLINED {
        assert_documented(id);
        let before = underlined.len();
        underlined.retain(|(name, head, _)| name != archive || !head.contains(&format!(" {place}: ")));
        if underlined.len() == before {
            wrong.push(format!(
                "{archive}: listed under {id}, and underlined as Alloy does: {place}"
            ));
        }
    }
    wrong.extend(
        only_theirs
            .iter()
            .map(|(name, head)| format!("{name}: only Alloy says: {head}")),
    );
    wrong.extend(
        only_ours
            .iter()
            .map(|(name, head)| format!("{name}: only Invar says: {head}")),
    );
    wrong.extend(
        underlined
            .iter()
            .map(|(name, head, excerpt)| format!("{name}: underlined otherwise: {head}\n{excerpt}")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
