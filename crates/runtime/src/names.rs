//! What blocks are called and what they name.

use crate::evaluate::whole;
use crate::spec::{Kind, Spec};
use syntax::ast::{Block, Body, ExprKind};
use syntax::{Diagnostic, Span};

/// The message for a custom component that no module stands behind.
pub(crate) fn not_found(namespace: &str, name: &str) -> String {
    format!("custom component config not found in the registry, namespace: \"{namespace}\", componentName: \"{name}\"")
}

/// Whether a reference to the node has a value.
pub(crate) fn has_value(spec: &Spec) -> bool {
    matches!(
        spec.kind,
        Kind::Component(_) | Kind::Known(_) | Kind::Custom(_) | Kind::Argument | Kind::Config(_)
    )
}

/// Names of all blocks within a module, those in modules and templates inside of it too: what it may instantiate.
pub(crate) fn custom_names(body: &Body) -> Vec<String> {
    let mut names = Vec::new();
    for block in body.blocks() {
        let name = block.full_name();
        if matches!(name.as_str(), "declare" | "foreach" | "template") {
            names.extend(custom_names(&block.body));
        } else {
            names.push(name);
        }
    }
    names
}

/// The name that a `foreach` binds, if it is written as a plain string.
pub(crate) fn variable_of(block: &Block) -> Option<String> {
    let written = block.body.attributes().find(|attribute| attribute.name.name == "var")?;
    match &written.value.kind {
        ExprKind::Literal(text) => match eval::literal_value(text)? {
            value::Value::String(text) => Some(text.to_str_lossy().into_owned()),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a place is within the template of a `foreach`.
pub(crate) fn in_template(block: &Block, span: Span) -> bool {
    let mut templates = block.body.blocks().filter(|inner| inner.full_name() == "template");
    templates.any(|template| template.lcurly <= span.start && span.end <= template.rcurly + 1)
}

/// What stands in an instance of a module and may not.
pub(crate) const NESTED: &str = "nested blocks not supported here";

/// An instance of a module that is not there: the message, and the modules that are.
pub(crate) fn no_module(site: &Spec, name: &str, message: String, has: &[String]) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(message);
    if let Some(block) = &site.block {
        diagnostic = diagnostic.at(&site.source, block.name_span());
    }
    diagnostic.with_hint(instead(name, has, "declares nothing", "has"))
}

/// An instance is given what its module does not take.
pub(crate) fn unknown_argument(site: &Spec, name: &str, known: &[String]) -> Diagnostic {
    let mut diagnostic = whole(
        site,
        format!("Provided argument \"{name}\" is not defined in the module"),
    );
    let mut attributes = site.block.iter().flat_map(|block| block.body.attributes());
    if let Some(written) = attributes.find(|written| written.name.name == *name) {
        diagnostic = diagnostic.at(&site.source, written.name.span);
    }
    diagnostic.with_hint(instead(name, known, "takes none", "takes"))
}

/// An instance is not given what its module needs.
pub(crate) fn missing_argument(site: &Spec, name: &str) -> Diagnostic {
    whole(site, format!("missing required argument \"{name}\" to module"))
}

fn instead(name: &str, known: &[String], nothing: &str, verb: &str) -> String {
    match (syntax::diag::suggest(name, known.iter().map(String::as_str)), known) {
        (Some(near), _) => format!("did you mean \"{near}\"?"),
        (None, []) => format!("it {nothing}"),
        (None, known) => format!("it {verb} {}", known.join(", ")),
    }
}
