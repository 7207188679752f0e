//! The template cases of the vectors for Loki's stages, as far as they need nothing but the engine.

use gotemplate::Template;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors/loki-stages.json");

/// The value of a string attribute in a configuration; the escapes used there are those of JSON.
fn attribute(config: &str, name: &str) -> Option<String> {
    let is_attribute = |at: &usize| config[at + name.len()..].trim_start().starts_with('=');
    let at = config.match_indices(name).map(|(at, _)| at).find(is_attribute)?;
    let literal = &config[at + config[at..].find('"')?..];
    serde_json::Deserializer::from_str(literal)
        .into_iter::<String>()
        .next()?
        .ok()
}

#[test]
fn vectors() {
    let Ok(text) = std::fs::read_to_string(VECTORS) else {
        println!("skipped: ../shared is absent");
        return;
    };
    let cases: Vec<Value> = serde_json::from_str(&text).expect("the vectors are JSON");
    let (mut run, mut left_out) = (0, Vec::new());
    for case in cases.iter().filter(|case| case["stage"] == "template") {
        let name = case["name"].as_str().unwrap_or_default();
        let config = case["config"].as_str().unwrap_or_default();
        if config.matches("stage.").count() != 1 || attribute(config, "source").is_none_or(|s| s.is_empty()) {
            left_out.push(name);
            continue;
        }
        let source = attribute(config, "source").unwrap_or_default();
        let template = Template::parse(&attribute(config, "template").expect("a template"));
        run += 1;
        if case["expect_config_error"] == true {
            assert!(template.is_err(), "{name}");
            continue;
        }
        let template = template.unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut extracted = case["input"]["labels"].as_object().cloned().unwrap_or_default();
        extracted.extend(case["input"]["extracted"].as_object().cloned().unwrap_or_default());
        let data = data(&extracted, &source, case["input"]["line"].as_str().unwrap_or_default());
        match template.render(&data) {
            Ok(out) if out.is_empty() => {
                extracted.remove(&source);
            }
            Ok(out) => {
                extracted.insert(source, Value::String(out));
            }
            Err(_) => {}
        }
        assert_eq!(Value::Object(extracted), case["expect"]["extracted"], "{name}");
    }
    println!("{run} cases run, left out for other stages or checks: {left_out:?}");
    assert!(run >= 50, "only {run} cases");
}

fn data(extracted: &Map<String, Value>, source: &str, line: &str) -> BTreeMap<String, String> {
    let mut data = BTreeMap::new();
    for (name, value) in extracted {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.as_f64().map(|number| number.to_string()).unwrap_or_default(),
            Value::Bool(flag) => flag.to_string(),
            _ => continue,
        };
        data.insert(name.clone(), text);
    }
    if let Some(value) = data.get(source).cloned() {
        data.insert("Value".to_owned(), value);
    }
    data.insert("Entry".to_owned(), line.to_owned());
    data
}
