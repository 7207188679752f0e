//! Numbers.

use super::args::{Args, to_f64, to_i64};
use super::{ANY, Function, Result, f, fail, int, list, text};
use gotmpl::Value;

/// The longest list of numbers that `until` and its like make.
const MAX_NUMBERS: i64 = 1_000_000;

pub(super) const FUNCTIONS: &[Function] = &[
    f("atoi", 1, 1, |_, a| Ok(int(atoi(a.str(0)?)))),
    f("int", 1, 1, |_, a| Ok(int(to_i64(a.get(0))))),
    f("int64", 1, 1, |_, a| Ok(int(to_i64(a.get(0))))),
    f("float64", 1, 1, |_, a| Ok(Value::Float(to_f64(a.get(0))))),
    f("toDecimal", 1, 1, |_, a| {
        let octal = super::args::strval(a.get(0));
        Ok(int(i64::from_str_radix(&octal, 8).unwrap_or(0)))
    }),
    f("add1", 1, 1, |_, a| Ok(int(to_i64(a.get(0)).wrapping_add(1)))),
    f("add", 0, ANY, |_, a| {
        Ok(int(a.values.iter().map(to_i64).fold(0, i64::wrapping_add)))
    }),
    f("sub", 2, 2, |_, a| {
        Ok(int(to_i64(a.get(0)).wrapping_sub(to_i64(a.get(1)))))
    }),
    f("mul", 1, ANY, |_, a| {
        Ok(int(a.values.iter().map(to_i64).fold(1, i64::wrapping_mul)))
    }),
    f("div", 2, 2, |_, a| divide(a, i64::wrapping_div)),
    f("mod", 2, 2, |_, a| divide(a, i64::wrapping_rem)),
    f("max", 1, ANY, |_, a| {
        Ok(int(a.values.iter().map(to_i64).max().unwrap_or(0)))
    }),
    f("biggest", 1, ANY, |_, a| {
        Ok(int(a.values.iter().map(to_i64).max().unwrap_or(0)))
    }),
    f("min", 1, ANY, |_, a| {
        Ok(int(a.values.iter().map(to_i64).min().unwrap_or(0)))
    }),
    f("maxf", 1, ANY, |_, a| {
        Ok(Value::Float(
            a.values.iter().map(to_f64).fold(f64::NEG_INFINITY, f64::max),
        ))
    }),
    f("minf", 1, ANY, |_, a| {
        Ok(Value::Float(a.values.iter().map(to_f64).fold(f64::INFINITY, f64::min)))
    }),
    f("ceil", 1, 1, |_, a| Ok(Value::Float(to_f64(a.get(0)).ceil()))),
    f("floor", 1, 1, |_, a| Ok(Value::Float(to_f64(a.get(0)).floor()))),
    f("round", 2, 3, |_, a| {
        let places = i32::try_from(a.int(1)?).unwrap_or(0);
        let threshold = a.values.get(2).map_or(0.5, to_f64);
        let power = 10f64.powi(places);
        let digits = to_f64(a.get(0)) * power;
        let rounded = if digits.fract() >= threshold {
            digits.ceil()
        } else {
            digits.floor()
        };
        Ok(Value::Float(rounded / power))
    }),
    f("add1f", 1, 1, |_, a| {
        Ok(Value::Float(decimal(to_f64(a.get(0)), 1.0, '+')))
    }),
    f("addf", 1, ANY, |_, a| fold(a, '+')),
    f("subf", 1, ANY, |_, a| fold(a, '-')),
    f("mulf", 1, ANY, |_, a| fold(a, '*')),
    f("divf", 1, ANY, |_, a| fold(a, '/')),
    f("until", 1, 1, |_, a| {
        let count = a.int(0)?;
        range(0, count, if count < 0 { -1 } else { 1 })
    }),
    f("untilStep", 3, 3, |_, a| range(a.int(0)?, a.int(1)?, a.int(2)?)),
    f("seq", 0, ANY, |_, a| {
        let bounds = (0..a.values.len())
            .map(|index| a.int(index))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let direction = |from: i64, to: i64| if to < from { -1 } else { 1 };
        let (from, step, to) = match bounds[..] {
            [to] => (1, direction(1, to), to),
            [from, to] => (from, direction(from, to), to),
            [from, step, to] => (from, step, to),
            _ => return Ok(text("")),
        };
        let end = if step < 0 {
            to.saturating_sub(1)
        } else {
            to.saturating_add(1)
        };
        let Value::List(numbers) = range(from, end, step)? else {
            return Ok(text(""));
        };
        Ok(text(
            numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        ))
    }),
    f("randInt", 2, 2, |context, a| {
        let (low, high) = (a.int(0)?, a.int(1)?);
        let width = high
            .checked_sub(low)
            .and_then(|width| u64::try_from(width).ok())
            .filter(|&width| width > 0);
        let width = width.ok_or_else(|| fail("invalid argument to randInt: the second has to be above the first"))?;
        Ok(int(low + ((context.host.random)() % width) as i64))
    }),
];

/// Go's `Atoi`, of which sprig ignores the error: too large a number is the largest.
fn atoi(s: &str) -> i64 {
    s.parse().unwrap_or_else(|_| {
        let digits = s.strip_prefix(['+', '-']).unwrap_or(s);
        match !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true if s.starts_with('-') => i64::MIN,
            true => i64::MAX,
            false => 0,
        }
    })
}

fn divide(a: &Args<'_>, operation: fn(i64, i64) -> i64) -> Result {
    match to_i64(a.get(1)) {
        0 => Err(fail("runtime error: integer divide by zero")),
        divisor => Ok(int(operation(to_i64(a.get(0)), divisor))),
    }
}

fn range(start: i64, stop: i64, step: i64) -> Result {
    let towards = if stop >= start { step > 0 } else { step < 0 };
    if !towards {
        return Ok(list(Vec::new()));
    }
    let count = (i128::from(stop) - i128::from(start))
        .unsigned_abs()
        .div_ceil(u128::from(step.unsigned_abs()));
    if count > MAX_NUMBERS as u128 {
        return Err(fail(format!("more than {MAX_NUMBERS} numbers")));
    }
    Ok(list((0..count as i64).map(|index| int(start + index * step)).collect()))
}

fn fold(a: &Args<'_>, operator: char) -> Result {
    let mut total = to_f64(a.get(0));
    for value in &a.values[1..] {
        let value = to_f64(value);
        if operator == '/' && value == 0.0 {
            return Err(fail("decimal division by 0"));
        }
        total = decimal(total, value, operator);
    }
    Ok(Value::Float(total))
}

/// Arithmetic on decimal digits, so that 0.1 + 0.2 is 0.3. Numbers that do not fit are computed in binary.
fn decimal(left: f64, right: f64, operator: char) -> f64 {
    let binary = || match operator {
        '+' => left + right,
        '-' => left - right,
        '*' => left * right,
        _ => left / right,
    };
    let exact = || -> Option<f64> {
        let ((a, a_scale), (b, b_scale)) = (digits(left)?, digits(right)?);
        let (value, scale) = match operator {
            '*' => (a.checked_mul(b)?, a_scale + b_scale),
            // Sixteen places, as the decimal package that sprig uses.
            '/' => return format!("{:.16}", left / right).parse().ok(),
            _ => {
                let scale = a_scale.max(b_scale);
                let a = a.checked_mul(10i128.checked_pow(scale - a_scale)?)?;
                let b = b.checked_mul(10i128.checked_pow(scale - b_scale)?)?;
                (
                    if operator == '+' {
                        a.checked_add(b)?
                    } else {
                        a.checked_sub(b)?
                    },
                    scale,
                )
            }
        };
        format!("{value}e-{scale}").parse().ok()
    };
    exact().unwrap_or_else(binary)
}

/// The digits of a number and how many of them are behind the point.
fn digits(number: f64) -> Option<(i128, u32)> {
    let shown = format!("{number}");
    let (whole, fraction) = shown.split_once('.').unwrap_or((&shown, ""));
    let value = format!("{whole}{fraction}").parse().ok()?;
    Some((value, u32::try_from(fraction.len()).ok()?))
}
