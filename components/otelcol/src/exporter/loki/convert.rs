//! A log record as an entry of Loki.

use super::logfmt::{self, Field, Pairs};
use crate::exporter::prometheus::{hex, identity, label};
use crate::text::{as_string, json, json_map, json_text, sorted};
use otlp_wire::common::{AnyValue, Attributes, Resource, Scope};
use otlp_wire::logs::LogRecord;
use signals::{Labels, LabelsBuilder};
use std::collections::BTreeMap;

/// Attributes that say which attributes become labels, which is the tenant, and how lines are written.
const RESOURCE_LABELS: &str = "loki.resource.labels";
pub(crate) const ATTRIBUTE_LABELS: &str = "loki.attribute.labels";
const TENANT: &str = "loki.tenant";
const FORMAT: &str = "loki.format";
const LEVEL: &str = "level";
const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// The name of a severity: `INFO`, `INFO2`.
fn level(severity: i32) -> Option<String> {
    let number = usize::try_from(severity).ok()?.checked_sub(1)?;
    let name = LEVELS.get(number / 4)?;
    Some(match number % 4 {
        0 => (*name).to_owned(),
        more => format!("{name}{}", more + 1),
    })
}

/// Names in a hint: separated by commas, or a list.
fn names(hint: &AnyValue<'_>) -> Vec<String> {
    let trimmed = |name: &str| name.trim().to_owned();
    match hint {
        AnyValue::Array(list) => list.map(|name| trimmed(&as_string(&name))).collect(),
        other => as_string(other).split(',').map(trimmed).collect(),
    }
}

/// An attribute by its key, or by the keys of the maps that lead to it.
fn find<'a>(attributes: Attributes<'a>, name: &str) -> Option<AnyValue<'a>> {
    if let Some(value) = attributes.get(name.as_bytes()) {
        return Some(value);
    }
    name.match_indices('.')
        .find_map(|(at, _)| match attributes.get(&name.as_bytes()[..at])? {
            AnyValue::Map(inner) => find(inner, &name[at + 1..]),
            _ => None,
        })
}

type LabelMap = BTreeMap<String, String>;

fn select(labels: &mut LabelMap, from: Option<Attributes<'_>>, hint: Option<AnyValue<'_>>) {
    let (Some(from), Some(hint)) = (from, hint) else {
        return;
    };
    for name in names(&hint) {
        if let Some(value) = find(from, &name) {
            labels.insert(name, as_string(&value).into_owned());
        }
    }
}

/// What the records of a scope have in common.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) resource: Option<Resource<'a>>,
    pub(super) scope: Option<Scope<'a>>,
}

/// A record without the attributes that became labels.
struct Rest<'a> {
    record: &'a LogRecord<'a>,
    attributes: Vec<(&'a [u8], AnyValue<'a>)>,
    resource: Vec<(&'a [u8], AnyValue<'a>)>,
    scope: Option<Scope<'a>>,
}

/// The labels and the line of a record. `None` if there is no such line.
pub(super) fn entry(around: Around<'_>, record: &LogRecord<'_>) -> Option<(Labels, String)> {
    let resource = around.resource.map(|resource| resource.attributes());
    let attributes = record.attributes();
    let hint = |from: Option<Attributes<'_>>, name: &str| from.and_then(|from| from.get(name.as_bytes())).is_some();
    let value_of = |name: &str| resource.and_then(|resource| resource.get(name.as_bytes()));
    let mut labels: LabelMap = identity(around.resource).into_iter().collect();
    labels.insert("exporter".to_owned(), "OTLP".to_owned());
    select(&mut labels, resource, value_of(RESOURCE_LABELS));
    select(&mut labels, resource, attributes.get(RESOURCE_LABELS.as_bytes()));
    select(
        &mut labels,
        Some(attributes),
        attributes.get(ATTRIBUTE_LABELS.as_bytes()),
    );
    if let Some(level) = level(record.severity_number) {
        let own = attributes
            .get(LEVEL.as_bytes())
            .map(|value| as_string(&value).into_owned());
        labels.insert(LEVEL.to_owned(), own.unwrap_or(level));
    }
    if hint(resource, TENANT) {
        select(&mut labels, resource, value_of(TENANT));
    } else {
        select(&mut labels, Some(attributes), attributes.get(TENANT.as_bytes()));
    }
    let stays = |key: &[u8]| {
        let hints = [RESOURCE_LABELS, ATTRIBUTE_LABELS, TENANT, FORMAT];
        !hints.iter().any(|hint| hint.as_bytes() == key)
            && !std::str::from_utf8(key).is_ok_and(|key| labels.contains_key(key))
    };
    let rest = Rest {
        record,
        attributes: sorted(attributes).into_iter().filter(|(key, _)| stays(key)).collect(),
        resource: resource
            .map(sorted)
            .unwrap_or_default()
            .into_iter()
            .filter(|(key, _)| stays(key))
            .collect(),
        scope: around.scope.filter(|scope| !scope.name.is_empty()),
    };
    let format = value_of(FORMAT).or_else(|| attributes.get(FORMAT.as_bytes()));
    let line = match format.as_ref().map(as_string).as_deref() {
        None | Some("json") => json_line(&rest)?,
        Some("logfmt") => logfmt_line(&rest)?,
        Some("raw") => as_string(&record.body.unwrap_or_default()).into_owned(),
        Some(_) => return None,
    };
    let mut set = LabelsBuilder::default();
    for (name, value) in labels {
        set.set(label(&name), value);
    }
    Some((set.build(), line))
}

fn json_line(rest: &Rest<'_>) -> Option<String> {
    let record = rest.record;
    let mut out = String::from("{");
    let field = |out: &mut String, name: &str| {
        if out.len() > 1 {
            out.push(',');
        }
        out.push('"');
        out.push_str(name);
        out.push_str("\":");
    };
    let text = |out: &mut String, name: &str, text: &[u8]| {
        if !text.is_empty() {
            field(out, name);
            json_text(text, out);
        }
    };
    if let Some(body) = record.body.filter(|body| !matches!(body, AnyValue::Empty)) {
        field(&mut out, "body");
        json(&body, &mut out).then_some(())?;
    }
    let id = |id: Option<&[u8]>| id.map(hex).unwrap_or_default();
    text(
        &mut out,
        "traceid",
        id(record.trace_id.map(<[u8; 16]>::as_slice)).as_bytes(),
    );
    text(
        &mut out,
        "spanid",
        id(record.span_id.map(<[u8; 8]>::as_slice)).as_bytes(),
    );
    text(&mut out, "severity", record.severity_text);
    if record.flags != 0 {
        field(&mut out, "flags");
        out.push_str(&record.flags.to_string());
    }
    for (name, pairs) in [("attributes", &rest.attributes), ("resources", &rest.resource)] {
        if !pairs.is_empty() {
            field(&mut out, name);
            json_map(pairs, &mut out).then_some(())?;
        }
    }
    if let Some(scope) = rest.scope {
        field(&mut out, "instrumentation_scope");
        out.push_str("{\"name\":");
        json_text(scope.name, &mut out);
        if !scope.version.is_empty() {
            out.push_str(",\"version\":");
            json_text(scope.version, &mut out);
        }
        out.push('}');
    }
    out.push('}');
    Some(out)
}

/// Appends a value, with those in it as pairs of their own.
fn flatten(pairs: &mut Pairs, key: String, value: &AnyValue<'_>) {
    match value {
        AnyValue::Empty => {}
        AnyValue::Map(inner) => {
            let prefix = if key.is_empty() { key } else { key + "_" };
            for (name, value) in sorted(*inner) {
                flatten(pairs, format!("{prefix}{}", String::from_utf8_lossy(name)), &value);
            }
        }
        AnyValue::Array(values) => {
            for (at, value) in values.enumerate() {
                flatten(pairs, format!("{key}_{at}"), &value);
            }
        }
        AnyValue::String(text) => pairs.push((key, Field::Text(String::from_utf8_lossy(text).into_owned()))),
        AnyValue::Bytes(bytes) => pairs.push((key, Field::Text(String::from_utf8_lossy(bytes).into_owned()))),
        AnyValue::Bool(_) | AnyValue::Int(_) | AnyValue::Double(_) => {
            pairs.push((key, Field::Other(as_string(value).into_owned())));
        }
    }
}

fn replace_or_append(pairs: &mut Pairs, key: &str, value: Field) {
    match pairs.iter_mut().find(|pair| pair.0 == key) {
        Some(pair) => pair.1 = value,
        None => pairs.push((key.to_owned(), value)),
    }
}

fn logfmt_line(rest: &Rest<'_>) -> Option<String> {
    let record = rest.record;
    let mut pairs = Pairs::new();
    match record.body.unwrap_or_default() {
        AnyValue::String(text) => {
            let text = String::from_utf8_lossy(text);
            pairs = logfmt::parse(&text)
                .unwrap_or_else(|| vec![("msg".to_owned(), Field::Text(text.clone().into_owned()))]);
        }
        body @ AnyValue::Map(_) => flatten(&mut pairs, String::new(), &body),
        body @ AnyValue::Array(_) => flatten(&mut pairs, "body".to_owned(), &body),
        body => flatten(&mut pairs, "msg".to_owned(), &body),
    }
    if let Some(id) = record.trace_id {
        replace_or_append(&mut pairs, "traceID", Field::Text(hex(id)));
    }
    if let Some(id) = record.span_id {
        replace_or_append(&mut pairs, "spanID", Field::Text(hex(id)));
    }
    if !record.severity_text.is_empty() {
        let text = String::from_utf8_lossy(record.severity_text).into_owned();
        replace_or_append(&mut pairs, "severity", Field::Text(text));
    }
    if record.flags != 0 {
        replace_or_append(&mut pairs, "flags", Field::Other(record.flags.to_string()));
    }
    for (prefix, attributes) in [("attribute", &rest.attributes), ("resource", &rest.resource)] {
        for (key, value) in attributes {
            flatten(&mut pairs, format!("{prefix}_{}", String::from_utf8_lossy(key)), value);
        }
    }
    if let Some(scope) = rest.scope {
        let text = |bytes| Field::Text(String::from_utf8_lossy(bytes).into_owned());
        pairs.push(("instrumentation_scope_name".to_owned(), text(scope.name)));
        if !scope.version.is_empty() {
            pairs.push(("instrumentation_scope_version".to_owned(), text(scope.version)));
        }
    }
    logfmt::write(&pairs)
}
