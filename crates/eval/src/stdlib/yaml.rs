//! YAML as a value.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use value::{FromValue, Number, Object, Value, ValueError};

/// The first document of a text that is not empty. Scalars are typed as in YAML 1.2 with the integers of 1.1: `yes` is a string,
/// `0755` octal.
pub(super) fn parse(text: &str) -> Result<Value, ValueError> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        legacy_octal_numbers: true,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
        // The text is in memory already.
        budget: serde_saphyr::budget! { max_reader_input_bytes: None },
    };
    let mut bytes = text.as_bytes();
    let mut documents = serde_saphyr::read_with_options::<_, Node>(&mut bytes, options);
    match documents.next() {
        None => Ok(Value::Null),
        Some(Ok(Node(value))) => Ok(value),
        Some(Err(error)) => Err(ValueError::new(format!("is given invalid YAML: {error}"))),
    }
}

struct Node(Value);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(Nodes).map(Node)
    }
}

struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E: Error>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Bool(b))
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<Value, E> {
        Ok(Value::int(n))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Value, E> {
        Ok(i64::try_from(n).map_or(Value::Number(Number::Uint(n)), Value::int))
    }

    fn visit_i128<E: Error>(self, n: i128) -> Result<Value, E> {
        Ok((n as f64).to_value())
    }

    fn visit_u128<E: Error>(self, n: u128) -> Result<Value, E> {
        Ok((n as f64).to_value())
    }

    fn visit_f64<E: Error>(self, n: f64) -> Result<Value, E> {
        Ok(n.to_value())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::string(text))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::string(bytes))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Node(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        while let Some((Node(key), Node(item))) = fields.next_entry()? {
            // Objects have strings for keys: other scalars are named by their text.
            let name = match &key {
                Value::String(text) => text.to_str_lossy().into_owned(),
                Value::Array(_) | Value::Object(_) => return Err(A::Error::custom("lists and maps cannot be keys")),
                other => value::to_text(other),
            };
            object.insert(name, item);
        }
        Ok(Value::object(object))
    }
}
