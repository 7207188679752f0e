//! Checks of blocks that are not evaluated.

use crate::blame::{closest, did_you_mean, last};
use crate::body::{statement, unevaluated_body};
use crate::literal::literal;
use crate::ops::{self, Side};
use std::collections::HashMap;
use syntax::ast::{self, Expr, ExprKind, Stmt};
use syntax::{Diagnostic, Source, Span};
use value::shape::{self, Shape};
use value::{DecodeError, Place, Problem, Schema, Type, Value, ValueError};

/// What a block is checked against.
#[derive(Clone, Copy, Debug)]
pub enum Against<'a> {
    /// What it decodes into: literals are decoded, too, and rules between fields apply.
    Schema(&'static Schema),
    /// What is known of it: names, and the types of literals.
    Shape(&'a Shape),
}

impl From<&'static Schema> for Against<'_> {
    fn from(schema: &'static Schema) -> Self {
        Against::Schema(schema)
    }
}

impl<'a> From<&'a Shape> for Against<'a> {
    fn from(shape: &'a Shape) -> Self {
        Against::Shape(shape)
    }
}

/// Everything that is wrong with a block as far as names and literals show, in source order.
///
/// Looked at are literals, lists and objects of them, and operators on literals; everything else is known only when it is
/// evaluated. Unlike in evaluation, required fields of objects are.
pub fn check_block<'a>(source: &Source, block: &ast::Block, against: impl Into<Against<'a>>) -> Vec<Diagnostic> {
    let evaluated = unevaluated_body(block);
    let derived;
    let against = against.into();
    let (shape, errors) = match against {
        Against::Schema(schema) => {
            derived = Shape::of(schema);
            (&derived, value::check(schema, &evaluated.body))
        }
        Against::Shape(shape) => (shape, shape::check(shape, &evaluated.body)),
    };
    let mut found = Vec::new();
    let mut values = HashMap::new();
    for error in errors {
        match (error.place, &error.problem) {
            (Some(place), Problem::Value(wrong)) => drop(values.insert(place, wrong.clone())),
            _ => {
                let diagnostic = evaluated.diagnose(source, block, &error);
                found.push(match is_missing(&error) {
                    true => diagnostic.at(source, whole(block, error.place)),
                    false => diagnostic,
                });
            }
        }
    }
    let mut check = Check {
        source,
        values,
        found,
        next: 0,
        only_known: matches!(against, Against::Shape(_)),
    };
    check.block(block, Some(shape));
    check.found.sort_by_key(|diagnostic| diagnostic.start.offset);
    check.found
}

/// Whether something is not there that must be.
fn is_missing(error: &DecodeError) -> bool {
    matches!(&error.problem, Problem::Message(message) if message.starts_with("missing required "))
}

/// The whole of a block, in which something is missing.
fn whole(block: &ast::Block, place: Option<Place>) -> Span {
    place
        .and_then(|place| statement(block, place))
        .map_or(block.span(), Stmt::span)
}

struct Check<'a> {
    source: &'a Source,
    /// What decoding says about attributes that are literals as a whole.
    values: HashMap<Place, ValueError>,
    found: Vec<Diagnostic>,
    next: u32,
    /// Whether decoding says nothing.
    only_known: bool,
}

impl Check<'_> {
    /// Goes through the statements in the order in which places are counted.
    fn block(&mut self, block: &ast::Block, shape: Option<&Shape>) {
        for stmt in &block.body.stmts {
            let place = Place(self.next);
            self.next += 1;
            match stmt {
                Stmt::Block(inner) => {
                    let found = shape.and_then(|shape| shape.block(&inner.full_name()));
                    self.block(inner, found.map(shape::BlockShape::shape));
                }
                Stmt::Attribute(attribute) => {
                    let before = self.found.len();
                    if let Some(of) = shape.and_then(|shape| shape.attribute(&attribute.name.name)) {
                        self.expr(&attribute.value, &of.ty);
                    }
                    // Types know more than their kinds; a list or object may be wrong as a whole.
                    if let (true, Some(error)) = (self.found.len() == before, self.values.remove(&place)) {
                        let (node, rest) = closest(&attribute.value, &error.path);
                        let error = ValueError {
                            path: rest.to_vec(),
                            message: error.message,
                        };
                        self.report(node.span, &error);
                    }
                }
            }
        }
    }

    fn report(&mut self, span: Span, error: &ValueError) {
        let message = match error.message.strip_prefix("should be ") {
            Some(rest) => format!("expected {rest}"),
            None => error.message.clone(),
        };
        let path = ValueError::path_text(&error.path);
        let message = if path.is_empty() {
            message
        } else {
            format!("{path}: {message}")
        };
        self.found.push(Diagnostic::error(message).at(self.source, span));
    }

    /// Checks an expression against the type of what it is assigned to.
    fn expr(&mut self, expr: &Expr, ty: &Type) {
        match (&expr.kind, ty) {
            (ExprKind::Array(items), Type::List(inner)) => items.iter().for_each(|item| self.expr(item, inner)),
            (ExprKind::Object(fields), Type::Map(inner)) => {
                fields.iter().for_each(|field| self.expr(&field.value, inner))
            }
            (ExprKind::Object(fields), Type::Object(schema)) => self.object(expr, fields, &Shape::of(schema)),
            (ExprKind::Array(_), _) => self.value(expr, &Value::array(Vec::new()), ty),
            (ExprKind::Object(_), _) => self.value(expr, &Value::object(value::Object::new()), ty),
            (ExprKind::Literal(text), _) => match literal(text) {
                Ok(value) => self.value(expr, &value, ty),
                Err(message) => self.report(expr.span, &ValueError::new(message)),
            },
            (ExprKind::Unary { op, value: operand }, _) => {
                let ExprKind::Literal(text) = &operand.kind else { return };
                let Ok(value) = literal(text) else { return };
                match ops::unary(*op, &value) {
                    Ok(_) => self.value(operand, &value, ty),
                    Err(error) => self.report(operand.span, &error),
                }
            }
            (ExprKind::Binary { op, left, right, .. }, _) => {
                let (ExprKind::Literal(a), ExprKind::Literal(b)) = (&left.kind, &right.kind) else {
                    return;
                };
                let (Ok(a), Ok(b)) = (literal(a), literal(b)) else {
                    return;
                };
                match ops::binary(*op, a, b) {
                    Ok(value) => self.value(expr, &value, ty),
                    Err((Side::Left, error)) => self.report(left.span, &error),
                    Err((Side::Right, error)) => self.report(right.span, &error),
                }
            }
            _ => {}
        }
    }

    fn value(&mut self, expr: &Expr, value: &Value, ty: &Type) {
        let fits = match ty {
            // Nothing that can be written converts to a capsule that is neither a secret nor decoded from something else.
            Type::Capsule(_) if self.only_known && *value != Value::Null => {
                Err(ValueError::wrong_kind("capsule", value))
            }
            _ => ty.accepts(value),
        };
        if let Err(error) = fits {
            self.report(expr.span, &error);
        }
    }

    fn object(&mut self, expr: &Expr, fields: &[ast::Field], shape: &Shape) {
        for field in fields {
            let name = &field.key.name;
            match shape.attribute(name) {
                Some(of) => self.expr(&field.value, &of.ty),
                // Objects may stand for blocks and labels, too; decoding looks at those.
                None if is_other(shape, name) => {}
                None => {
                    let diagnostic = Diagnostic::error(format!("unrecognized attribute name \"{name}\""))
                        .at(self.source, field.key.span);
                    let names = shape.attributes.iter().map(|attribute| attribute.name.as_ref());
                    self.found.push(did_you_mean(diagnostic, name, names));
                }
            }
        }
        for attribute in shape.attributes.iter().filter(|attribute| attribute.required) {
            let name = &attribute.name;
            if last(fields, name).is_none() {
                self.report(
                    expr.span,
                    &ValueError::new(format!("missing required attribute \"{name}\"")),
                );
            }
        }
    }
}

/// Whether a name is that of a block or label, or the first part of a dotted one.
fn is_other(shape: &Shape, name: &str) -> bool {
    shape.free_form
        || shape.label.as_deref() == Some(name)
        || shape.blocks.iter().any(|block| {
            block
                .name
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
}
