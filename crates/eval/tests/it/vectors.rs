//! Every case of the evaluation vectors.

use crate::support::{parse, scope};
use serde_json::Value as Json;
use syntax::{Diagnostic, Source, ast::Expr};
use value::{Bytes, FromValue, Number, OptionalSecret, Secret, Value};

/// Cases in which Invar differs: expression, what is expected instead, entry of `docs/differences.md`.
const DIFFERENT: &[(&str, &str, &str)] = &[
    (
        "null+null",
        "1:1: null should be one of [number string capsule] for binop +, got null",
        "eval.null-position",
    ),
    ("!null", "1:2: null should be bool, got null", "eval.null-position"),
    (
        "null.x",
        "1:1: null cannot access field \"x\" on value of type null",
        "eval.null-position",
    ),
    (
        "null[\"x\"]",
        "1:1: null expected object or array, got null",
        "eval.null-position",
    ),
    (
        "array.concat([1],null)",
        "1:18: null should be array, got null",
        "eval.null-position",
    ),
    (
        "true+true",
        "1:1: true should be one of [number string capsule] for binop +, got bool",
        "eval.equal-literals",
    ),
    ("encoding.to_json({a=sec,b=osect})", "(secret)", "eval.to-json-secret"),
    ("{\"a\\\"b\"=1}", "{\n\t\"a\\\\\\\"b\" = 1,\n}", "eval.object-key-text"),
    (
        "array.combine_maps([{}],[{}])",
        "1:1: array.combine_maps combine_maps: expected 3 or 4 arguments, got 2",
        "eval.argument-count",
    ),
    (
        "array.group_by([])",
        "1:1: array.group_by group_by: expected 3 arguments, got 1",
        "eval.argument-count",
    ),
];

fn vectors() -> Option<Json> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors/syntax.json");
    match std::fs::read(path) {
        Ok(text) => Some(serde_json::from_slice(&text).expect("the vectors are JSON")),
        Err(_) => {
            println!("skipped: ../shared is absent");
            None
        }
    }
}

fn into<T: FromValue>(source: &Source, expr: &Expr) -> Result<Value, Diagnostic> {
    eval::convert::<T>(source, expr, &scope()).map(|converted| converted.to_value())
}

fn run(expr: &str, target: &str) -> Result<Value, Diagnostic> {
    let (source, expr) = parse(expr);
    let into = match target {
        "any" => into::<Value>,
        "string" => into::<value::Str>,
        "int" => into::<i64>,
        "float64" => into::<f64>,
        "bool" => into::<bool>,
        "uint8" => into::<u8>,
        "int8" => into::<i8>,
        "uint64" => into::<u64>,
        "[]string" => into::<Vec<String>>,
        "[]int" => into::<Vec<i64>>,
        "[2]int" => into::<[i64; 2]>,
        "map[string]string" => into::<std::collections::BTreeMap<String, String>>,
        "bytes" => into::<Bytes>,
        "secret" => into::<Secret>,
        "optional_secret" => into::<OptionalSecret>,
        other => panic!("no such target: {other}"),
    };
    into(&source, &expr)
}

/// What Go's type is here.
fn fits(value: &Value, go_type: &str) -> bool {
    match go_type {
        "nil" => matches!(value, Value::Null),
        "int" | "int8" => matches!(value, Value::Number(Number::Int(_))),
        "uint8" | "uint64" => matches!(value, Value::Number(Number::Uint(_))),
        "float64" => matches!(value, Value::Number(Number::Float(_))),
        "string" => matches!(value, Value::String(_)),
        "bool" => matches!(value, Value::Bool(_)),
        "[]uint8" => matches!(value, Value::Bytes(_)),
        "map[string]interface {}" | "map[string]string" => matches!(value, Value::Object(_)),
        "alloytypes.Secret" | "alloytypes.OptionalSecret" => {
            matches!(value, Value::Capsule(capsule) if capsule.type_name() == go_type)
        }
        go if go.starts_with("func") => matches!(value, Value::Function(_)),
        // Bytes in a target without a type become numbers there, and stay bytes here.
        go if go.starts_with('[') => matches!(value, Value::Array(_) | Value::Bytes(_)),
        other => panic!("no such type: {other}"),
    }
}

#[test]
fn expressions() {
    let Some(vectors) = vectors() else { return };
    let cases = vectors["eval"].as_array().expect("a list");
    let mut failures = Vec::new();
    let mut different = 0;
    for case in cases {
        let text = |key: &str| case[key].as_str().unwrap_or_default();
        let (expr, target) = (text("expr"), text("into"));
        let got = run(expr, target);
        let said = match &got {
            Ok(value) => value::to_text(value),
            Err(diagnostic) => diagnostic.to_string(),
        };
        if let Some((_, expect, _)) = DIFFERENT.iter().find(|(name, ..)| *name == expr) {
            different += 1;
            if said != *expect {
                failures.push(format!(
                    "`{expr}` into {target}: {said}\n    expected (differs): {expect}"
                ));
            }
            continue;
        }
        let mut complain =
            |what: &str, expect: &str| failures.push(format!("`{expr}` into {target}: {said}\n    {what}: {expect}"));
        match &got {
            Err(_) if said != text("error") => complain("error", text("error")),
            Err(_) => {}
            Ok(_) if case["ok"] != true => complain("error", text("error")),
            Ok(_) if said != text("alloy_text") => complain("text", text("alloy_text")),
            Ok(value) if !fits(value, text("go_type")) => complain("type", text("go_type")),
            Ok(value) => {
                let json: Json = serde_json::from_str(&value::to_json(value)).expect("it is JSON");
                if !same_json(&json, &case["alloy_json"]) {
                    complain("json", &format!("{} instead of {json}", case["alloy_json"]));
                }
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
    println!("{} cases, {different} of them differ as documented", cases.len());
}

/// The cases of the specification, most of which are in the vectors, too: `expression` [into target] => type : text.
#[test]
fn specification() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference/runtime-spec.md");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: ../shared is absent");
        return;
    };
    let (mut count, mut failures) = (0, Vec::new());
    let section = text
        .split("# APPENDIX C")
        .nth(1)
        .and_then(|rest| rest.split("# APPENDIX D").next())
        .unwrap_or_default();
    for line in section.lines().filter_map(|line| line.strip_prefix("- `")) {
        let Some((expr, outcome)) = line
            .split_once("` ")
            .and_then(|(expr, rest)| Some((expr, rest.split_once("=> ")?)))
        else {
            panic!("a case is malformed: {line}");
        };
        let (target, outcome) = outcome;
        let target = target
            .trim()
            .strip_prefix("[into ")
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or("any");
        let said = match run(expr, target) {
            Ok(value) => value::to_text(&value),
            Err(diagnostic) => diagnostic.to_string(),
        };
        count += 1;
        let expect = match DIFFERENT.iter().find(|(name, ..)| *name == expr) {
            Some((_, expect, _)) => (*expect).to_owned(),
            None => match outcome.strip_prefix("error ") {
                Some(error) => error.to_owned(),
                None => outcome.split_once(" : ").map_or(outcome, |(_, text)| text).to_owned(),
            },
        };
        // The specification writes line breaks and tabs as escapes.
        let flat = |text: &str| text.replace('\n', "\\n").replace('\t', "\\t");
        if flat(&said) != flat(&expect) {
            failures.push(format!("`{expr}` into {target}: {said}\n    expected: {expect}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {count}:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(count > 290, "only {count} cases were found");
    println!("{count} cases");
}

/// Each difference has its entry.
#[test]
fn differences_are_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/differences.md");
    let text = std::fs::read_to_string(path).expect("docs/differences.md");
    for (expr, _, id) in DIFFERENT {
        assert!(
            text.contains(&format!("\n### {id}\n")),
            "{id}, of `{expr}`, is not in docs/differences.md"
        );
    }
}

/// Numbers are compared as floats.
fn same_json(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_json(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same_json(a, b)))
        }
        _ => a == b,
    }
}
