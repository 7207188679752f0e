//! Edits.

use component::{Error, Result};
use goregex::Regex;
use otlp_wire::common::AnyValue;
use otlp_wire::edit::{Editable, Mode, Pair};
use otlp_wire::write;
use sha2::{Digest, Sha256};
use signals::Client;
use value::{Block, Choice, Number, Value};

/// What an edit does.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Adds the attribute if there is none with the key.
    #[choice("insert")]
    Insert,
    /// Gives it another value if there is one.
    #[choice("update")]
    Update,
    /// Sets it in any case.
    #[choice("upsert")]
    Upsert,
    /// Removes it.
    #[choice("delete")]
    Delete,
    /// Puts the SHA-256 of its value in its place, in hexadecimal.
    #[choice("hash")]
    Hash,
    /// Makes attributes of the named groups of a pattern.
    #[choice("extract")]
    Extract,
    /// Gives its value another type.
    #[choice("convert")]
    Convert,
}

/// Types of values.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvertedType {
    /// None is given.
    #[choice("")]
    None,
    /// A signed number.
    #[choice("int")]
    Int,
    /// A number.
    #[choice("double")]
    Double,
    /// A text.
    #[choice("string")]
    String,
}

/// An edit. `insert`, `update` and `upsert` take their value from one of `value`, `from_attribute` and `from_context`.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct ActionArgs {
    /// The attribute.
    #[arg(default)]
    pub key: String,
    /// What is done: `insert`, `update`, `upsert`, `delete`, `hash`, `extract` or `convert`.
    #[arg]
    pub action: Kind,
    /// The value.
    #[arg(default)]
    pub value: Value,
    /// Attribute that has the value.
    #[arg(default)]
    pub from_attribute: String,
    /// What has the value of the request that the telemetry came with: `metadata.NAME` for a header (several values with `;` between them), or
    /// `client.address`.
    #[arg(default)]
    pub from_context: String,
    /// Regular expression: for `extract` with named groups for the value, for `delete` and `hash` for keys.
    #[arg(default)]
    pub pattern: String,
    /// Type for `convert`: `int`, `double` or `string`.
    #[arg(default = ConvertedType::None)]
    pub converted_type: ConvertedType,
}

/// Where in a request a value comes from.
pub(super) enum Source {
    Metadata(String),
    Address,
    /// Nothing is known of how clients were authenticated.
    Nothing,
}

/// An edit, compiled.
pub(super) enum Compiled {
    Set(Mode, Pair),
    SetFrom(Mode, Vec<u8>, Vec<u8>),
    SetContext(Mode, Vec<u8>, Source),
    Delete(Option<Vec<u8>>, Option<Regex>),
    Hash(Option<Vec<u8>>, Option<Regex>),
    Extract(Vec<u8>, Regex),
    Convert(Vec<u8>, ConvertedType),
}

/// A value of the configuration as one of an attribute.
pub(super) enum Owned {
    Text(Vec<u8>),
    Bool(bool),
    Int(i64),
    Double(f64),
    Nested(write::Value),
}

impl Owned {
    pub(super) fn new(value: &Value) -> Option<Owned> {
        Some(match value {
            Value::String(text) => Owned::Text(text.as_bytes().to_vec()),
            Value::Bool(truth) => Owned::Bool(*truth),
            Value::Number(Number::Float(number)) => Owned::Double(*number),
            Value::Number(number) => Owned::Int(number.as_i64()),
            Value::Array(values) => {
                let values: Vec<Owned> = values.iter().map(Owned::new).collect::<Option<_>>()?;
                Owned::Nested(write::Value::array(values.iter().map(Owned::view)))
            }
            Value::Object(object) => {
                let pairs: Vec<(Vec<u8>, Owned)> = object
                    .iter()
                    .map(|(key, value)| Some((key.as_bytes().to_vec(), Owned::new(value)?)))
                    .collect::<Option<_>>()?;
                let pairs = pairs.iter().map(|(key, value)| (key.as_slice(), value.view()));
                Owned::Nested(write::Value::map(pairs))
            }
            _ => return None,
        })
    }

    pub(super) fn view(&self) -> AnyValue<'_> {
        match self {
            Owned::Text(text) => AnyValue::String(text),
            Owned::Bool(truth) => AnyValue::Bool(*truth),
            Owned::Int(number) => AnyValue::Int(*number),
            Owned::Double(number) => AnyValue::Double(*number),
            Owned::Nested(value) => value.view(),
        }
    }
}

impl ActionArgs {
    /// Compiles the edit.
    pub(super) fn compile(&self) -> Result<Compiled> {
        let key = self.key.as_bytes().to_vec();
        let by_pattern = matches!(self.action, Kind::Delete | Kind::Hash);
        if key.is_empty() && (!by_pattern || self.pattern.is_empty()) {
            return Err(Error::about("key", "must be set").with("pattern"));
        }
        let given = [
            ("value", self.value != Value::Null),
            ("from_attribute", !self.from_attribute.is_empty()),
            ("from_context", !self.from_context.is_empty()),
        ];
        let sets = matches!(self.action, Kind::Insert | Kind::Update | Kind::Upsert);
        if sets && given.iter().filter(|(_, given)| *given).count() != 1 {
            let error = Error::new("one of \"value\", \"from_attribute\" and \"from_context\" must be set");
            return Err(error.with("value").with("from_attribute").with("from_context"));
        }
        if let Some((name, _)) = given.iter().find(|(_, given)| *given && !sets) {
            return Err(Error::about(*name, "does not go with this action").with("action"));
        }
        if !self.pattern.is_empty() && !by_pattern && self.action != Kind::Extract {
            return Err(Error::about("pattern", "does not go with this action").with("action"));
        }
        if (self.converted_type != ConvertedType::None) != (self.action == Kind::Convert) {
            return Err(Error::about("converted_type", "must be set for \"convert\", and only for it").with("action"));
        }
        let pattern = || match self.pattern.as_str() {
            "" => Ok(None),
            pattern => Regex::new(pattern)
                .map(Some)
                .map_err(|error| Error::about("pattern", error.to_string())),
        };
        let named = Some(key.clone()).filter(|key| !key.is_empty());
        let mode = match self.action {
            Kind::Insert => Mode::Insert,
            Kind::Update => Mode::Update,
            Kind::Upsert => Mode::Upsert,
            Kind::Delete => return Ok(Compiled::Delete(named, pattern()?)),
            Kind::Hash => return Ok(Compiled::Hash(named, pattern()?)),
            Kind::Convert => return Ok(Compiled::Convert(key, self.converted_type)),
            Kind::Extract => {
                let pattern = pattern()?.ok_or_else(|| Error::about("pattern", "must be set for \"extract\""))?;
                let groups = &pattern.group_names()[1..];
                if groups.is_empty() || groups.iter().any(|name| name.as_ref().is_none_or(String::is_empty)) {
                    return Err(Error::about("pattern", "must have groups, all of them with a name"));
                }
                return Ok(Compiled::Extract(key, pattern));
            }
        };
        if !self.from_attribute.is_empty() {
            return Ok(Compiled::SetFrom(mode, key, self.from_attribute.as_bytes().to_vec()));
        }
        if !self.from_context.is_empty() {
            let source = match self.from_context.as_str() {
                "client.address" => Source::Address,
                other => match (other.strip_prefix("metadata."), other.starts_with("auth.")) {
                    (Some(name), _) => Source::Metadata(name.to_lowercase()),
                    (None, true) => Source::Nothing,
                    // What has no prefix is metadata too.
                    (None, false) => Source::Metadata(other.to_lowercase()),
                },
            };
            return Ok(Compiled::SetContext(mode, key, source));
        }
        let value =
            Owned::new(&self.value).ok_or_else(|| Error::about("value", "is nothing that an attribute can have"))?;
        Ok(Compiled::Set(mode, Pair::new(&key, value.view())))
    }
}

impl Compiled {
    /// The value that the edit takes from a request.
    pub(super) fn context(&self, client: Option<&Client>) -> Option<String> {
        let Compiled::SetContext(_, _, source) = self else {
            return None;
        };
        let client = client?;
        match source {
            Source::Address => client.address.map(|address| address.ip().to_string()),
            Source::Nothing => None,
            Source::Metadata(name) => {
                let values = client.metadata.iter().filter(|(known, _)| known == name);
                let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
                (!values.is_empty()).then(|| values.join(";"))
            }
        }
    }

    /// Makes the edit; `context` is what [`Compiled::context`] said.
    pub(super) fn apply(&self, attributes: &mut Editable<'_>, context: Option<&str>) {
        match self {
            Compiled::Set(mode, pair) => {
                attributes.set_pair(*mode, pair);
            }
            Compiled::SetFrom(mode, key, from) => {
                attributes.set_from(*mode, key, from);
            }
            Compiled::SetContext(mode, key, _) => {
                if let Some(value) = context {
                    attributes.set(*mode, key, AnyValue::String(value.as_bytes()));
                }
            }
            Compiled::Delete(key, pattern) => {
                if let Some(key) = key {
                    attributes.delete(key);
                }
                if let Some(pattern) = pattern {
                    attributes.retain(|pair| !pattern.is_match(pair.key));
                }
            }
            Compiled::Hash(key, pattern) => {
                let mut keys: Vec<Vec<u8>> = key.iter().cloned().collect();
                if let Some(pattern) = pattern {
                    let found = attributes.iter().filter(|pair| pattern.is_match(pair.key));
                    keys.extend(found.map(|pair| pair.key.to_vec()));
                }
                for key in keys {
                    let hashed = attributes.get(&key).map(hash);
                    if let Some(hashed) = hashed {
                        attributes.update(&key, AnyValue::String(hashed.as_bytes()));
                    }
                }
            }
            Compiled::Extract(key, pattern) => extract(attributes, key, pattern),
            Compiled::Convert(key, to) => {
                let converted = attributes.get(key).and_then(|value| convert(value, *to));
                if let Some(value) = converted {
                    attributes.update(key, value.view());
                }
            }
        }
    }
}

fn extract(attributes: &mut Editable<'_>, key: &[u8], pattern: &Regex) {
    let Some(AnyValue::String(text)) = attributes.get(key) else {
        return;
    };
    let mut locations = pattern.capture_locations();
    if pattern.captures(&mut locations, text).is_none() {
        return;
    }
    let groups = pattern.group_names().iter().enumerate().skip(1);
    let found = groups.filter_map(|(number, name)| {
        let name = name.as_ref()?;
        // A group that took no part is an empty text, as in Go.
        let value = locations.get(number).map_or(&b""[..], |range| &text[range]);
        Some((name.clone(), value.to_vec()))
    });
    for (name, value) in found.collect::<Vec<_>>() {
        attributes.upsert(name.as_bytes(), AnyValue::String(&value));
    }
}

/// The hash of a value: of its text, or of its bytes in memory, the least significant first.
fn hash(value: AnyValue<'_>) -> String {
    let bytes = match value {
        AnyValue::String(text) => text.to_vec(),
        AnyValue::Bool(truth) => vec![u8::from(truth)],
        AnyValue::Int(number) => number.to_le_bytes().to_vec(),
        AnyValue::Double(number) => number.to_bits().to_le_bytes().to_vec(),
        _ => Vec::new(),
    };
    if bytes.is_empty() {
        return String::new();
    }
    Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A value of another type; nothing if it has it already, or cannot have it.
fn convert(value: AnyValue<'_>, to: ConvertedType) -> Option<Owned> {
    let text = |text: &[u8]| String::from_utf8(text.to_vec()).ok();
    Some(match (to, value) {
        (ConvertedType::None, _) => return None,
        (ConvertedType::String, AnyValue::String(_)) => return None,
        (ConvertedType::String, value) => Owned::Text(crate::text::as_string(&value).into_owned().into_bytes()),
        (ConvertedType::Int, AnyValue::Double(number)) => Owned::Int(Number::Float(number).as_i64()),
        (ConvertedType::Int, AnyValue::Bool(truth)) => Owned::Int(truth.into()),
        (ConvertedType::Int, AnyValue::String(value)) => Owned::Int(text(value)?.parse().ok()?),
        (ConvertedType::Double, AnyValue::Int(number)) => Owned::Double(number as f64),
        (ConvertedType::Double, AnyValue::Bool(truth)) => Owned::Double(if truth { 1.0 } else { 0.0 }),
        (ConvertedType::Double, AnyValue::String(value)) => Owned::Double(text(value)?.parse().ok()?),
        _ => return None,
    })
}
