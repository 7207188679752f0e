//! Checks a configuration as far as that goes without evaluating or building anything.

use crate::catalogue::Catalogue;
use crate::loader;
use crate::spec::{Kind, Spec};
use crate::sources::SourceFile;
use syntax::{Diagnostic, Diagnostics, Source};

/// Everything that is wrong with a configuration, warnings included, in source order; and the files, for printing.
pub fn validate(catalogue: &Catalogue, files: &[SourceFile]) -> (Diagnostics, Vec<Source>) {
    let outcome = loader::load(catalogue, files);
    let mut diagnostics = outcome.diagnostics;
    for spec in &outcome.specs {
        let Some(block) = &spec.block else { continue };
        let schema = match &spec.kind {
            Kind::Component(registration) => (registration.arguments)(),
            Kind::Config(config) => (config.schema)(),
            _ => continue,
        };
        diagnostics.extend(eval::check_block(&spec.source, block, schema));
        check_fields(&outcome.specs, spec, &mut diagnostics);
    }
    let order = |diagnostic: &Diagnostic| {
        let file = outcome
            .sources
            .iter()
            .position(|source| source.name() == &diagnostic.file);
        (file, diagnostic.start.offset)
    };
    diagnostics.sort_by_key(order);
    diagnostics.dedup();
    (diagnostics, outcome.sources)
}

/// References to exports that the component does not have.
fn check_fields(specs: &[Spec], spec: &Spec, diagnostics: &mut Diagnostics) {
    for reference in &spec.references {
        let Some(field) = reference.fields.first() else {
            continue;
        };
        let Some(target) = specs.iter().find(|other| other.id == reference.target) else {
            continue;
        };
        let Kind::Component(registration) = &target.kind else {
            continue;
        };
        let exports = (registration.exports)();
        if exports.fields.iter().any(|export| export.name == field) {
            continue;
        }
        let mut diagnostic =
            Diagnostic::error(format!("field \"{field}\" does not exist")).at(&spec.source, reference.field_span());
        if let Some(near) = syntax::diag::suggest(field, exports.fields.iter().map(|export| export.name)) {
            diagnostic = diagnostic.with_hint(format!("did you mean \"{near}\"?"));
        } else if exports.fields.is_empty() {
            diagnostic = diagnostic.with_hint(format!("component \"{}\" exports nothing", target.name));
        }
        diagnostics.push(diagnostic);
    }
}
