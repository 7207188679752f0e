//! What blocks are called and what they name.

use crate::spec::{Kind, Spec};
use syntax::Span;
use syntax::ast::{Block, Body, ExprKind};

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

/// What to write instead of a module that is not there.
pub(crate) fn instead(name: &str, has: &[String]) -> Option<String> {
    let near = syntax::diag::suggest(name, has.iter().map(String::as_str));
    Some(match (near, has) {
        (Some(near), _) => format!("did you mean \"{near}\"?"),
        (None, []) => "it declares nothing".to_owned(),
        (None, has) => format!("it has {}", has.join(", ")),
    })
}

/// What to write instead of an argument that a module does not take.
pub(crate) fn takes(name: &str, known: &[String]) -> Option<String> {
    let near = syntax::diag::suggest(name, known.iter().map(String::as_str));
    Some(match (near, known) {
        (Some(near), _) => format!("did you mean \"{near}\"?"),
        (None, []) => "it takes none".to_owned(),
        (None, known) => format!("it takes {}", known.join(", ")),
    })
}
