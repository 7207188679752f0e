//! What a component or config block takes and exports, compared with what Alloy's does.

use serde_json::Value as Json;
use std::collections::BTreeSet;
use value::shape::{Attribute, BlockShape, Shape};
use value::{Schema, Secret, Type, Value};

/// What differs between the arguments and exports of a component, or config block, and those of Alloy's: names, types, whether they must
/// be given, how often and with a label, defaults. `None` if Alloy has none of that name.
pub fn differences(name: &str, arguments: &'static Schema, exports: &'static Schema) -> Option<Vec<String>> {
    shape_differences(name, &Shape::of(arguments), &Shape::of(exports))
}

/// The same for shapes.
pub fn shape_differences(name: &str, arguments: &Shape, exports: &Shape) -> Option<Vec<String>> {
    let theirs = upstream::component(name).or_else(|| upstream::block(name))?;
    let mut compared = Compared::default();
    compared.block("", arguments, &theirs.arguments());
    compared.exports(exports, &theirs.exports());
    Some(compared.differences)
}

fn join(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

#[derive(Default)]
struct Compared {
    differences: Vec<String>,
}

impl Compared {
    fn note(&mut self, difference: String) {
        self.differences.push(difference);
    }

    fn block(&mut self, path: &str, ours: &Shape, theirs: &Shape) {
        for one in &ours.attributes {
            match theirs.attribute(&one.name) {
                Some(other) => self.attribute(&join(path, &one.name), one, other),
                None => self.note(format!("argument {} is not Alloy's", join(path, &one.name))),
            }
        }
        for one in &ours.blocks {
            match theirs.block(&one.name) {
                Some(other) => self.inner(&join(path, &one.name), one, other),
                None => self.note(format!("block {} is not Alloy's", join(path, &one.name))),
            }
        }
        let here: BTreeSet<&str> = ours.names().collect();
        for name in theirs.names().filter(|name| !here.contains(name)) {
            self.note(format!("{} is missing", join(path, name)));
        }
    }

    fn inner(&mut self, name: &str, ours: &BlockShape, theirs: &BlockShape) {
        for (what, ours, theirs) in [
            ("required", ours.required, theirs.required),
            ("repeated", ours.repeated, theirs.repeated),
            ("labelled", ours.labelled, theirs.labelled),
            ("a variant", ours.variant_of.is_some(), theirs.variant_of.is_some()),
            ("recursive", ours.recursive, theirs.recursive),
        ] {
            if ours != theirs {
                self.note(format!("{name}: {what} is {ours} and should not be"));
            }
        }
        if ours.recursive && theirs.recursive {
            // The list of blocks inside is the one around.
            self.block(name, &without_list(ours), &without_list(theirs));
        } else {
            self.block(name, ours.shape(), theirs.shape());
        }
    }

    fn attribute(&mut self, name: &str, ours: &Attribute, theirs: &Attribute) {
        if ours.required != theirs.required {
            self.note(format!("{name}: required is {} and should not be", ours.required));
        }
        self.types(name, &ours.ty, &theirs.ty);
        if ours.required {
            return;
        }
        let Some(wanted) = &theirs.default else { return };
        let (default, wanted) = (ours.default.as_ref().map_or(Json::Null, plain), plain(wanted));
        if !same(&default, &wanted) {
            self.note(format!("{name}: the default is {default} and should be {wanted}"));
        }
    }

    fn types(&mut self, name: &str, ours: &Type, theirs: &Type) {
        if !same_type(ours, theirs) {
            self.note(format!("{name}: the type is {ours} and should be {theirs}"));
        }
    }

    fn exports(&mut self, ours: &Shape, theirs: &Shape) {
        for one in &ours.attributes {
            match theirs.attribute(&one.name) {
                Some(other) => self.types(&format!("export {}", one.name), &one.ty, &other.ty),
                None => self.note(format!("export {} is not Alloy's", one.name)),
            }
        }
        for name in theirs.names().filter(|name| ours.attribute(name).is_none()) {
            self.note(format!("export {name} is missing"));
        }
    }
}

/// What is inside a block that holds the list that it is in, without that list.
fn without_list(block: &BlockShape) -> Shape {
    let mut shape = block.shape().clone();
    shape.blocks.retain(|inner| inner.variant_of != block.variant_of);
    shape
}

/// Whether two types take the same; a choice is a string of which more is known.
fn same_type(ours: &Type, theirs: &Type) -> bool {
    match (ours, theirs) {
        (Type::List(ours), Type::List(theirs)) | (Type::Map(ours), Type::Map(theirs)) => same_type(ours, theirs),
        (Type::Choice(_), Type::String) => true,
        _ => ours.to_string() == theirs.to_string(),
    }
}

/// A value as JSON, as far as defaults go.
fn plain(value: &Value) -> Json {
    match value {
        Value::Bool(b) => Json::Bool(*b),
        Value::Number(number) => serde_json::Number::from_f64(number.as_f64()).map_or(Json::Null, Json::Number),
        Value::String(text) => Json::String(text.to_str_lossy().into_owned()),
        Value::Capsule(capsule) => capsule
            .downcast_ref::<Secret>()
            .map_or(Json::Null, |secret| Json::String(secret.expose_str())),
        _ => match (value.items(), value.fields()) {
            (Some(items), _) => items.iter().map(plain).collect(),
            (_, Some(fields)) => {
                let fields = fields.iter().map(|(name, item)| (name.to_string(), plain(item)));
                Json::Object(fields.collect())
            }
            _ => Json::Null,
        },
    }
}

/// Whether two defaults mean the same; durations and sizes may be written in several ways, and an empty string may stand for none.
fn same(ours: &Json, theirs: &Json) -> bool {
    if theirs == "" && ours.is_null() {
        return true;
    }
    let number = |json: &Json| {
        json.as_f64().or_else(|| {
            let text = json.as_str()?;
            // The reference rounds the longest duration up, to one that is too long, or writes it as a word.
            if text.starts_with("2562047h47m16.") || text == "infinity" {
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
