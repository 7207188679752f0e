//! The expressions that an expression is made of.

use syntax::ast::{Expr, ExprKind};

/// Calls `visit` with each operand, from left to right.
pub(crate) fn operands<'e>(expr: &'e Expr, mut visit: impl FnMut(&'e Expr)) {
    match &expr.kind {
        ExprKind::Literal(_) | ExprKind::Ident(_) => {}
        ExprKind::Array(items) => items.iter().for_each(visit),
        ExprKind::Object(fields) => fields.iter().for_each(|field| visit(&field.value)),
        ExprKind::Access { value, .. } | ExprKind::Unary { value, .. } | ExprKind::Paren(value) => visit(value),
        ExprKind::Index { value, index, .. } => {
            visit(value);
            visit(index);
        }
        ExprKind::Call { value, args, .. } => {
            visit(value);
            args.iter().for_each(visit);
        }
        ExprKind::Binary { left, right, .. } => {
            visit(left);
            visit(right);
        }
    }
}
