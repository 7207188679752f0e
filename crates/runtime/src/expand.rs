//! The nodes that a configuration will have when it runs, as far as that shows without running it.

use crate::blocks::ForeachBlock;
use crate::children;
use crate::controller::LoadError;
use crate::evaluate::evaluate;
use crate::ground::{Ground, Library, Validation};
use crate::loader::{self, Configuration};
use crate::module::Module;
use crate::plan::{GraphPlan, NodePlan};
use crate::scope::join;
use crate::sources::SourceFile;
use crate::spec::{Foreach, Kind, Spec, block_text};
use std::collections::HashMap;
use std::sync::Arc;
use syntax::Source;
use value::Value;

/// A configuration with its modules instantiated.
#[derive(Default)]
pub struct Expansion {
    /// What planning needs. Ids are global.
    pub plan: GraphPlan,
    /// What each node is made from, by global id.
    pub specs: HashMap<String, Spec>,
    /// What could not be looked at, for people.
    pub notes: Vec<String>,
    /// The files, those of modules too.
    pub sources: Vec<Source>,
}

/// Instantiates the modules of a configuration. Nothing is evaluated but the collections of `foreach` blocks, and those only where they
/// do not depend on what runs; the children of others are one, named `*`.
pub fn expand(validation: &Validation<'_>, files: &[SourceFile]) -> Result<Expansion, LoadError> {
    let configuration = loader::load(validation.catalogue, files).checked()?;
    let mut library = Library::new(validation);
    library.sources = configuration.sources.clone();
    let contents = library.contents(&configuration, validation.module_path);
    let ground = Ground {
        configuration: &configuration,
        contents: &contents,
        parent: None,
        module_path: validation.module_path,
    };
    let mut made = Expansion::default();
    let place = Place {
        path: "",
        outer: &[],
        site: None,
    };
    // What is wrong may be without end, such as a module that is made of itself.
    if !library.found.has_errors() {
        scope(&mut library, &ground, &place, &mut made);
    }
    if library.found.has_errors() {
        return Err(LoadError {
            diagnostics: library.found,
            sources: library.sources,
        });
    }
    made.notes = library.notes;
    made.sources = library.sources;
    Ok(made)
}

/// Where a scope is instantiated.
struct Place<'p> {
    /// Global id of the instance.
    path: &'p str,
    /// Global ids of the scopes that it sees into, from the inside out.
    outer: &'p [&'p str],
    /// What it is an instance of, and the scope that stands in.
    site: Option<(&'p Spec, &'p str)>,
}

fn scope(library: &mut Library<'_>, ground: &Ground<'_>, place: &Place<'_>, made: &mut Expansion) {
    for spec in ground.configuration.nodes() {
        if matches!(spec.kind, Kind::Declare(_)) {
            continue;
        }
        let global = join(place.path, &spec.id);
        made.plan.graph.add(&global);
        let mut node = NodePlan {
            id: global.clone(),
            kind: spec.name.clone(),
            text: spec.text.to_string(),
            transparent: !matches!(spec.kind, Kind::Component(_) | Kind::Config(_)),
        };
        if let Some(Some(imported)) = ground.contents.get(&spec.id) {
            for file in &imported.content.files {
                node.text.push_str(&String::from_utf8_lossy(&file.text));
            }
        }
        if let (Kind::Argument, Some((site, _))) = (&spec.kind, place.site) {
            node.text.push_str(&given(site, &spec.label));
        }
        made.plan.nodes.push(node);
        made.specs.insert(global, spec.clone());
    }
    for spec in ground.configuration.nodes() {
        let global = join(place.path, &spec.id);
        for dependency in ground.configuration.graph.dependencies(&spec.id) {
            made.plan.graph.connect(&global, &join(place.path, dependency));
        }
        for reference in spec.references.iter().filter(|reference| reference.level > 0) {
            if let Some(outer) = place.outer.get(reference.level - 1) {
                made.plan.graph.connect(&global, &join(outer, &reference.target));
            }
        }
        match &spec.kind {
            Kind::Argument => {
                if let Some((site, around)) = place.site {
                    argument(site, around, &spec.label, &global, made);
                }
            }
            Kind::Custom(custom) => {
                let site = Some((spec, place.path));
                let instantiated = library.definition(custom, ground, |library, module, around| {
                    let inner = Place {
                        path: &global,
                        outer: &[],
                        site,
                    };
                    instance(library, module, None, around, &inner, made)
                });
                // The instance is what it exports.
                for id in instantiated.unwrap_or_default() {
                    made.plan.graph.connect(&global, &id);
                }
            }
            Kind::Foreach(foreach) => children_of(library, spec, foreach, ground, place, made),
            _ => {}
        }
    }
}

/// Instantiates a module; gives the global ids of its exports.
fn instance(
    library: &mut Library<'_>,
    module: &Arc<Module>,
    variable: Option<&str>,
    around: &Ground<'_>,
    place: &Place<'_>,
    made: &mut Expansion,
) -> Vec<String> {
    let (configuration, _) = library.module(module, variable, around);
    let configuration: &Configuration = &configuration;
    let contents = library.contents(configuration, around.module_path);
    if library.found.has_errors() {
        return Vec::new();
    }
    let ground = Ground {
        configuration,
        contents: &contents,
        parent: Some(around),
        module_path: around.module_path,
    };
    library.deeper(|library| scope(library, &ground, place, made));
    let exports = configuration.nodes().filter(|node| matches!(node.kind, Kind::Export));
    exports.map(|node| join(place.path, &node.id)).collect()
}

/// What an instance gives for an argument, as text.
fn given(site: &Spec, name: &str) -> String {
    let attributes = site.block.iter().flat_map(|block| block.body.attributes());
    let mut named = attributes.filter(|attribute| attribute.name.name == name);
    named
        .next()
        .map(|attribute| format!("= {}", syntax::format::format_expr(&attribute.value)))
        .unwrap_or_default()
}

/// An argument depends on what the instance gives for it.
fn argument(site: &Spec, around: &str, name: &str, global: &str, made: &mut Expansion) {
    let attributes = site.block.iter().flat_map(|block| block.body.attributes());
    for attribute in attributes.filter(|attribute| attribute.name.name == name) {
        let span = attribute.span();
        for reference in &site.references {
            if span.start <= reference.span.start && reference.span.end <= span.end {
                made.plan.graph.connect(global, &join(around, &reference.target));
            }
        }
    }
}

fn children_of(
    library: &mut Library<'_>,
    spec: &Spec,
    foreach: &Foreach,
    ground: &Ground<'_>,
    place: &Place<'_>,
    made: &mut Expansion,
) {
    let global = join(place.path, &spec.id);
    let variables = [("module_path", Value::string(ground.module_path))]
        .into_iter()
        .collect();
    let evaluated = evaluate(spec, variables, library.validation.stdlib);
    let (names, variable) = match value::decode::<ForeachBlock>(&evaluated.body) {
        Ok(block) => {
            let (names, _) = children::names(&block.collection, &block.id, block.hash_string_id);
            let values = block.collection.iter().map(value::to_text);
            (names.into_iter().zip(values).collect(), Some(block.var))
        }
        Err(_) => {
            let variable = spec.block.as_deref().and_then(crate::names::variable_of);
            (vec![("*".to_owned(), String::new())], variable)
        }
    };
    let mut outer = vec![place.path];
    outer.extend(place.outer);
    for (name, item) in names {
        let path = join(&global, &name);
        let before = made.plan.nodes.len();
        let inner = Place {
            path: &path,
            outer: &outer,
            site: None,
        };
        instance(library, &foreach.template, variable.as_deref(), ground, &inner, made);
        // Another item is another text to what uses it.
        for node in &mut made.plan.nodes[before..] {
            let uses = made.specs.get(&node.id).is_some_and(|spec| !spec.variables.is_empty());
            if uses {
                node.text.push_str(&item);
            }
        }
    }
}

/// What differs between two blocks: names of their attributes and blocks, in the order of the new one.
pub fn differences(old: &Spec, new: &Spec) -> Vec<String> {
    let parts = |spec: &Spec| -> Vec<(String, String)> {
        let Some(block) = &spec.block else { return Vec::new() };
        let attributes = block.body.attributes().map(|attribute| {
            let text = syntax::format::format_expr(&attribute.value).to_string();
            (attribute.name.name.clone(), text)
        });
        let blocks = block
            .body
            .blocks()
            .map(|inner| (inner.full_name(), block_text(inner).to_string()));
        attributes.chain(blocks).collect()
    };
    let (old, new) = (parts(old), parts(new));
    let mut names: Vec<String> = Vec::new();
    let added = new.iter().filter(|part| !old.contains(part));
    for (name, _) in added.chain(old.iter().filter(|part| !new.contains(part))) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}
