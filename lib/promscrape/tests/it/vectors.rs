//! What Prometheus' parsers yield for 171 bodies.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use promscrape::{Buffers, Counts, Entry, Format, Histogram, LabelsBuf, Options, Parser, Span};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Cases in which Invar differs: the case and the entry of `docs/differences.md`. What it yields instead is in `differences.rs`.
pub const DIFFERENT: &[(&str, &str)] = &[
    ("TestNHCBParserOnOMParser/000", "scrape.created-with-conversion"),
    (
        "TestNHCBParser_NoNHCBWhenExponential/009",
        "scrape.created-with-conversion",
    ),
];

pub struct Case {
    pub name: String,
    pub format: Format,
    pub options: Options,
    pub input: Vec<u8>,
    pub expect: Value,
}

/// The vectors, or one line that says that they are not there.
fn file() -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/textparse.json");
    match std::fs::read(&path) {
        Ok(text) => Some(serde_json::from_slice(&text).expect("the vectors are JSON")),
        Err(_) => {
            eprintln!("skipped: {} is not there", path.display());
            None
        }
    }
}

pub fn cases() -> Vec<Case> {
    let file = file().unwrap_or_default();
    let cases = file["cases"].as_array();
    cases
        .into_iter()
        .flatten()
        .map(|case| {
            let option = |name: &str| case["options"][name].as_bool().unwrap_or(false);
            Case {
                name: case["name"].as_str().unwrap().to_owned(),
                format: match case["format"].as_str().unwrap() {
                    "prom" => Format::Text,
                    "om" => Format::OpenMetrics,
                    "proto" => Format::Protobuf,
                    other => panic!("{other}"),
                },
                options: Options {
                    convert_classic: option("convert_nhcb"),
                    keep_classic: option("keep_classic"),
                    ignore_native: option("ignore_native"),
                    start_timestamps: option("skip_st_series"),
                    type_and_unit: option("type_and_unit_labels"),
                },
                input: match case["input"].as_str() {
                    Some(text) => text.as_bytes().to_vec(),
                    None => BASE64_STANDARD.decode(case["input_b64"].as_str().unwrap()).unwrap(),
                },
                expect: json!({"entries": case["entries"], "error": case["error"]}),
            }
        })
        .collect()
}

/// A number as the vectors write it: Go's `%g`, and the bits.
fn number(value: f64) -> Value {
    let nan = value.is_nan();
    let bits = if nan { 0x7ff8_0000_0000_0001 } else { value.to_bits() };
    json!({"text": promtext::format_float(value), "bits": format!("{bits:016x}")})
}

fn spans(spans: &[Span]) -> Value {
    spans.iter().map(|span| json!([span.offset, span.length])).collect()
}

fn floats(numbers: &[f64]) -> Vec<String> {
    numbers.iter().map(|&number| promtext::format_float(number)).collect()
}

fn integers(numbers: &[i64]) -> Vec<String> {
    numbers.iter().map(i64::to_string).collect()
}

fn histogram(histogram: &Histogram) -> Value {
    let (kind, zero_count, count, positive, negative) = match &histogram.counts {
        Counts::Integer(b) => (
            "int",
            b.zero_count.to_string(),
            b.count.to_string(),
            integers(&b.positive),
            integers(&b.negative),
        ),
        Counts::Float(b) => (
            "float",
            promtext::format_float(b.zero_count),
            promtext::format_float(b.count),
            floats(&b.positive),
            floats(&b.negative),
        ),
    };
    let mut out = json!({
        "kind": kind,
        "counter_reset_hint": histogram.reset as u8,
        "Schema": histogram.schema,
        "zero_threshold": if histogram.zero_threshold == 0.0 { json!(0) } else { json!(histogram.zero_threshold) },
        "zero_count": zero_count,
        "count": count,
        "sum": promtext::format_float(histogram.sum),
        "positive_spans": spans(&histogram.positive_spans),
        "positive_buckets": positive,
        "negative_spans": spans(&histogram.negative_spans),
        "negative_buckets": negative,
    });
    if !histogram.custom_values.is_empty() {
        out["custom_values"] = json!(floats(&histogram.custom_values));
    }
    out
}

fn labels(labels: &LabelsBuf) -> Value {
    labels.iter().map(|(name, value)| json!([name, value])).collect()
}

fn sample(parser: &Parser<'_>, raw: &[u8], timestamp: Option<i64>, start: Option<i64>) -> Map<String, Value> {
    let mut out = Map::new();
    match std::str::from_utf8(raw) {
        Ok(text) => out.insert("series".to_owned(), json!(text)),
        Err(_) => out.insert("series_b64".to_owned(), json!(BASE64_STANDARD.encode(raw))),
    };
    let mut buffer = LabelsBuf::new();
    parser.labels(&mut buffer).unwrap();
    out.insert("labels".to_owned(), labels(&buffer));
    let exemplar = |exemplar: promscrape::Exemplar<'_>| {
        exemplar.labels(&mut buffer).unwrap();
        json!({
            "labels": labels(&buffer),
            "value": number(exemplar.value),
            "has_ts": exemplar.timestamp.is_some(),
            "ts_ms": exemplar.timestamp.unwrap_or(0),
        })
    };
    let exemplars: Vec<_> = parser.exemplars().map(exemplar).collect();
    if !exemplars.is_empty() {
        out.insert("exemplars".to_owned(), json!(exemplars));
    }
    for (name, value) in [("ts_ms", timestamp), ("start_ts_ms", start)] {
        if let Some(value) = value {
            out.insert(name.to_owned(), json!(value));
        }
    }
    out
}

fn entry(parser: &Parser<'_>) -> Value {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let meta = |entry: &str, name: &[u8], what: &str| json!({"entry": entry, "metric": text(name), "text": what});
    match parser.entry() {
        Entry::Type { name, kind } => meta("type", name, kind.as_str()),
        Entry::Help { name, text } => meta("help", name, text),
        Entry::Unit { name, unit } => meta("unit", name, &text(unit)),
        Entry::Comment(comment) => json!({"entry": "comment", "text": text(comment)}),
        Entry::Series(series) => {
            let mut out = sample(parser, series.raw, series.timestamp, series.start);
            out.insert("entry".to_owned(), json!("series"));
            out.insert("value".to_owned(), number(series.value));
            Value::Object(out)
        }
        Entry::Histogram(series) => {
            let mut out = sample(parser, series.raw, series.timestamp, series.start);
            out.insert("entry".to_owned(), json!("histogram"));
            out.insert("histogram".to_owned(), histogram(series.histogram));
            Value::Object(out)
        }
    }
}

/// Everything that a parser yields, in the form of the vectors.
pub fn parse(input: &[u8], format: Format, options: Options, buffers: &mut Buffers) -> Value {
    let mut parser = Parser::new(input, format, options, buffers);
    let mut entries = Vec::new();
    let error = loop {
        match parser.advance() {
            Ok(true) => entries.push(entry(&parser)),
            Ok(false) => break Value::Null,
            Err(error) => {
                assert!(error.position() <= input.len());
                break json!(error.message());
            }
        }
    };
    assert_eq!(parser.advance(), Ok(false), "there is nothing after the end");
    json!({"entries": entries, "error": error})
}

#[test]
fn all_vectors() {
    let cases = cases();
    assert!(cases.is_empty() || cases.len() == 171);
    let mut wrong = Vec::new();
    let mut buffers = Buffers::new();
    for case in &cases {
        if DIFFERENT.iter().any(|(name, _)| *name == case.name) {
            continue;
        }
        let got = parse(&case.input, case.format, case.options, &mut buffers);
        if got != case.expect {
            let none = Vec::new();
            let list = |of: &Value| of["entries"].as_array().unwrap_or(&none).clone();
            let (got_list, expect_list) = (list(&got), list(&case.expect));
            let at = (0..got_list.len().max(expect_list.len())).find(|&at| got_list.get(at) != expect_list.get(at));
            let at = at.map(|at| (at, got_list.get(at).cloned(), expect_list.get(at).cloned()));
            wrong.push(format!(
                "{} {:?} {:?}\n  entry {at:#?}\n  error {} not {}",
                case.name, case.format, case.options, got["error"], case.expect["error"]
            ));
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

#[test]
fn bounds_are_written_in_one_way() {
    let file = file().unwrap_or_default();
    for pair in file["le_quantile_format"].as_array().into_iter().flatten() {
        let (text, expect) = (pair[0].as_str().unwrap(), pair[1].as_str().unwrap());
        let number = text.parse::<f64>().unwrap();
        assert_eq!(promscrape::format_bound(number), expect, "{text}");
    }
}
