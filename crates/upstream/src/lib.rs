//! What Alloy has: every component and config block of the release that Invar is compatible with, what it takes and what it exports.
//!
//! Two generated files hold it, `data/index.txt` and `data/shapes.txt`; `cargo xtask schema` makes them. Nothing is parsed before it is
//! asked for, and then one component.

mod parse;

use value::shape::Shape;

/// One line each: `component NAME STABILITY [community] [# NOTE]`, or `block` for a config block.
const INDEX: &str = include_str!("../data/index.txt");

/// A component or a config block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name of the block.
    pub name: &'static str,
    /// How settled it is: `experimental`, `public-preview` or `generally-available`.
    pub stability: &'static str,
    /// Whether the community keeps it, which makes it need a flag of its own.
    pub community: bool,
    /// What else there is to know.
    pub note: Option<&'static str>,
}

impl Entry {
    /// What it takes.
    pub fn arguments(&self) -> Shape {
        parse::arguments(self.name)
    }

    /// What it exports, as attributes.
    pub fn exports(&self) -> Shape {
        parse::exports(self.name)
    }

    fn of(line: &'static str) -> Option<Entry> {
        let (facts, note) = match line.split_once(" # ") {
            Some((facts, note)) => (facts, Some(note)),
            None => (line, None),
        };
        let mut words = facts.split(' ');
        Some(Entry {
            name: words.next()?,
            stability: words.next()?,
            community: words.next() == Some("community"),
            note,
        })
    }
}

fn entries(kind: &'static str) -> impl Iterator<Item = Entry> {
    INDEX
        .lines()
        .filter_map(move |line| Entry::of(line.strip_prefix(kind)?.strip_prefix(' ')?))
}

/// Every component, by name.
pub fn components() -> impl Iterator<Item = Entry> {
    entries("component")
}

/// Every config block, by name: blocks at the top level that are not components, such as `logging` and `declare`.
pub fn blocks() -> impl Iterator<Item = Entry> {
    entries("block")
}

/// The component of that name.
pub fn component(name: &str) -> Option<Entry> {
    components().find(|entry| entry.name == name)
}

/// The config block of that name.
pub fn block(name: &str) -> Option<Entry> {
    blocks().find(|entry| entry.name == name)
}

/// What the component or config block of a name takes; nothing, if there is none.
pub fn arguments(name: &str) -> Shape {
    parse::arguments(name)
}

/// What the component or config block of a name exports; nothing, if there is none.
pub fn exports(name: &str) -> Shape {
    parse::exports(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_listed_in_order_and_once() {
        let names: Vec<_> = components().map(|entry| entry.name).collect();
        assert_eq!(names.len(), 185);
        assert!(names.is_sorted());
        assert_eq!(blocks().count(), 14);
        assert_eq!(components().count() + blocks().count(), INDEX.lines().count());
        let levels = ["experimental", "public-preview", "generally-available"];
        assert!(components().all(|entry| levels.contains(&entry.stability)));
    }

    #[test]
    fn entries_say_what_there_is_to_know() {
        let datadog = component("otelcol.exporter.datadog").unwrap();
        assert_eq!((datadog.stability, datadog.community), ("generally-available", true));
        let foreach = block("foreach").unwrap();
        assert_eq!((foreach.stability, foreach.community), ("experimental", false));
        assert_eq!(component("foreach"), None);
        let opencensus = component("otelcol.receiver.opencensus").unwrap();
        assert!(opencensus.note.unwrap().contains("no longer registered"));
    }
}
