//! `invar why`

use super::Outcome;
use crate::cli::Why;
use crate::{client, output};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Examples that are shown of one rule.
const SHOWN: usize = 3;

#[derive(Deserialize)]
struct Page {
    since: Option<String>,
    complete: bool,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    component: String,
    place: Option<String>,
    fate: String,
    reason: String,
    items: u64,
    bytes: u64,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    block: String,
    place: Option<String>,
    examples: Vec<Example>,
}

#[derive(Deserialize)]
struct Example {
    at: String,
    labels: BTreeMap<String, String>,
    line: String,
    #[serde(default)]
    message: String,
}

/// Asks a running Invar which records did not arrive.
pub fn run(options: &Why) -> Outcome {
    let mut query: Vec<(&str, String)> = Vec::new();
    if let Some(since) = options.since {
        query.push(("since", format!("{}ms", since.as_millis().max(1))));
    }
    if let Some(component) = &options.component {
        query.push(("component", component.clone()));
    }
    query.extend(options.labels.iter().map(|label| ("label", label.clone())));
    let body = client::get(&options.server, "/api/v0/invar/why", &query)?;
    if options.server.json {
        output::write(&body)?;
        output::write(b"\n")?;
        return Ok(());
    }
    let page: Page = serde_json::from_slice(&body)
        .map_err(|error| format!("the answer of {} is not understood: {error}", options.server.addr))?;
    output::write(text(&page, !options.labels.is_empty()).as_bytes())?;
    Ok(())
}

fn text(page: &Page, by_label: bool) -> String {
    let mut out = String::new();
    let since = match &page.since {
        Some(since) => format!("since {since}"),
        None => "since the start".to_owned(),
    };
    if page.answers.is_empty() {
        let what = if by_label {
            "No example with these labels"
        } else {
            "Every record arrived or is on its way"
        };
        let _ = writeln!(out, "{what} {since}.");
    }
    for answer in &page.answers {
        let how = match answer.fate.as_str() {
            "filtered" => "dropped by rule",
            "rejected" => "refused for good:",
            "expired" => "waited too long:",
            "dead_lettered" => "in the dead-letter log:",
            other => other,
        };
        let place = answer
            .place
            .as_deref()
            .map(|place| format!(" ({place})"))
            .unwrap_or_default();
        let _ = writeln!(out, "{}{place}", answer.component);
        let _ = writeln!(
            out,
            "  {} records, {} bytes, {how} {:?}, {since}",
            answer.items, answer.bytes, answer.reason
        );
        for rule in &answer.rules {
            if !rule.block.is_empty() {
                let name = rule.block.rsplit('/').next().unwrap_or_default();
                let name = name.split('#').next().unwrap_or_default();
                let place = rule.place.as_deref().unwrap_or("not in the configuration any more");
                let _ = writeln!(out, "  by {name} at {place}");
            }
            for example in rule.examples.iter().rev().take(SHOWN) {
                let labels: Vec<String> = example
                    .labels
                    .iter()
                    .map(|(name, value)| format!("{name}={value:?}"))
                    .collect();
                let _ = writeln!(out, "    {} {{{}}} {}", example.at, labels.join(", "), example.line);
                if !example.message.is_empty() {
                    let _ = writeln!(out, "      {}", example.message);
                }
            }
        }
    }
    if !page.complete {
        let _ = writeln!(out, "The process has not run for that long: this is since its start.");
    }
    if by_label && !page.answers.is_empty() {
        let _ = writeln!(
            out,
            "Counts are of all labels; examples are of the labels that were asked for."
        );
    }
    out
}
