//! Arguments of the blocks that belong to the language.

use component::Stability;
use value::shape::{BlockShape, Shape};
use value::{Block, Value};

/// A value that instances of a module are given. In the module it is `argument.NAME.value`.
#[derive(Block, Clone, PartialEq)]
pub(crate) struct ArgumentBlock {
    /// Whether instances may leave it out.
    #[arg(default)]
    pub(crate) optional: bool,
    /// Its value for instances that leave it out.
    #[arg(default)]
    pub(crate) default: Value,
    /// What it is for.
    #[arg(default)]
    pub(crate) comment: String,
}

/// A value that instances of a module give. Outside it is `MODULE.LABEL.NAME`.
#[derive(Block, Clone, PartialEq)]
pub(crate) struct ExportBlock {
    /// What instances give.
    #[arg]
    pub(crate) value: Value,
}

/// Makes one instance of its template for each item of a collection, and keeps those of items that stay when the collection changes.
#[derive(Block, Clone, PartialEq)]
pub(crate) struct ForeachBlock {
    /// One instance of the template is made for each item.
    #[arg]
    pub(crate) collection: Vec<Value>,
    /// Name under which the template sees its item.
    #[arg]
    pub(crate) var: String,
    /// Field of the item that instances are named after; the whole item if it is not given, or an item does not have it.
    #[arg(default)]
    pub(crate) id: String,
    /// Whether instances are named after the hash of what they would be named after.
    #[arg(default)]
    pub(crate) hash_string_id: bool,
    /// Whether components in the instances have metrics.
    #[arg(default)]
    pub(crate) enable_metrics: bool,
}

/// A block of the language as a reference describes it.
pub struct LanguageBlock {
    /// Its name.
    pub name: &'static str,
    /// How settled it is.
    pub stability: Stability,
    /// What it takes.
    pub arguments: fn() -> Shape,
    /// What it exports.
    pub exports: fn() -> Shape,
}

/// The blocks of the language, apart from imports.
pub const LANGUAGE_BLOCKS: &[LanguageBlock] = &[
    LanguageBlock {
        name: "argument",
        stability: Stability::GenerallyAvailable,
        arguments: || Shape::of(ArgumentBlock::schema()),
        exports: || Shape::of(ArgumentExports::schema()),
    },
    LanguageBlock {
        name: "declare",
        stability: Stability::GenerallyAvailable,
        arguments: || {
            body(
                "A module: a component made of others. `NAME \"label\" { }` makes an instance of all that stands in it.",
                "DeclareBlock",
            )
        },
        exports: Shape::default,
    },
    LanguageBlock {
        name: "export",
        stability: Stability::GenerallyAvailable,
        arguments: || Shape::of(ExportBlock::schema()),
        exports: Shape::default,
    },
    LanguageBlock {
        name: "foreach",
        stability: Stability::Experimental,
        arguments: foreach,
        exports: Shape::default,
    },
];

/// What `argument` exports.
#[derive(Block, Clone, PartialEq)]
struct ArgumentExports {
    /// What the instance was given, or the default.
    #[arg(default)]
    value: Value,
}

/// Holds any components and blocks.
fn body(doc: &'static str, name: &'static str) -> Shape {
    Shape {
        name: name.into(),
        doc: doc.into(),
        free_form: true,
        ..Shape::default()
    }
}

fn foreach() -> Shape {
    let mut shape = Shape::of(ForeachBlock::schema());
    let doc = "What is made for each item. It sees the item under the name that `var` says, and everything around the `foreach`.";
    let mut template = BlockShape::new("template", move || body(doc, "TemplateBlock"));
    template.doc = doc.into();
    template.required = true;
    shape.blocks.push(template);
    shape
}
