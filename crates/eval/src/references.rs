//! What a block refers to, found without evaluating it.

use crate::operands::operands;
use crate::stdlib;
use syntax::Span;
use syntax::ast::{Body, Expr, ExprKind, Stmt};

/// An identifier and the names accessed behind it: `a.b.c`. Anything but `.name` ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traversal {
    /// The identifier and the names; never empty.
    pub parts: Vec<String>,
    /// From the identifier to the last name.
    pub span: Span,
}

/// A use of the standard library that needs a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StdlibUse {
    /// Dotted name of the function or constant.
    pub name: String,
    /// Where it is used.
    pub span: Span,
    /// Whether it may change or vanish.
    pub experimental: bool,
    /// Whether it is an alias that is kept for old configurations only.
    pub deprecated: bool,
    /// What to use instead of a deprecated alias.
    pub replacement: Option<&'static str>,
}

/// All traversals in a body, nested blocks and expressions included, in source order.
pub fn references(body: &Body) -> Vec<Traversal> {
    let mut found = Vec::new();
    for stmt in &body.stmts {
        match stmt {
            Stmt::Attribute(attribute) => in_expr(&attribute.value, &mut found),
            Stmt::Block(block) => found.extend(references(&block.body)),
        }
    }
    found
}

/// Uses of experimental functions and of deprecated aliases in a body, in source order. A variable of the same name in front
/// of the library is not known here.
pub fn stdlib_uses(body: &Body) -> Vec<StdlibUse> {
    let uses = references(body).into_iter().map(|traversal| {
        let dotted = traversal
            .parts
            .iter()
            .take(2)
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(".");
        let replacement = stdlib::replacement(&traversal.parts[0]);
        StdlibUse {
            experimental: stdlib::is_experimental(&dotted),
            name: if replacement.is_some() {
                traversal.parts[0].clone()
            } else {
                dotted
            },
            span: traversal.span,
            deprecated: replacement.is_some(),
            replacement,
        }
    });
    uses.filter(|used| used.experimental || used.deprecated).collect()
}

fn in_expr(expr: &Expr, found: &mut Vec<Traversal>) {
    let mut stack = vec![expr];
    while let Some(expr) = stack.pop() {
        if let Some(traversal) = traversal(expr) {
            found.push(traversal);
            continue;
        }
        let first = stack.len();
        operands(expr, |operand| stack.push(operand));
        stack[first..].reverse();
    }
}

/// The traversal that an expression is as a whole.
fn traversal(mut expr: &Expr) -> Option<Traversal> {
    let span = expr.span;
    let mut parts = Vec::new();
    loop {
        match &expr.kind {
            ExprKind::Access { value, name } => {
                parts.push(name.name.clone());
                expr = value;
            }
            ExprKind::Ident(name) => {
                parts.push(name.name.clone());
                parts.reverse();
                return Some(Traversal { parts, span });
            }
            _ => return None,
        }
    }
}
