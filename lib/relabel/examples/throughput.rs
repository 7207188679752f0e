//! Label sets a second through rules as they are usual for Kubernetes: `cargo run --release -p relabel --example throughput`.

use relabel::{Action, Config, Names, Rules};
use std::collections::BTreeMap;
use std::time::Instant;

fn main() {
    let rule = |sources: &[&str], regex: &str, target: &str, replacement: &str, action| Config {
        source_labels: sources.iter().map(|name| (*name).to_owned()).collect(),
        regex: regex.to_owned(),
        target_label: target.to_owned(),
        replacement: replacement.to_owned(),
        action,
        ..Config::default()
    };
    let configs = [
        rule(&["__meta_phase"], "Failed|Succeeded", "", "$1", Action::Drop),
        rule(&["__meta_namespace"], "(.*)", "namespace", "$1", Action::Replace),
        rule(&["__meta_pod"], "(.*)", "pod", "$1", Action::Replace),
        rule(
            &["__meta_namespace", "__meta_app"],
            "(.+);(.+)",
            "job",
            "$1/$2",
            Action::Replace,
        ),
        rule(
            &["__address__", "__meta_port"],
            r"(.+?)(?::\d+)?;(\d+)",
            "__address__",
            "$1:$2",
            Action::Replace,
        ),
        rule(&[], "__meta_label_(.+)", "", "$1", Action::LabelMap),
        rule(&[], "__meta_.*", "", "$1", Action::LabelDrop),
    ];
    let rules = Rules::compile(&configs, Names::Legacy).expect("the rules make sense");
    let before: BTreeMap<String, String> = [
        ("__address__", "10.0.0.1:80"),
        ("__meta_app", "api"),
        ("__meta_label_team", "blue"),
        ("__meta_label_tier", "web"),
        ("__meta_namespace", "prod"),
        ("__meta_phase", "Running"),
        ("__meta_pod", "api-5f6d8-x2k"),
        ("__meta_port", "9095"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    let mut scratch = rules.scratch();
    let (count, started) = (300_000, Instant::now());
    let mut kept = 0;
    for _ in 0..count {
        let mut labels = before.clone();
        kept += u32::from(rules.apply(&mut labels, &mut scratch));
    }
    let elapsed = started.elapsed();
    println!(
        "{kept} label sets through {} rules: {:.0} ns each",
        rules.len(),
        elapsed.as_nanos() as f64 / f64::from(count)
    );
}
