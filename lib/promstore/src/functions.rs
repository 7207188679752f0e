//! The functions that are known.

use crate::aggregate::in_order;
use crate::ast::{Expr, Type};
use crate::eval::{Labels, QueryError, Run, Sample, Value, asked_for, distinct, renamed, window};
use crate::over_time::Window;
use crate::quantile;
use std::cmp::Ordering;

/// A function: what it takes, what it gives, what it does.
pub(crate) struct Function {
    pub name: &'static str,
    pub takes: &'static [Type],
    /// How many of the last arguments may be left out.
    pub optional: usize,
    pub gives: Type,
    act: Act,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

enum Act {
    /// Of the samples of a range.
    Range(fn(&Window<'_>) -> Option<f64>),
    /// The same, and the name of the metric stays.
    NamedRange(fn(&Window<'_>) -> Option<f64>),
    /// Of each value and up to two numbers.
    Each(fn(f64, f64, f64) -> f64),
    Sort(Ordering),
    Time,
    Timestamp,
    Vector,
    Scalar,
    Absent,
    HistogramQuantile,
}

const V: &[Type] = &[Type::Vector];
const M: &[Type] = &[Type::Matrix];

const fn range(name: &'static str, act: fn(&Window<'_>) -> Option<f64>) -> Function {
    function(name, M, Type::Vector, Act::Range(act))
}

const fn each(name: &'static str, takes: &'static [Type], act: fn(f64, f64, f64) -> f64) -> Function {
    function(name, takes, Type::Vector, Act::Each(act))
}

const fn function(name: &'static str, takes: &'static [Type], gives: Type, act: Act) -> Function {
    Function {
        name,
        takes,
        optional: 0,
        gives,
        act,
    }
}

static FUNCTIONS: [Function; 38] = [
    range("rate", |window| window.rate()),
    range("increase", |window| window.increase()),
    range("delta", |window| window.delta()),
    range("irate", |window| window.irate()),
    range("idelta", |window| window.idelta()),
    range("avg_over_time", |window| window.avg()),
    range("sum_over_time", |window| window.sum()),
    range("min_over_time", |window| window.min()),
    range("max_over_time", |window| window.max()),
    range("count_over_time", |window| window.count()),
    range("present_over_time", |window| window.present()),
    range("stddev_over_time", |window| window.stddev()),
    range("changes", |window| window.changes()),
    range("resets", |window| window.resets()),
    function(
        "last_over_time",
        M,
        Type::Vector,
        Act::NamedRange(|window| window.last()),
    ),
    each("abs", V, |value, _, _| value.abs()),
    each("ceil", V, |value, _, _| value.ceil()),
    each("floor", V, |value, _, _| value.floor()),
    each("exp", V, |value, _, _| value.exp()),
    each("ln", V, |value, _, _| value.ln()),
    each("log2", V, |value, _, _| value.log2()),
    each("log10", V, |value, _, _| value.log10()),
    each("sqrt", V, |value, _, _| value.sqrt()),
    each("sgn", V, |value, _, _| {
        if value > 0.0 {
            1.0
        } else if value < 0.0 {
            -1.0
        } else {
            value
        }
    }),
    each("clamp_min", &[Type::Vector, Type::Scalar], |value, least, _| {
        at_least(value, least)
    }),
    each("clamp_max", &[Type::Vector, Type::Scalar], |value, most, _| {
        at_most(value, most)
    }),
    each(
        "clamp",
        &[Type::Vector, Type::Scalar, Type::Scalar],
        |value, least, most| at_least(at_most(value, most), least),
    ),
    Function {
        optional: 1,
        // Without a second argument, to whole numbers.
        ..each("round", &[Type::Vector, Type::Scalar], |value, nearest, _| {
            let inverse = 1.0 / nearest;
            (value * inverse + 0.5).floor() / inverse
        })
    },
    function("sort", V, Type::Vector, Act::Sort(Ordering::Less)),
    function("sort_desc", V, Type::Vector, Act::Sort(Ordering::Greater)),
    function("time", &[], Type::Scalar, Act::Time),
    function("timestamp", V, Type::Vector, Act::Timestamp),
    function("vector", &[Type::Scalar], Type::Vector, Act::Vector),
    function("scalar", V, Type::Scalar, Act::Scalar),
    function("absent", V, Type::Vector, Act::Absent),
    function(
        "histogram_quantile",
        &[Type::Scalar, Type::Vector],
        Type::Vector,
        Act::HistogramQuantile,
    ),
    each("deg", V, |value, _, _| value * 180.0 / std::f64::consts::PI),
    each("rad", V, |value, _, _| value * std::f64::consts::PI / 180.0),
];

/// What is no number stays none.
fn at_least(value: f64, least: f64) -> f64 {
    if value.is_nan() || least.is_nan() {
        f64::NAN
    } else {
        value.max(least)
    }
}

fn at_most(value: f64, most: f64) -> f64 {
    if value.is_nan() || most.is_nan() {
        f64::NAN
    } else {
        value.min(most)
    }
}

pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

pub(crate) fn call(run: &Run<'_>, function: &Function, arguments: &[Expr], at: i64) -> Result<Value, QueryError> {
    let scalar = |number: usize| match arguments.get(number) {
        Some(argument) => run.value(argument, at).map(Value::scalar),
        None => Ok(1.0),
    };
    let vector = |number: usize| run.value(&arguments[number], at).map(Value::vector);
    Ok(Value::Vector(match &function.act {
        Act::Range(act) => distinct(of_range(run, &arguments[0], at, *act, false))?,
        Act::NamedRange(act) => of_range(run, &arguments[0], at, *act, true),
        Act::Each(act) => {
            let (first, second) = (scalar(1)?, scalar(2)?);
            if function.name == "clamp" && first > second {
                return Ok(Value::Vector(Vec::new()));
            }
            renamed(vector(0)?, |value| act(value, first, second))?
        }
        Act::Sort(first) => {
            let mut samples = vector(0)?;
            samples.sort_by(|a, b| in_order(a.value, b.value, *first));
            samples
        }
        Act::Time => return Ok(Value::Scalar(at as f64 / 1000.0)),
        Act::Timestamp => timestamps(run, &arguments[0], at)?,
        Act::Vector => vec![Sample {
            labels: Labels::default(),
            value: scalar(0)?,
        }],
        Act::Scalar => {
            return Ok(Value::Scalar(match vector(0)?.as_slice() {
                [only] => only.value,
                _ => f64::NAN,
            }));
        }
        Act::Absent => {
            if !vector(0)?.is_empty() {
                return Ok(Value::Vector(Vec::new()));
            }
            let labels = match &arguments[0] {
                Expr::Selector(selector) => asked_for(run.store, &selector.matchers),
                _ => Labels::default(),
            };
            vec![Sample { labels, value: 1.0 }]
        }
        Act::HistogramQuantile => quantile::of_histograms(scalar(0)?, vector(1)?),
    }))
}

fn of_range(run: &Run<'_>, argument: &Expr, at: i64, act: fn(&Window<'_>) -> Option<f64>, named: bool) -> Vec<Sample> {
    let Expr::Selector(selector) = argument else {
        unreachable!("only selectors are range vectors");
    };
    let end = at.saturating_sub(selector.offset);
    let start = end.saturating_sub(selector.range.unwrap_or_default());
    let results = run.fetched[selector.id].iter().filter_map(|fetched| {
        let samples = window(&fetched.samples, selector, at);
        let value = act(&Window { samples, start, end })?;
        let labels = if named { &fetched.labels } else { &fetched.nameless };
        let labels = labels.clone();
        Some(Sample { labels, value })
    });
    results.collect()
}

/// When the samples of a selector were taken; of anything else, the time of the evaluation.
fn timestamps(run: &Run<'_>, argument: &Expr, at: i64) -> Result<Vec<Sample>, QueryError> {
    let Expr::Selector(selector) = argument else {
        let samples = run.value(argument, at)?.vector();
        return renamed(samples, |_| at as f64 / 1000.0);
    };
    let last = run.fetched[selector.id].iter().filter_map(|fetched| {
        let (time, value) = *window(&fetched.samples, selector, at).last()?;
        let labels = fetched.nameless.clone();
        let value = (!prommodel::is_stale(value)).then_some(time as f64 / 1000.0)?;
        Some(Sample { labels, value })
    });
    distinct(last.collect())
}
