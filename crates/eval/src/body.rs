//! Evaluation of blocks, and the way back from what is wrong with the result to the source.

use crate::blame::{blame, did_you_mean};
use crate::expr::evaluate_expr;
use crate::literal::literal;
use crate::scope::Scope;
use std::collections::HashMap;
use syntax::ast::{self, Expr, ExprKind, Stmt};
use syntax::{Diagnostic, Source, Span};
use value::{Body, DecodeError, Item, Place, Poison, Problem, Value};

/// A block with its expressions evaluated.
#[derive(Clone, Debug, Default)]
pub struct Evaluated {
    /// What to decode. Attributes that could not be evaluated are poisoned.
    pub body: Body,
    /// Why, by the place of the attribute.
    errors: HashMap<Place, Diagnostic>,
}

/// Evaluates all attributes of a block and the blocks inside of it.
pub fn evaluate_body(source: &Source, block: &ast::Block, scope: &Scope) -> Evaluated {
    let mut errors = HashMap::new();
    let body = build(block, &mut |place, expr| {
        evaluate_expr(source, expr, scope).map(Some).map_err(|diagnostic| {
            errors.insert(place, diagnostic);
            Poison
        })
    });
    Evaluated { body, errors }
}

/// A block in which only attributes made of literals have values; what can be known without a scope.
pub fn unevaluated_body(block: &ast::Block) -> Evaluated {
    Evaluated {
        body: build(block, &mut |_, expr| Ok(known(expr))),
        errors: HashMap::new(),
    }
}

/// The value of an expression that is made of nothing but literals, lists and objects. A malformed literal has none.
fn known(expr: &Expr) -> Option<Value> {
    // Brackets nest only as deep as the parser allows, which a small stack stands.
    match &expr.kind {
        ExprKind::Literal(text) => literal(text).ok(),
        ExprKind::Array(items) => items.iter().map(known).collect::<Option<Vec<_>>>().map(Value::array),
        ExprKind::Object(fields) => {
            let pairs = fields
                .iter()
                .map(|field| Some((field.key.name.as_str(), known(&field.value)?)));
            pairs.collect::<Option<value::Object>>().map(Value::object)
        }
        _ => None,
    }
}

pub(crate) type Values<'v> = dyn FnMut(Place, &Expr) -> Result<Option<Value>, Poison> + 'v;

/// Places count statements in source order, so that a place finds its statement without a table.
pub(crate) fn build(block: &ast::Block, values: &mut Values<'_>) -> Body {
    let mut next = 0;
    fill(block, values, &mut next)
}

fn fill(block: &ast::Block, values: &mut Values<'_>, next: &mut u32) -> Body {
    let mut body = Body {
        label: block.label_text().to_owned(),
        items: Vec::with_capacity(block.body.stmts.len()),
    };
    for stmt in &block.body.stmts {
        let place = Place(*next);
        *next += 1;
        body.items.push(match stmt {
            Stmt::Attribute(attribute) => Item::Attr {
                name: attribute.name.name.clone(),
                value: values(place, &attribute.value),
                place,
            },
            Stmt::Block(block) => Item::Block {
                name: block.full_name(),
                body: fill(block, values, next),
                place,
            },
        });
    }
    body
}

/// The statement of a place.
pub(crate) fn statement(block: &ast::Block, place: Place) -> Option<&Stmt> {
    fn find<'a>(block: &'a ast::Block, left: &mut u32) -> Option<&'a Stmt> {
        for stmt in &block.body.stmts {
            if *left == 0 {
                return Some(stmt);
            }
            *left -= 1;
            if let Stmt::Block(inner) = stmt
                && let Some(found) = find(inner, left)
            {
                return Some(found);
            }
        }
        None
    }
    find(block, &mut { place.0 })
}

impl Evaluated {
    /// What is wrong with the block, for a person to read. `block` is the one that was evaluated.
    pub fn diagnose(&self, source: &Source, block: &ast::Block, error: &DecodeError) -> Diagnostic {
        let stmt = error.place.and_then(|place| statement(block, place));
        let poisoned = error.place.and_then(|place| self.errors.get(&place));
        match (&error.problem, stmt) {
            (Problem::Poison, _) if let Some(diagnostic) = poisoned => diagnostic.clone(),
            (Problem::Value(wrong), Some(Stmt::Attribute(attribute))) => {
                let value = error.place.and_then(|place| value_at(&self.body, place));
                let diagnostic = blame(source, &attribute.value, value, wrong);
                suggestion(diagnostic, error, &wrong.message)
            }
            _ => {
                let message = error.to_string();
                let span = stmt.map_or(block.header_span(), |stmt| span_of(stmt, error));
                suggestion(Diagnostic::error(&message).at(source, span), error, &message)
            }
        }
    }
}

/// The value of an attribute.
pub(crate) fn value_at(body: &Body, place: Place) -> Option<&Value> {
    body.items.iter().find_map(|item| match item {
        Item::Attr { value, place: here, .. } if *here == place => value.as_ref().ok()?.as_ref(),
        Item::Block { body, .. } => value_at(body, place),
        Item::Attr { .. } => None,
    })
}

/// The part of a statement that an error about it points at: the name if that is not known, else the head of the block.
pub(crate) fn span_of(stmt: &Stmt, error: &DecodeError) -> Span {
    match stmt {
        Stmt::Attribute(attribute) => attribute.span(),
        Stmt::Block(block) if error.candidates.is_empty() => block.header_span(),
        Stmt::Block(block) => block.name_span(),
    }
}

/// Adds the candidate that was probably meant by the name that the message quotes.
pub(crate) fn suggestion(diagnostic: Diagnostic, error: &DecodeError, message: &str) -> Diagnostic {
    let Some(name) = message.split('"').nth(1) else {
        return diagnostic;
    };
    did_you_mean(diagnostic, name, error.candidates.iter().map(String::as_str))
}
