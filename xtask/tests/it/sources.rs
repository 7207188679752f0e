//! What may stand where in the sources.

use crate::workspace::{members, root, rust_files};
use std::fs;

#[test]
fn only_lib_may_hold_unsafe_and_each_block_says_why() {
    let word = regex::Regex::new(r"\bunsafe\s*(\{|fn|impl)").expect("the pattern is well formed");
    for file in rust_files(&root()) {
        let text = fs::read_to_string(&file).expect("the file can be read");
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate().filter(|(_, line)| word.is_match(line)) {
            let place = format!("{}:{}: {}", file.display(), i + 1, line.trim());
            assert!(file.starts_with(root().join("lib")), "unsafe outside lib: {place}");
            let said = lines[i.saturating_sub(4)..=i]
                .iter()
                .any(|line| line.contains("SAFETY:"));
            assert!(said, "unsafe without a SAFETY comment: {place}");
        }
    }
}

#[test]
fn every_component_is_listed_and_lives_where_its_name_says() {
    let registration = regex::Regex::new(r#"Registration\s*=\s*Registration::of::<[^>]+>\(\s*"([^"]+)""#)
        .expect("the pattern is well formed");
    let mut found = 0;
    for member in members().values().filter(|member| member.room == "components") {
        let list = fs::read_to_string(member.dir.join("src/lib.rs")).expect("a family has a lib.rs");
        for file in rust_files(&member.dir.join("src")) {
            let text = fs::read_to_string(&file).expect("the file can be read");
            for name in registration.captures_iter(&text).map(|found| found[1].to_owned()) {
                found += 1;
                // `a.b.c` lives in family `a-b` as c.rs, or in family `a` as b/c.rs.
                let below = file
                    .strip_prefix(member.dir.join("src"))
                    .expect("the file lies below src")
                    .with_extension("");
                let mut parts: Vec<String> = member.name.split('-').map(str::to_owned).collect();
                // A module cannot have the name of a keyword, such as `self`: that one is followed by `_`.
                let named = |part: &std::ffi::OsStr| match part.to_string_lossy() {
                    part if part == "self_" => "self".to_owned(),
                    part => part.into_owned(),
                };
                parts.extend(below.iter().map(named));
                assert_eq!(parts.join("."), name, "{} holds component {name}", file.display());
                let module = below
                    .iter()
                    .map(|part| part.to_string_lossy().into_owned())
                    .collect::<Vec<_>>()
                    .join("::");
                assert!(
                    list.contains(&format!("{module}::COMPONENT")),
                    "{}: {name} is not in COMPONENTS of lib.rs",
                    member.name
                );
            }
        }
    }
    assert!(
        found >= 6,
        "only {found} registrations found: does the pattern still match?"
    );
}

#[test]
fn no_global_state_outside_the_binary() {
    let global = regex::Regex::new(r"\bstatic\s+mut\b|lazy_static!|\bSystemTime::now\(|\bInstant::now\(\)")
        .expect("the pattern is well formed");
    // Time of day and files come through `host`; tokio's Instant is what a test can pause.
    for member in members().values().filter(|member| member.room == "components") {
        for file in rust_files(&member.dir.join("src")) {
            let text = fs::read_to_string(&file).expect("the file can be read");
            // Tests may set the times of real files.
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            if file.ends_with("tests.rs") {
                continue;
            }
            for (i, line) in code.lines().enumerate() {
                if let Some(found) = global.find(line)
                    && !line.contains("tokio::time::Instant::now")
                    && !text.contains("use tokio::time::{Duration, Instant")
                    && !text.contains("use tokio::time::Instant")
                {
                    panic!("{}:{}: `{}`: ask the Context", file.display(), i + 1, found.as_str());
                }
            }
        }
    }
}

#[test]
fn texts_are_plain_about_files_that_are_too_long() {
    // 700 lines is where a file no longer fits a head; tests and tables may be longer.
    let mut long = Vec::new();
    for member in members().values() {
        for file in rust_files(&member.dir.join("src")) {
            let lines = fs::read_to_string(&file).expect("the file can be read").lines().count();
            let table = file.ends_with("upstream.rs");
            if lines > 900 && !table {
                long.push(format!("{} ({lines} lines)", file.display()));
            }
        }
    }
    assert!(long.is_empty(), "look for the seam in: {long:#?}");
}
