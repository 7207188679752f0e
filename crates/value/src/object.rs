//! Objects.

use crate::value::Value;
use indexmap::IndexMap;
use smol_str::SmolStr;

/// A set of named values. Printed sorted by name if it is a map, in the order of its fields if it came from a struct.
#[derive(Clone, Debug, Default)]
pub struct Object {
    fields: IndexMap<SmolStr, Value>,
    ordered: bool,
}

impl Object {
    /// An empty map.
    pub fn new() -> Self {
        Object::default()
    }

    /// An empty object that keeps its order, as the fields of a struct do.
    pub fn ordered() -> Self {
        Object {
            fields: IndexMap::new(),
            ordered: true,
        }
    }

    /// Sets a field; the last value of a name counts.
    pub fn insert(&mut self, name: impl Into<SmolStr>, value: Value) {
        self.fields.insert(name.into(), value);
    }

    /// A field by its name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether both have the same fields, compared with [`Value::same`]; their order does not count.
    pub fn same(&self, other: &Object) -> bool {
        self.len() == other.len()
            && self
                .fields
                .iter()
                .all(|(name, value)| other.get(name).is_some_and(|theirs| value.same(theirs)))
    }

    /// Fields in the order in which they are printed.
    pub fn iter(&self) -> impl Iterator<Item = (&SmolStr, &Value)> {
        let mut fields: Vec<_> = self.fields.iter().collect();
        if !self.ordered {
            fields.sort_by(|a, b| a.0.cmp(b.0));
        }
        fields.into_iter()
    }

    /// Fields in the order in which they were inserted.
    pub fn insertion_order(&self) -> impl Iterator<Item = (&SmolStr, &Value)> {
        self.fields.iter()
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        self.len() == other.len()
            && self
                .fields
                .iter()
                .all(|(name, value)| other.get(name).is_some_and(|theirs| value == theirs))
    }
}

impl<N: Into<SmolStr>> FromIterator<(N, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(fields: I) -> Self {
        let mut object = Object::new();
        for (name, value) in fields {
            object.insert(name, value);
        }
        object
    }
}
