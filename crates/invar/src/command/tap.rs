//! `invar tap`

use super::Outcome;
use super::try_::screen::escape;
use crate::cli::{Tap, TapFormat};
use crate::client::Session;
use crate::output;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{self, ErrorKind, Write as _};
use std::time::Duration;

/// Pause before a server that went away is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// How a line begins that says how many records were not shown.
const MISSED: &[u8] = b"{\"missed\":";

/// A line of the stream.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    missed: u64,
    #[serde(flatten)]
    record: Option<Record>,
}

#[derive(Deserialize)]
struct Record {
    at: String,
    from: String,
    #[serde(default)]
    to: String,
    stage: Option<String>,
    moment: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    line: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    value: Option<String>,
    text: Option<String>,
    changed: Option<Map<String, Json>>,
    before: Option<Map<String, Json>>,
}

/// Shows records as they pass through a running Invar, until it is interrupted or has shown as many as it was asked for.
pub fn run(options: &Tap) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(follow(options))
}

async fn follow(options: &Tap) -> Outcome {
    let session = Session::new(&options.server)?;
    let query = [
        ("pattern", options.pattern.clone()),
        ("where", options.filter.clone()),
        ("sample", options.sample.to_string()),
        ("beforeAfter", options.before_after.to_string()),
    ];
    let mut shown = 0;
    let mut before = false;
    let mut told = String::new();
    loop {
        let mut stream = match session.open("/api/v0/invar/tap", &query).await {
            Ok(stream) => stream,
            // It was there before, so it may come back.
            Err(message) if before => {
                if told != message {
                    output::complain(&message);
                    told = message;
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(message) => return Err(message.into()),
        };
        if !before {
            output::complain(&format!(
                "tapping {:?} at {}; end with Ctrl-C",
                options.pattern,
                session.addr()
            ));
        }
        before = true;
        let mut pending = Vec::new();
        while let Ok(Some(chunk)) = stream.chunk().await {
            pending.extend_from_slice(&chunk);
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                if !show(options, session.addr(), &line)? {
                    return Ok(());
                }
                // What was missed is no record.
                shown += u64::from(!line.starts_with(MISSED));
                if options.limit.is_some_and(|limit| shown >= limit) {
                    return Ok(());
                }
            }
        }
        output::complain("the stream broke off; waiting for the server to come back");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Prints a line; whether anybody still reads.
fn show(options: &Tap, addr: &str, line: &[u8]) -> Result<bool, String> {
    let json = options.server.json || options.format == TapFormat::Json;
    let text = if json {
        line.to_vec()
    } else {
        let line: Line =
            serde_json::from_slice(line).map_err(|error| format!("the answer of {addr} is not understood: {error}"))?;
        match line.record {
            Some(record) => text(&record).into_bytes(),
            None => {
                output::complain(&format!(
                    "{} records are not shown: they come faster than they are read; narrow it with --where or --sample",
                    line.missed
                ));
                return Ok(true);
            }
        }
    };
    let mut out = io::stdout().lock();
    match out.write_all(&text).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.to_string()),
    }
}

fn text(record: &Record) -> String {
    // The date is today's.
    let time = record.at.split_once('T').map_or(record.at.as_str(), |(_, time)| time);
    let time = time.get(..12).unwrap_or(time);
    let mut out = match (record.moment.as_str(), &record.stage) {
        ("stage", stage) => format!("{time}   {} {}", record.from, stage.as_deref().unwrap_or_default()),
        ("out", _) => format!("{time}   {} leaves", record.from),
        ("dropped", _) => format!("{time}   {} drops", record.from),
        _ => format!("{time} {} -> {}", record.from, record.to),
    };
    if let Some(changed) = record.changed.as_ref().filter(|_| record.moment != "out") {
        for (name, after) in changed {
            match record.before.as_ref().and_then(|before| before.get(name)) {
                Some(before) => {
                    let _ = write!(out, "  {name}: {before} => {after}");
                }
                None => {
                    let _ = write!(out, "  {name}: {after}");
                }
            }
        }
        out.push('\n');
        return out;
    }
    let pairs = |pairs: &BTreeMap<String, String>| {
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        pairs.join(", ")
    };
    let _ = write!(out, "  {{{}}}", pairs(&record.labels));
    if !record.metadata.is_empty() {
        let _ = write!(out, " [{}]", pairs(&record.metadata));
    }
    for part in [&record.line, &record.value, &record.text].into_iter().flatten() {
        // A line of output is a record, and no record is a command for the terminal.
        let _ = write!(out, "  {}", escape(part.as_bytes(), usize::MAX));
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(json: &str) -> String {
        let line: Line = serde_json::from_str(json).expect("a line");
        text(&line.record.expect("a record"))
    }

    #[test]
    fn records_are_lines() {
        let edge = r#"{"at":"2026-01-02T03:04:05.123456789Z","from":"a","to":"b","moment":"edge","signal":"logs",
            "labels":{"job":"x"},"line":"one\ntwo","metadata":{"id":"7"}}"#;
        assert_eq!(shown(edge), "03:04:05.123 a -> b  {job=\"x\"} [id=\"7\"]  one\\ntwo\n");
        let sample = r#"{"at":"2026-01-02T03:04:05Z","from":"a","to":"b","moment":"edge","signal":"metrics",
            "labels":{"__name__":"up"},"value":"1"}"#;
        assert_eq!(shown(sample), "03:04:05Z a -> b  {__name__=\"up\"}  1\n");
        let stage = r#"{"at":"2026-01-02T03:04:05Z","from":"a","moment":"stage","stage":"stage.json[0]","signal":"logs",
            "labels":{},"changed":{"line":"new"},"before":{"line":"old"}}"#;
        assert_eq!(shown(stage), "03:04:05Z   a stage.json[0]  line: \"old\" => \"new\"\n");
        let missed: Line = serde_json::from_str(r#"{"missed":7}"#).expect("a line");
        assert!(missed.record.is_none() && missed.missed == 7);
    }
}
