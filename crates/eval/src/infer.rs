//! What is known of expressions without evaluating them.

mod apply;
pub(crate) mod fit;
mod flow;
mod kind;

pub use flow::check_flow;
pub use kind::{Callable, Described, Static};

use crate::literal::literal;
use crate::operands::operands;
use crate::references::Traversal;
use crate::stdlib;
use apply::{Fault, Part};
use syntax::ast::{Expr, ExprKind, Ident};
use syntax::{Diagnostic, Source, Span};
use value::ValueError;

/// What a reference means.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// How many parts of the traversal it covers: those of the id of a component.
    pub parts: usize,
    /// What is known of the value of these parts: an object of exports.
    pub value: Static,
}

/// Tells what references mean; `None` for what is no variable.
pub type Resolve<'r> = dyn Fn(&Traversal) -> Option<Resolved> + 'r;

/// What is known of the value of an expression, and what is wrong with it in any case.
pub fn infer(source: &Source, expr: &Expr, resolve: &Resolve<'_>) -> (Static, Vec<Diagnostic>) {
    let mut walk = Infer {
        source,
        resolve,
        found: Vec::new(),
        values: Vec::new(),
    };
    let mut steps = vec![Step::Enter(expr)];
    while let Some(step) = steps.pop() {
        match step {
            Step::Enter(expr) => walk.enter(expr, &mut steps),
            Step::Leave(expr) => walk.leave(expr),
        }
    }
    (walk.pop(), walk.found)
}

/// What is left to do: an expression whose operands were not looked at yet, or one whose operands are the last values.
enum Step<'a> {
    Enter(&'a Expr),
    Leave(&'a Expr),
}

struct Infer<'a> {
    source: &'a Source,
    resolve: &'a Resolve<'a>,
    found: Vec<Diagnostic>,
    values: Vec<Static>,
}

impl Infer<'_> {
    fn pop(&mut self) -> Static {
        self.values.pop().unwrap_or(Static::Unknown)
    }

    fn last(&mut self, count: usize) -> Vec<Static> {
        self.values.split_off(self.values.len().saturating_sub(count))
    }

    fn enter<'a>(&mut self, expr: &'a Expr, steps: &mut Vec<Step<'a>>) {
        if let Some(names) = chain(expr) {
            let value = self.reference(expr, &names);
            return self.values.push(value);
        }
        if let ExprKind::Literal(text) = &expr.kind {
            let value = match literal(text) {
                Ok(value) => Static::Known(value),
                Err(message) => self.fault(expr.span, &ValueError::new(message)),
            };
            return self.values.push(value);
        }
        steps.push(Step::Leave(expr));
        let first = steps.len();
        operands(expr, |operand| steps.push(Step::Enter(operand)));
        // The first operand comes first.
        steps[first..].reverse();
    }

    fn leave(&mut self, expr: &Expr) {
        let value = match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Ident(_) | ExprKind::Paren(_) => return,
            ExprKind::Array(items) => Static::items(self.last(items.len())),
            ExprKind::Object(fields) => {
                let values = self.last(fields.len());
                let names = fields.iter().map(|field| field.key.name.clone());
                Static::object(names.zip(values).collect())
            }
            ExprKind::Access { value, name } => {
                let of = self.pop();
                self.access(value.span, &of, name)
            }
            ExprKind::Index { value, index, .. } => {
                let (at, of) = (self.pop(), self.pop());
                apply::index(&of, &at).unwrap_or_else(|fault| self.operand(fault, value, index))
            }
            ExprKind::Call { value, args, .. } => {
                let given = self.last(args.len());
                let function = self.pop();
                self.call(value, args, &function, &given)
            }
            ExprKind::Unary { op, value } => {
                let operand = self.pop();
                apply::unary(*op, &operand).unwrap_or_else(|error| self.fault(value.span, &error))
            }
            ExprKind::Binary { op, left, right, .. } => {
                let (b, a) = (self.pop(), self.pop());
                apply::binary(*op, &a, &b).unwrap_or_else(|fault| self.operand(fault, left, right))
            }
        };
        self.values.push(value);
    }

    fn operand(&mut self, fault: Fault, left: &Expr, right: &Expr) -> Static {
        match fault {
            (Part::Left, error) => self.fault(left.span, &error),
            (Part::Right, error) => self.fault(right.span, &error),
        }
    }

    /// Reports an error about a value, in the checker's words.
    fn fault(&mut self, span: Span, error: &ValueError) -> Static {
        self.found.push(told(self.source, span, error));
        Static::Unknown
    }

    /// An identifier and the names behind it.
    fn reference(&mut self, expr: &Expr, names: &[&Ident]) -> Static {
        let traversal = Traversal {
            parts: names.iter().map(|name| name.name.clone()).collect(),
            span: expr.span,
        };
        let Some(resolved) = (self.resolve)(&traversal).or_else(|| library(&traversal.parts)) else {
            return Static::Unknown;
        };
        let (covered, rest) = names.split_at(resolved.parts.min(names.len()));
        let Some(first) = covered.first() else {
            return Static::Unknown;
        };
        let id = traversal.parts[..covered.len()].join(".");
        let mut value = resolved.value;
        let mut end = covered.last().map_or(first.span, |last| last.span);
        for (n, name) in rest.iter().enumerate() {
            let before = self.found.len();
            value = self.access(first.span.to(end), &value, name);
            // An object that is empty is a component that exports nothing.
            if let (0, Some(diagnostic)) = (n, self.found.get_mut(before))
                && diagnostic.hint.is_none()
            {
                diagnostic.hint = Some(format!("component \"{id}\" exports nothing"));
            }
            end = name.span;
        }
        value
    }

    fn access(&mut self, of: Span, value: &Static, name: &Ident) -> Static {
        match apply::access(value, &name.name) {
            Ok(value) => value,
            Err(apply::NoField::NotAnObject(error)) => self.fault(of, &error),
            Err(apply::NoField::Missing(names)) => {
                let diagnostic =
                    Diagnostic::error(format!("field \"{}\" does not exist", name.name)).at(self.source, name.span);
                let near = syntax::diag::suggest(&name.name, names.iter().map(String::as_str));
                self.found.push(match near {
                    Some(near) => diagnostic.with_hint(format!("did you mean \"{near}\"?")),
                    None if names.is_empty() => diagnostic,
                    None => diagnostic.with_hint(format!("there is {}", names.join(", "))),
                });
                Static::Unknown
            }
        }
    }

    fn call(&mut self, callee: &Expr, args: &[Expr], function: &Static, given: &[Static]) -> Static {
        match apply::call(function, given) {
            Ok(value) => value,
            Err(errors) => {
                for error in errors {
                    match error.path.split_first() {
                        Some((value::Seg::Argument(i), rest)) => {
                            let (node, rest) = crate::blame::closest(args.get(*i).unwrap_or(callee), rest);
                            let error = ValueError {
                                path: rest.to_vec(),
                                message: error.message,
                            };
                            self.fault(node.span, &error);
                        }
                        _ => drop(self.fault(callee.span, &error)),
                    }
                }
                Static::Unknown
            }
        }
    }
}

/// An error about a value as checks report it.
pub(crate) fn told(source: &Source, span: Span, error: &ValueError) -> Diagnostic {
    let message = match error.message.strip_prefix("should be ") {
        Some(rest) => format!("expected {rest}"),
        None => error.message.replacen("should have ", "expected ", 1),
    };
    let path = ValueError::path_text(&error.path);
    let message = if path.is_empty() {
        message
    } else {
        format!("{path}: {message}")
    };
    let diagnostic = Diagnostic::error(message).at(source, span);
    if error.message == value::SECRET_TO_STRING {
        return diagnostic.with_hint(crate::blame::SECRET_HINT);
    }
    diagnostic
}

/// The identifier and the names behind it that an expression is as a whole.
fn chain(mut expr: &Expr) -> Option<Vec<&Ident>> {
    let mut names = Vec::new();
    loop {
        match &expr.kind {
            ExprKind::Access { value, name } => {
                names.push(name);
                expr = value;
            }
            ExprKind::Ident(name) => {
                names.push(name);
                names.reverse();
                return Some(names);
            }
            _ => return None,
        }
    }
}

/// A function or constant of the standard library.
fn library(parts: &[String]) -> Option<Resolved> {
    let first = parts.first()?;
    if let Some(entry) = stdlib::entry(first) {
        return Some(Resolved {
            parts: 1,
            value: Static::Function(Callable(entry)),
        });
    }
    let dotted = format!("{first}.{}", parts.get(1)?);
    let value = match stdlib::entry(&dotted) {
        Some(entry) => Static::Function(Callable(entry)),
        None if first == "constants" && stdlib::stdlib_members(first).contains(&parts[1].as_str()) => Static::String,
        None => return None,
    };
    Some(Resolved { parts: 2, value })
}
