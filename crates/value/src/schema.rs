//! The table that `#[derive(Block)]` emits.

use crate::body::Body;
use crate::decode::DecodeError;
use crate::error::ValueError;
use crate::types::Type;
use crate::value::Value;
use std::any::Any;

/// A type that a block decodes into.
pub trait Block: Sized + Clone + PartialEq + Send + Sync + 'static {
    /// Its table.
    fn schema() -> &'static Schema;
    /// Its defaults; required fields are zero.
    fn defaults() -> Self;
}

/// Blocks of several names that decode into one ordered list, such as `stage.json` and `stage.regex`.
pub trait BlockEnum: Sized + Clone + PartialEq + Send + Sync + 'static {
    /// The names after the prefix, and what they decode into.
    fn variants() -> &'static [Variant];
    /// Decodes the variant of a name.
    fn decode(name: &str, body: &Body) -> Result<Self, DecodeError>;
    /// Name and content.
    fn encode(&self) -> (&'static str, Body);
    /// Decodes the variant of a name from an object.
    fn decode_object(name: &str, value: &Value) -> Result<Self, ValueError>;
    /// Name and content as an object.
    fn encode_object(&self) -> (&'static str, Value);
}

/// One of the names of a [`BlockEnum`].
pub struct Variant {
    /// Name after the prefix: `json`.
    pub name: &'static str,
    /// What it decodes into.
    pub schema: fn() -> &'static Schema,
}

/// Why a block that decodes does not hold together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The attribute to blame, if one is.
    pub argument: Option<String>,
    /// What is wrong.
    pub message: String,
}

impl Invalid {
    /// One attribute is to blame.
    pub fn argument(name: impl Into<String>, message: impl Into<String>) -> Self {
        Invalid {
            argument: Some(name.into()),
            message: message.into(),
        }
    }
}

impl<T: Into<String>> From<T> for Invalid {
    fn from(message: T) -> Self {
        Invalid {
            argument: None,
            message: message.into(),
        }
    }
}

/// The fields of a block.
pub struct Schema {
    /// Name of the Rust type.
    pub name: &'static str,
    /// What it is, from its doc comment.
    pub doc: &'static str,
    /// The fields in their order.
    pub fields: &'static [Field],
    /// Checks that concern more than one field.
    pub validate: fn(&dyn Any) -> Result<(), Invalid>,
    /// A fresh value with the defaults.
    pub defaults: fn() -> Box<dyn Any>,
}

impl Schema {
    /// What an attribute has to be; flattened ones count.
    pub fn attribute(&self, name: &str) -> Option<Type> {
        self.fields.iter().find_map(|field| match &field.kind {
            FieldKind::Attr { ty, .. } if field.name == name => Some(ty()),
            FieldKind::Flatten { schema, .. } => schema().attribute(name),
            _ => None,
        })
    }

    /// What is inside a block, by its full dotted name; flattened ones and variants count.
    pub fn block(&self, name: &str) -> Option<&'static Schema> {
        self.fields.iter().find_map(|field| match &field.kind {
            FieldKind::Block { schema, .. } | FieldKind::Blocks { schema, .. } if field.name == name => Some(schema()),
            FieldKind::Flatten { schema, .. } => schema().block(name),
            FieldKind::Enum { variants, .. } => {
                let variant = name.strip_prefix(field.name)?.strip_prefix('.')?;
                variants()
                    .iter()
                    .find(|one| one.name == variant)
                    .map(|one| (one.schema)())
            }
            _ => None,
        })
    }

    /// Names of all attributes that must be given.
    pub fn required_attributes(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for field in self.fields {
            match &field.kind {
                FieldKind::Attr { .. } if field.required => names.push(field.name),
                FieldKind::Flatten { schema, .. } => names.extend(schema().required_attributes()),
                _ => {}
            }
        }
        names
    }

    /// Names of all attributes.
    pub fn attribute_names(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for field in self.fields {
            match &field.kind {
                FieldKind::Attr { .. } => names.push(field.name),
                FieldKind::Flatten { schema, .. } => names.extend(schema().attribute_names()),
                _ => {}
            }
        }
        names
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Schema({})", self.name)
    }
}

/// One field of a block.
pub struct Field {
    /// Name in the configuration; dotted for blocks such as `queue.config`. For a label, its key where the block is written as
    /// an object; for a flattened block, without meaning.
    pub name: &'static str,
    /// What it means, from its doc comment.
    pub doc: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// How it is written and read.
    pub kind: FieldKind,
}

/// How a field is written, with the functions that read and write it. Each takes the struct that the schema belongs to.
pub enum FieldKind {
    /// `name = value`
    Attr {
        /// What the value has to be.
        ty: fn() -> Type,
        /// Sets the field.
        set: fn(&mut dyn Any, &Value) -> Result<(), ValueError>,
        /// The field as a value.
        get: fn(&dyn Any) -> Value,
    },
    /// `name { }`, at most once.
    Block {
        /// What is inside.
        schema: fn() -> &'static Schema,
        /// Sets the field.
        set: fn(&mut dyn Any, &Body) -> Result<(), DecodeError>,
        /// The field as a block; `None` if it is not there.
        get: fn(&dyn Any) -> Option<Body>,
        /// Sets the field from an object.
        set_value: fn(&mut dyn Any, &Value) -> Result<(), ValueError>,
        /// The field as an object; `null` if it is not there.
        get_value: fn(&dyn Any) -> Value,
    },
    /// `name { }`, any number of times.
    Blocks {
        /// What is inside.
        schema: fn() -> &'static Schema,
        /// Appends one; the first one replaces the defaults.
        push: fn(&mut dyn Any, &Body, first: bool) -> Result<(), DecodeError>,
        /// All of them.
        get: fn(&dyn Any) -> Vec<Body>,
        /// Replaces all by those of a list of objects.
        set_value: fn(&mut dyn Any, &Value) -> Result<(), ValueError>,
        /// All of them as a list of objects.
        get_value: fn(&dyn Any) -> Value,
    },
    /// `name.variant { }`, any number of times, in one list.
    Enum {
        /// The variants.
        variants: fn() -> &'static [Variant],
        /// Appends one; the first one replaces the defaults.
        push: fn(&mut dyn Any, &str, &Body, first: bool) -> Result<(), DecodeError>,
        /// All of them, with the variant's name.
        get: fn(&dyn Any) -> Vec<(&'static str, Body)>,
        /// Replaces all by those of a list of objects with one field each: the variant's name, and its content.
        set_value: fn(&mut dyn Any, &Value) -> Result<(), ValueError>,
        /// All of them as such a list.
        get_value: fn(&dyn Any) -> Value,
    },
    /// The label.
    Label {
        /// Sets the field.
        set: fn(&mut dyn Any, &str),
        /// The label.
        get: fn(&dyn Any) -> String,
    },
    /// The fields of another block, as if they stood here.
    Flatten {
        /// That block.
        schema: fn() -> &'static Schema,
        /// The value inside.
        inner: for<'a> fn(&'a mut dyn Any) -> &'a mut dyn Any,
        /// The value inside.
        inner_ref: for<'a> fn(&'a dyn Any) -> &'a dyn Any,
    },
}

static EMPTY: Schema = Schema {
    name: "()",
    doc: "",
    fields: &[],
    validate: |_| Ok(()),
    defaults: || Box::new(()),
};

impl Block for () {
    fn schema() -> &'static Schema {
        &EMPTY
    }

    fn defaults() -> Self {}
}
