//! `invar process FILE --component ID`: one processing component on standard input.

use super::{Failure, Outcome};
use crate::app::{AppOptions, Process as Parts};
use crate::catalogue::Targets;
use crate::cli::Process;
use crate::output;
use component::{CancellationToken, Inspector, Instance, LogsReceiver, QueuePolicy};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use runtime::registry::Allowed;
use serde_json::{Map, Value as Json, json};
use signals::{
    Accepting, Amount, Entry, FanOut, Labels, Ledger, LogBatch, LogStream, Metadata, Permit, Receiver, Sink,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use syntax::{Diagnostics, Source};
use tokio::io::{AsyncBufReadExt, BufReader};
use value::{FromValue, Value};

/// Lines that may wait for their fate at once: a stage that holds lines back has few, one that delays may have many.
const MAX_PENDING: usize = 1024;

/// Runs one component on standard input: one line in, what becomes of it out.
pub fn run(options: &Process) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run_async(options))
}

/// What comes out, in order: lines and events of stages.
#[derive(Clone, Default)]
struct Out(Arc<Mutex<Vec<Json>>>);

impl Out {
    fn push(&self, object: Json) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(object);
    }

    fn print(&self) -> std::io::Result<()> {
        let objects = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let text: String = objects.iter().map(|object| format!("{object}\n")).collect();
        if text.is_empty() {
            Ok(())
        } else {
            output::write(text.as_bytes())
        }
    }
}

/// Stands in for every receiver of the configuration.
impl Sink for Out {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        Box::pin(async move {
            let (streams, mut custody) = batch.into_parts();
            for stream in &streams {
                for entry in &stream.entries {
                    self.push(describe(&stream.labels, entry));
                }
            }
            custody.deliver_rest();
            Ok(())
        })
    }
}

fn describe(labels: &Labels, entry: &Entry) -> Json {
    let pairs = |pairs: &mut dyn Iterator<Item = (String, String)>| -> Json {
        Json::Object(
            pairs
                .map(|(name, value)| (name, Json::String(value)))
                .collect::<Map<_, _>>(),
        )
    };
    let mut object = json!({
        "line": String::from_utf8_lossy(&entry.line),
        "labels": pairs(&mut labels.iter().map(|(name, value)| (name.to_string(), value.to_string()))),
        "timestamp": gotime::format_rfc3339_nano(entry.timestamp),
    });
    if !entry.metadata.is_empty() {
        let mut metadata = entry
            .metadata
            .pairs()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        object["structured_metadata"] = pairs(&mut metadata);
    }
    object
}

impl Inspector for Out {
    fn active(&self, _component: &str) -> bool {
        true
    }

    fn wants_all(&self) -> bool {
        true
    }

    fn event(&self, _component: &str, stage: &str, event: Value) {
        let changed = eval::to_plain_json(&event)
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok());
        self.push(json!({"stage": stage, "changed": changed.unwrap_or(Json::Null)}));
    }
}

async fn run_async(options: &Process) -> Outcome {
    let out = Out::default();
    let parts = Parts::new(None);
    let ledger = parts.ledger.clone();
    let instance = build(options, &parts, &out)?;
    let exports = instance.exports();
    let Some(receiver) = receiver_of(&exports) else {
        return Err(format!("component \"{}\" does not receive log lines", options.component).into());
    };
    let input = Arc::new(FanOut::new(&ledger, "input"));
    input.set(vec![receiver]);
    let stop = CancellationToken::new();
    let running = tokio::spawn(instance.run(stop.clone()));

    let mut drops = Drops::default();
    let mut pending = FuturesUnordered::new();
    let mut lines = BufReader::new(tokio::io::stdin()).split(b'\n');
    let mut number = 0_u64;
    loop {
        tokio::select! {
            biased;
            Some(outcome) = pending.next(), if !pending.is_empty() => refused(outcome)?,
            line = lines.next_segment(), if pending.len() < MAX_PENDING => {
                let Some(line) = line? else { break };
                number += 1;
                if line.is_empty() && !options.text {
                    continue;
                }
                let now = parts.host.clock.now();
                let batch = parse(&line, options.text, now).map_err(|error| format!("standard input, line {number}: {error}"))?;
                let input = input.clone();
                let mut accepting: Accepting = Box::pin(async move { input.accept(batch).await });
                match futures_util::poll!(&mut accepting) {
                    std::task::Poll::Ready(outcome) => refused(outcome)?,
                    std::task::Poll::Pending => pending.push(accepting),
                }
            }
        }
        drops.report(&ledger, &out);
        out.print()?;
    }
    // What a stage still holds comes out when its component stops.
    stop.cancel();
    while let Some(outcome) = pending.next().await {
        refused(outcome)?;
    }
    running.await??;
    drops.report(&ledger, &out);
    out.print()?;
    Ok(())
}

fn refused(outcome: Result<(), signals::Refused>) -> Outcome {
    outcome.map_err(|why| Failure::Message(format!("the component refused a line: {why}")))
}

/// Builds the component, with `out` in the place of whatever it forwards to.
fn build(options: &Process, parts: &Parts, out: &Out) -> Result<Arc<dyn Instance>, Failure> {
    let allowed = Allowed::from(&options.gates);
    let app = AppOptions {
        config: options.config.clone(),
        storage: std::env::temp_dir().join("invar-process"),
        allowed,
        memory_limit: None,
        shutdown_deadline: None,
        cluster: None,
        inspector: options.inspect.then(|| Arc::new(out.clone()) as Arc<dyn Inspector>),
        // Nothing is left behind when it ends.
        queue: QueuePolicy {
            max_bytes: 0,
            ..QueuePolicy::default()
        },
    };
    let runtime = app.for_runtime(parts, Targets::default());
    let files = runtime::sources::read(&host::RealFs, &options.config)?;
    let report = |diagnostics: &Diagnostics, sources: &[Source]| {
        output::complain(runtime::report(diagnostics, sources, output::color()).trim_end());
        Failure::Reported
    };
    let loaded = runtime::loader::load(&runtime.catalogue, &files).checked();
    let configuration = &loaded.map_err(|error| report(&error.diagnostics, &error.sources))?;
    if !configuration.specs.contains_key(&options.component) {
        let mut message = format!("the configuration has no component \"{}\"", options.component);
        if let Some(near) = syntax::diag::suggest(&options.component, configuration.graph.ids()) {
            message.push_str(&format!("; did you mean \"{near}\"?"));
        }
        return Err(message.into());
    }
    let receiver = Receiver {
        owner: Arc::from("output"),
        sink: Arc::new(out.clone()),
    };
    let here = Value::array(vec![LogsReceiver(Some(receiver)).to_value()]);
    let instance = runtime::isolate(&runtime, configuration, &options.component, &[("forward_to", here)]);
    instance.map_err(|diagnostics| report(&diagnostics, &configuration.sources))
}

fn receiver_of(exports: &Value) -> Option<Receiver> {
    let Value::Object(object) = exports else { return None };
    LogsReceiver::from_value(object.get("receiver")?).ok()?.0
}

/// One line of input as a batch.
fn parse(line: &[u8], text: bool, now: i64) -> Result<LogBatch, String> {
    let (labels, entry) = if text {
        (Labels::empty(), Entry::new(now, line.to_vec()))
    } else {
        parse_object(line, now)?
    };
    let entries = vec![entry];
    Ok(LogBatch::new(vec![LogStream { labels, entries }], Permit::none()))
}

fn parse_object(line: &[u8], now: i64) -> Result<(Labels, Entry), String> {
    let object: Map<String, Json> = serde_json::from_slice(line)
        .map_err(|error| format!("not a JSON object: {error}; use --text for plain lines"))?;
    let mut entry = None;
    let (mut labels, mut metadata, mut timestamp) = (Vec::new(), Vec::new(), now);
    for (name, value) in object {
        match (name.as_str(), value) {
            ("line", Json::String(text)) => entry = Some(text),
            ("labels", Json::Object(pairs)) => labels = strings("labels", pairs)?,
            ("structured_metadata", Json::Object(pairs)) => metadata = strings("structured_metadata", pairs)?,
            ("timestamp", Json::String(text)) => {
                timestamp = gotime::parse_rfc3339_nano(text.as_bytes())
                    .ok_or_else(|| format!("timestamp {text:?} is not RFC 3339, such as 2006-01-02T15:04:05Z"))?;
            }
            ("line" | "timestamp", _) => return Err(format!("{name:?} should be a string")),
            ("labels" | "structured_metadata", _) => return Err(format!("{name:?} should be an object")),
            _ => {
                return Err(format!(
                    "unknown key {name:?}; it takes line, labels, timestamp and structured_metadata"
                ));
            }
        }
    }
    let text = entry.ok_or("key \"line\" is missing")?;
    let mut entry = Entry::new(timestamp, text);
    entry.metadata = Metadata::from_pairs(metadata);
    Ok((Labels::from_pairs(labels), entry))
}

fn strings(of: &str, pairs: Map<String, Json>) -> Result<Vec<(String, String)>, String> {
    pairs
        .into_iter()
        .map(|(name, value)| match value {
            Json::String(text) => Ok((name, text)),
            _ => Err(format!("{of}: value of {name:?} should be a string")),
        })
        .collect()
}

/// Tells what rules dropped, as the ledger counts it.
#[derive(Default)]
struct Drops(BTreeMap<String, Amount>);

impl Drops {
    fn report(&mut self, ledger: &Ledger, out: &Out) {
        for edge in ledger.snapshot().into_iter().filter(|edge| edge.from == "input") {
            for (rule, amount) in edge.filtered {
                let told = self.0.insert(rule.clone(), amount).unwrap_or_default();
                for _ in told.items..amount.items {
                    out.push(json!({"dropped": true, "reason": rule}));
                }
            }
        }
    }
}
