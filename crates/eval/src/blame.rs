//! From an error about a value to a diagnostic at the expression that made it.

use syntax::ast::{Expr, ExprKind, Field};
use syntax::diag::suggest;
use syntax::format::format_expr;
use syntax::{Diagnostic, Source};
use value::{Seg, Value, ValueError};

/// What to do about a secret where a string is wanted.
pub(crate) const SECRET_HINT: &str =
    "a field of type secret takes it; convert.nonsensitive(...) makes it a plain string";

/// The closest expression to the wrong value, and the steps that are left from there. Only syntax counts: an element of an
/// array literal has an expression of its own, an element of a variable has not.
pub(crate) fn closest<'a, 'p>(mut expr: &'a Expr, mut path: &'p [Seg]) -> (&'a Expr, &'p [Seg]) {
    loop {
        let (next, used) = match (&expr.kind, path.first()) {
            (ExprKind::Paren(inner), _) => (Some(&**inner), 0),
            (ExprKind::Array(items), Some(Seg::Index(i))) => (items.get(*i), 1),
            (ExprKind::Object(fields), Some(Seg::Field(name))) => (last(fields, name).map(|field| &field.value), 1),
            (ExprKind::Call { args, .. }, Some(Seg::Argument(i))) => (args.get(*i), 1),
            _ => (None, 0),
        };
        match next {
            Some(next) => (expr, path) = (next, &path[used..]),
            None => return (expr, path),
        }
    }
}

/// The field of that name that counts.
pub(crate) fn last<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().rev().find(|field| field.key.name == name)
}

/// The value at the end of the path.
fn reach(value: &Value, path: &[Seg]) -> Option<Value> {
    path.iter().try_fold(value.clone(), |value, seg| match seg {
        Seg::Field(name) => value.fields()?.get(name).cloned(),
        Seg::Index(i) => value.items()?.get(*i).cloned(),
        Seg::Argument(_) => None,
    })
}

/// An error about the value that an expression gave. The message starts with the source of the expression.
pub(crate) fn blame(source: &Source, expr: &Expr, value: Option<&Value>, error: &ValueError) -> Diagnostic {
    let (node, rest) = closest(expr, &error.path);
    let message = format!("{}{} {}", format_expr(node), ValueError::path_text(rest), error.message);
    let mut diagnostic = Diagnostic::error(message).at(source, node.span);
    let literal = matches!(node.kind, ExprKind::Literal(_)) && rest.is_empty();
    if let Some(found) = value.and_then(|value| reach(value, &error.path))
        && !literal
    {
        diagnostic = diagnostic.with_value(value::to_text(&found));
    }
    if error.message == value::SECRET_TO_STRING {
        diagnostic = diagnostic.with_hint(SECRET_HINT);
    }
    diagnostic
}

/// Adds the name that was probably meant.
pub(crate) fn did_you_mean<'a>(
    diagnostic: Diagnostic,
    name: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    match suggest(name, names) {
        Some(near) => diagnostic.with_hint(format!("did you mean \"{near}\"?")),
        None => diagnostic,
    }
}
