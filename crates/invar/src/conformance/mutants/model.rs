//! What is known of a configuration without asking what is tested: names, schemas, scopes.

use super::super::ALLOWED;
use super::super::Checker;
use runtime::registry::Description;
use std::collections::HashMap;
use syntax::ast::{Block, Body, File};
use syntax::{Source, Span};
use value::shape::Shape;

/// One mistake.
#[derive(Debug)]
pub(super) struct Mutant {
    pub(super) kind: &'static str,
    /// Replacements in the text, from its beginning to its end; they do not overlap.
    pub(super) edits: Vec<(Span, String)>,
    /// Lines of the text after the mistake, ends included: one of them must be blamed.
    pub(super) lines: Vec<(u32, u32)>,
    /// Whether nothing else may be blamed: nothing follows from the mistake.
    pub(super) alone: bool,
}

impl Mutant {
    /// A mistake made by one replacement, to be blamed on the line that it stands in.
    pub(super) fn new(kind: &'static str, source: &Source, span: Span, with: impl Into<String>) -> Mutant {
        let line = source.line(span.start);
        Mutant {
            kind,
            edits: vec![(span, with.into())],
            lines: vec![(line, line)],
            alone: false,
        }
    }

    pub(super) fn blamed_on(mut self, lines: Vec<(u32, u32)>) -> Mutant {
        self.lines = lines;
        self
    }

    pub(super) fn alone(mut self) -> Mutant {
        self.alone = true;
        self
    }

    pub(super) fn apply(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for (span, with) in self.edits.iter().rev() {
            out.replace_range(span.range(), with);
        }
        out
    }
}

/// What a module takes and gives.
#[derive(Clone, Debug, Default)]
pub(super) struct Interface {
    /// Names, and whether instances must give them.
    pub(super) arguments: Vec<(String, bool)>,
    pub(super) exports: Vec<String>,
}

impl Interface {
    fn of(body: &Body) -> Interface {
        let mut interface = Interface::default();
        for block in body.blocks() {
            match block.full_name().as_str() {
                "argument" => {
                    let optional = block
                        .body
                        .attributes()
                        .any(|attribute| attribute.name.name == "optional");
                    interface.arguments.push((block.label_text().to_owned(), !optional));
                }
                "export" => interface.exports.push(block.label_text().to_owned()),
                _ => {}
            }
        }
        interface
    }
}

/// Modules in the files that a configuration imports, by label of the import and name of the module.
pub(super) type Imported = HashMap<String, HashMap<String, Interface>>;

/// The modules of a file. Imports are labelled as the file or the folder is called.
pub(super) fn modules(imported: &mut Imported, name: &str, body: &Body) {
    let label = name.split('/').next().unwrap_or(name).trim_end_matches(".alloy");
    let modules = imported.entry(label.to_owned()).or_default();
    for block in body.blocks().filter(|block| block.full_name() == "declare") {
        modules.insert(block.label_text().to_owned(), Interface::of(&block.body));
    }
}

pub(super) enum Kind {
    Component(Description, Shape),
    /// An instance of a module, if the module is known.
    Custom(Option<Interface>),
    Declare,
    /// `argument`, `foreach`, config blocks and so on.
    Other,
}

pub(super) struct Node<'a> {
    pub(super) block: &'a Block,
    pub(super) id: String,
    /// What its block takes, where that is known.
    pub(super) takes: Option<Shape>,
    pub(super) kind: Kind,
}

impl Node<'_> {
    /// Fields that a reference may name.
    pub(super) fn exports(&self) -> Vec<String> {
        match &self.kind {
            Kind::Component(_, exports) if !exports.free_form => exports
                .attributes
                .iter()
                .map(|export| export.name.to_string())
                .collect(),
            Kind::Custom(Some(interface)) => interface.exports.clone(),
            _ => Vec::new(),
        }
    }

    /// The line of its name.
    pub(super) fn head(&self, source: &Source) -> (u32, u32) {
        let line = source.line(self.block.span().start);
        (line, line)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The file.
    Root,
    Declare,
    Template,
}

pub(super) struct Scope<'a> {
    pub(super) place: Place,
    pub(super) parent: Option<usize>,
    pub(super) nodes: Vec<Node<'a>>,
}

/// A file with its scopes; the first is the file itself.
pub(super) struct Text<'a> {
    pub(super) source: &'a Source,
    pub(super) body: &'a Body,
    pub(super) scopes: Vec<Scope<'a>>,
}

impl<'a> Text<'a> {
    pub(super) fn new(checker: &Checker, file: &'a File, imported: &Imported) -> Self {
        let mut text = Text {
            source: &file.source,
            body: &file.body,
            scopes: Vec::new(),
        };
        text.scope(checker, &file.body, Place::Root, None, imported);
        text
    }

    fn scope(&mut self, checker: &Checker, body: &'a Body, place: Place, parent: Option<usize>, imported: &Imported) {
        let here = self.scopes.len();
        self.scopes.push(Scope {
            place,
            parent,
            nodes: Vec::new(),
        });
        // Modules are known wherever they stand in a scope.
        let (modules, others): (Vec<&Block>, Vec<&Block>) =
            body.blocks().partition(|block| block.full_name() == "declare");
        for block in modules.into_iter().chain(others) {
            let node = self.node(checker, block, here, imported);
            self.scopes[here].nodes.push(node);
        }
        for block in body.blocks() {
            match block.full_name().as_str() {
                "declare" => self.scope(checker, &block.body, Place::Declare, Some(here), imported),
                "foreach" => {
                    for template in block.body.blocks().filter(|inner| inner.full_name() == "template") {
                        self.scope(checker, &template.body, Place::Template, Some(here), imported);
                    }
                }
                _ => {}
            }
        }
    }

    fn node(&self, checker: &Checker, block: &'a Block, scope: usize, imported: &Imported) -> Node<'a> {
        let name = block.full_name();
        let catalogue = &checker.catalogue;
        let mut language = runtime::LANGUAGE_BLOCKS.iter().filter(|known| known.name != "declare");
        let language = language
            .find(|known| known.name == name)
            .map(|known| (known.arguments)());
        let import = catalogue.imports.iter().find(|kind| kind.name == name);
        let config = catalogue.config_blocks.iter().find(|config| config.name == name);
        let shape = language
            .or_else(|| import.map(|kind| Shape::of((kind.arguments)())))
            .or_else(|| config.map(|config| Shape::of((config.schema)())));
        let custom = self.custom(&name, scope, imported);
        let (takes, kind) = match (shape, name.as_str(), custom) {
            (Some(shape), ..) => (Some(shape), Kind::Other),
            (None, "declare", _) => (None, Kind::Declare),
            (None, _, Some(interface)) => (None, Kind::Custom(interface)),
            _ => match catalogue.registry.describe(&name, ALLOWED) {
                Ok(found) => (Some(found.arguments()), Kind::Component(found, found.exports())),
                Err(_) => (None, Kind::Other),
            },
        };
        Node {
            block,
            id: block.id(),
            takes,
            kind,
        }
    }

    /// The module of a name, if the name is that of a module at all.
    fn custom(&self, name: &str, scope: usize, imported: &Imported) -> Option<Option<Interface>> {
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        for scope in self.chain(scope) {
            for node in &self.scopes[scope].nodes {
                match node.block.full_name().as_str() {
                    "declare" if node.block.label_text() == name => {
                        return Some(Some(Interface::of(&node.block.body)));
                    }
                    kind if kind.starts_with("import.") && node.block.label_text() == first => {
                        return Some(imported.get(first).and_then(|modules| modules.get(rest)).cloned());
                    }
                    _ => {}
                }
            }
        }
        None
    }

    /// A scope and those around it.
    pub(super) fn chain(&self, scope: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(scope), |scope| self.scopes[*scope].parent)
    }

    /// The scopes whose components a scope sees.
    pub(super) fn seen(&self, scope: usize) -> Vec<usize> {
        let mut seen = vec![scope];
        let mut here = scope;
        while let (Place::Template, Some(parent)) = (self.scopes[here].place, self.scopes[here].parent) {
            seen.push(parent);
            here = parent;
        }
        seen
    }

    /// The node that a reference from a scope means, and the number of parts that name it.
    pub(super) fn target(&self, scope: usize, parts: &[String]) -> Option<(&Node<'a>, usize)> {
        for scope in self.seen(scope) {
            for count in 1..=parts.len() {
                let id = parts[..count].join(".");
                let nodes = &self.scopes[scope].nodes;
                if let Some(node) = nodes
                    .iter()
                    .find(|node| node.id == id && !matches!(node.kind, Kind::Declare))
                {
                    return Some((node, count));
                }
            }
        }
        None
    }

    /// The references in a node that do not stand in a scope of their own.
    pub(super) fn references(&self, node: &Node<'_>) -> Vec<eval::Traversal> {
        if matches!(node.kind, Kind::Declare) {
            return Vec::new();
        }
        let templates: Vec<Span> = match node.block.full_name().as_str() {
            "foreach" => node.block.body.blocks().map(Block::span).collect(),
            _ => Vec::new(),
        };
        let inside = |span: Span| {
            templates
                .iter()
                .any(|one| one.start <= span.start && span.end <= one.end)
        };
        let mut found = eval::references(&node.block.body);
        found.retain(|traversal| !inside(traversal.span));
        found
    }

    /// Calls `f` with each block of a node of which it is known what it takes.
    pub(super) fn blocks(node: &'a Node<'a>, f: &mut dyn FnMut(&'a Block, &'a Shape)) {
        fn walk<'a>(block: &'a Block, shape: &'a Shape, f: &mut dyn FnMut(&'a Block, &'a Shape)) {
            f(block, shape);
            for inner in block.body.blocks() {
                if let Some(known) = shape.block(&inner.full_name()) {
                    walk(inner, known.shape(), f);
                }
            }
        }
        if let Some(shape) = &node.takes {
            walk(node.block, shape, f);
        }
    }
}
