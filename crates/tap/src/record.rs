//! A record as it is shown.

use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Longest text of a record that is shown, in bytes; more is cut off.
const TEXT_LIMIT: usize = 16 << 10;

/// Where a record was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Moment {
    /// Between two components.
    Edge,
    /// A stage of a component changed it.
    Stage,
    /// It left the stages of a component.
    Out,
    /// A stage dropped it.
    Dropped,
}

/// One record as it passed. Serializes as `docs/http-api.md` says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// When it passed, in nanoseconds since the Unix epoch.
    #[serde(serialize_with = "time")]
    pub at: i64,
    /// Global id of the component that sends it, or in which it is.
    pub from: String,
    /// Global id of the component that receives it; empty inside a component.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// The stage, as `stage.json[0]`; none on an edge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Where it was seen.
    pub moment: Moment,
    /// `logs`, `metrics` or `traces`.
    pub signal: &'static str,
    /// Its own time, likewise; none if it has none.
    #[serde(serialize_with = "maybe_time", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
    /// Labels of its stream or series; attributes of its resource and its own.
    #[serde(serialize_with = "pairs")]
    pub labels: Vec<(String, String)>,
    /// The log line, or the name of the span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// Structured metadata.
    #[serde(serialize_with = "pairs", skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, String)>,
    /// The value of a sample, as Prometheus writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What a stage changed: values after it, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Json>,
    /// The same values before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Json>,
}

impl Record {
    pub(crate) fn new(at: i64, from: &str, to: &str, moment: Moment, signal: &'static str) -> Record {
        Record {
            at,
            from: from.to_owned(),
            to: to.to_owned(),
            stage: None,
            moment,
            signal,
            timestamp: None,
            labels: Vec::new(),
            line: None,
            metadata: Vec::new(),
            value: None,
            text: None,
            changed: None,
            before: None,
        }
    }

    /// The value of a label, or of a piece of metadata.
    pub(crate) fn label(&self, name: &str) -> Option<&[u8]> {
        let mut pairs = self.labels.iter().chain(&self.metadata);
        pairs
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_bytes())
    }

    /// What line filters see.
    pub(crate) fn line_bytes(&self) -> &[u8] {
        let text = self.line.as_ref().or(self.value.as_ref());
        text.map_or(&[], |text| text.as_bytes())
    }

    /// Bytes of its texts.
    pub(crate) fn size(&self) -> usize {
        let texts = [&self.line, &self.value, &self.text].into_iter().flatten();
        let pairs = self.labels.iter().chain(&self.metadata);
        let jsons = [&self.changed, &self.before].into_iter().flatten();
        size_of::<Record>()
            + texts.map(String::len).sum::<usize>()
            + pairs.map(|(name, value)| name.len() + value.len()).sum::<usize>()
            + jsons.map(json_size).sum::<usize>()
    }

    /// Takes out what looks like a secret, and what is too long.
    pub(crate) fn conceal(&mut self) {
        for text in [&mut self.line, &mut self.text].into_iter().flatten() {
            *text = signals::redact(cut(text));
        }
        for (name, value) in self.labels.iter_mut().chain(&mut self.metadata) {
            *value = conceal_pair(name, value);
        }
        for json in [&mut self.changed, &mut self.before].into_iter().flatten() {
            conceal_json("", json);
        }
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A value whose name may say that it is a secret.
fn conceal_pair(name: &str, value: &str) -> String {
    let start = format!("{name}=");
    let concealed = signals::redact(&format!("{start}{}", cut(value)));
    match concealed.strip_prefix(&start) {
        Some(value) => value.to_owned(),
        None => signals::redact(cut(value)),
    }
}

fn json_size(json: &Json) -> usize {
    size_of::<Json>()
        + match json {
            Json::String(text) => text.len(),
            Json::Array(items) => items.iter().map(json_size).sum(),
            Json::Object(members) => members.iter().map(|(name, item)| name.len() + json_size(item)).sum(),
            Json::Null | Json::Bool(_) | Json::Number(_) => 0,
        }
}

fn conceal_json(name: &str, json: &mut Json) {
    match json {
        Json::String(text) => *text = conceal_pair(name, text),
        Json::Array(items) => items.iter_mut().for_each(|item| conceal_json(name, item)),
        Json::Object(members) => members.iter_mut().for_each(|(name, item)| conceal_json(name, item)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn time<S: Serializer>(nanos: &i64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&gotime::format_rfc3339_nano(*nanos))
}

fn maybe_time<S: Serializer>(nanos: &Option<i64>, to: S) -> Result<S::Ok, S::Error> {
    match nanos {
        Some(nanos) => time(nanos, to),
        None => to.serialize_none(),
    }
}

fn pairs<S: Serializer>(pairs: &[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    // A name may occur more than once; the last is shown.
    let map: BTreeMap<&str, &str> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    to.collect_map(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        let mut record = Record::new(0, "a", "b", Moment::Edge, "logs");
        record.line = Some("login password=hunter2 ok".to_owned());
        record.labels = vec![
            ("job".to_owned(), "api".to_owned()),
            ("api_key".to_owned(), "hunter3".to_owned()),
        ];
        record.metadata = vec![("token".to_owned(), "hunter4".to_owned())];
        record.changed = Some(serde_json::json!({"extracted": {"password": "hunter5", "level": "info"}}));
        record.conceal();
        let text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains("hunter"), "{text}");
        assert!(
            text.contains("\"job\":\"api\"") && text.contains("\"level\":\"info\""),
            "{text}"
        );
        assert!(text.contains("login"), "{text}");
    }
}
