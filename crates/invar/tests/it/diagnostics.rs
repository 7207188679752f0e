//! Deliberately broken configurations: each diagnostic stands at the right place and says what to do.

use crate::support::{invar, texts};

struct Case {
    name: String,
    config: String,
    /// `line:column` and text.
    expected: Vec<(String, String)>,
    hint: Option<String>,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in include_str!("../data/broken.txt").lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case {
                name: name.to_owned(),
                config: String::new(),
                expected: Vec::new(),
                hint: None,
            });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        if let Some(expected) = line.strip_prefix("> ") {
            let (place, text) = expected.split_once(' ').expect("a place and a text");
            case.expected.push((place.to_owned(), text.to_owned()));
        } else if let Some(hint) = line.strip_prefix("? ") {
            case.hint = Some(hint.to_owned());
        } else {
            case.config.push_str(line);
            case.config.push('\n');
        }
    }
    cases
}

#[test]
fn broken_configurations_are_reported_where_they_are_broken() {
    let cases = cases();
    assert!(cases.len() >= 30, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("config.alloy");
        std::fs::write(&path, case.config.trim_end_matches('\n')).expect("the configuration can be written");
        let path = path.to_str().expect("a temporary path is text");
        let (out, error, code) = texts(&invar(&["validate", path], ""));
        let mut say = |what: String| wrong.push(format!("{}: {what}\n{error}", case.name));
        if code != 1 || !out.is_empty() {
            say(format!("exit code {code}, standard output {out:?}"));
        }
        for (place, text) in &case.expected {
            let header = format!("{path}:{place}: ");
            if !error
                .lines()
                .any(|line| line.contains(&header) && line.contains(text.as_str()))
            {
                say(format!("nothing at {place} says {text:?}"));
            }
        }
        if let Some(hint) = &case.hint
            && !error
                .lines()
                .any(|line| line.contains("hint: ") && line.contains(hint.as_str()))
        {
            say(format!("no hint says {hint:?}"));
        }
        if error.contains("panicked") {
            say("it panicked".to_owned());
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
