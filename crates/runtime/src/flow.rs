//! Checks what goes from component to component, and into each of them, as far as that is known without evaluating.

use crate::ground::{Contents, Ground, Library};
use crate::loader::Configuration;
use crate::spec::{Kind, Reference, Spec};
use eval::{Resolved, Static, Traversal};
use syntax::ast::{Block, ExprKind, Stmt};
use syntax::{Diagnostic, Diagnostics, Source, Span};

/// How deep modules in modules are followed for what they export.
const MAX_DEPTH: usize = 16;

/// What the references of one node mean.
pub(crate) struct Flow<'a> {
    /// Where each stands, the number of its parts that name a node, and what is known of that.
    references: Vec<(Span, usize, Static)>,
    /// The scopes whose variables it sees, which stand before the standard library.
    scopes: Vec<&'a Configuration>,
}

impl<'a> Flow<'a> {
    /// Of a node of a scope.
    pub(crate) fn new(library: &mut Library<'_>, spec: &Spec, ground: &Ground<'a>) -> Self {
        Flow::at(library, spec, ground, 0)
    }

    fn at(library: &mut Library<'_>, spec: &Spec, ground: &Ground<'a>, depth: usize) -> Self {
        let references = spec.references.iter().map(|reference| {
            let parts = reference.target.split('.').count();
            (reference.span, parts, target(library, reference, ground, depth))
        });
        let references = references.collect();
        let mut scopes = Vec::new();
        let mut scope = Some(ground);
        while let Some(here) = scope {
            scopes.push(here.configuration);
            scope = here.parent.filter(|_| here.configuration.sees_out);
        }
        Flow { references, scopes }
    }

    fn resolve(&self, traversal: &Traversal) -> Option<Resolved> {
        if let Some((_, parts, value)) = self.references.iter().find(|(span, ..)| *span == traversal.span) {
            return Some(Resolved {
                parts: *parts,
                value: value.clone(),
            });
        }
        let first = traversal.parts.first().map_or("", String::as_str);
        if first == "module_path" {
            return Some(Resolved {
                parts: 1,
                value: Static::String,
            });
        }
        let mut scopes = self.scopes.iter();
        let is_variable = scopes.any(|scope| scope.roots.contains(first) || scope.variable.as_deref() == Some(first));
        is_variable.then(|| Resolved {
            parts: traversal.parts.len(),
            value: Static::Unknown,
        })
    }

    /// What is wrong with a node that `known`, what was found before, does not say already.
    pub(crate) fn check(
        &self,
        spec: &Spec,
        described: Option<impl eval::Described>,
        known: &Diagnostics,
    ) -> Vec<Diagnostic> {
        let block = match &spec.kind {
            Kind::Foreach(foreach) => Some(&foreach.head),
            _ => spec.block.as_ref(),
        };
        let Some(block) = block else { return Vec::new() };
        let resolve = |traversal: &Traversal| self.resolve(traversal);
        let mut found: Vec<Diagnostic> = Vec::new();
        let mut add = |diagnostic: Diagnostic| {
            let mut before = known.iter().chain(&found);
            if !before.any(|other| overlap(other, &diagnostic)) {
                found.push(diagnostic);
            }
        };
        eval::check_flow(&spec.source, block, described.as_ref(), &resolve)
            .into_iter()
            .for_each(&mut add);
        if let Kind::Component(registration) = &spec.kind {
            let partial = eval::partial_body(&spec.source, block, &resolve);
            let errors = registration.check(&partial.body, &partial.unknown);
            let told = errors
                .iter()
                .map(|error| eval::diagnose_unevaluated(&spec.source, block, error));
            told.filter(|diagnostic| !follows(diagnostic, block, &spec.source, known))
                .for_each(&mut add);
        }
        found
    }
}

/// What is known of the node that a reference means.
fn target(library: &mut Library<'_>, reference: &Reference, ground: &Ground<'_>, depth: usize) -> Static {
    let outer = (0..reference.level).try_fold(ground, |here, _| here.parent);
    let Some(outer) = outer else { return Static::Unknown };
    let Some(spec) = outer.configuration.specs.get(&reference.target) else {
        return Static::Unknown;
    };
    match &spec.kind {
        Kind::Component(registration) => Static::exports(&(registration.exports)()),
        Kind::Known(description) => Static::exports(&&description.exports()),
        Kind::Argument => Static::Object {
            fields: vec![("value".to_owned(), Static::Unknown)],
            open: false,
        },
        Kind::Custom(custom) if depth < MAX_DEPTH => {
            let found = library.definition(custom, outer, |library, module, around| {
                let (configuration, _) = library.module(module, None, around);
                // What a module imports by itself is not followed.
                let contents = Contents::new();
                let inner = Ground {
                    configuration: &configuration,
                    contents: &contents,
                    parent: Some(around),
                    module_path: around.module_path,
                };
                let exports = configuration.nodes().filter(|node| matches!(node.kind, Kind::Export));
                let fields = exports.map(|export| (export.label.clone(), exported(library, export, &inner, depth + 1)));
                Static::Object {
                    fields: fields.collect(),
                    open: false,
                }
            });
            found.unwrap_or(Static::Unknown)
        }
        _ => Static::Unknown,
    }
}

/// What is known of the value of an export.
fn exported(library: &mut Library<'_>, export: &Spec, ground: &Ground<'_>, depth: usize) -> Static {
    let attributes = export.block.iter().flat_map(|block| block.body.attributes());
    let mut values = attributes.filter(|attribute| attribute.name.name == "value");
    let Some(value) = values.next() else {
        return Static::Unknown;
    };
    // A literal of a module is no promise of its type: the next version may export another.
    if matches!(value.value.kind, ExprKind::Literal(_)) {
        return Static::Unknown;
    }
    let flow = Flow::at(library, export, ground, depth);
    let resolve = |traversal: &Traversal| flow.resolve(traversal);
    eval::infer(&export.source, &value.value, &resolve).0
}

/// Whether what is said of a block as a whole may come from a statement in it that was refused: with the one that was meant, the rule
/// about it would hold.
fn follows(diagnostic: &Diagnostic, block: &Block, source: &Source, known: &Diagnostics) -> bool {
    let at = |span: Span| source.position(span.start) == diagnostic.start;
    let mut left = vec![block];
    while let Some(block) = left.pop() {
        if at(block.name_span()) {
            return known.iter().any(|other| {
                let inside = |stmt: &Stmt| source.position(stmt.span().start) == other.start;
                let refused = other.message.starts_with("unrecognized ")
                    || other.message.ends_with(" does not support specifying labels");
                refused && other.file == diagnostic.file && block.body.stmts.iter().any(inside)
            });
        }
        left.extend(block.body.blocks());
    }
    false
}

/// Whether two diagnostics are about the same text: the later one would only repeat the earlier, or follow from it.
fn overlap(one: &Diagnostic, other: &Diagnostic) -> bool {
    let end = |diagnostic: &Diagnostic| diagnostic.end.offset.max(diagnostic.start.offset);
    one.severity == other.severity
        && one.file == other.file
        && one.start.offset <= end(other)
        && other.start.offset <= end(one)
}
