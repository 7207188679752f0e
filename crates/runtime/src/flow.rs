//! Checks what goes from component to component, and into each of them, as far as that is known without evaluating.

use crate::loader::{Kind, Spec};
use eval::{Resolved, Static, Traversal};
use std::collections::{HashMap, HashSet};
use syntax::{Diagnostic, Diagnostics};

/// What references between nodes mean.
pub(crate) struct Flow<'a> {
    nodes: HashMap<&'a str, &'a Spec>,
    /// First parts of ids: variables of these names stand before the standard library.
    roots: HashSet<&'a str>,
}

impl<'a> Flow<'a> {
    /// Of the nodes of a configuration.
    pub(crate) fn new(specs: &'a [Spec]) -> Self {
        Flow {
            nodes: specs.iter().map(|spec| (spec.id.as_str(), spec)).collect(),
            roots: specs.iter().filter_map(|spec| spec.id.split('.').next()).collect(),
        }
    }

    /// The shortest prefix that is a node, and what is known of its exports.
    fn resolve(&self, traversal: &Traversal) -> Option<Resolved> {
        let parts = &traversal.parts;
        let found = (1..=parts.len()).find_map(|n| Some((n, self.nodes.get(parts[..n].join(".").as_str())?)));
        if let Some((parts, spec)) = found {
            let value = match &spec.kind {
                Kind::Component(registration) => Static::exports(&(registration.exports)()),
                Kind::Config(_) => Static::Unknown,
            };
            return Some(Resolved { parts, value });
        }
        self.roots.contains(parts[0].as_str()).then(|| Resolved {
            parts: parts.len(),
            value: Static::Unknown,
        })
    }

    /// What is wrong with a node that `known`, what was found before, does not say already.
    pub(crate) fn check(&self, spec: &Spec, known: &Diagnostics) -> Vec<Diagnostic> {
        let Some(block) = &spec.block else { return Vec::new() };
        let resolve = |traversal: &Traversal| self.resolve(traversal);
        let schema = match &spec.kind {
            Kind::Component(registration) => (registration.arguments)(),
            Kind::Config(config) => (config.schema)(),
        };
        let mut found: Vec<Diagnostic> = Vec::new();
        let mut add = |diagnostic: Diagnostic| {
            let mut before = known.iter().chain(&found);
            if !before.any(|other| overlap(other, &diagnostic)) {
                found.push(diagnostic);
            }
        };
        eval::check_flow(&spec.source, block, Some(&schema), &resolve)
            .into_iter()
            .for_each(&mut add);
        if let Kind::Component(registration) = &spec.kind {
            let partial = eval::partial_body(&spec.source, block, &resolve);
            let errors = registration.check(&partial.body, &partial.unknown);
            let errors = errors.iter();
            errors
                .map(|error| eval::diagnose_unevaluated(&spec.source, block, error))
                .for_each(&mut add);
        }
        found
    }
}

/// Whether two diagnostics are about the same text: the later one would only repeat the earlier, or follow from it.
fn overlap(one: &Diagnostic, other: &Diagnostic) -> bool {
    let end = |diagnostic: &Diagnostic| diagnostic.end.offset.max(diagnostic.start.offset);
    one.severity == other.severity
        && one.file == other.file
        && one.start.offset <= end(other)
        && other.start.offset <= end(one)
}
