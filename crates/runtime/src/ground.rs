//! A configuration with the modules that can be read without running it.
//!
//! What checks and plans are made on: modules are loaded once, local imports are read, what only a running collector can fetch is
//! not known.

use crate::catalogue::Catalogue;
use crate::evaluate::evaluate;
use crate::frame::NoDefinition;
use crate::loader::{self, Configuration};
use crate::module::{Around, CIRCULAR, MAX_DEPTH, Module, Place, too_deep};
use crate::names;
use crate::spec::{Custom, Kind, Spec};
use component::{Content, ImportContext, ImportKind};
use eval::Stdlib;
use host::Host;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use syntax::{Diagnostic, Diagnostics, Source};
use value::Value;

/// What is needed to look at a configuration without running it.
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

/// A scope with what its imports brought, and what is around it.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'g> {
    pub(crate) configuration: &'g Configuration,
    /// By the id of the import; nothing where the content is not known.
    pub(crate) contents: &'g Contents,
    pub(crate) parent: Option<&'g Ground<'g>>,
    pub(crate) module_path: &'g str,
}

/// Content of imports by their ids, where it is known.
pub(crate) type Contents = HashMap<String, Option<Rc<Imported>>>;

/// The modules that an import brought.
pub(crate) struct Imported {
    pub(crate) configuration: Configuration,
    /// What they import in turn.
    pub(crate) contents: Contents,
    pub(crate) content: Content,
}

/// What was loaded so far.
pub(crate) struct Library<'v> {
    pub(crate) validation: &'v Validation<'v>,
    pub(crate) found: Diagnostics,
    pub(crate) sources: Vec<Source>,
    /// What could not be looked at, for people.
    pub(crate) notes: Vec<String>,
    /// Modules that were loaded, by their place in memory, where they are kept.
    modules: HashMap<*const Module, (Arc<Module>, Rc<Configuration>)>,
    /// The imports that led to where the work is.
    trace: Vec<String>,
    /// What they brought, while content is read.
    importing: Vec<Content>,
    /// How deep the work is in modules.
    depth: usize,
    /// Whether modules are in each other without end, so that no more is looked at.
    endless: bool,
}

impl<'v> Library<'v> {
    pub(crate) fn new(validation: &'v Validation<'v>) -> Self {
        Library {
            validation,
            found: Diagnostics::default(),
            sources: Vec::new(),
            notes: Vec::new(),
            modules: HashMap::new(),
            trace: Vec::new(),
            importing: Vec::new(),
            depth: 0,
            endless: false,
        }
    }

    pub(crate) fn report(&mut self, mut diagnostic: Diagnostic) {
        diagnostic.trace.around(self.trace.iter().cloned());
        if !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }

    /// Works on what an import brought; what is reported meanwhile names the import.
    pub(crate) fn within<R>(&mut self, import: &Spec, work: impl FnOnce(&mut Self) -> R) -> R {
        self.trace.push(import.mention());
        let result = work(self);
        self.trace.pop();
        result
    }

    /// Works on what is in a module.
    pub(crate) fn deeper<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R {
        self.depth += 1;
        let result = work(self);
        self.depth -= 1;
        result
    }

    fn endless(&mut self, import: &Spec, message: String) {
        self.endless = true;
        let head = import
            .block
            .as_ref()
            .map(|block| block.header_span())
            .unwrap_or_default();
        self.report(Diagnostic::error(message).at(&import.source, head));
    }

    /// The nodes of a module, and whether it was loaded only now.
    pub(crate) fn module(
        &mut self,
        module: &Arc<Module>,
        variable: Option<&str>,
        ground: &Ground<'_>,
    ) -> (Rc<Configuration>, bool) {
        if let Some((_, known)) = self.modules.get(&Arc::as_ptr(module)) {
            return (known.clone(), false);
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
        (configuration, true)
    }

    /// Looks a custom component's name up and calls `then` with the module and the ground that it stands on.
    pub(crate) fn definition<R>(
        &mut self,
        custom: &Custom,
        ground: &Ground<'_>,
        then: impl FnOnce(&mut Self, &Arc<Module>, &Ground<'_>) -> R,
    ) -> Result<R, NoDefinition> {
        let mut next = Some(ground);
        while let Some(here) = next {
            match &custom.namespace {
                None => {
                    if let Some(module) = here.configuration.declared(&custom.name) {
                        return Ok(then(self, module, here));
                    }
                }
                Some(namespace) => {
                    if let Some(id) = here.configuration.imports.get(namespace) {
                        let Some(Some(imported)) = here.contents.get(id) else {
                            return Err(NoDefinition::Pending);
                        };
                        let ground = imported.ground();
                        return match imported.configuration.declared(&custom.name) {
                            Some(module) => Ok(then(self, module, &ground)),
                            None => {
                                let has = imported.configuration.declares().map(str::to_owned).collect();
                                let message = names::not_found(namespace, &custom.name);
                                Err(NoDefinition::Missing(message, has))
                            }
                        };
                    }
                }
            }
            next = here.parent;
        }
        // Cycles and duplicates were reported.
        Err(NoDefinition::Pending)
    }

    /// What the imports of a scope bring, as far as this machine has it.
    pub(crate) fn contents(&mut self, configuration: &Configuration, module_path: &str) -> Contents {
        let mut contents = HashMap::new();
        for spec in configuration.nodes() {
            if let Kind::Import(kind) = &spec.kind {
                let imported = self.import(spec, kind, module_path).map(Rc::new);
                contents.insert(spec.id.clone(), imported);
            }
        }
        contents
    }

    fn import(&mut self, spec: &Spec, kind: &ImportKind, module_path: &str) -> Option<Imported> {
        if self.endless {
            return None;
        }
        if self.depth > MAX_DEPTH {
            self.endless(spec, too_deep());
            return None;
        }
        let content = self.content(spec, kind, module_path)?;
        if self.importing.contains(&content) {
            self.endless(spec, CIRCULAR.to_owned());
            return None;
        }
        self.within(spec, |this| {
            let mut problems = Diagnostics::default();
            let files = content
                .files
                .iter()
                .map(|file| (file.name.as_str(), file.text.as_slice()));
            let (statements, sources) = loader::parse(files, &mut problems);
            this.sources.extend(sources);
            let broken = problems.has_errors();
            problems.into_iter().for_each(|problem| this.report(problem));
            if broken {
                return None;
            }
            let module = Module::new(Place::Content, statements);
            let outcome = loader::load_module(this.validation.catalogue, &module, None, None);
            outcome.diagnostics.into_iter().for_each(|problem| this.report(problem));
            this.importing.push(content.clone());
            let contents = this.deeper(|this| this.contents(&outcome.configuration, &content.module_path));
            this.importing.pop();
            Some(Imported {
                configuration: outcome.configuration,
                contents,
                content,
            })
        })
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
                    "{place}: the content of {} cannot be read here, so what comes from it is not looked at: {error}",
                    spec.id
                ));
                None
            }
        }
    }
}

impl Imported {
    /// The ground that its modules stand on.
    pub(crate) fn ground(&self) -> Ground<'_> {
        Ground {
            configuration: &self.configuration,
            contents: &self.contents,
            parent: None,
            module_path: &self.content.module_path,
        }
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
