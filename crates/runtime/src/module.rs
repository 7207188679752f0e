//! Modules: text that can be instantiated.

use crate::catalogue::Catalogue;
use crate::loader::{self, Configuration};
use std::sync::{Arc, Mutex, PoisonError};
use syntax::ast::{Block, Stmt};
use syntax::{Diagnostics, Source};

/// Where a module's text stands, which decides on what it may hold and see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The configuration itself.
    Root,
    /// A configuration that runs beside the program's own; it may hold what a module may.
    Guest,
    /// The body of a `declare`. It sees the modules around it, not their components.
    Declare,
    /// The template of a `foreach`. It sees everything around it.
    Template,
    /// What an import brought: only modules.
    Content,
}

/// How deep instances and imports are in each other at most. Only modules that import themselves get there.
pub(crate) const MAX_DEPTH: usize = 32;

/// What is said of modules that are in each other without end.
pub(crate) fn too_deep() -> String {
    format!("modules are more than {MAX_DEPTH} deep in each other; one of them probably imports itself")
}

/// What is said of content that was imported by itself.
pub(crate) const CIRCULAR: &str = "a module cannot import itself, nor what imports it";

/// A statement with the file that it stands in.
pub(crate) type Statement = (Source, Stmt);

/// Names that the text of a scope may use, from the inside out.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    /// The scope around it.
    pub(crate) configuration: &'a Configuration,
    /// What is around that.
    pub(crate) parent: Option<&'a Around<'a>>,
}

impl<'a> Around<'a> {
    /// This and what is around it.
    pub(crate) fn chain(self) -> impl Iterator<Item = &'a Configuration> {
        let mut next = Some(self);
        std::iter::from_fn(move || {
            let here = next?;
            next = here.parent.copied();
            Some(here.configuration)
        })
    }
}

/// A module that was read and is checked when it is instantiated for the first time. What is around it never changes.
pub struct Module {
    /// Where it stands.
    pub place: Place,
    statements: Vec<Statement>,
    /// By the name of the variable that a `foreach` binds.
    loaded: Mutex<Option<(Option<String>, Loaded)>>,
}

/// What loading gave.
pub(crate) type Loaded = Result<Arc<Configuration>, Diagnostics>;

impl Module {
    /// The module in a block: the body of a `declare`, or a template.
    pub(crate) fn of_block(place: Place, source: &Source, block: &Block) -> Self {
        let statements = block.body.stmts.iter().map(|stmt| (source.clone(), stmt.clone()));
        Module::new(place, statements.collect())
    }

    pub(crate) fn new(place: Place, statements: Vec<Statement>) -> Self {
        Module {
            place,
            statements,
            loaded: Mutex::new(None),
        }
    }

    /// Its statements.
    pub(crate) fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Its nodes, once for all instances. `variable` is what a `foreach` binds.
    pub(crate) fn load(&self, catalogue: &Catalogue, around: Option<Around<'_>>, variable: Option<&str>) -> Loaded {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((bound, known)) = &*loaded
            && bound.as_deref() == variable
        {
            return known.clone();
        }
        let outcome = loader::load_module(catalogue, self, around, variable);
        let result = match outcome.checked() {
            Ok(configuration) => Ok(Arc::new(configuration)),
            Err(error) => Err(error.diagnostics),
        };
        *loaded = Some((variable.map(str::to_owned), result.clone()));
        result
    }
}
