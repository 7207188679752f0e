//! Checks a configuration as far as that goes without evaluating or building anything.

use crate::flow::Flow;
use crate::loader::{self, Catalogue, Kind};
use crate::sources::SourceFile;
use syntax::{Diagnostic, Diagnostics, Source};

/// Everything that is wrong with a configuration, warnings included, in source order; and the files, for printing.
pub fn validate(catalogue: &Catalogue, files: &[SourceFile]) -> (Diagnostics, Vec<Source>) {
    let outcome = loader::load(catalogue, files);
    let mut diagnostics = outcome.diagnostics;
    let flow = Flow::new(&outcome.specs);
    for spec in &outcome.specs {
        let Some(block) = &spec.block else { continue };
        let schema = match &spec.kind {
            Kind::Component(registration) => (registration.arguments)(),
            Kind::Config(config) => (config.schema)(),
        };
        diagnostics.extend(eval::check_block(&spec.source, block, schema));
        let more = flow.check(spec, &diagnostics);
        diagnostics.extend(more);
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
