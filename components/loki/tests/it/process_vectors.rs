//! The test vectors of the stages of `loki.process`.

use host::{Host, ManualClock};
use loki::process::{Arguments, Given, Outcome, Trial, TrialResult};
use promtext::Registry;
use serde_json::Value;
use signals::{Entry, Labels, Metadata};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// 2026-07-01T12:00:00Z
const NOW: i64 = 1_782_907_200_000_000_000;

/// Deliberate differences, by their headings in docs/differences.md. None of them shows in a vector.
const DIFFERENCES: &[&str] = &[
    "process.match-order",
    "process.held-records",
    "process.cri-partials",
    "process.limit-stop",
    "process.negative-counter",
    "process.counted-once",
    "process.metrics-kept",
    "process.unlisted-drops",
    "process.json-order",
    "process.jmespath",
    "process.logfmt",
    "process.timestamp-range",
    "process.metadata-text",
    "process.truncate-text",
    "process.decolorize",
];

/// Stages that Invar does not have yet.
const ABSENT: &[&str] = &["luhn", "eventlogmessage", "windowsevent", "geoip"];

/// Arguments of a `loki.process` with these stages.
pub fn decode(config: &str) -> Result<Arguments, String> {
    let text = format!("loki.process \"test\" {{\nforward_to = []\n{config}\n}}\n");
    let (file, diagnostics) = syntax::parse("test.alloy", text.as_bytes());
    if let Some(diagnostic) = diagnostics.first() {
        return Err(format!("{diagnostic:?}"));
    }
    let block = file.body.blocks().next().ok_or("no block")?;
    let facts = eval::HostFacts {
        hostname: String::new(),
        os: "linux".to_owned(),
        arch: "amd64".to_owned(),
        version: "v1.0.0".to_owned(),
        env: Arc::new(|_| None),
    };
    let scope = eval::Scope::new(value::Object::new(), &eval::Stdlib::new(&facts));
    let source = syntax::Source::new("test.alloy", text.as_bytes());
    let evaluated = eval::evaluate_body(&source, block, &scope);
    let decoded = value::decode::<Arguments>(&evaluated.body).map_err(|error| format!("{error:?}"));
    let found = loki::process::COMPONENT.check(&evaluated.body, &[]);
    match &decoded {
        Ok(_) if found.is_empty() => unknown_values_are_not_blamed(config, &evaluated.body),
        // The vectors know whether that is right.
        Ok(_) => return Err(format!("{found:?}")),
        Err(_) => assert!(!found.is_empty(), "{config}"),
    }
    decoded
}

/// What is right is not wrong when any of its values is not known.
fn unknown_values_are_not_blamed(config: &str, body: &value::Body) {
    fn forget(body: &mut value::Body, number: &mut usize) {
        for item in &mut body.items {
            match item {
                value::Item::Block { body, .. } => forget(body, number),
                value::Item::Attr { value, .. } => {
                    if *number == 0 {
                        *value = Ok(None);
                    }
                    *number = number.wrapping_sub(1);
                }
            }
        }
    }
    for number in 0.. {
        let (mut partly, mut left) = (body.clone(), number);
        forget(&mut partly, &mut left);
        let found = loki::process::COMPONENT.check(&partly, &[]);
        assert!(found.is_empty(), "{config}, without attribute {number}: {found:?}");
        // All attributes were counted, and the one was not among them.
        if left < usize::MAX / 2 {
            break;
        }
    }
}

pub fn host() -> Host {
    Host {
        clock: Arc::new(ManualClock::at(NOW)),
        ..Host::real()
    }
}

fn pairs(value: &Value) -> Vec<(String, String)> {
    let object = value.as_object().into_iter().flatten();
    object
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}

fn metadata(value: &Value) -> Vec<(String, String)> {
    let list = value.as_array().into_iter().flatten();
    list.map(|pair| {
        (
            pair[0].as_str().unwrap().to_owned(),
            pair[1].as_str().unwrap().to_owned(),
        )
    })
    .collect()
}

fn outcome(value: &Value) -> Outcome {
    match value {
        Value::Null => Outcome::Null,
        Value::Bool(value) => Outcome::Bool(*value),
        Value::Number(value) => Outcome::Number(value.as_f64().unwrap()),
        Value::String(text) => Outcome::Text(text.clone().into_bytes()),
        // Like null it is there and has no text; upstream's extracted values may be objects when a test presets them.
        _ => Outcome::Null,
    }
}

fn extracted(value: &Value) -> BTreeMap<String, Outcome> {
    let object = value.as_object().into_iter().flatten();
    object.map(|(name, value)| (name.clone(), outcome(value))).collect()
}

fn time(value: &Value) -> i64 {
    match value.as_str().unwrap() {
        "now" => NOW,
        text => gotime::parse_rfc3339_nano(text.as_bytes()).unwrap_or_else(|| panic!("{text}")),
    }
}

fn given(input: &Value) -> Given {
    Given {
        labels: Labels::from_pairs(pairs(&input["labels"])),
        entry: Entry {
            timestamp: time(&input["timestamp"]),
            line: input["line"].as_str().unwrap().to_owned().into(),
            metadata: Metadata::from_pairs(metadata(&input["structured_metadata"])),
        },
        extracted: extracted(&input["extracted"]),
    }
}

fn expected(value: &Value, any_order: bool) -> TrialResult {
    let mut pairs_ = metadata(&value["structured_metadata"]);
    if any_order {
        pairs_.sort();
    }
    TrialResult::Out {
        labels: Labels::from_pairs(pairs(&value["labels"])),
        entry: Entry {
            timestamp: time(&value["timestamp"]),
            line: value["line"].as_str().unwrap().to_owned().into(),
            metadata: Metadata::from_pairs(pairs_),
        },
        extracted: extracted(&value["extracted"]),
    }
}

fn sort_metadata(result: &mut TrialResult) {
    if let TrialResult::Out { entry, .. } = result {
        entry.metadata.edit().sort();
        if entry.metadata.is_empty() {
            entry.metadata = Metadata::EMPTY;
        }
    }
}

fn samples(registry: &Registry) -> BTreeSet<String> {
    let text = promtext::encode(&registry.gather().families, promtext::Format::Text);
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

async fn run(case: &Value, keep_all: bool) -> Result<(), String> {
    let config = case["config"].as_str().unwrap();
    let registry = Registry::new();
    let built = decode(config)
        .and_then(|args| Trial::new(&args.stages, host(), &registry, keep_all).map_err(|error| error.to_string()));
    if case["expect_config_error"] == true {
        return match built {
            Err(error) if !error.is_empty() => Ok(()),
            _ => Err("an error was expected".to_owned()),
        };
    }
    let mut trial = built?;
    let (inputs, outputs) = match case["inputs"].as_array() {
        Some(inputs) => (inputs.clone(), case["expects"].as_array().unwrap().clone()),
        None => (vec![case["input"].clone()], vec![case["expect"].clone()]),
    };
    let mut results = Vec::new();
    for input in &inputs {
        results.extend(trial.push(&given(input)).await);
    }
    results.extend(trial.finish().await);
    results.retain(|result| matches!(result, TrialResult::Out { .. }));
    let any_order = case["structured_metadata_any_order"] == true;
    if any_order {
        results.iter_mut().for_each(sort_metadata);
    }
    let mut wanted: Vec<TrialResult> = outputs
        .iter()
        .filter(|output| output["dropped"] != true)
        .map(|output| expected(output, any_order))
        .collect();
    if !keep_all {
        // What nobody reads is not extracted then: everything else must be the same.
        for result in results.iter_mut().chain(&mut wanted) {
            if let TrialResult::Out { extracted, .. } = result {
                extracted.clear();
            }
        }
    }
    if case["expects_any_order"] == true {
        let key = |result: &TrialResult| format!("{result:?}");
        results.sort_by_key(key);
        wanted.sort_by_key(key);
    }
    if results != wanted {
        return Err(format!("got {results:#?}\nwanted {wanted:#?}"));
    }
    let samples = samples(&registry);
    match case["expect_metrics"].as_array() {
        Some(expected) => {
            let expected: BTreeSet<String> = expected.iter().map(|line| line.as_str().unwrap().to_owned()).collect();
            if samples != expected {
                return Err(format!("metrics {samples:#?}\nwanted {expected:#?}"));
            }
        }
        None => {
            if let Some(sample) = samples.iter().find(|sample| !sample.ends_with(" 0")) {
                return Err(format!("unexpected metric {sample}"));
            }
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn vectors() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors/loki-stages.json");
    let Ok(text) = std::fs::read(path) else {
        println!("skipped: ../shared is absent");
        return;
    };
    let cases: Vec<Value> = serde_json::from_slice(&text).unwrap();
    let only = std::env::var("CASE").unwrap_or_default();
    let (mut passed, mut absent, mut failures) = (0, 0, Vec::new());
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let config = case["config"].as_str().unwrap();
        if ABSENT.iter().any(|stage| config.contains(&format!("stage.{stage} "))) {
            absent += 1;
            let unknown = decode(config).is_err();
            assert!(unknown, "{name}: a stage that is absent must be an error");
            continue;
        }
        if !name.contains(&only) {
            continue;
        }
        for keep_all in [true, false] {
            match run(case, keep_all).await {
                Ok(()) => passed += 1,
                Err(error) => failures.push(format!("{name} (keep_all {keep_all})\n{config}\n{error}\n")),
            }
        }
    }
    println!(
        "{} cases, {passed} runs passed, {absent} cases of absent stages",
        cases.len()
    );
    assert!(
        failures.is_empty(),
        "{} failures\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn differences_are_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/differences.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text
        .split("\n## ")
        .find(|section| section.starts_with("loki.process\n"))
        .unwrap();
    let documented: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(documented, DIFFERENCES);
}
