//! Results of Prometheus' own code.

use relabel::{Action, Config, Names, Rules, is_legacy_template};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The vectors, or one line that says that they are not there.
fn vectors() -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/relabel.json");
    match std::fs::read(&path) {
        Ok(text) => Some(serde_json::from_slice(&text).expect("the vectors are JSON")),
        Err(_) => {
            eprintln!("skipped: {} is not there", path.display());
            None
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn strings(value: &Value) -> BTreeMap<String, String> {
    let object = value.as_object().expect("an object");
    object.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

fn action(name: &str) -> Option<Action> {
    use Action::*;
    [
        Replace, Keep, Drop, HashMod, LabelMap, LabelDrop, LabelKeep, Lowercase, Uppercase, KeepEqual, DropEqual,
    ]
    .into_iter()
    .find(|action| action.as_str() == name)
}

fn config(rule: &Value) -> Option<Config> {
    let sources = rule["source_labels"].as_array().into_iter().flatten();
    Some(Config {
        source_labels: sources.map(text).collect(),
        separator: text(&rule["separator"]),
        regex: text(&rule["regex"]),
        modulus: rule["modulus"].as_u64().expect("a number"),
        target_label: text(&rule["target_label"]),
        replacement: text(&rule["replacement"]),
        action: action(rule["action"].as_str().expect("a string"))?,
    })
}

/// The one case whose rule Alloy refuses when it loads it: a template with a dot in it.
const UNCHECKED: (Option<&str>, Names) = (Some("TestRelabel/30"), Names::LegacyWhenApplied);

#[test]
fn every_case_gives_what_prometheus_gives() {
    let Some(vectors) = vectors() else { return };
    let cases = vectors["cases"].as_array().expect("a list");
    assert!(cases.len() >= 61, "only {} cases", cases.len());
    for case in cases {
        let configs: Vec<Config> = case["rules"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|rule| config(rule).expect("a known action"))
            .collect();
        for (names, expect) in [
            (Names::Utf8, &case["expect_utf8"]),
            (Names::LegacyWhenApplied, &case["expect_legacy"]),
        ] {
            let what = format!("{} with {names:?}", case["name"]);
            let rules = match Rules::compile(&configs, names) {
                Ok(rules) => rules,
                // The vectors were made without the check that comes first. What it refuses are templates of names.
                Err(error) => {
                    assert_eq!((case["name"].as_str(), names), UNCHECKED, "{what}: {error}");
                    assert_eq!(error.field(), "target_label");
                    continue;
                }
            };
            // A scratch that has seen other labels makes no difference.
            let mut scratch = rules.scratch();
            rules.apply(&mut BTreeMap::from([("zz".to_owned(), "zz".to_owned())]), &mut scratch);
            let mut labels = strings(&case["input"]);
            let keep = rules.apply(&mut labels, &mut scratch);
            assert_eq!(Value::Bool(keep), expect["keep"], "{what}");
            if keep {
                assert_eq!(labels, strings(&expect["output"]), "{what}");
            }
        }
    }
}

#[test]
fn targets_with_groups_are_checked_by_prometheus_pattern() {
    let Some(vectors) = vectors() else { return };
    for case in vectors["legacy_target_label_pattern"].as_array().expect("a list") {
        let target = case["target"].as_str().expect("a string");
        assert_eq!(Value::Bool(is_legacy_template(target)), case["valid"], "{target:?}");
    }
}

#[test]
fn rules_that_prometheus_refuses_are_refused() {
    let Some(vectors) = vectors() else { return };
    for case in vectors["validate"].as_array().expect("a list") {
        let Some(config) = config(&case["rule"]) else {
            // No action at all cannot be expressed.
            assert!(
                case["error_contains"]
                    .as_str()
                    .is_some_and(|text| text.contains("action"))
            );
            continue;
        };
        let names = match case["scheme"].as_str() {
            Some("legacy") => Names::Legacy,
            _ => Names::Utf8,
        };
        let outcome = Rules::compile(std::slice::from_ref(&config), names);
        let refused = !text(&case["error_contains"]).is_empty();
        assert_eq!(outcome.is_err(), refused, "{case}: {outcome:?}");
    }
}

#[test]
fn errors_name_the_field() {
    let field = |config: Config| Rules::compile(&[config], Names::LegacyWhenApplied).map_err(|error| error.field());
    let of = |action| Config {
        action,
        target_label: "t".to_owned(),
        ..Config::default()
    };
    let check = |config: Config, expect: &str| assert_eq!(field(config.clone()).err(), Some(expect), "{config:?}");
    check(of(Action::HashMod), "modulus");
    check(Config::default(), "target_label");
    check(
        Config {
            target_label: "a-${1}".to_owned(),
            ..Config::default()
        },
        "target_label",
    );
    check(
        Config {
            replacement: "x".to_owned(),
            ..of(Action::Lowercase)
        },
        "replacement",
    );
    check(of(Action::LabelDrop), "target_label");
    check(
        Config {
            regex: "x".to_owned(),
            ..of(Action::KeepEqual)
        },
        "regex",
    );
    check(
        Config {
            regex: "(".to_owned(),
            ..of(Action::Replace)
        },
        "regex",
    );
    check(
        Config {
            replacement: "a.b".to_owned(),
            action: Action::LabelMap,
            ..Config::default()
        },
        "replacement",
    );
    assert!(field(of(Action::DropEqual)).is_ok());
}
