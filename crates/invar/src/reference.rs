//! What every component and config block takes and exports, for people and tools.

pub mod json;
pub mod markdown;
pub mod text;

use crate::catalogue::{Targets, catalogue};
use component::Stability;
use runtime::registry::{Allowed, Description};
use runtime::{LANGUAGE_BLOCKS, LanguageBlock};
use value::shape::{Attribute, BlockShape, Shape};
use value::{Type, Value};

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `loki.write "label" { }`
    Component,
    /// `logging { }`, `declare "label" { }`
    Block,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Component => "component",
            Kind::Block => "config block",
        }
    }
}

/// A component or config block.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// How settled it is.
    pub stability: Stability,
    /// Whether the community keeps it.
    pub community: bool,
    /// Whether this version runs it.
    pub runs: bool,
    /// What else there is to know.
    pub note: Option<&'static str>,
    source: From,
}

/// Where what it takes is described.
enum From {
    Schema(fn() -> &'static value::Schema),
    Language(&'static LanguageBlock),
    Registry(Description),
}

impl Entry {
    /// What it takes.
    pub fn arguments(&self) -> Shape {
        match &self.source {
            From::Schema(schema) => Shape::of(schema()),
            From::Language(block) => (block.arguments)(),
            From::Registry(description) => description.arguments(),
        }
    }

    /// What it exports.
    pub fn exports(&self) -> Shape {
        match &self.source {
            From::Schema(_) => Shape::default(),
            From::Language(block) => (block.exports)(),
            From::Registry(description) => description.exports(),
        }
    }
}

/// Every component, then every config block, by name; also those that this version cannot run.
pub fn entries() -> Vec<Entry> {
    let everything = Allowed {
        stability: Stability::Experimental,
        community: true,
    };
    let catalogue = catalogue(everything, Targets::default());
    let described = |description: Description, kind| Entry {
        name: description.name,
        kind,
        stability: description.stability,
        community: description.community,
        runs: description.registration().is_some(),
        note: upstream::component(description.name).and_then(|entry| entry.note),
        source: From::Registry(description),
    };
    let components = catalogue.registry.descriptions();
    let mut entries: Vec<Entry> = components.map(|one| described(one, Kind::Component)).collect();
    let mut blocks: Vec<Entry> = catalogue
        .config_blocks
        .iter()
        .map(|block| Entry {
            name: block.name,
            kind: Kind::Block,
            stability: block.stability,
            community: false,
            runs: true,
            note: None,
            source: From::Schema(block.schema),
        })
        .collect();
    blocks.extend(LANGUAGE_BLOCKS.iter().map(|block| Entry {
        name: block.name,
        kind: Kind::Block,
        stability: block.stability,
        community: false,
        runs: true,
        note: None,
        source: From::Language(block),
    }));
    blocks.extend(catalogue.imports.iter().map(|kind| Entry {
        name: kind.name,
        kind: Kind::Block,
        stability: Stability::GenerallyAvailable,
        community: false,
        runs: true,
        note: None,
        source: From::Schema(kind.arguments),
    }));
    let known = upstream::blocks().filter_map(|entry| catalogue.registry.describe_block(entry.name, everything)?.ok());
    for description in known {
        if !blocks.iter().any(|block| block.name == description.name) {
            blocks.push(described(description, Kind::Block));
        }
    }
    blocks.sort_by_key(|block| block.name);
    entries.extend(blocks);
    entries
}

/// The default of an attribute, as a configuration writes it or in words.
pub fn default_text(attribute: &Attribute) -> Option<String> {
    match (&attribute.default, &attribute.default_text) {
        // Of a receiver or secret there is nothing to show.
        (Some(Value::Capsule(_)), _) => None,
        (Some(value), _) => Some(value::to_text(value)),
        (None, words) => words.as_ref().map(|words| words.to_string()),
    }
}

/// The fields of objects of which a value is made.
pub fn fields(ty: &Type) -> Option<Shape> {
    match ty {
        Type::Object(schema) => Some(Shape::of(schema)),
        Type::List(inner) | Type::Map(inner) => fields(inner),
        _ => None,
    }
}

/// How often a block may be given, in words.
pub fn how_often(block: &BlockShape) -> &'static str {
    match (block.required, block.repeated) {
        (true, true) => "at least one",
        (true, false) => "required",
        (false, true) => "any number",
        (false, false) => "optional",
    }
}

/// The blocks inside of a block that are described there: not those of the list that it is in itself.
pub fn blocks_of(block: &BlockShape) -> impl Iterator<Item = &BlockShape> {
    let list = block.variant_of.clone().filter(|_| block.recursive);
    let inner = block.shape().blocks.iter();
    inner.filter(move |inner| list.is_none() || inner.variant_of != list)
}

/// A doc comment as prose: references to code are not links.
pub fn prose(doc: &str) -> String {
    let mut out = String::new();
    let mut rest = doc;
    while let Some(at) = rest.find("[`") {
        let Some((name, after)) = rest[at + 2..].split_once("`]") else {
            break;
        };
        out.push_str(&rest[..at]);
        out.push('`');
        out.push_str(name.rsplit("::").next().unwrap_or(name));
        out.push('`');
        rest = match after.strip_prefix('(').and_then(|link| link.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_there_once() {
        let entries = entries();
        let of = |kind| entries.iter().filter(move |entry| entry.kind == kind);
        assert_eq!((of(Kind::Component).count(), of(Kind::Block).count()), (185, 14));
        assert!(of(Kind::Component).is_sorted_by_key(|entry| entry.name));
        assert!(of(Kind::Block).is_sorted_by_key(|entry| entry.name));
        let logging = of(Kind::Block)
            .find(|entry| entry.name == "logging")
            .expect("it is one");
        assert!(logging.runs && !logging.arguments().doc.is_empty());
    }

    #[test]
    fn links_to_code_are_code() {
        assert_eq!(
            prose("see [`a::B`] and [`C`](crate::C), [x](y)"),
            "see `B` and `C`, [x](y)"
        );
        assert_eq!(prose("open [`x"), "open [`x");
    }

    /// What this version runs is described: every argument, block and export has a text.
    #[test]
    fn everything_that_runs_is_documented() {
        fn missing(path: &str, shape: &Shape, found: &mut Vec<String>) {
            for one in shape.attributes.iter().filter(|one| one.doc.is_empty()) {
                found.push(format!("{path}.{}", one.name));
            }
            for block in &shape.blocks {
                let path = format!("{path}.{}", block.name);
                if block.doc.is_empty() {
                    found.push(path.clone());
                }
                if !block.recursive {
                    missing(&path, block.shape(), found);
                }
            }
        }
        let mut found = Vec::new();
        for entry in entries().iter().filter(|entry| entry.runs) {
            missing(entry.name, &entry.arguments(), &mut found);
            missing(entry.name, &entry.exports(), &mut found);
        }
        assert_eq!(found, Vec::<String>::new());
    }
}
