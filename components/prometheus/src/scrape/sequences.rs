//! Scrapes one after the other, as Prometheus treats them.

use super::collect::{Collector, Counts, SampleRules, Scratch};
use super::families::Families;
use super::labels::LabelRules;
use prommodel::{Table, is_stale};
use promscrape::{Format, Options};
use serde_json::{Value, json};
use signals::Metrics;
use std::sync::Arc;

fn rules(options: &Value) -> SampleRules {
    SampleRules {
        labels: LabelRules::default(),
        honor_timestamps: options["honor_timestamps"].as_bool().unwrap_or(true),
        track_timestamps: options["track_timestamps_staleness"].as_bool().unwrap_or(false),
        sample_limit: options["sample_limit"].as_u64().unwrap_or(0) as usize,
        bucket_limit: 0,
        max_schema: 8,
        start_zeros: false,
        parser: Options::default(),
    }
}

fn told(out: &Metrics) -> Vec<Value> {
    let mut all = Vec::new();
    out.each_value(|series, time, value| {
        let value = if is_stale(value) { json!("STALE") } else { json!(value) };
        all.push(json!([series.metric(), time, value]));
    });
    all
}

fn sorted(mut list: Vec<Value>) -> Vec<String> {
    let mut texts: Vec<String> = list
        .iter_mut()
        .map(|one| {
            format!(
                "{} {} {}",
                one[0],
                one[1],
                one[2].as_f64().map_or(one[2].to_string(), |n| n.to_string())
            )
        })
        .collect();
    texts.sort();
    texts
}

#[test]
fn sequences_of_scrapes_go_as_in_prometheus() {
    let Some(vectors) = crate::vectors("scrape.json") else {
        return;
    };
    let sequences = vectors["sequences"].as_array().expect("a list");
    let mut steps = 0;
    for sequence in sequences {
        let name = &sequence["name"];
        let rules = rules(&sequence["options"]);
        let table = Table::new();
        let mut collector = Collector::new(&table, &Arc::new(Families::default()), &Arc::default(), []);
        let mut scratch = Scratch::default();
        for step in sequence["steps"].as_array().expect("a list") {
            steps += 1;
            let time = step["t"].as_i64().expect("a time");
            let mut out = Metrics::default();
            let (counts, up) = match step["body"].as_str() {
                Some(body) => {
                    let (counts, failure) =
                        collector.read(body.as_bytes(), Format::Text, &rules, time, &mut scratch, &mut out);
                    (counts, failure.is_none())
                }
                None => {
                    collector.fail(time, &mut out);
                    (Counts::default(), false)
                }
            };
            let got = sorted(told(&out));
            let expect = sorted(step["expect"].as_array().expect("a list").clone());
            assert_eq!(got, expect, "{name} at {time}");
            let count = |count: usize| count as f64;
            let report = [
                ("up", f64::from(u8::from(up))),
                ("scrape_samples_scraped", count(counts.scraped)),
                ("scrape_samples_post_metric_relabeling", count(counts.kept)),
                ("scrape_series_added", count(counts.added)),
            ];
            let mut out = Metrics::default();
            collector.report(&report, time, &mut out);
            if let Some(expect) = step["report"].as_array() {
                let got = sorted(told(&out));
                assert_eq!(got, sorted(expect.clone()), "{name} at {time}");
            }
            let duplicates = &step["metrics"]["prometheus_target_scrapes_sample_duplicate_timestamp_total"];
            if let Some(expect) = duplicates.as_u64() {
                assert_eq!(counts.duplicates as u64, expect, "{name}");
            }
        }
    }
    assert!(steps > 20, "{steps}");
}

#[test]
fn a_target_that_goes_takes_everything_with_it() {
    let table = Table::new();
    let mut collector = Collector::new(
        &table,
        &Arc::new(Families::default()),
        &Arc::default(),
        [("__address__", "x"), ("instance", "x"), ("job", "j")],
    );
    let rules = rules(&Value::Null);
    let mut out = Metrics::default();
    let body = b"a 1\nb{job=\"other\"} 2\n";
    collector.read(body, Format::Text, &rules, 1000, &mut Scratch::default(), &mut out);
    collector.report(&[("up", 1.0)], 1000, &mut out);
    let mut names = Vec::new();
    out.each_value(|series, _, _| names.push(series.to_string()));
    assert_eq!(
        names,
        [
            r#"a{instance="x", job="j"}"#,
            r#"b{exported_job="other", instance="x", job="j"}"#,
            r#"up{instance="x", job="j"}"#,
        ]
    );
    let mut out = Metrics::default();
    collector.end(2000, &mut out);
    assert_eq!(out.values(), 3);
    out.each_value(|_, time, value| assert!(is_stale(value) && time == 2000));
    let mut out = Metrics::default();
    collector.end(3000, &mut out);
    assert!(out.is_empty(), "once");
}

#[test]
fn exemplars_and_families_come_once() {
    let table = Table::new();
    let mut collector = Collector::new(&table, &Arc::new(Families::default()), &Arc::default(), []);
    let rules = rules(&Value::Null);
    let mut scratch = Scratch::default();
    let mut scrape = |id: &str, time: i64| {
        let body = format!("# TYPE a counter\n# HELP a Things.\na_total 1 # {{trace_id=\"{id}\"}} 0.5\n# EOF\n");
        let mut out = Metrics::default();
        let (_, failure) = collector.read(
            body.as_bytes(),
            Format::OpenMetrics,
            &rules,
            time,
            &mut scratch,
            &mut out,
        );
        assert!(failure.is_none(), "{failure:?}");
        (out.exemplars.len(), out.families.len())
    };
    assert_eq!(scrape("x", 1), (1, 1));
    assert_eq!(scrape("x", 2), (0, 0));
    assert_eq!(scrape("y", 3), (1, 0));
}
