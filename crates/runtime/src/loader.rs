//! Text to nodes to graph. Reads nothing, evaluates nothing, builds nothing.

use crate::config::ConfigBlock;
use crate::graph::{Cycle, Graph};
use crate::plan::{GraphPlan, NodePlan};
use crate::registry::{Allowed, Registry, gate};
use crate::sources::SourceFile;
use component::{Registration, Stability};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use syntax::ast::{Block, Stmt};
use syntax::{Diagnostic, Diagnostics, Source, Span};

/// What the loader may find in a configuration.
pub struct Catalogue {
    /// Components.
    pub registry: Registry,
    /// Blocks that are not components.
    pub config_blocks: Vec<ConfigBlock>,
    /// What the user allows.
    pub allowed: Allowed,
}

/// Blocks of the language that this version parses and cannot run.
const MODULE_BLOCKS: &[&str] = &[
    "declare",
    "argument",
    "export",
    "foreach",
    "import.file",
    "import.string",
    "import.http",
    "import.git",
];

/// Services that exist upstream and have no block here yet.
const MISSING_SERVICES: &[&str] = &["tracing", "remotecfg", "labelstore"];

/// What a node is.
#[derive(Clone)]
pub enum Kind {
    /// A component.
    Component(Registration),
    /// A block that configures a part of the program.
    Config(ConfigBlock),
}

/// A reference to another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Id of the node.
    pub target: String,
    /// The fields after it: `receiver`.
    pub fields: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

impl Reference {
    /// Where its first field stands.
    pub fn field_span(&self) -> Span {
        let length: usize = self.fields.iter().map(|field| field.len() + 1).sum();
        let start = self
            .span
            .end
            .saturating_sub(length.saturating_sub(1) as u32)
            .max(self.span.start);
        let end = start + self.fields.first().map_or(0, String::len) as u32;
        Span::new(start, end.min(self.span.end))
    }
}

/// A node as the configuration says it.
#[derive(Clone)]
pub struct Spec {
    /// Id: name and label.
    pub id: String,
    /// Name of the block.
    pub name: String,
    /// Label, empty if there is none.
    pub label: String,
    /// What it is.
    pub kind: Kind,
    /// Its block; `None` for a config block that is not written.
    pub block: Option<Arc<Block>>,
    /// The file that it stands in.
    pub source: Source,
    /// References to other nodes, in source order.
    pub references: Vec<Reference>,
}

impl Spec {
    /// Where it stands, or a block in it, as `file:line`; see [`crate::Controller::place`] for `path`.
    pub fn place(&self, path: &str) -> Option<String> {
        Some(self.line(self.inner(path)?.header_span()))
    }

    /// Where an attribute of a block in it stands, or the block if the attribute is not written.
    pub fn argument_place(&self, path: &str, name: &str) -> Option<String> {
        let block = self.inner(path)?;
        let written = block.body.attributes().find(|attribute| attribute.name.name == name);
        Some(self.line(written.map_or(block.header_span(), |attribute| attribute.name.span)))
    }

    fn line(&self, span: Span) -> String {
        format!("{}:{}", self.source.name(), self.source.line(span.start))
    }

    fn inner(&self, path: &str) -> Option<&Block> {
        let mut block: &Block = self.block.as_ref()?;
        for step in path.split('/').filter(|step| !step.is_empty()) {
            let (name, number) = step.rsplit_once('#')?;
            let number: usize = number.parse().ok()?;
            block = block
                .body
                .blocks()
                .filter(|block| block.full_name() == name)
                .nth(number)?;
        }
        Some(block)
    }
}

/// A configuration that holds together: every name known, every reference resolved, no cycle.
#[derive(Clone, Default)]
pub struct Configuration {
    /// Nodes by id.
    pub specs: HashMap<String, Spec>,
    /// Their graph; config blocks first, then components, in source order.
    pub graph: Graph,
    /// Ids from leaves to roots.
    pub order: Vec<String>,
    /// The files.
    pub sources: Vec<Source>,
}

impl Configuration {
    /// What [`crate::plan()`] needs to know.
    pub fn plan_input(&self) -> GraphPlan {
        GraphPlan {
            graph: self.graph.clone(),
            nodes: self
                .order
                .iter()
                .filter_map(|id| self.specs.get(id))
                .map(|spec| NodePlan {
                    id: spec.id.clone(),
                    kind: spec.name.clone(),
                    text: spec.block.as_deref().map(block_text).unwrap_or_default(),
                })
                .collect(),
        }
    }
}

/// A block without layout and comments.
fn block_text(block: &Block) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    fn body(text: &mut String, stmts: &[Stmt]) {
        for stmt in stmts {
            match stmt {
                Stmt::Attribute(attribute) => {
                    // Writing to a String cannot fail.
                    let _ = writeln!(
                        text,
                        "{} = {}",
                        attribute.name.name,
                        syntax::format::format_expr(&attribute.value)
                    );
                }
                Stmt::Block(block) => {
                    let _ = writeln!(text, "{} {{", block.id());
                    body(text, &block.body.stmts);
                    text.push_str("}\n");
                }
            }
        }
    }
    body(&mut text, &block.body.stmts);
    text
}

/// What came of loading: a configuration if there is no error, and the diagnostics.
pub struct Outcome {
    /// The configuration, unless there are errors.
    pub configuration: Option<Configuration>,
    /// Every node that could be understood, in source order, errors or not.
    pub specs: Vec<Spec>,
    /// Errors and warnings in source order.
    pub diagnostics: Diagnostics,
    /// The files, for printing diagnostics.
    pub sources: Vec<Source>,
}

struct Loader<'a> {
    catalogue: &'a Catalogue,
    diagnostics: Diagnostics,
    configuration: Configuration,
    places: HashMap<String, String>,
    /// Ids of blocks that were refused already: references to them are not another mistake.
    refused: HashSet<String>,
}

/// Loads configuration files. Every file is parsed and every problem reported, not just the first.
pub fn load(catalogue: &Catalogue, files: &[SourceFile]) -> Outcome {
    let mut loader = Loader {
        catalogue,
        diagnostics: Diagnostics::default(),
        configuration: Configuration::default(),
        places: HashMap::new(),
        refused: HashSet::new(),
    };
    let mut blocks = Vec::new();
    for file in files {
        let (parsed, diagnostics) = syntax::parse(&file.name, &file.text);
        let source = parsed.source.clone();
        loader.configuration.sources.push(source.clone());
        loader.diagnostics.extend(diagnostics);
        for stmt in parsed.body.stmts {
            match stmt {
                Stmt::Block(block) => blocks.push((source.clone(), Arc::new(block))),
                Stmt::Attribute(attribute) => {
                    let message = format!("unrecognized attribute {}", attribute.name.name);
                    loader.error(&source, attribute.name.span, message);
                }
            }
        }
    }
    // A tree with syntax errors would only give more errors that are not the user's.
    if !loader.diagnostics.has_errors() {
        loader.nodes(blocks);
        loader.edges();
        loader.order();
    }
    let sources = loader.configuration.sources.clone();
    let specs = loader
        .configuration
        .graph
        .ids()
        .map(|id| loader.configuration.specs[id].clone())
        .collect();
    let configuration = (!loader.diagnostics.has_errors()).then_some(loader.configuration);
    Outcome {
        configuration,
        specs,
        diagnostics: loader.diagnostics,
        sources,
    }
}

impl Loader<'_> {
    fn error(&mut self, source: &Source, span: Span, message: String) {
        self.diagnostics.push(Diagnostic::error(message).at(source, span));
    }

    fn nodes(&mut self, blocks: Vec<(Source, Arc<Block>)>) {
        let (config, components): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|(_, block)| {
            let id = block.id();
            self.catalogue.config_blocks.iter().any(|config| config.name == id)
        });
        for (source, block) in config {
            let found = self
                .catalogue
                .config_blocks
                .iter()
                .find(|config| config.name == block.id());
            let Some(config) = found.cloned() else { continue };
            if config.stability < self.catalogue.allowed.stability {
                let message = gate(
                    "config block",
                    config.name,
                    config.stability,
                    self.catalogue.allowed.stability,
                );
                self.error(&source, block.name_span(), message);
                continue;
            }
            self.add(source, block, Kind::Config(config));
        }
        for config in &self.catalogue.config_blocks {
            if self.configuration.graph.add(config.name) {
                self.configuration.specs.insert(
                    config.name.to_owned(),
                    Spec {
                        id: config.name.to_owned(),
                        name: config.name.to_owned(),
                        label: String::new(),
                        kind: Kind::Config(config.clone()),
                        block: None,
                        source: Source::new("", b""),
                        references: Vec::new(),
                    },
                );
            }
        }
        for (source, block) in components {
            match self.registration(&source, &block) {
                Some(registration) => self.add(source, block, Kind::Component(registration)),
                None => drop(self.refused.insert(block.id())),
            }
        }
    }

    fn registration(&mut self, source: &Source, block: &Block) -> Option<Registration> {
        let name = block.full_name();
        if MODULE_BLOCKS.contains(&name.as_str()) || MISSING_SERVICES.contains(&name.as_str()) {
            let diagnostic = Diagnostic::error(format!(
                "block \"{name}\" is known, but this version of Invar cannot run it"
            ))
            .at(source, block.name_span())
            .with_hint("remove the block, or keep this part of the configuration on Alloy");
            self.diagnostics.push(diagnostic);
            return None;
        }
        match self.catalogue.registry.find(&name, self.catalogue.allowed) {
            Ok(registration) => {
                let registration = *registration;
                if block.label_text().is_empty() {
                    self.error(
                        source,
                        block.name_span(),
                        format!("component \"{name}\" must have a label"),
                    );
                    return None;
                }
                Some(registration)
            }
            Err(error) => {
                let mut diagnostic = Diagnostic::error(error.message).at(source, block.name_span());
                diagnostic.hint = error.hint.or_else(|| self.config_hint(&name));
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }

    fn config_hint(&self, name: &str) -> Option<String> {
        let names = self.catalogue.config_blocks.iter().map(|config| config.name);
        syntax::diag::suggest(name, names).map(|near| format!("did you mean \"{near}\"?"))
    }

    fn add(&mut self, source: Source, block: Arc<Block>, kind: Kind) {
        let id = block.id();
        if !self.configuration.graph.add(&id) {
            let place = self.places.get(&id).map_or("-", String::as_str);
            let message = format!("block {id} already declared at {place}");
            self.error(&source, block.header_span(), message);
            return;
        }
        let position = source.position(block.name_span().start);
        self.places.insert(id.clone(), format!("{}:{position}", source.name()));
        let spec = Spec {
            id: id.clone(),
            name: block.full_name(),
            label: block.label_text().to_owned(),
            kind,
            block: Some(block),
            source,
            references: Vec::new(),
        };
        self.configuration.specs.insert(id, spec);
    }

    fn edges(&mut self) {
        let ids: Vec<String> = self.configuration.graph.ids().map(str::to_owned).collect();
        for id in &ids {
            let spec = &self.configuration.specs[id];
            let Some(block) = spec.block.clone() else { continue };
            let source = spec.source.clone();
            let mut references = Vec::new();
            for traversal in eval::references(&block.body) {
                match self.resolve(&traversal) {
                    Some(reference) => {
                        self.configuration.graph.connect(id, &reference.target);
                        references.push(reference);
                    }
                    None => self.unresolved(id, &source, &traversal),
                }
            }
            self.check_functions(&source, &block);
            if let Some(spec) = self.configuration.specs.get_mut(id) {
                spec.references = references;
            }
        }
    }

    /// The shortest prefix that is a node.
    fn resolve(&self, traversal: &eval::Traversal) -> Option<Reference> {
        let parts = &traversal.parts;
        (1..=parts.len()).find_map(|n| {
            let id = parts[..n].join(".");
            self.configuration.graph.contains(&id).then(|| Reference {
                target: id,
                fields: parts[n..].to_vec(),
                span: traversal.span,
            })
        })
    }

    fn unresolved(&mut self, from: &str, source: &Source, traversal: &eval::Traversal) {
        let first = traversal.parts.first().map_or("", String::as_str);
        if eval::is_stdlib_name(first) {
            self.check_member(source, traversal);
            return;
        }
        let refused = |n: usize| self.refused.contains(&traversal.parts[..n].join("."));
        if (1..=traversal.parts.len()).any(refused) {
            return;
        }
        let path = traversal.parts.join(".");
        let mut diagnostic = Diagnostic::error(format!("component \"{path}\" does not exist or is out of scope"))
            .at(source, traversal.span);
        // The last part is usually a field of the component that was meant.
        let candidates: Vec<String> = self
            .configuration
            .graph
            .ids()
            .filter(|id| *id != from)
            .map(|id| {
                let fragments = id.split('.').count().min(traversal.parts.len());
                let fields = traversal.parts[fragments..].iter().map(String::as_str);
                std::iter::once(id).chain(fields).collect::<Vec<_>>().join(".")
            })
            .collect();
        if let Some(near) = syntax::diag::suggest(&path, candidates.iter().map(String::as_str)) {
            diagnostic = diagnostic.with_hint(format!("did you mean \"{near}\"?"));
        }
        self.diagnostics.push(diagnostic);
    }

    /// `sys.environ`: the library has `sys`, and in it no `environ`.
    fn check_member(&mut self, source: &Source, traversal: &eval::Traversal) {
        let [namespace, member, ..] = traversal.parts.as_slice() else {
            return;
        };
        let members = eval::stdlib_members(namespace);
        if members.is_empty() || members.contains(&member.as_str()) {
            return;
        }
        let start = traversal.span.start + namespace.len() as u32 + 1;
        let span = Span::new(start, start + member.len() as u32);
        let mut diagnostic = Diagnostic::error(format!("field \"{member}\" does not exist")).at(source, span);
        diagnostic = match syntax::diag::suggest(member, members.iter().copied()) {
            Some(near) => diagnostic.with_hint(format!("did you mean \"{near}\"?")),
            None => diagnostic.with_hint(format!("\"{namespace}\" has {}", members.join(", "))),
        };
        self.diagnostics.push(diagnostic);
    }

    fn check_functions(&mut self, source: &Source, block: &Block) {
        for used in eval::stdlib_uses(&block.body) {
            let minimum = self.catalogue.allowed.stability;
            if used.experimental && Stability::Experimental < minimum {
                self.error(
                    source,
                    used.span,
                    gate_function(&used.name, Stability::Experimental, minimum),
                );
            }
            if used.deprecated {
                let mut warning =
                    Diagnostic::warning(format!("the function \"{}\" is deprecated", used.name)).at(source, used.span);
                if let Some(replacement) = used.replacement {
                    warning = warning.with_hint(format!("use \"{replacement}\""));
                }
                self.diagnostics.push(warning);
            }
        }
    }

    fn order(&mut self) {
        match self.configuration.graph.leaves_first() {
            Ok(order) => self.configuration.order = order,
            Err(cycles) => {
                for Cycle(ids) in cycles {
                    let first = &self.configuration.specs[&ids[0]];
                    let message = match ids.as_slice() {
                        [only] => format!("self reference: {only}"),
                        several => format!("cycle: {}", several.join(", ")),
                    };
                    let mut diagnostic = Diagnostic::error(message);
                    if let Some(block) = &first.block {
                        diagnostic = diagnostic.at(&first.source, block.header_span());
                    }
                    if ids.len() > 1 {
                        let path: Vec<&str> = ids.iter().chain(ids.first()).map(String::as_str).collect();
                        diagnostic =
                            diagnostic.with_hint(format!("{}: remove one of these references", path.join(" -> ")));
                    } else {
                        diagnostic = diagnostic.with_hint("a component cannot refer to its own exports");
                    }
                    self.diagnostics.push(diagnostic);
                }
            }
        }
    }
}

fn gate_function(name: &str, level: Stability, minimum: Stability) -> String {
    format!(
        "{name} is at stability level \"{level}\", which is below the minimum allowed stability level \"{minimum}\". Use \
         --stability.level command-line flag to enable \"{level}\" features"
    )
}
