//! What each stage changed, for those who look.

use super::extracted::Seen;
use super::names::Names;
use super::record::Record;
use super::step::{Flow, Watch};
use component::Inspector;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use value::{Object, Value};

/// Reports one run to an inspector.
pub struct Inspection {
    component: Arc<str>,
    inspector: Arc<dyn Inspector>,
    before: Option<State>,
}

struct State {
    line: Vec<u8>,
    labels: Value,
    timestamp: i64,
    metadata: Value,
    extracted: BTreeMap<String, Value>,
}

/// Members of an event, in their order.
type Members = Vec<(&'static str, Value)>;

impl Inspection {
    /// Reports as `component`.
    pub fn new(component: Arc<str>, inspector: Arc<dyn Inspector>) -> Self {
        Inspection {
            component,
            inspector,
            before: None,
        }
    }

    fn report(&self, stage: &str, members: Members) {
        let event: Object = members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        self.inspector.event(&self.component, stage, Value::object(event));
    }
}

fn text(text: &[u8]) -> Value {
    Value::string(text)
}

fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    let object: Object = pairs
        .map(|(name, value)| (name.to_owned(), text(value.as_bytes())))
        .collect();
    Value::object(object)
}

fn value(seen: Seen<'_>) -> Value {
    match seen {
        Seen::Missing | Seen::Null => Value::Null,
        Seen::Bool(value) => Value::Bool(value),
        Seen::Number(number) => Value::Number(value::Number::Float(number)),
        Seen::Text(value) => text(value),
    }
}

fn state(record: &Record, names: &Names) -> State {
    State {
        line: record.line.to_vec(),
        labels: pairs(
            record
                .labels
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        ),
        timestamp: record.timestamp,
        metadata: pairs(
            record
                .metadata
                .pairs()
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        ),
        extracted: record
            .all(names)
            .into_iter()
            .map(|(name, seen)| (name.to_owned(), value(seen)))
            .collect(),
    }
}

fn time(timestamp: i64) -> Value {
    Value::string(gotime::format_rfc3339_nano(timestamp))
}

impl Watch for Inspection {
    fn before(&mut self, _: &str, record: &Record, names: &Names) {
        self.before = Some(state(record, names));
    }

    fn after(&mut self, stage: &str, record: &Record, names: &Names, flow: Flow) {
        let Some(before) = self.before.take() else { return };
        if let Flow::Taken = flow {
            return self.report(stage, vec![("held", Value::Bool(true)), ("line", text(&before.line))]);
        }
        if let Flow::Drop(_) = flow {
            return;
        }
        let after = state(record, names);
        let (mut changes, mut earlier) = (Members::new(), Members::new());
        let mut change = |name, before: Value, after: Value| {
            changes.push((name, after));
            earlier.push((name, before));
        };
        if after.line != before.line {
            change("line", text(&before.line), text(&after.line));
        }
        if after.labels != before.labels {
            change("labels", before.labels, after.labels);
        }
        if after.timestamp != before.timestamp {
            change("timestamp", time(before.timestamp), time(after.timestamp));
        }
        if after.metadata != before.metadata {
            change("structured_metadata", before.metadata, after.metadata);
        }
        let names = after.extracted.keys().chain(before.extracted.keys());
        let differ = |name: &&String| before.extracted.get(*name) != after.extracted.get(*name);
        let differing: BTreeSet<&String> = names.filter(differ).collect();
        let values = |of: &BTreeMap<String, Value>| -> Value {
            let value = |name: &&String| ((*name).clone(), of.get(*name).cloned().unwrap_or(Value::Null));
            Value::object(differing.iter().map(value).collect::<Object>())
        };
        if !differing.is_empty() {
            change("extracted", values(&before.extracted), values(&after.extracted));
        }
        if self.inspector.wants_before() && !changes.is_empty() {
            let earlier: Object = earlier
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            changes.push(("before", Value::object(earlier)));
        }
        if !changes.is_empty() {
            self.report(stage, changes);
        }
    }

    fn out(&mut self, record: &Record, names: &Names) {
        let state = state(record, names);
        let extracted: Object = state.extracted.into_iter().collect();
        let members = vec![
            ("line", text(&state.line)),
            ("labels", state.labels),
            ("timestamp", time(state.timestamp)),
            ("structured_metadata", state.metadata),
            ("extracted", Value::object(extracted)),
        ];
        self.report("out", members);
    }

    fn dropped(&mut self, rule: &str) {
        self.report("dropped", vec![("reason", Value::string(rule))]);
    }
}
