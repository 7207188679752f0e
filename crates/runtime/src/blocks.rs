//! Arguments of the blocks that belong to the language.

use value::{Block, Schema, Value};

/// `argument "name" { }`
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

/// `export "name" { }`
#[derive(Block, Clone, PartialEq)]
pub(crate) struct ExportBlock {
    /// What instances give.
    #[arg]
    pub(crate) value: Value,
}

/// `foreach "name" { }` without its template.
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

/// The schemas of the blocks of the language by name; a `foreach` without its template.
pub fn language_blocks() -> [(&'static str, &'static Schema); 3] {
    [
        ("argument", ArgumentBlock::schema()),
        ("export", ExportBlock::schema()),
        ("foreach", ForeachBlock::schema()),
    ]
}
