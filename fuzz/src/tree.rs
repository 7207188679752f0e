//! Spans of trees.

use syntax::Span;
use syntax::ast::{Body, Expr, ExprKind, Stmt};

fn check(span: Span, len: usize) {
    assert!(
        span.start <= span.end && span.end as usize <= len,
        "{span:?} in {len} bytes"
    );
}

/// All statements are inside of the text.
pub fn check_body(body: &Body, len: usize) {
    for stmt in &body.stmts {
        match stmt {
            Stmt::Attribute(attribute) => {
                check(attribute.name.span, len);
                check_expr(&attribute.value, len);
            }
            Stmt::Block(block) => {
                block.name.iter().for_each(|part| check(part.span, len));
                block.label_span.into_iter().for_each(|span| check(span, len));
                assert!(block.lcurly as usize <= len && block.rcurly as usize <= len);
                check_body(&block.body, len);
            }
        }
    }
}

/// All parts of an expression are inside of the text.
pub fn check_expr(expr: &Expr, len: usize) {
    let mut left = vec![expr];
    while let Some(expr) = left.pop() {
        check(expr.span, len);
        match &expr.kind {
            ExprKind::Literal(_) => {}
            ExprKind::Ident(ident) => check(ident.span, len),
            ExprKind::Array(items) => left.extend(items),
            ExprKind::Object(fields) => {
                for field in fields {
                    check(field.key.span, len);
                    left.push(&field.value);
                }
            }
            ExprKind::Access { value, name } => {
                check(name.span, len);
                left.push(value);
            }
            ExprKind::Index { value, index, .. } => left.extend([&**value, &**index]),
            ExprKind::Call { value, args, .. } => {
                left.push(value);
                left.extend(args);
            }
            ExprKind::Unary { value, .. } | ExprKind::Paren(value) => left.push(value),
            ExprKind::Binary {
                left: a,
                right: b,
                op_span,
                ..
            } => {
                check(*op_span, len);
                left.extend([&**a, &**b]);
            }
        }
    }
}
