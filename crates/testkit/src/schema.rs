//! Arguments of a component or a block of the configuration compared with those that Alloy documents.

use serde_json::Value as Json;
use std::any::Any;
use std::collections::BTreeSet;
use std::path::Path;
use value::{Field, FieldKind, Schema, Secret, Value};

/// What differs between a component's arguments, or exports, and Alloy's reference: names, whether they must be given, defaults. `None`,
/// and a line that says so, where the reference is not there.
///
/// # Panics
/// If the reference is there and does not know the component.
pub fn differences(component: &str, arguments: &Schema, exports: &Schema) -> Option<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/alloy-schema.json");
    let Ok(text) = std::fs::read(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    };
    let reference: Json = serde_json::from_slice(&text).expect("the reference is JSON");
    let lists = ["components", "config_blocks"].map(|list| reference[list].as_array().expect("a list"));
    let one = lists
        .into_iter()
        .flatten()
        .find(|one| one["name"] == component)
        .unwrap_or_else(|| panic!("the reference does not know {component}"));
    let mut compared = Compared {
        reference: one,
        seen: BTreeSet::new(),
        differences: Vec::new(),
    };
    compared.block("", arguments);
    let mut missing = Vec::new();
    for (list, key) in [("arguments", "name"), ("blocks", "path")] {
        for item in one[list].as_array().into_iter().flatten() {
            let path = item["path"].as_str().unwrap_or_default();
            let name = match key {
                "name" => join(path, item["name"].as_str().unwrap_or_default()),
                _ => path.to_owned(),
            };
            if !compared.seen.contains(&name) {
                missing.push(format!("{name} is missing"));
            }
        }
    }
    let mut differences = compared.differences;
    differences.extend(missing);
    let names = |schema: &Schema| schema.attribute_names().into_iter().map(str::to_owned).collect();
    let ours: BTreeSet<String> = names(exports);
    let theirs = one["exports"].as_array().into_iter().flatten();
    let theirs: BTreeSet<String> = theirs
        .filter_map(|one| one["name"].as_str().map(str::to_owned))
        .collect();
    if ours != theirs {
        differences.push(format!("exports are {ours:?} and should be {theirs:?}"));
    }
    Some(differences)
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

struct Compared<'r> {
    reference: &'r Json,
    seen: BTreeSet<String>,
    differences: Vec<String>,
}

impl Compared<'_> {
    fn block(&mut self, path: &str, schema: &Schema) {
        let defaults = (schema.defaults)();
        for field in schema.fields {
            let name = join(path, field.name);
            match &field.kind {
                FieldKind::Attr { get, .. } => self.attribute(path, &name, field, get(&*defaults as &dyn Any)),
                FieldKind::Block { schema, .. } | FieldKind::Blocks { schema, .. } => {
                    let blocks = self.reference["blocks"].as_array();
                    if !blocks.into_iter().flatten().any(|block| block["path"] == *name) {
                        self.differences.push(format!("block {name} is not Alloy's"));
                    }
                    self.seen.insert(name.clone());
                    self.block(&name, schema());
                }
                FieldKind::Flatten { schema, .. } => self.block(path, schema()),
                FieldKind::Enum { .. } | FieldKind::Label { .. } => {}
            }
        }
    }

    fn attribute(&mut self, path: &str, name: &str, field: &Field, default: Value) {
        self.seen.insert(name.to_owned());
        let arguments = self.reference["arguments"].as_array();
        let theirs = arguments
            .into_iter()
            .flatten()
            .find(|one| one["path"] == *path && one["name"] == *field.name);
        let Some(theirs) = theirs else {
            self.differences.push(format!("argument {name} is not Alloy's"));
            return;
        };
        if theirs["required"].as_bool().unwrap_or_default() != field.required {
            self.differences
                .push(format!("{name}: required is {} and should not be", field.required));
        }
        // An empty object is how the reference writes a default that is not plain.
        let wanted = &theirs["default"];
        let is_plain = !wanted.is_null() && wanted.as_object().is_none_or(|object| !object.is_empty());
        if field.required || !is_plain {
            return;
        }
        let text = plain(&default);
        if !same(&text, wanted) {
            self.differences
                .push(format!("{name}: the default is {text} and should be {wanted}"));
        }
    }
}

/// A value as JSON, as far as defaults go.
fn plain(value: &Value) -> Json {
    match value {
        Value::Bool(b) => Json::Bool(*b),
        Value::Number(number) => serde_json::Number::from_f64(number.as_f64()).map_or(Json::Null, Json::Number),
        Value::String(text) => Json::String(text.to_str_lossy().into_owned()),
        Value::Array(_) => Json::Array(value.items().unwrap_or_default().iter().map(plain).collect()),
        Value::Capsule(capsule) => capsule
            .downcast_ref::<Secret>()
            .map_or(Json::Null, |secret| Json::String(secret.expose_str())),
        _ => Json::Null,
    }
}

/// Whether two defaults mean the same; durations and sizes may be written in several ways.
fn same(ours: &Json, theirs: &Json) -> bool {
    let number = |json: &Json| {
        json.as_f64().or_else(|| {
            let text = json.as_str()?;
            // The reference rounds the longest duration up, to one that is too long.
            if text.starts_with("2562047h47m16.") {
                return Some(i64::MAX as f64);
            }
            let nanos = gotime::parse_duration(text).map(|nanos| nanos as f64);
            nanos
                .or_else(|_| gotime::parse_bytes(text).map(|bytes| bytes as f64))
                .ok()
        })
    };
    match (number(ours), number(theirs)) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => ours == theirs,
    }
}
