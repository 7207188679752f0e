//! Checks a configuration as far as that goes without running, building or fetching anything.

use crate::blocks::{ArgumentBlock, ExportBlock, ForeachBlock};
use crate::flow::Flow;
use crate::frame::NoDefinition;
use crate::ground::{Ground, Library, Validation};
use crate::loader::{self, Configuration};
use crate::module::Module;
use crate::names;
use crate::sources::SourceFile;
use crate::spec::{Custom, Kind, Spec};
use eval::Against;
use std::rc::Rc;
use std::sync::Arc;
use syntax::{Diagnostic, Diagnostics, Source};
use value::shape::Shape;
use value::{Block, Value};

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
    let mut library = Library::new(validation);
    library.found = outcome.diagnostics;
    library.sources = outcome.configuration.sources.clone();
    // A tree with syntax errors would only give more errors that are not the user's.
    if !outcome.configuration.specs.is_empty() {
        scope(&mut library, &outcome.configuration, None, validation.module_path);
    }
    let (mut found, sources) = (library.found, library.sources);
    let order = |diagnostic: &Diagnostic| {
        let file = sources.iter().position(|source| source.name() == &diagnostic.file);
        (file, diagnostic.start.offset)
    };
    found.sort_by_key(order);
    found.dedup();
    Validated {
        diagnostics: found,
        sources,
        notes: library.notes,
    }
}

/// Checks the nodes of a scope and the modules in it.
fn scope(library: &mut Library<'_>, configuration: &Configuration, parent: Option<&Ground<'_>>, module_path: &str) {
    let contents = library.contents(configuration, module_path);
    let ground = Ground {
        configuration,
        contents: &contents,
        parent,
        module_path,
    };
    nodes(library, &ground);
}

fn nodes(library: &mut Library<'_>, ground: &Ground<'_>) {
    for spec in ground.configuration.nodes() {
        if let Some(Some(imported)) = ground.contents.get(&spec.id) {
            library.within(spec, |library| nodes(library, &imported.ground()));
        }
    }
    for spec in ground.configuration.nodes().chain(&ground.configuration.duplicates) {
        node(library, spec, ground);
    }
}

fn node(library: &mut Library<'_>, spec: &Spec, ground: &Ground<'_>) {
    let Some(block) = &spec.block else { return };
    let shape;
    let against: Option<Against<'_>> = match &spec.kind {
        Kind::Component(registration) => Some((registration.arguments)().into()),
        Kind::Config(config) => Some((config.schema)().into()),
        Kind::Import(kind) => Some((kind.arguments)().into()),
        Kind::Known(description) => {
            shape = description.arguments();
            Some((&shape).into())
        }
        Kind::Argument => Some(ArgumentBlock::schema().into()),
        Kind::Export => Some(ExportBlock::schema().into()),
        Kind::Foreach(_) => Some(ForeachBlock::schema().into()),
        Kind::Custom(_) | Kind::Declare(_) => None,
    };
    if let Some(against) = against {
        let block = match &spec.kind {
            Kind::Foreach(foreach) => &foreach.head,
            _ => block,
        };
        for diagnostic in eval::check_block(&spec.source, block, against) {
            library.report(diagnostic);
        }
    }
    let flow = Flow::new(library, spec, ground);
    let more = match against {
        Some(Against::Schema(schema)) => flow.check(spec, Some(schema), &library.found),
        Some(Against::Shape(shape)) => flow.check(spec, Some(shape), &library.found),
        None => flow.check(spec, None::<&Shape>, &library.found),
    };
    more.into_iter().for_each(|diagnostic| library.report(diagnostic));
    match &spec.kind {
        Kind::Declare(declared) => drop(module(library, declared, None, ground)),
        Kind::Foreach(foreach) => {
            // Without the name of its variable every use of it would look like a mistake.
            if let Some(variable) = names::variable_of(block) {
                module(library, &foreach.template, Some(&variable), ground);
            }
        }
        Kind::Custom(custom) => instance(library, spec, custom, ground),
        _ => {}
    }
}

/// Loads a module and checks what is in it, once.
fn module(
    library: &mut Library<'_>,
    module: &Arc<Module>,
    variable: Option<&str>,
    ground: &Ground<'_>,
) -> Rc<Configuration> {
    let (configuration, is_new) = library.module(module, variable, ground);
    if is_new {
        library.deeper(|library| scope(library, &configuration, Some(ground), ground.module_path));
    }
    configuration
}

/// An instance of a module: what it is given.
fn instance(library: &mut Library<'_>, spec: &Spec, custom: &Custom, ground: &Ground<'_>) {
    let Some(block) = &spec.block else { return };
    let found = library.definition(custom, ground, |library, declared, ground| {
        module(library, declared, None, ground)
    });
    let configuration = match found {
        Ok(configuration) => configuration,
        Err(NoDefinition::Missing(message, has)) => {
            return library.report(names::no_module(spec, &custom.name, message, &has));
        }
        Err(_) => return,
    };
    for inner in block.body.blocks() {
        library.report(Diagnostic::error(names::NESTED).at(&spec.source, inner.header_span()));
    }
    let arguments: Vec<&Spec> = configuration
        .nodes()
        .filter(|node| matches!(node.kind, Kind::Argument))
        .collect();
    let names: Vec<String> = arguments.iter().map(|argument| argument.label.clone()).collect();
    for attribute in block.body.attributes() {
        let name = &attribute.name.name;
        if !names.contains(name) {
            library.report(names::unknown_argument(spec, name, &names));
        }
    }
    for argument in arguments {
        let given = block
            .body
            .attributes()
            .any(|attribute| attribute.name.name == argument.label);
        if !given && is_required(argument) {
            library.report(names::missing_argument(spec, &argument.label));
        }
    }
}

/// Whether instances must give an argument, as far as literals show.
fn is_required(argument: &Spec) -> bool {
    let Some(block) = &argument.block else { return false };
    let known = |name: &str| ArgumentBlock::schema().fields.iter().any(|field| field.name == name);
    if !block.body.attributes().all(|attribute| known(&attribute.name.name)) {
        // It may be `optional` that is misspelt.
        return false;
    }
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
