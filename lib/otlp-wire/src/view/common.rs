//! What all signals have: values, attributes, resources, scopes.

use crate::view::view;
use crate::wire::{Children, Fields, Value};
use std::borrow::Cow;
use std::marker::PhantomData;

/// Messages of one field of a message, in order.
#[derive(Debug)]
pub struct List<'a, T> {
    children: Children<'a>,
    item: PhantomData<fn() -> T>,
}

impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<'_, T> {}

impl<'a, T> List<'a, T> {
    pub(crate) fn new(bytes: &'a [u8], number: u32) -> Self {
        List {
            children: Children::new(bytes, number),
            item: PhantomData,
        }
    }

    /// Items that are left.
    pub(crate) fn rest(self) -> Children<'a> {
        self.children
    }
}

impl<'a, T: From<&'a [u8]>> Iterator for List<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        self.children.next().map(T::from)
    }
}

/// Texts of one field of a message, in order.
pub type Texts<'a> = List<'a, &'a [u8]>;

/// A value: of an attribute, or the body of a log record.
#[derive(Clone, Copy, Debug, Default)]
pub enum AnyValue<'a> {
    /// None is set.
    #[default]
    Empty,
    /// A text; UTF-8 unless the sender is at fault.
    String(&'a [u8]),
    /// A truth value.
    Bool(bool),
    /// A signed number.
    Int(i64),
    /// A number.
    Double(f64),
    /// Values.
    Array(List<'a, AnyValue<'a>>),
    /// Values by key.
    Map(Attributes<'a>),
    /// Bytes that are no text.
    Bytes(&'a [u8]),
}

impl<'a> From<&'a [u8]> for AnyValue<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        let mut value = AnyValue::Empty;
        for field in Fields::new(bytes) {
            value = match field {
                (1, Value::Bytes(text)) => AnyValue::String(text),
                (2, Value::Varint(v)) => AnyValue::Bool(v != 0),
                (3, Value::Varint(v)) => AnyValue::Int(v as i64),
                (4, Value::Fixed64(bits)) => AnyValue::Double(f64::from_bits(bits)),
                (5, Value::Bytes(array)) => AnyValue::Array(List::new(array, 1)),
                (6, Value::Bytes(map)) => AnyValue::Map(Attributes::new(map, 1)),
                (7, Value::Bytes(bytes)) => AnyValue::Bytes(bytes),
                // An index into the strings of a profile, which no signal here has.
                (8, Value::Varint(_)) => AnyValue::Empty,
                _ => value,
            };
        }
        value
    }
}

impl<'a> AnyValue<'a> {
    /// The text, if it is one; with U+FFFD for what is not UTF-8.
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        match self {
            AnyValue::String(text) => Some(String::from_utf8_lossy(text)),
            _ => None,
        }
    }
}

/// An attribute.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyValue<'a> {
    /// Its key; UTF-8 unless the sender is at fault.
    pub key: &'a [u8],
    /// The `AnyValue` on the wire; empty if there is none, which means the same.
    pub raw_value: &'a [u8],
}

impl<'a> From<&'a [u8]> for KeyValue<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        // Most are this: a short key, then a short value.
        if let [0x0a, key_len, rest @ ..] = bytes
            && *key_len < 0x80
            && let Some((key, [0x12, value_len, raw_value @ ..])) = rest.split_at_checked(usize::from(*key_len))
            && *value_len < 0x80
            && usize::from(*value_len) == raw_value.len()
        {
            return KeyValue { key, raw_value };
        }
        let mut pair = KeyValue::default();
        for field in Fields::new(bytes) {
            match field {
                (1, Value::Bytes(key)) => pair.key = key,
                (2, Value::Bytes(value)) => pair.raw_value = value,
                _ => {}
            }
        }
        pair
    }
}

impl<'a> KeyValue<'a> {
    /// The value.
    #[inline]
    pub fn value(&self) -> AnyValue<'a> {
        self.raw_value.into()
    }
}

/// Attributes: pairs in the order of the request. A key may occur more than once; the first counts.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    list: List<'a, KeyValue<'a>>,
}

impl<'a> Attributes<'a> {
    pub(crate) fn new(bytes: &'a [u8], number: u32) -> Self {
        Attributes {
            list: List::new(bytes, number),
        }
    }

    /// All pairs.
    #[inline]
    pub fn iter(&self) -> List<'a, KeyValue<'a>> {
        self.list
    }

    /// The value of the first pair with this key.
    pub fn get(&self, key: &[u8]) -> Option<AnyValue<'a>> {
        let mut list = self.list;
        list.find(|pair| pair.key == key).map(|pair| pair.value())
    }
}

impl<'a> IntoIterator for Attributes<'a> {
    type Item = KeyValue<'a>;
    type IntoIter = List<'a, KeyValue<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.list
    }
}

view! {
    /// What sent the records.
    Resource {
        /// Attributes that the sender left out.
        2 uint32 dropped_attributes_count: u32,
    }
    lists {
        /// Its attributes.
        1 => attributes: Attributes<'a>,
        /// Which of them identify what.
        3 => entity_refs: List<'a, EntityRef<'a>>,
    }
}

view! {
    /// Attributes of a resource that identify something.
    EntityRef {
        /// Of its conventions.
        1 text schema_url: &'a [u8],
        /// Such as `host`.
        2 text kind: &'a [u8],
    }
    lists {
        /// Keys of attributes that identify it.
        3 => id_keys: Texts<'a>,
        /// Keys of attributes that describe it.
        4 => description_keys: Texts<'a>,
    }
}

view! {
    /// The library that made the records.
    Scope {
        /// Its name.
        1 text name: &'a [u8],
        /// Its version.
        2 text version: &'a [u8],
        /// Attributes that the sender left out.
        4 uint32 dropped_attributes_count: u32,
    }
    lists {
        /// Its attributes.
        3 => attributes: Attributes<'a>,
    }
}
