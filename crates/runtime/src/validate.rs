//! Checks a configuration as far as that goes without running, building or fetching anything.

use crate::blocks::{ArgumentBlock, ExportBlock, ForeachBlock};
use crate::catalogue::Catalogue;
use crate::evaluate::evaluate;
use crate::loader::{self, Configuration};
use crate::module::{Around, Module, Place};
use crate::names;
use crate::sources::SourceFile;
use crate::spec::{Custom, Kind, Spec};
use component::{Content, ImportContext, ImportKind};
use eval::Stdlib;
use host::Host;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use syntax::{Diagnostic, Diagnostics, Source};
use value::{Block, Schema, Value};

/// What a check works with.
pub struct Validation<'a> {
    /// What the configuration may use.
    pub catalogue: &'a Catalogue,
    /// For arguments of imports that need no more than the language: `file.path_join(module_path, "x.alloy")`.
    pub stdlib: &'a Stdlib,
    /// Where files of imports are read.
    pub host: &'a Host,
    /// What `module_path` is in the configuration.
    pub module_path: &'a str,
}

/// What a check found.
pub struct Validated {
    /// Errors and warnings, in source order.
    pub diagnostics: Diagnostics,
    /// The files, those of modules too, for printing.
    pub sources: Vec<Source>,
    /// What could not be looked at, for people.
    pub notes: Vec<String>,
}

/// Everything that is wrong with a configuration and with the modules that it reads from this machine.
pub fn validate(validation: &Validation<'_>, files: &[SourceFile]) -> Validated {
    let outcome = loader::load(validation.catalogue, files);
    let mut walk = Walk {
        validation,
        found: outcome.diagnostics,
        sources: outcome.configuration.sources.clone(),
        notes: Vec::new(),
        modules: HashMap::new(),
        trace: Vec::new(),
    };
    // A tree with syntax errors would only give more errors that are not the user's.
    if !outcome.configuration.specs.is_empty() {
        walk.scope(&outcome.configuration, None, validation.module_path);
    }
    let Walk {
        mut found,
        sources,
        notes,
        ..
    } = walk;
    let order = |diagnostic: &Diagnostic| {
        let file = sources.iter().position(|source| source.name() == &diagnostic.file);
        (file, diagnostic.start.offset)
    };
    found.sort_by_key(order);
    found.dedup();
    Validated {
        diagnostics: found,
        sources,
        notes,
    }
}

/// A scope with what its imports brought, and what is around it.
#[derive(Clone, Copy)]
struct Ground<'g> {
    configuration: &'g Configuration,
    /// By the id of the import; nothing where the content is not known.
    contents: &'g HashMap<String, Option<Rc<Configuration>>>,
    parent: Option<&'g Ground<'g>>,
}

/// What a custom component's name means.
enum Definition {
    Module(Rc<Configuration>),
    /// It comes from where only a running collector looks.
    Unknown,
    Missing(String, Vec<String>),
}

struct Walk<'v> {
    validation: &'v Validation<'v>,
    found: Diagnostics,
    sources: Vec<Source>,
    notes: Vec<String>,
    /// Modules that were looked at, by their place in memory, where they are kept.
    modules: HashMap<*const Module, (Arc<Module>, Rc<Configuration>)>,
    /// The imports that led here.
    trace: Vec<String>,
}

impl Walk<'_> {
    fn report(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.trace.splice(0..0, self.trace.iter().cloned());
        if !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }

    /// Checks the nodes of a scope and the modules in it.
    fn scope(&mut self, configuration: &Configuration, parent: Option<&Ground<'_>>, module_path: &str) {
        let mut contents = HashMap::new();
        for spec in configuration.nodes() {
            if let Kind::Import(kind) = &spec.kind {
                let imported = self.import(spec, kind, module_path);
                contents.insert(spec.id.clone(), imported);
            }
        }
        let ground = Ground {
            configuration,
            contents: &contents,
            parent,
        };
        for spec in configuration.nodes().chain(&configuration.duplicates) {
            self.node(spec, &ground, module_path);
        }
    }

    fn node(&mut self, spec: &Spec, ground: &Ground<'_>, module_path: &str) {
        let Some(block) = &spec.block else { return };
        let schema: Option<&'static Schema> = match &spec.kind {
            Kind::Component(registration) => Some((registration.arguments)()),
            Kind::Config(config) => Some((config.schema)()),
            Kind::Import(kind) => Some((kind.arguments)()),
            Kind::Argument => Some(ArgumentBlock::schema()),
            Kind::Export => Some(ExportBlock::schema()),
            Kind::Foreach(_) => Some(ForeachBlock::schema()),
            Kind::Custom(_) | Kind::Declare(_) => None,
        };
        if let Some(schema) = schema {
            let block = match &spec.kind {
                Kind::Foreach(foreach) => &foreach.head,
                _ => block,
            };
            for diagnostic in eval::check_block(&spec.source, block, schema) {
                self.report(diagnostic);
            }
        }
        self.fields(spec, ground);
        match &spec.kind {
            Kind::Declare(module) => drop(self.module(module, None, ground, module_path)),
            Kind::Foreach(foreach) => {
                let variable = names::variable_of(block);
                // Without its name every use of it would look like a mistake.
                if let Some(variable) = variable {
                    self.module(&foreach.template, Some(&variable), ground, module_path);
                }
            }
            Kind::Custom(custom) => self.instance(spec, custom, ground, module_path),
            _ => {}
        }
    }

    /// Loads a module and checks what is in it, once.
    fn module(
        &mut self,
        module: &Arc<Module>,
        variable: Option<&str>,
        ground: &Ground<'_>,
        module_path: &str,
    ) -> Rc<Configuration> {
        if let Some((_, known)) = self.modules.get(&Arc::as_ptr(module)) {
            return known.clone();
        }
        let outcome = with_around(ground, &mut |around| {
            loader::load_module(self.validation.catalogue, module, Some(around), variable)
        });
        for diagnostic in outcome.diagnostics {
            self.report(diagnostic);
        }
        let configuration = Rc::new(outcome.configuration);
        let entry = (module.clone(), configuration.clone());
        self.modules.insert(Arc::as_ptr(module), entry);
        self.scope(&configuration, Some(ground), module_path);
        configuration
    }

    /// An instance of a module: what it is given.
    fn instance(&mut self, spec: &Spec, custom: &Custom, ground: &Ground<'_>, module_path: &str) {
        let Some(block) = &spec.block else { return };
        let configuration = match self.definition(custom, ground, module_path) {
            Definition::Module(configuration) => configuration,
            Definition::Unknown => return,
            Definition::Missing(message, has) => {
                let mut diagnostic = Diagnostic::error(message).at(&spec.source, block.name_span());
                diagnostic.hint = names::instead(&custom.name, &has);
                return self.report(diagnostic);
            }
        };
        for inner in block.body.blocks() {
            let message = "nested blocks not supported here".to_owned();
            self.report(Diagnostic::error(message).at(&spec.source, inner.header_span()));
        }
        let arguments: Vec<&Spec> = configuration
            .nodes()
            .filter(|node| matches!(node.kind, Kind::Argument))
            .collect();
        let names: Vec<String> = arguments.iter().map(|argument| argument.label.clone()).collect();
        for attribute in block.body.attributes() {
            let name = &attribute.name.name;
            if !names.contains(name) {
                let message = format!("Provided argument \"{name}\" is not defined in the module");
                let mut diagnostic = Diagnostic::error(message).at(&spec.source, attribute.name.span);
                diagnostic.hint = names::takes(name, &names);
                self.report(diagnostic);
            }
        }
        for argument in arguments {
            let given = block
                .body
                .attributes()
                .any(|attribute| attribute.name.name == argument.label);
            if !given && is_required(argument) {
                let message = format!("missing required argument \"{}\" to module", argument.label);
                self.report(Diagnostic::error(message).at(&spec.source, block.header_span()));
            }
        }
    }

    fn definition(&mut self, custom: &Custom, ground: &Ground<'_>, module_path: &str) -> Definition {
        let mut next = Some(ground);
        while let Some(here) = next {
            match &custom.namespace {
                None => {
                    if let Some(module) = here.configuration.declared(&custom.name).cloned() {
                        return Definition::Module(self.module(&module, None, here, module_path));
                    }
                }
                Some(namespace) => {
                    if let Some(id) = here.configuration.imports.get(namespace) {
                        let Some(Some(imported)) = here.contents.get(id).cloned() else {
                            return Definition::Unknown;
                        };
                        return match imported.declared(&custom.name) {
                            // It was looked at when its import was read.
                            Some(module) => match self.modules.get(&Arc::as_ptr(module)) {
                                Some((_, known)) => Definition::Module(known.clone()),
                                None => Definition::Unknown,
                            },
                            None => {
                                let has = imported.declares().map(str::to_owned).collect();
                                Definition::Missing(names::not_found(namespace, &custom.name), has)
                            }
                        };
                    }
                }
            }
            next = here.parent;
        }
        // Cycles and duplicates were reported.
        Definition::Unknown
    }

    /// Reads an import from this machine and checks what it brings.
    fn import(&mut self, spec: &Spec, kind: &ImportKind, module_path: &str) -> Option<Rc<Configuration>> {
        let content = self.content(spec, kind, module_path)?;
        self.trace.push(spec.mention());
        let mut problems = Diagnostics::default();
        let files = content
            .files
            .iter()
            .map(|file| (file.name.as_str(), file.text.as_slice()));
        let (statements, sources) = loader::parse(files, &mut problems);
        self.sources.extend(sources);
        let broken = problems.has_errors();
        problems.into_iter().for_each(|problem| self.report(problem));
        let imported = (!broken).then(|| {
            let module = Module::new(Place::Content, statements);
            let outcome = loader::load_module(self.validation.catalogue, &module, None, None);
            outcome.diagnostics.into_iter().for_each(|problem| self.report(problem));
            self.scope(&outcome.configuration, None, &content.module_path);
            Rc::new(outcome.configuration)
        });
        self.trace.pop();
        imported
    }

    fn content(&mut self, spec: &Spec, kind: &ImportKind, module_path: &str) -> Option<Content> {
        let variables = [("module_path", Value::string(module_path))].into_iter().collect();
        let evaluated = evaluate(spec, variables, self.validation.stdlib);
        let context = ImportContext {
            id: spec.id.as_str().into(),
            data_path: std::path::PathBuf::new(),
            host: self.validation.host.clone(),
            module_path: module_path.to_owned(),
            span: tracing::Span::none(),
        };
        // What is wrong with its arguments is said by the check of the block.
        let source = kind.open(context, &evaluated.body).ok()?;
        match source.read()? {
            Ok(content) => Some(content),
            Err(error) => {
                let place = spec.place("").unwrap_or_default();
                self.notes.push(format!(
                    "{place}: the content of {} cannot be read here, so what comes from it is not checked: {error}",
                    spec.id
                ));
                None
            }
        }
    }

    /// References to exports that the node does not have.
    fn fields(&mut self, spec: &Spec, ground: &Ground<'_>) {
        for reference in &spec.references {
            let Some(field) = reference.fields.first() else {
                continue;
            };
            let outer = (0..reference.level).try_fold(ground, |here, _| here.parent);
            let Some(outer) = outer else { continue };
            let Some(target) = outer.configuration.specs.get(&reference.target) else {
                continue;
            };
            let exports: Vec<String> = match &target.kind {
                Kind::Component(registration) => {
                    let names = (registration.exports)().attribute_names();
                    names.into_iter().map(str::to_owned).collect()
                }
                Kind::Custom(custom) => match self.definition(custom, outer, self.validation.module_path) {
                    Definition::Module(configuration) => configuration
                        .nodes()
                        .filter(|node| matches!(node.kind, Kind::Export))
                        .map(|node| node.label.clone())
                        .collect(),
                    _ => continue,
                },
                Kind::Argument => vec!["value".to_owned()],
                _ => continue,
            };
            if exports.contains(field) {
                continue;
            }
            let mut diagnostic =
                Diagnostic::error(format!("field \"{field}\" does not exist")).at(&spec.source, reference.field_span());
            if let Some(near) = syntax::diag::suggest(field, exports.iter().map(String::as_str)) {
                diagnostic = diagnostic.with_hint(format!("did you mean \"{near}\"?"));
            } else if exports.is_empty() {
                diagnostic = diagnostic.with_hint(format!("component \"{}\" exports nothing", target.name));
            } else {
                diagnostic = diagnostic.with_hint(format!("\"{}\" exports {}", target.id, exports.join(", ")));
            }
            self.report(diagnostic);
        }
    }
}

/// Whether instances must give an argument, as far as literals show.
fn is_required(argument: &Spec) -> bool {
    let Some(block) = &argument.block else { return false };
    let body = eval::unevaluated_body(block).body;
    let optional = body.items.iter().find(|item| item.name() == "optional");
    match optional {
        None => true,
        Some(value::Item::Attr {
            value: Ok(Some(Value::Bool(optional))),
            ..
        }) => !optional,
        Some(_) => false,
    }
}

/// Calls `then` with the names that a module on this ground sees.
fn with_around<R>(ground: &Ground<'_>, then: &mut dyn FnMut(Around<'_>) -> R) -> R {
    match ground.parent {
        None => then(Around {
            configuration: ground.configuration,
            parent: None,
        }),
        Some(parent) => with_around(parent, &mut |around| {
            then(Around {
                configuration: ground.configuration,
                parent: Some(&around),
            })
        }),
    }
}
