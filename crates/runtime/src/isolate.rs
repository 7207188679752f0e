//! Builds one component of a configuration with nothing else running, for trying it out.

use crate::evaluate::{diagnose, evaluate};
use crate::frame::Tree;
use crate::loader::Configuration;
use crate::options::{Options, context};
use crate::spec::{Kind, Spec};
use component::Instance;
use std::collections::HashMap;
use std::sync::Arc;
use syntax::{Diagnostic, Diagnostics};
use value::{Item, Value};

/// Builds component `id`, with other values for some of its attributes, such as where it forwards to. What its other attributes refer
/// to is built as well, and not run.
pub fn isolate(
    options: &Options,
    configuration: &Configuration,
    id: &str,
    instead: &[(&str, Value)],
) -> Result<Arc<dyn Instance>, Diagnostics> {
    let mut wanted = vec![id.to_owned()];
    let mut at = 0;
    while at < wanted.len() {
        let spec = configuration.specs.get(&wanted[at]);
        let replaced = if at == 0 { instead } else { &[] };
        for dependency in spec.map(|spec| dependencies(spec, replaced)).unwrap_or_default() {
            if !wanted.contains(&dependency) {
                wanted.push(dependency);
            }
        }
        at += 1;
    }
    let mut exports: HashMap<String, Value> = HashMap::new();
    for next in configuration.order.iter().filter(|next| wanted.contains(next)) {
        let spec = &configuration.specs[next];
        let Kind::Component(registration) = &spec.kind else {
            continue;
        };
        let mut variables = Tree::default();
        for reference in &spec.references {
            if let Some(value) = exports.get(&reference.target) {
                variables.insert(&reference.target, value.clone());
            }
        }
        variables.insert("module_path", Value::string(&options.module_path));
        let mut evaluated = evaluate(spec, variables.into_object(), &options.stdlib);
        if next == id {
            for item in &mut evaluated.body.items {
                if let Item::Attr { name, value, .. } = item
                    && let Some((_, other)) = instead.iter().find(|(replaced, _)| replaced == name)
                {
                    *value = Ok(Some(other.clone()));
                }
            }
        }
        let parts = context(options, "", next, false, Arc::new(|| {}));
        let instance = match registration.build(parts, &evaluated.body) {
            Ok(instance) => instance,
            Err(error) => return Err(diagnose(spec, &evaluated, error).into()),
        };
        if next == id {
            return Ok(instance);
        }
        exports.insert(next.clone(), instance.exports());
    }
    Err(Diagnostic::error(format!("\"{id}\" is not a component")).into())
}

/// What a node refers to outside of the attributes that are replaced.
fn dependencies(spec: &Spec, instead: &[(&str, Value)]) -> Vec<String> {
    let Some(block) = &spec.block else { return Vec::new() };
    let replaced: Vec<_> = block
        .body
        .attributes()
        .filter(|attribute| instead.iter().any(|(name, _)| *name == attribute.name.name))
        .map(|attribute| attribute.span())
        .collect();
    spec.references
        .iter()
        .filter(|reference| {
            let inside = |span: &syntax::Span| span.start <= reference.span.start && reference.span.end <= span.end;
            !replaced.iter().any(inside)
        })
        .map(|reference| reference.target.clone())
        .collect()
}
