//! Checks of blocks that are not evaluated.

use crate::blame::{closest, did_you_mean, last};
use crate::body::unevaluated_body;
use crate::literal::literal;
use crate::ops::{self, Side};
use std::collections::HashMap;
use syntax::ast::{self, Expr, ExprKind, Stmt};
use syntax::{Diagnostic, Source, Span};
use value::{FieldKind, Place, Problem, Schema, Type, Value, ValueError};

/// Everything that is wrong with a block as far as names and literals show, in source order.
///
/// Looked at are literals, lists and objects of them, and operators on literals; everything else is known only when it is
/// evaluated. Unlike in evaluation, required fields of objects are.
pub fn check_block(source: &Source, block: &ast::Block, schema: &'static Schema) -> Vec<Diagnostic> {
    let evaluated = unevaluated_body(block);
    let mut found = Vec::new();
    let mut values = HashMap::new();
    for error in value::check(schema, &evaluated.body) {
        match (error.place, &error.problem) {
            (Some(place), Problem::Value(wrong)) => drop(values.insert(place, wrong.clone())),
            _ => found.push(evaluated.diagnose(source, block, &error)),
        }
    }
    let mut check = Check {
        source,
        values,
        found,
        next: 0,
    };
    check.block(block, Some(schema));
    check.found.sort_by_key(|diagnostic| diagnostic.start.offset);
    check.found
}

struct Check<'a> {
    source: &'a Source,
    /// What decoding says about attributes that are literals as a whole.
    values: HashMap<Place, ValueError>,
    found: Vec<Diagnostic>,
    next: u32,
}

impl Check<'_> {
    /// Goes through the statements in the order in which places are counted.
    fn block(&mut self, block: &ast::Block, schema: Option<&'static Schema>) {
        for stmt in &block.body.stmts {
            let place = Place(self.next);
            self.next += 1;
            match stmt {
                Stmt::Block(inner) => self.block(inner, schema.and_then(|schema| schema.block(&inner.full_name()))),
                Stmt::Attribute(attribute) => {
                    let before = self.found.len();
                    if let Some(ty) = schema.and_then(|schema| schema.attribute(&attribute.name.name)) {
                        self.expr(&attribute.value, &ty);
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
            (ExprKind::Object(fields), Type::Object(schema)) => self.object(expr, fields, schema),
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
        if let Err(error) = ty.accepts(value) {
            self.report(expr.span, &error);
        }
    }

    fn object(&mut self, expr: &Expr, fields: &[ast::Field], schema: &Schema) {
        for field in fields {
            let name = &field.key.name;
            match schema.attribute(name) {
                Some(ty) => self.expr(&field.value, &ty),
                // Objects may stand for blocks and labels, too; decoding looks at those.
                None if is_other(schema, name) => {}
                None => {
                    let diagnostic = Diagnostic::error(format!("unrecognized attribute name \"{name}\""))
                        .at(self.source, field.key.span);
                    self.found
                        .push(did_you_mean(diagnostic, name, schema.attribute_names()));
                }
            }
        }
        for name in schema.required_attributes() {
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
fn is_other(schema: &Schema, name: &str) -> bool {
    schema.block(name).is_some()
        || schema.fields.iter().any(|field| match &field.kind {
            FieldKind::Flatten { schema, .. } => is_other(schema(), name),
            FieldKind::Label { .. } => field.name == name,
            _ => field
                .name
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        })
}
