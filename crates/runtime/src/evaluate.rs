//! From a node's block to what its component is built from.

use crate::loader::Spec;
use component::BuildError;
use eval::{Scope, Stdlib};
use std::collections::BTreeSet;
use syntax::Diagnostic;
use value::{Body, Object, Value};

/// A block with its expressions evaluated.
pub(crate) struct Evaluated {
    /// What the component decodes.
    pub(crate) body: Body,
    inner: Option<eval::Evaluated>,
}

/// Evaluates a node's block. `exports` gives the exports of the nodes that it refers to.
pub(crate) fn evaluate(spec: &Spec, exports: &dyn Fn(&str) -> Option<Value>, stdlib: &Stdlib) -> Evaluated {
    let Some(block) = &spec.block else {
        return Evaluated {
            body: Body::default(),
            inner: None,
        };
    };
    let mut variables = Tree::default();
    let targets: BTreeSet<&str> = spec
        .references
        .iter()
        .map(|reference| reference.target.as_str())
        .collect();
    for target in targets {
        if let Some(value) = exports(target) {
            variables.insert(target, value);
        }
    }
    let scope = Scope::new(variables.into_object(), stdlib);
    let inner = eval::evaluate_body(&spec.source, block, &scope);
    Evaluated {
        body: inner.body.clone(),
        inner: Some(inner),
    }
}

/// What a person should read about a block that did not become a component.
pub(crate) fn diagnose(spec: &Spec, evaluated: &Evaluated, error: BuildError) -> Vec<Diagnostic> {
    let whole = |message: String| {
        let diagnostic = Diagnostic::error(message);
        match &spec.block {
            Some(block) => diagnostic.at(&spec.source, block.header_span()),
            None => diagnostic,
        }
    };
    match (error, &evaluated.inner, &spec.block) {
        (BuildError::Decode(error), Some(inner), Some(block)) => vec![inner.diagnose(&spec.source, block, &error)],
        (BuildError::Decode(error), ..) => vec![whole(format!("Failed to build component: {error}"))],
        (BuildError::Component(error), Some(inner), Some(block)) if !is_whole(&error) => {
            vec![inner.diagnose(&spec.source, block, &error.placed(&evaluated.body))]
        }
        (BuildError::Component(error), ..) => {
            vec![whole(format!("Failed to build component: building component: {error}"))]
        }
    }
}

/// Whether an error names nothing in the component's block.
fn is_whole(error: &component::Error) -> bool {
    error.argument().is_none() && error.block().is_empty()
}

/// Exports under the fragments of their ids: `a.b.c` is field `c` of field `b` of variable `a`.
#[derive(Default)]
struct Tree {
    leaf: Option<Value>,
    children: std::collections::BTreeMap<String, Tree>,
}

impl Tree {
    fn insert(&mut self, id: &str, value: Value) {
        let mut at = self;
        for part in id.split('.') {
            at = at.children.entry(part.to_owned()).or_default();
        }
        at.leaf = Some(value);
    }

    fn into_object(self) -> Object {
        self.children
            .into_iter()
            .map(|(name, child)| (name, child.into_value()))
            .collect()
    }

    fn into_value(self) -> Value {
        match self.leaf {
            Some(value) => value,
            None => Value::object(self.into_object()),
        }
    }
}
