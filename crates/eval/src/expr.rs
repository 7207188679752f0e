//! Evaluation of expressions.

use crate::blame::{blame, did_you_mean};
use crate::literal::literal;
use crate::operands::operands;
use crate::ops::{self, Side};
use crate::scope::Scope;
use syntax::ast::{Expr, ExprKind, Field, Ident};
use syntax::{Diagnostic, Source};
use value::{FromValue, Function, Number, Value, ValueError};

/// What is left to do: an expression whose operands are not evaluated yet, or one whose operands are the last values.
enum Step<'a> {
    Enter(&'a Expr),
    Leave(&'a Expr),
}

/// The value of an expression.
pub fn evaluate_expr(source: &Source, expr: &Expr, scope: &Scope) -> Result<Value, Diagnostic> {
    let mut steps = vec![Step::Enter(expr)];
    let mut values = Vec::new();
    while let Some(step) = steps.pop() {
        match step {
            Step::Enter(expr) => enter(source, expr, scope, &mut steps, &mut values)?,
            Step::Leave(expr) => leave(source, expr, &mut values)?,
        }
    }
    Ok(pop(&mut values))
}

/// The value of an expression as a host type.
pub fn convert<T: FromValue>(source: &Source, expr: &Expr, scope: &Scope) -> Result<T, Diagnostic> {
    let value = evaluate_expr(source, expr, scope)?;
    T::from_value(&value).map_err(|error| blame(source, expr, Some(&value), &error))
}

fn pop(values: &mut Vec<Value>) -> Value {
    values.pop().expect("each expression leaves one value")
}

fn enter<'a>(
    source: &Source,
    expr: &'a Expr,
    scope: &Scope,
    steps: &mut Vec<Step<'a>>,
    values: &mut Vec<Value>,
) -> Result<(), Diagnostic> {
    match &expr.kind {
        ExprKind::Literal(text) => {
            values.push(literal(text).map_err(|message| blame(source, expr, None, &ValueError::new(message)))?);
            return Ok(());
        }
        ExprKind::Ident(name) => {
            values.push(lookup(source, name, scope)?);
            return Ok(());
        }
        _ => steps.push(Step::Leave(expr)),
    }
    let first = steps.len();
    operands(expr, |operand| steps.push(Step::Enter(operand)));
    // The first operand comes first.
    steps[first..].reverse();
    Ok(())
}

fn leave(source: &Source, expr: &Expr, values: &mut Vec<Value>) -> Result<(), Diagnostic> {
    let result = match &expr.kind {
        ExprKind::Literal(_) | ExprKind::Ident(_) | ExprKind::Paren(_) => return Ok(()),
        ExprKind::Array(items) => Value::array(values.split_off(values.len() - items.len())),
        ExprKind::Object(fields) => object(fields, values.split_off(values.len() - fields.len())),
        ExprKind::Access { value, name } => access(source, value, &pop(values), name)?,
        ExprKind::Index { value, index, .. } => {
            let at = pop(values);
            element(source, (value, &pop(values)), (index, &at))?
        }
        ExprKind::Call { value, args, .. } => {
            let args = values.split_off(values.len() - args.len());
            call(source, expr, value, &pop(values), &args)?
        }
        ExprKind::Unary { op, value } => {
            let operand = pop(values);
            ops::unary(*op, &operand).map_err(|error| blame(source, value, Some(&operand), &error))?
        }
        ExprKind::Binary { op, left, right, .. } => {
            let (b, a) = (pop(values), pop(values));
            ops::binary(*op, a.clone(), b.clone()).map_err(|(side, error)| match side {
                Side::Left => blame(source, left, Some(&a), &error),
                Side::Right => blame(source, right, Some(&b), &error),
            })?
        }
    };
    values.push(result);
    Ok(())
}

fn lookup(source: &Source, name: &Ident, scope: &Scope) -> Result<Value, Diagnostic> {
    scope.get(&name.name).cloned().ok_or_else(|| {
        let diagnostic =
            Diagnostic::error(format!("identifier \"{}\" does not exist", name.name)).at(source, name.span);
        did_you_mean(diagnostic, &name.name, scope.names())
    })
}

fn object(fields: &[Field], values: Vec<Value>) -> Value {
    let pairs = fields.iter().zip(values);
    Value::object(pairs.map(|(field, value)| (field.key.name.as_str(), value)).collect())
}

/// The fields of what `.name` and `["name"]` apply to.
fn access(source: &Source, of: &Expr, value: &Value, name: &Ident) -> Result<Value, Diagnostic> {
    let Some(object) = value.fields() else {
        let message = match value {
            Value::Capsule(_) => {
                "expected object or array or a capsule convertible to an object, got capsule".to_owned()
            }
            other => format!(
                "cannot access field \"{}\" on value of type {}",
                name.name,
                other.kind()
            ),
        };
        return Err(blame(source, of, Some(value), &ValueError::new(message)));
    };
    object.get(&name.name).cloned().ok_or_else(|| {
        let diagnostic = Diagnostic::error(format!("field \"{}\" does not exist", name.name)).at(source, name.span);
        did_you_mean(diagnostic, &name.name, object.iter().map(|(name, _)| name.as_str()))
    })
}

fn element(source: &Source, (of, value): (&Expr, &Value), (index, at): (&Expr, &Value)) -> Result<Value, Diagnostic> {
    let wrong = |error| blame(source, index, Some(at), &error);
    if let Some(items) = value.items() {
        let Value::Number(number) = at else {
            return Err(wrong(ValueError::wrong_kind("number", at)));
        };
        let number = Number::as_i64(*number);
        let item = usize::try_from(number).ok().and_then(|i| items.get(i));
        return item.cloned().ok_or_else(|| {
            let length = items.len();
            wrong(ValueError::new(format!(
                "index {number} is out of range of array with length {length}"
            )))
        });
    }
    let Some(object) = value.fields() else {
        let error = ValueError::new(format!("expected object or array, got {}", value.kind()));
        return Err(blame(source, of, Some(value), &error));
    };
    match at {
        // A key that is not there is no error.
        Value::String(name) => Ok(object.get(&name.to_str_lossy()).cloned().unwrap_or_default()),
        _ => Err(wrong(ValueError::wrong_kind("string", at))),
    }
}

fn call(source: &Source, call: &Expr, callee: &Expr, function: &Value, args: &[Value]) -> Result<Value, Diagnostic> {
    let about_callee = |error: &ValueError| blame(source, callee, Some(function), error);
    let Value::Function(function) = function else {
        return Err(about_callee(&ValueError::wrong_kind("function", function)));
    };
    arity(function, args.len()).map_err(|error| about_callee(&error))?;
    function.call(args).map_err(|error| match error.path.split_first() {
        Some((value::Seg::Argument(i), rest)) => {
            let wrong = args.get(*i);
            let expr = match &call.kind {
                ExprKind::Call { args, .. } => args.get(*i).unwrap_or(callee),
                _ => callee,
            };
            let inside = ValueError {
                path: rest.to_vec(),
                message: error.message.clone(),
            };
            blame(source, expr, wrong, &inside)
        }
        _ => blame(source, callee, None, &error),
    })
}

fn arity(function: &Function, got: usize) -> Result<(), ValueError> {
    let wanted = function.min_args;
    match function.variadic {
        true if got < wanted => Err(ValueError::new(format!("expected at least {wanted} args, got {got}"))),
        false if got != wanted => Err(ValueError::new(format!("expected {wanted} args, got {got}"))),
        _ => Ok(()),
    }
}
