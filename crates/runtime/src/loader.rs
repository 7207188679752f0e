//! Text to nodes to graph, one scope at a time. Reads nothing, evaluates nothing, builds nothing.

mod edges;

use crate::catalogue::Catalogue;
use crate::controller::LoadError;
use crate::graph::Graph;
use crate::module::{Around, Module, Place, Statement};
use crate::names;
use crate::registry::gate;
use crate::sources::SourceFile;
use crate::spec::{Custom, Foreach, Kind, Spec, block_text};
use component::Stability;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use syntax::ast::{Block, Stmt};
use syntax::{Diagnostic, Diagnostics, Source, Span};

/// A scope that holds together: every name known, every reference resolved, no cycle.
#[derive(Clone, Default)]
pub struct Configuration {
    /// Nodes by id.
    pub specs: HashMap<String, Spec>,
    /// Their graph; config blocks first, then the others, in source order.
    pub graph: Graph,
    /// Ids from leaves to roots.
    pub order: Vec<String>,
    /// The files, where this is not a part of one.
    pub sources: Vec<Source>,
    /// What is worth a word and no error.
    pub warnings: Diagnostics,
    /// Ids of the imports by label: the namespaces.
    pub(crate) imports: HashMap<String, String>,
    /// Whether this is the template of a `foreach`, which sees the components around it.
    pub(crate) sees_out: bool,
    /// What a `foreach` binds here.
    pub(crate) variable: Option<String>,
    /// First parts of ids: variables of these names stand before the standard library.
    pub(crate) roots: HashSet<String>,
    /// Blocks whose id was taken; only where there are errors.
    pub(crate) duplicates: Vec<Spec>,
}

impl Configuration {
    /// The module of a `declare` in this scope.
    pub(crate) fn declared(&self, name: &str) -> Option<&Arc<Module>> {
        match &self.specs.get(&format!("declare.{name}"))?.kind {
            Kind::Declare(module) => Some(module),
            _ => None,
        }
    }

    /// Whether `name` is the first part of the names of custom components here.
    fn is_custom(&self, name: &str) -> bool {
        self.imports.contains_key(name) || self.specs.contains_key(&format!("declare.{name}"))
    }

    /// The nodes in source order; config blocks first.
    pub fn nodes(&self) -> impl Iterator<Item = &Spec> {
        self.graph.ids().filter_map(|id| self.specs.get(id))
    }

    /// Labels of `declare` blocks.
    pub(crate) fn declares(&self) -> impl Iterator<Item = &str> {
        self.graph.ids().filter_map(|id| id.strip_prefix("declare."))
    }
}

/// What came of loading.
pub struct Outcome {
    /// What could be understood; all of it holds together if there is no error.
    pub configuration: Configuration,
    /// Errors and warnings in source order.
    pub diagnostics: Diagnostics,
}

impl Outcome {
    /// The configuration and its warnings, if there is no error.
    pub fn checked(self) -> Result<Configuration, LoadError> {
        if self.diagnostics.has_errors() {
            return Err(LoadError {
                diagnostics: self.diagnostics,
                sources: self.configuration.sources,
            });
        }
        Ok(self.configuration)
    }
}

struct Loader<'a> {
    catalogue: &'a Catalogue,
    place: Place,
    around: Option<Around<'a>>,
    /// What a `foreach` binds here.
    variable: Option<&'a str>,
    diagnostics: Diagnostics,
    configuration: Configuration,
    places: HashMap<String, String>,
    /// Ids of blocks that were refused already: references to them are not another mistake.
    refused: HashSet<String>,
}

/// Loads configuration files. Every file is parsed and every problem reported, not just the first.
pub fn load(catalogue: &Catalogue, files: &[SourceFile]) -> Outcome {
    load_at(Place::Root, catalogue, files)
}

/// The same of a configuration that runs beside the program's own.
pub(crate) fn load_guest(catalogue: &Catalogue, files: &[SourceFile]) -> Outcome {
    load_at(Place::Guest, catalogue, files)
}

fn load_at(place: Place, catalogue: &Catalogue, files: &[SourceFile]) -> Outcome {
    let mut diagnostics = Diagnostics::default();
    let (statements, sources) = parse(
        files.iter().map(|file| (file.name.as_str(), file.text.as_slice())),
        &mut diagnostics,
    );
    let module = Module::new(place, statements);
    let mut loader = Loader::new(catalogue, place, None, None);
    loader.diagnostics = diagnostics;
    loader.configuration.sources = sources;
    loader.load(module.statements())
}

/// The statements of all files.
pub(crate) fn parse<'a>(
    files: impl Iterator<Item = (&'a str, &'a [u8])>,
    diagnostics: &mut Diagnostics,
) -> (Vec<Statement>, Vec<Source>) {
    let (mut statements, mut sources) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let (parsed, problems) = syntax::parse(name, text);
        diagnostics.extend(problems);
        sources.push(parsed.source.clone());
        let source = parsed.source;
        statements.extend(parsed.body.stmts.into_iter().map(|stmt| (source.clone(), stmt)));
    }
    (statements, sources)
}

/// Loads a module; see [`Module::load`].
pub(crate) fn load_module(
    catalogue: &Catalogue,
    module: &Module,
    around: Option<Around<'_>>,
    variable: Option<&str>,
) -> Outcome {
    Loader::new(catalogue, module.place, around, variable).load(module.statements())
}

impl<'a> Loader<'a> {
    fn new(catalogue: &'a Catalogue, place: Place, around: Option<Around<'a>>, variable: Option<&'a str>) -> Self {
        Loader {
            catalogue,
            place,
            around,
            variable,
            diagnostics: Diagnostics::default(),
            configuration: Configuration::default(),
            places: HashMap::new(),
            refused: HashSet::new(),
        }
    }

    fn load(mut self, statements: &[Statement]) -> Outcome {
        let mut blocks = Vec::new();
        for (source, stmt) in statements {
            match stmt {
                Stmt::Block(block) => blocks.push((source.clone(), Arc::new(block.clone()))),
                Stmt::Attribute(attribute) => {
                    let message = match self.place {
                        Place::Content => "only declare and import blocks are allowed in a module".to_owned(),
                        _ => format!("unrecognized attribute {}", attribute.name.name),
                    };
                    self.error(source, attribute.name.span, message);
                }
            }
        }
        // A tree with syntax errors would only give more errors that are not the user's.
        let is_whole = matches!(self.place, Place::Root | Place::Guest);
        if !self.diagnostics.has_errors() || !is_whole {
            self.nodes(blocks);
            self.edges();
            self.order();
            let roots = self.configuration.nodes().filter(|node| names::has_value(node));
            let roots = roots.filter_map(|node| node.id.split('.').next()).map(str::to_owned);
            self.configuration.roots = roots.collect();
        }
        if !self.diagnostics.has_errors() {
            self.configuration.warnings = self.diagnostics.clone();
        }
        Outcome {
            configuration: self.configuration,
            diagnostics: self.diagnostics,
        }
    }

    fn error(&mut self, source: &Source, span: Span, message: String) {
        self.diagnostics.push(Diagnostic::error(message).at(source, span));
    }

    /// The block of a name, and nothing but its name.
    fn refuse(&mut self, source: &Source, block: &Block, message: String) {
        self.error(source, block.name_span(), message);
        self.refused.insert(block.id());
    }

    fn nodes(&mut self, blocks: Vec<(Source, Arc<Block>)>) {
        // What they are called decides on what the others are: modules first, then config blocks, as upstream.
        let (modules, others): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|(_, block)| {
            let name = block.full_name();
            name == "declare" || self.catalogue.import(&name).is_some()
        });
        for (source, block) in modules {
            self.module(source, block);
        }
        let (config, others): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|(_, block)| self.catalogue.is_config(&block.id()));
        for (source, block) in config {
            self.config(source, block);
        }
        if self.place == Place::Root {
            self.default_config();
        }
        for (source, block) in others {
            if let Some(kind) = self.kind(&source, &block) {
                self.add(source, block, kind);
            }
        }
    }

    fn module(&mut self, source: Source, block: Arc<Block>) {
        let name = block.full_name();
        if block.label_text().is_empty() {
            // What else is wrong with it is said as well.
            self.error(&source, block.name_span(), format!("{name} block must have a label"));
        }
        if let Some(kind) = self.catalogue.import(&name).copied() {
            let (label, id) = (block.label_text().to_owned(), block.id());
            if self.place == Place::Content && self.configuration.imports.contains_key(&label) {
                self.refuse(&source, &block, format!("import block redefined {label}"));
                return;
            }
            self.configuration.imports.insert(label, id);
            self.add(source, block, Kind::Import(kind));
            return;
        }
        if block.label_text() == "declare" {
            let message = "'declare' is not a valid label for a declare block".to_owned();
            self.refuse(&source, &block, message);
            return;
        }
        let module = Module::of_block(Place::Declare, &source, &block);
        self.add(source, block, Kind::Declare(Arc::new(module)));
    }

    fn config(&mut self, source: Source, block: Arc<Block>) {
        let id = block.id();
        match self.place {
            Place::Root => {}
            Place::Content => {
                let message = format!("only declare and import blocks are allowed in a module, got {id}");
                return self.refuse(&source, &block, message);
            }
            Place::Declare => {
                return self.refuse(&source, &block, format!("{id} block not allowed inside a module"));
            }
            Place::Guest => {
                let message =
                    format!("{id} block not allowed inside a module: it belongs into the program's own configuration");
                return self.refuse(&source, &block, message);
            }
            Place::Template => return self.refuse(&source, &block, format!("{id} not allowed in foreach")),
        }
        let Some(config) = self.catalogue.config_block(&id).cloned() else {
            return self.known_config(source, block, &id);
        };
        let minimum = self.catalogue.allowed.stability;
        if config.stability < minimum {
            let message = gate("config block", config.name, config.stability, minimum);
            self.error(&source, block.name_span(), message);
            return;
        }
        self.add(source, block, Kind::Config(config));
    }

    /// A config block that exists upstream.
    fn known_config(&mut self, source: Source, block: Arc<Block>, id: &str) {
        match self.catalogue.registry.describe_block(id, self.catalogue.allowed) {
            Some(Ok(description)) if self.catalogue.check => self.add(source, block, Kind::Known(description)),
            Some(Err(error)) => self.refuse(&source, &block, error.message),
            _ => {
                let diagnostic = Diagnostic::error(format!(
                    "block \"{id}\" is known, but this version of Invar cannot run it"
                ))
                .at(&source, block.name_span())
                .with_hint("remove the block, or keep this part of the configuration on Alloy");
                self.diagnostics.push(diagnostic);
                self.refused.insert(block.id());
            }
        }
    }

    /// A config block that is not written has its defaults.
    fn default_config(&mut self) {
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
                        variables: Vec::new(),
                        text: "".into(),
                    },
                );
            }
        }
    }

    fn kind(&mut self, source: &Source, block: &Arc<Block>) -> Option<Kind> {
        let name = block.full_name();
        if self.place == Place::Content {
            let message = format!("only declare and import blocks are allowed in a module, got {name}");
            self.refuse(source, block, message);
            return None;
        }
        match name.as_str() {
            "argument" | "export" => return self.boundary(source, block, &name),
            "foreach" => return self.foreach(source, block),
            _ => {}
        }
        let first = block.name.first().map_or("", |part| part.name.as_str());
        match self.custom(first) {
            Some(imported) => self.custom_kind(source, block, &name, imported),
            None => self.component(source, block, &name),
        }
    }

    /// Whether a first part names modules, and if so whether imported ones. The nearest scope decides; in it an import wins.
    fn custom(&self, first: &str) -> Option<bool> {
        if self.configuration.is_custom(first) {
            return Some(self.configuration.imports.contains_key(first));
        }
        let around = self.around?;
        let scope = around.chain().find(|scope| scope.is_custom(first))?;
        Some(scope.imports.contains_key(first))
    }

    fn custom_kind(&mut self, source: &Source, block: &Block, name: &str, imported: bool) -> Option<Kind> {
        let parts = name.split_once('.');
        let custom = match (imported, parts) {
            (true, Some((namespace, name))) => Custom {
                namespace: Some(namespace.to_owned()),
                name: name.to_owned(),
            },
            (false, None) => Custom {
                namespace: None,
                name: name.to_owned(),
            },
            (true, None) => {
                let message = format!("\"{name}\" is an import: name one of its modules, as in {name}.NAME");
                self.refuse(source, block, message);
                return None;
            }
            (false, Some((namespace, rest))) => {
                let message = names::not_found(namespace, rest);
                let hint = format!("\"{namespace}\" is a declare; it hides every {namespace}.* component");
                let diagnostic = Diagnostic::error(message).at(source, block.name_span()).with_hint(hint);
                self.diagnostics.push(diagnostic);
                self.refused.insert(block.id());
                return None;
            }
        };
        Some(Kind::Custom(custom))
    }

    fn boundary(&mut self, source: &Source, block: &Block, name: &str) -> Option<Kind> {
        match self.place {
            Place::Root => {
                let message = format!("{name} blocks only allowed inside a module");
                self.refuse(source, block, message);
                None
            }
            Place::Template => {
                self.refuse(source, block, format!("{name} not allowed in foreach"));
                None
            }
            _ => {
                if block.label_text().is_empty() {
                    self.error(source, block.name_span(), format!("{name} block must have a label"));
                }
                Some(match name {
                    "argument" => Kind::Argument,
                    _ => Kind::Export,
                })
            }
        }
    }

    fn foreach(&mut self, source: &Source, block: &Arc<Block>) -> Option<Kind> {
        let minimum = self.catalogue.allowed.stability;
        if Stability::Experimental < minimum {
            let message = gate("config block", "foreach", Stability::Experimental, minimum);
            self.refuse(source, block, message);
            return None;
        }
        if block.label_text().is_empty() {
            self.error(source, block.name_span(), "foreach block must have a label".to_owned());
        }
        let template = block.body.blocks().find(|inner| inner.full_name() == "template");
        if template.is_none() {
            self.error(source, block.span(), "missing required block \"template\"".to_owned());
        }
        if let Some(label) = template.and_then(|template| template.label_span) {
            let message = "block \"template\" does not support specifying labels".to_owned();
            self.error(source, label, message);
        }
        let template = Arc::new(match template {
            Some(template) => Module::of_block(Place::Template, source, template),
            None => Module::new(Place::Template, Vec::new()),
        });
        let mut head = (**block).clone();
        let mut seen = false;
        head.body.stmts.retain(|stmt| match stmt {
            // A second one is left for the check of the block, which refuses it.
            Stmt::Block(inner) if inner.full_name() == "template" => std::mem::replace(&mut seen, true),
            _ => true,
        });
        Some(Kind::Foreach(Foreach {
            template,
            head: Arc::new(head),
        }))
    }

    fn component(&mut self, source: &Source, block: &Block, name: &str) -> Option<Kind> {
        let (registry, allowed) = (&self.catalogue.registry, self.catalogue.allowed);
        let found = match self.catalogue.check {
            true => registry
                .describe(name, allowed)
                .map(|description| match description.registration() {
                    Some(registration) => Kind::Component(*registration),
                    None => Kind::Known(description),
                }),
            false => registry
                .find(name, allowed)
                .map(|registration| Kind::Component(*registration)),
        };
        match found {
            Ok(kind) => {
                if block.label_text().is_empty() {
                    let message = format!("component \"{name}\" must have a label");
                    self.error(source, block.name_span(), message);
                }
                Some(kind)
            }
            Err(error) => {
                let near = error.near.or_else(|| self.near_name(name));
                let mut diagnostic = Diagnostic::error(error.message).at(source, block.name_span());
                let meant = near.as_ref().map(|near| format!("did you mean \"{near}\"?"));
                diagnostic.hint = error.hint.or(meant);
                self.diagnostics.push(diagnostic);
                self.refused.insert(block.id());
                // What refers to it is probably right.
                self.refused
                    .extend(near.map(|near| format!("{near}.{}", block.label_text())));
                None
            }
        }
    }

    /// The block of the language, config block or module that was probably meant.
    fn near_name(&self, name: &str) -> Option<String> {
        let configs = self.catalogue.config_blocks.iter().map(|config| config.name);
        let imports = self.catalogue.imports.iter().map(|kind| kind.name);
        let blocks = ["declare", "foreach", "argument", "export"];
        let around = self.around.iter().flat_map(|around| around.chain());
        let customs: Vec<&str> = std::iter::once(&self.configuration)
            .chain(around)
            .flat_map(|scope| scope.declares().chain(scope.imports.keys().map(String::as_str)))
            .collect();
        let known = configs.chain(imports).chain(blocks).chain(customs);
        syntax::diag::suggest(name, known).map(str::to_owned)
    }

    fn add(&mut self, source: Source, block: Arc<Block>, kind: Kind) {
        let id = block.id();
        let spec = Spec {
            id: id.clone(),
            name: block.full_name(),
            label: block.label_text().to_owned(),
            kind,
            text: block_text(&block),
            block: Some(block.clone()),
            source: source.clone(),
            references: Vec::new(),
            variables: Vec::new(),
        };
        if !self.configuration.graph.add(&id) {
            if self.place == Place::Content && matches!(spec.kind, Kind::Declare(_)) {
                let message = format!("declare block redefined: the first \"{}\" counts", spec.label);
                self.diagnostics
                    .push(Diagnostic::warning(message).at(&source, block.header_span()));
                return;
            }
            let place = self.places.get(&id).map_or("-", String::as_str);
            let message = format!("block {id} already declared at {place}");
            self.error(&source, block.header_span(), message);
            self.configuration.duplicates.push(spec);
            return;
        }
        let position = source.position(block.name_span().start);
        self.places.insert(id.clone(), format!("{}:{position}", source.name()));
        self.configuration.specs.insert(id, spec);
    }
}
