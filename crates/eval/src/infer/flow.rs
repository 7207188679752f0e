//! Whether values can go where the configuration sends them.

use super::fit::{Misfit, misfits};
use super::kind::{Described, Static};
use super::{Resolve, chain, infer, told};
use crate::blame::closest;
use crate::references::Traversal;
use syntax::ast::{self, Expr, Stmt};
use syntax::{Diagnostic, Source};
use value::{SECRET_TO_STRING, ValueError};

/// What is wrong with the expressions of a block, evaluated or not: operators and calls that fail with any values, fields that
/// do not exist, and values that can never become what their attributes take. In source order.
///
/// `described` tells what attributes take, `None` that it is not known. What [`check_block`](crate::check_block) finds about
/// literals is found again.
pub fn check_flow<D: Described>(
    source: &Source,
    block: &ast::Block,
    described: Option<&D>,
    resolve: &Resolve<'_>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    look(source, block, described, resolve, &mut found);
    found
}

fn look<D: Described>(
    source: &Source,
    block: &ast::Block,
    described: Option<&D>,
    resolve: &Resolve<'_>,
    found: &mut Vec<Diagnostic>,
) {
    for stmt in &block.body.stmts {
        match stmt {
            Stmt::Block(inner) => {
                let described = described.and_then(|described| described.block(&inner.full_name()));
                look(source, inner, described.as_ref(), resolve, found);
            }
            Stmt::Attribute(attribute) => {
                let (value, errors) = infer(source, &attribute.value, resolve);
                found.extend(errors);
                let Some(ty) = described.and_then(|described| described.attribute(&attribute.name.name)) else {
                    continue;
                };
                let misfits = misfits(&value, &ty).into_iter();
                found.extend(misfits.map(|misfit| say(source, &attribute.value, misfit, resolve)));
            }
        }
    }
}

fn say(source: &Source, expr: &Expr, misfit: Misfit, resolve: &Resolve<'_>) -> Diagnostic {
    let (node, rest) = closest(expr, &misfit.error.path);
    let error = ValueError {
        path: rest.to_vec(),
        message: misfit.error.message.clone(),
    };
    let diagnostic = told(source, node.span, &error);
    if error.message == SECRET_TO_STRING {
        return diagnostic;
    }
    match hint(node, &misfit, resolve) {
        Some(hint) => diagnostic.with_hint(hint),
        None => diagnostic,
    }
}

/// What the component that is referred to exports instead.
fn hint(node: &Expr, misfit: &Misfit, resolve: &Resolve<'_>) -> Option<String> {
    let names = chain(node)?;
    let traversal = Traversal {
        parts: names.iter().map(|name| name.name.clone()).collect(),
        span: node.span,
    };
    let resolved = resolve(&traversal)?;
    let id = traversal.parts.get(..resolved.parts)?.join(".");
    let Static::Object { fields, .. } = resolved.value else {
        return None;
    };
    let meant = traversal.parts.get(resolved.parts);
    let fits = |(name, value): &&(String, Static)| {
        // That a capsule may be used as something else, too, is a guess.
        let sure = value.kind().is_some() && (!matches!(value, Static::Capsule(_)) || like(value, &misfit.wanted));
        sure && meant != Some(name) && misfits(value, &misfit.wanted).is_empty()
    };
    let mut all = fields.iter().filter(fits);
    let same = all.clone().find(|(_, value)| like(value, &misfit.wanted));
    Some(match same.or_else(|| all.next()) {
        Some((name, _)) => format!("did you mean \"{id}.{name}\"?"),
        None => {
            let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
            format!("\"{id}\" exports {}", names.join(", "))
        }
    })
}

/// Whether a value needs no conversion, as far as kinds tell.
fn like(value: &Static, wanted: &value::Type) -> bool {
    value.kind() == Some(wanted.kind())
}
