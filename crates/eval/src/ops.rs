//! Operators.

use syntax::ast::{BinaryOp, UnaryOp};
use value::{FromValue, Number, OptionalSecret, Secret, Str, Value, ValueError};

/// Which operand of an operator is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

pub(crate) fn unary(op: UnaryOp, value: &Value) -> Result<Value, ValueError> {
    match (op, value) {
        (UnaryOp::Not, Value::Bool(b)) => Ok(Value::Bool(!b)),
        (UnaryOp::Not, other) => Err(ValueError::wrong_kind("bool", other)),
        (UnaryOp::Neg, Value::Number(Number::Float(n))) => Ok(Value::Number(Number::Float(-n))),
        (UnaryOp::Neg, Value::Number(n)) => Ok(Value::int(n.as_i64().wrapping_neg())),
        (UnaryOp::Neg, other) => Err(ValueError::wrong_kind("number", other)),
    }
}

/// Both operands are values: nothing is skipped, not even the right side of `false && x`.
pub(crate) fn binary(op: BinaryOp, left: Value, right: Value) -> Result<Value, (Side, ValueError)> {
    let (left, right) = unwrap_secrets(left, right);
    match op {
        BinaryOp::Eq => return Ok(Value::Bool(left == right)),
        BinaryOp::Neq => return Ok(Value::Bool(left != right)),
        _ => {}
    }
    let kinds = kinds(op);
    for (side, value) in [(Side::Left, &left), (Side::Right, &right)] {
        if !kinds.contains(&value.kind()) {
            return Err((side, not_allowed(op, value)));
        }
    }
    let ordered = |order: std::cmp::Ordering| match op {
        BinaryOp::Lt => order.is_lt(),
        BinaryOp::Lte => order.is_le(),
        BinaryOp::Gt => order.is_gt(),
        _ => order.is_ge(),
    };
    match (&left, &right) {
        (Value::Number(a), Value::Number(b)) if is_comparison(op) => {
            Ok(Value::Bool(compare(*a, *b).is_some_and(ordered)))
        }
        (Value::Number(a), Value::Number(b)) => match arithmetic(op, *a, *b) {
            Some(number) => Ok(Value::Number(number)),
            None => Err((Side::Right, ValueError::new("divide by zero error"))),
        },
        (Value::String(a), Value::String(b)) if is_comparison(op) => Ok(Value::Bool(ordered(a.cmp(b)))),
        (Value::String(a), Value::String(b)) => Ok(Value::String(join(a, b))),
        (Value::Bool(a), Value::Bool(b)) => Ok(Value::Bool(if op == BinaryOp::And { *a && *b } else { *a || *b })),
        (Value::Capsule(_), Value::Capsule(_)) => {
            add_secrets(&left, &right).ok_or_else(|| (Side::Left, not_allowed(op, &left)))
        }
        _ => Err((Side::Right, ValueError::wrong_kind(left.kind(), &right))),
    }
}

fn is_comparison(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Lt | BinaryOp::Lte | BinaryOp::Gt | BinaryOp::Gte)
}

/// Kinds of values that an operator takes.
pub(crate) fn kinds(op: BinaryOp) -> &'static [&'static str] {
    match op {
        BinaryOp::Add => &["number", "string", "capsule"],
        BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Pow => &["number"],
        BinaryOp::Lt | BinaryOp::Lte | BinaryOp::Gt | BinaryOp::Gte => &["number", "string"],
        BinaryOp::And | BinaryOp::Or | BinaryOp::Eq | BinaryOp::Neq => &["bool"],
    }
}

fn not_allowed(op: BinaryOp, value: &Value) -> ValueError {
    not_allowed_kind(op, value.kind())
}

/// A value of a kind that an operator does not take.
pub(crate) fn not_allowed_kind(op: BinaryOp, kind: &str) -> ValueError {
    let message = format!(
        "should be one of [{}] for binop {}, got {}",
        kinds(op).join(" "),
        op.as_str(),
        kind
    );
    ValueError::new(message)
}

/// Numbers are promoted: to float if either is one, else to signed if either is.
fn compare(a: Number, b: Number) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Number::Float(_), _) | (_, Number::Float(_)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Number::Int(_), _) | (_, Number::Int(_)) => Some(a.as_i64().cmp(&b.as_i64())),
        (Number::Uint(a), Number::Uint(b)) => Some(a.cmp(&b)),
    }
}

/// `None` for a division by zero. Overflow wraps.
fn arithmetic(op: BinaryOp, a: Number, b: Number) -> Option<Number> {
    match (a, b) {
        (Number::Float(_), _) | (_, Number::Float(_)) => float(op, a.as_f64(), b.as_f64()).map(Number::Float),
        (Number::Int(_), _) | (_, Number::Int(_)) => signed(op, a.as_i64(), b.as_i64()).map(Number::Int),
        (Number::Uint(a), Number::Uint(b)) => unsigned(op, a, b).map(Number::Uint),
    }
}

fn float(op: BinaryOp, a: f64, b: f64) -> Option<f64> {
    Some(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div | BinaryOp::Mod if b == 0.0 => return None,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        _ => a.powf(b),
    })
}

fn signed(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    Some(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div | BinaryOp::Mod if b == 0 => return None,
        BinaryOp::Div => a.wrapping_div(b),
        BinaryOp::Mod => a.wrapping_rem(b),
        // A negative exponent gives the base, which is what upstream's loop does.
        _ if b < 0 => a,
        _ => power(a as u64, b as u64) as i64,
    })
}

fn unsigned(op: BinaryOp, a: u64, b: u64) -> Option<u64> {
    Some(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div => return a.checked_div(b),
        BinaryOp::Mod => return a.checked_rem(b),
        _ => power(a, b),
    })
}

/// Wraps; the low 64 bits are the same for signed factors.
fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut result: u64 = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        exponent >>= 1;
    }
    result
}

fn join(a: &Str, b: &Str) -> Str {
    Str::from([a.as_bytes(), b.as_bytes()].concat())
}

/// Strings, secrets and optional secrets of a pair are brought to one type, for every operator: two strings if nothing is
/// secret, two optional secrets if such a one is, two secrets if one is.
fn unwrap_secrets(left: Value, right: Value) -> (Value, Value) {
    let capsule = matches!(left, Value::Capsule(_)) || matches!(right, Value::Capsule(_));
    let text = |value: &Value| matches!(value, Value::String(_)) || is::<Secret>(value) || is::<OptionalSecret>(value);
    if !capsule || !text(&left) || !text(&right) {
        return (left, right);
    }
    if is::<Secret>(&left) || is::<Secret>(&right) {
        return (retyped::<Secret>(left), retyped::<Secret>(right));
    }
    if let (Ok(a), Ok(b)) = (Str::from_value(&left), Str::from_value(&right))
        && (matches!(left, Value::String(_)) || matches!(right, Value::String(_)))
    {
        return (Value::String(a), Value::String(b));
    }
    // A string beside an optional secret that is one becomes secret, too.
    let hidden = |value: Value| match value {
        Value::String(text) => OptionalSecret::new(true, text.as_bytes()).to_value(),
        other => other,
    };
    (hidden(left), hidden(right))
}

fn is<T: 'static>(value: &Value) -> bool {
    matches!(value, Value::Capsule(capsule) if capsule.downcast_ref::<T>().is_some())
}

fn retyped<T: FromValue>(value: Value) -> Value {
    T::from_value(&value).map_or(value, |converted| converted.to_value())
}

fn add_secrets(left: &Value, right: &Value) -> Option<Value> {
    let (Value::Capsule(a), Value::Capsule(b)) = (left, right) else {
        return None;
    };
    if let (Some(a), Some(b)) = (a.downcast_ref::<Secret>(), b.downcast_ref::<Secret>()) {
        return Some(Secret::new(join(a.expose(), b.expose()).as_bytes()).to_value());
    }
    let (a, b) = (a.downcast_ref::<OptionalSecret>()?, b.downcast_ref::<OptionalSecret>()?);
    let joined = join(a.expose(), b.expose());
    Some(OptionalSecret::new(a.is_secret || b.is_secret, joined.as_bytes()).to_value())
}
