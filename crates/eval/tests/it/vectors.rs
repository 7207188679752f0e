//! Every case of the evaluation vectors.

use crate::support::{parse, scope};
use serde_json::Value as Json;
use syntax::{Diagnostic, Source, ast::Expr};
use value::{Bytes, FromValue, Number, OptionalSecret, Secret, Value};

/// Cases in which Invar differs: expression, what is expected instead, entry of `docs/differences.md`.
const DIFFERENT: &[(&str, &str, &str)] = &[];

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
                failures.push(format!("`{expr}` into {target}: {said}\n    expected (differs): {expect}"));
            }
            continue;
        }
        let mut complain = |what: &str, expect: &str| failures.push(format!("`{expr}` into {target}: {said}\n    {what}: {expect}"));
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
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
    println!("{} cases, {different} of them differ as documented", cases.len());
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
