//! Evaluated blocks.

use crate::value::Value;

/// Handle of a place in the configuration; whoever made the body knows what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place(pub u32);

/// An expression whose evaluation failed; whoever made the body knows why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poison;

/// The evaluated content of a block.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// Label of the block, empty if there is none.
    pub label: String,
    /// Attributes and blocks in their order.
    pub items: Vec<Item>,
}

impl Body {
    /// Whether nothing that is given them could tell the two apart. What could not be evaluated is the same as nothing.
    pub fn same(&self, other: &Body) -> bool {
        self.label == other.label
            && self.items.len() == other.items.len()
            && self.items.iter().zip(&other.items).all(|pair| match pair {
                (Item::Attr { name: a, value: x, .. }, Item::Attr { name: b, value: y, .. }) => {
                    a == b
                        && match (x, y) {
                            (Ok(Some(x)), Ok(Some(y))) => x.same(y),
                            (Ok(None), Ok(None)) => true,
                            _ => false,
                        }
                }
                (Item::Block { name: a, body: x, .. }, Item::Block { name: b, body: y, .. }) => a == b && x.same(y),
                _ => false,
            })
    }
}

/// An attribute or a block.
#[derive(Clone, Debug)]
pub enum Item {
    /// `name = value`
    Attr {
        /// Name.
        name: String,
        /// Value; `Ok(None)` where only static checks are made and the value is not known.
        value: Result<Option<Value>, Poison>,
        /// Where.
        place: Place,
    },
    /// `name "label" { }`
    Block {
        /// Dotted name.
        name: String,
        /// Content and label.
        body: Body,
        /// Where.
        place: Place,
    },
}

impl Item {
    /// Where it stands.
    pub fn place(&self) -> Place {
        match self {
            Item::Attr { place, .. } | Item::Block { place, .. } => *place,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Item::Attr { name, .. } | Item::Block { name, .. } => name,
        }
    }
}
