//! From a node's block to what its component is built from.

use crate::spec::{Kind, Spec};
use component::BuildError;
use eval::{Scope, Stdlib};
use std::sync::Arc;
use syntax::Diagnostic;
use syntax::ast::Block;
use value::{Body, DecodeError, Item, Object, Problem, Value};

/// A block with its expressions evaluated.
pub(crate) struct Evaluated {
    /// What the component decodes.
    pub(crate) body: Body,
    block: Option<Arc<Block>>,
    inner: Option<eval::Evaluated>,
}

/// Evaluates a node's block. `variables` has what it refers to; see [`crate::frame::variables`].
pub(crate) fn evaluate(spec: &Spec, variables: Object, stdlib: &Stdlib) -> Evaluated {
    let block = match &spec.kind {
        Kind::Foreach(foreach) => Some(foreach.head.clone()),
        _ => spec.block.clone(),
    };
    let Some(block) = block else {
        return Evaluated {
            body: Body::default(),
            block: None,
            inner: None,
        };
    };
    let scope = Scope::new(variables, stdlib);
    let inner = eval::evaluate_body(&spec.source, &block, &scope);
    Evaluated {
        body: inner.body.clone(),
        block: Some(block),
        inner: Some(inner),
    }
}

impl Evaluated {
    /// What a person should read about an error in decoding the block.
    pub(crate) fn diagnose(&self, spec: &Spec, error: &DecodeError) -> Diagnostic {
        match (&self.inner, &self.block) {
            (Some(inner), Some(block)) => inner.diagnose(&spec.source, block, error),
            _ => whole(spec, format!("Failed to build component: {error}")),
        }
    }

    /// The attributes, for blocks that take any; or all that is wrong with them.
    pub(crate) fn attributes(&self, spec: &Spec) -> Result<Vec<(String, Value)>, Vec<Diagnostic>> {
        let (mut found, mut wrong) = (Vec::new(), Vec::new());
        for item in &self.body.items {
            let problem = match item {
                Item::Attr {
                    name, value: Ok(value), ..
                } => {
                    found.push((name.clone(), value.clone().unwrap_or_default()));
                    continue;
                }
                Item::Attr { value: Err(_), .. } => Problem::Poison,
                Item::Block { .. } => Problem::Message(crate::names::NESTED.to_owned()),
            };
            let error = DecodeError {
                place: Some(item.place()),
                problem,
                candidates: Vec::new(),
            };
            wrong.push(self.diagnose(spec, &error));
        }
        if wrong.is_empty() { Ok(found) } else { Err(wrong) }
    }
}

/// A diagnostic about a node as a whole.
pub(crate) fn whole(spec: &Spec, message: String) -> Diagnostic {
    let diagnostic = Diagnostic::error(message);
    match &spec.block {
        Some(block) => diagnostic.at(&spec.source, block.header_span()),
        None => diagnostic,
    }
}

/// What a person should read about a block that did not become a component.
pub(crate) fn diagnose(spec: &Spec, evaluated: &Evaluated, error: BuildError) -> Vec<Diagnostic> {
    match error {
        BuildError::Decode(error) => vec![evaluated.diagnose(spec, &error)],
        BuildError::Component(error) if !is_whole(&error) => {
            vec![evaluated.diagnose(spec, &error.placed(&evaluated.body))]
        }
        BuildError::Component(error) => {
            let what = match &spec.kind {
                Kind::Component(_) => "Failed to build component: building component",
                _ => "Failed to evaluate node for config block",
            };
            vec![whole(spec, format!("{what}: {error}"))]
        }
    }
}

/// Whether an error names nothing in the component's block.
fn is_whole(error: &component::Error) -> bool {
    error.argument().is_none() && error.block().is_empty()
}
