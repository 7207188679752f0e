//! Blocks as far as they are known without evaluating them.

use crate::body::{build, statement};
use crate::infer::{Resolve, infer, told};
use syntax::ast::{self, Stmt};
use syntax::{Diagnostic, Source};
use value::{Body, DecodeError, Place, Problem, Seg, ValueError};

/// A block in which attributes have values that are known without evaluating anything.
#[derive(Clone, Debug, Default)]
pub struct Partial {
    /// What to decode. Attributes of which nothing is known have no value.
    pub body: Body,
    /// Parts of values that are not known, and are `null`: the attribute, and the steps from its value.
    pub unknown: Vec<(Place, Vec<Seg>)>,
}

/// A block as far as it is known. Literals are, and what operators and functions of the standard library make of them.
pub fn partial_body(source: &Source, block: &ast::Block, resolve: &Resolve<'_>) -> Partial {
    let mut unknown = Vec::new();
    let body = build(block, &mut |place, expr| {
        let (value, _) = infer(source, expr, resolve);
        let mut paths = Vec::new();
        let value = value.partly(&mut Vec::new(), &mut paths);
        unknown.extend(paths.into_iter().map(|path| (place, path)));
        Ok(value)
    });
    Partial { body, unknown }
}

/// What is wrong with a block that was not evaluated, in the words of checks.
pub fn diagnose_unevaluated(source: &Source, block: &ast::Block, error: &DecodeError) -> Diagnostic {
    let stmt = error.place.and_then(|place| statement(block, place));
    if let (Problem::Value(wrong), Some(Stmt::Attribute(attribute))) = (&error.problem, stmt) {
        let (node, rest) = crate::blame::closest(&attribute.value, &wrong.path);
        let wrong = ValueError {
            path: rest.to_vec(),
            message: wrong.message.clone(),
        };
        return told(source, node.span, &wrong);
    }
    crate::body::Evaluated::default().diagnose(source, block, error)
}
