//! What a block takes, as data: for checks, documentation and tools.
//!
//! A [`Schema`] is bound to the Rust type that it decodes into; a [`Shape`] is not. Blocks that run have a schema and a shape made
//! from it; blocks that are only known have a shape.

mod check;

pub use check::check;

use crate::schema::{Field, FieldKind, Schema};
use crate::types::Type;
use crate::value::Value;
use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// A text that usually stands in the program.
pub type Text = Cow<'static, str>;

/// What a block takes.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// Name of the type, if it has one.
    pub name: Text,
    /// What it is; Markdown, may be empty.
    pub doc: Text,
    /// The label, if it is part of what the block takes; it must not be empty then. It is the key that stands for the label where the
    /// block is written as an object. The label of a component is no part of its shape.
    pub label: Option<Text>,
    /// Whether it takes attributes and blocks of any name besides those listed.
    pub free_form: bool,
    /// The attributes in the order of their documentation.
    pub attributes: Vec<Attribute>,
    /// The blocks inside, in that order.
    pub blocks: Vec<BlockShape>,
}

/// `name = value`
#[derive(Clone, Debug)]
pub struct Attribute {
    /// Its name.
    pub name: Text,
    /// What it means; Markdown, may be empty.
    pub doc: Text,
    /// What the value has to be.
    pub ty: Type,
    /// Whether it must be given.
    pub required: bool,
    /// The value if it is not given; `None` if there is none, or none that can be written down.
    pub default: Option<Value>,
    /// What the default is, where it is not one value.
    pub default_text: Option<Text>,
}

/// `name { }`
#[derive(Clone)]
pub struct BlockShape {
    /// Its full name, dotted for blocks such as `stage.json`.
    pub name: Text,
    /// What it means; Markdown, may be empty.
    pub doc: Text,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it may be given more than once.
    pub repeated: bool,
    /// Whether it takes a label, which must not be empty then.
    pub labelled: bool,
    /// Whether it takes the variants of the list of blocks that it is in itself, as `stage.match` does.
    pub recursive: bool,
    /// `stage` for `stage.json`: blocks of several names, in one list.
    pub variant_of: Option<Text>,
    inside: Arc<Lazy>,
}

/// Shapes may contain themselves, so what is inside is made when it is asked for.
type Lazy = LazyLock<Shape, Box<dyn FnOnce() -> Shape + Send>>;

impl BlockShape {
    /// An optional block that may be given once; `inside` is called at most once, when what is inside is asked for.
    pub fn new(name: impl Into<Text>, inside: impl FnOnce() -> Shape + Send + 'static) -> Self {
        BlockShape {
            name: name.into(),
            doc: Text::default(),
            required: false,
            repeated: false,
            labelled: false,
            recursive: false,
            variant_of: None,
            inside: Arc::new(LazyLock::new(Box::new(inside))),
        }
    }

    /// What is inside.
    pub fn shape(&self) -> &Shape {
        &self.inside
    }
}

impl fmt::Debug for BlockShape {
    /// Without what is inside, which may be without end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockShape({})", self.name)
    }
}

impl Shape {
    /// The shape of what a schema decodes; flattened fields stand where the block around them does.
    pub fn of(schema: &'static Schema) -> Self {
        let mut shape = Shape {
            name: schema.name.into(),
            doc: schema.doc.into(),
            ..Shape::default()
        };
        shape.fill(schema, &*(schema.defaults)());
        shape
    }

    fn fill(&mut self, schema: &'static Schema, defaults: &dyn Any) {
        for field in schema.fields {
            match &field.kind {
                FieldKind::Attr { ty, get, .. } => self.attributes.push(Attribute {
                    name: field.name.into(),
                    doc: field.doc.into(),
                    ty: ty(),
                    required: field.required,
                    default: match get(defaults) {
                        _ if field.required => None,
                        Value::Null => None,
                        value => Some(value),
                    },
                    default_text: None,
                }),
                FieldKind::Block { schema, .. } => self.blocks.push(block(field, *schema, false)),
                FieldKind::Blocks { schema, .. } => self.blocks.push(block(field, *schema, true)),
                FieldKind::Enum { variants, .. } => {
                    for variant in variants() {
                        let (schema, variants) = (variant.schema, *variants);
                        let name = format!("{}.{}", field.name, variant.name);
                        let mut inner = BlockShape::new(name, move || Shape::of(schema()));
                        inner.doc = schema().doc.into();
                        inner.repeated = true;
                        inner.labelled = labelled(schema());
                        inner.recursive = schema().fields.iter().any(|field| field.is_list_of(variants));
                        inner.variant_of = Some(field.name.into());
                        self.blocks.push(inner);
                    }
                }
                FieldKind::Label { .. } => self.label = Some(field.name.into()),
                FieldKind::Flatten { schema, inner_ref, .. } => self.fill(schema(), inner_ref(defaults)),
            }
        }
    }

    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The block of that full name.
    pub fn block(&self, name: &str) -> Option<&BlockShape> {
        self.blocks.iter().find(|block| block.name == name)
    }

    /// Every name that it takes, attributes first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let attributes = self.attributes.iter().map(|attribute| attribute.name.as_ref());
        attributes.chain(self.blocks.iter().map(|block| block.name.as_ref()))
    }
}

impl Field {
    /// Whether it holds blocks of these variants.
    fn is_list_of(&self, of: fn() -> &'static [crate::Variant]) -> bool {
        match &self.kind {
            FieldKind::Enum { variants, .. } => std::ptr::eq(variants(), of()),
            _ => false,
        }
    }
}

fn block(field: &'static Field, schema: fn() -> &'static Schema, repeated: bool) -> BlockShape {
    let mut block = BlockShape::new(field.name, move || Shape::of(schema()));
    block.doc = field.doc.into();
    block.required = field.required;
    block.repeated = repeated;
    block.labelled = labelled(schema());
    block
}

/// Whether the label is one of the fields; see [`crate::decode`].
fn labelled(schema: &Schema) -> bool {
    schema
        .fields
        .iter()
        .any(|field| matches!(field.kind, FieldKind::Label { .. }))
}
