//! Evaluating expressions at one time or at many.

use crate::ast::{Expr, Matcher, Selector, Type};
use crate::parse;
use crate::store::Store;
use crate::{aggregate, binary, functions};
use prommodel::Label;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How far back a selector without a range looks for the last sample, in milliseconds.
const LOOKBACK: i64 = 5 * 60 * 1000;
/// Steps of one range query, as in Prometheus.
const MOST_STEPS: i64 = 11_000;
/// What is said with everything that is not understood.
const SUBSET: &str = "the embedded store knows selectors, rate, increase and other functions of one vector, sum, avg, max, min, count by \
labels, and arithmetic; point Grafana at a Prometheus for more";

/// Labels of a result, by name.
pub type Labels = Arc<[Label]>;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// What is wrong.
    pub message: String,
    /// Whether the query is at fault and not what it found.
    pub bad: bool,
}

impl QueryError {
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        QueryError {
            message: message.into(),
            bad: true,
        }
    }

    /// An error at an offset of the text.
    pub(crate) fn syntax(text: &str, at: usize, what: String) -> Self {
        let before = &text[..at];
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.chars().rev().take_while(|c| *c != '\n').count();
        Self::bad(format!("{line}:{column}: parse error: {what}"))
    }

    pub(crate) fn execution(message: impl Into<String>) -> Self {
        QueryError {
            message: message.into(),
            bad: false,
        }
    }

    pub(crate) fn more(mut self, text: &str) -> Self {
        self.message.push_str(text);
        self
    }

    /// Says what can be asked instead.
    pub(crate) fn unsupported(self) -> Self {
        self.more(&format!(": {SUBSET}"))
    }
}

/// A value with its labels.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The labels.
    pub labels: Labels,
    /// The value.
    pub value: f64,
}

/// Values of one series over time.
#[derive(Clone, Debug)]
pub struct Track {
    /// The labels.
    pub labels: Labels,
    /// Times in milliseconds since 1970, and values.
    pub points: Vec<(i64, f64)>,
}

/// What a query gives.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A number.
    Scalar(f64),
    /// One value for each series, in the order of the expression.
    Vector(Vec<Sample>),
    /// Values over time, by labels.
    Matrix(Vec<Track>),
}

impl Answer {
    /// At most so many series.
    pub(crate) fn limited(mut self, limit: usize) -> Answer {
        match &mut self {
            Answer::Scalar(_) => {}
            Answer::Vector(samples) => samples.truncate(limit),
            Answer::Matrix(tracks) => tracks.truncate(limit),
        }
        self
    }
}

/// When a range query is evaluated. Milliseconds since 1970, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The first time.
    pub start: i64,
    /// No time is behind it.
    pub end: i64,
    /// Between two times.
    pub step: i64,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Query {
    expr: Expr,
    selectors: usize,
}

/// What is selected, and what is known of it.
pub(crate) struct Fetched {
    pub labels: Labels,
    /// Without the name of the metric.
    pub nameless: Labels,
    pub samples: Vec<(i64, f64)>,
}

pub(crate) enum Value {
    Scalar(f64),
    Vector(Vec<Sample>),
}

impl Value {
    pub(crate) fn scalar(self) -> f64 {
        match self {
            Value::Scalar(number) => number,
            Value::Vector(_) => unreachable!("types were checked when the expression was read"),
        }
    }

    pub(crate) fn vector(self) -> Vec<Sample> {
        match self {
            Value::Vector(samples) => samples,
            Value::Scalar(_) => unreachable!("types were checked when the expression was read"),
        }
    }
}

/// Labels without the name of the metric.
pub(crate) fn nameless(labels: &Labels) -> Labels {
    if labels.iter().any(|label| label.name() == prommodel::NAME) {
        let others = labels.iter().filter(|label| label.name() != prommodel::NAME);
        others.cloned().collect()
    } else {
        labels.clone()
    }
}

impl Query {
    /// Reads an expression and checks its types.
    ///
    /// # Errors
    /// Text that is no expression, or one that the store does not understand; with line and column.
    pub fn parse(text: &str) -> Result<Query, QueryError> {
        let (expr, selectors) = parse::expression(text)?;
        Ok(Query { expr, selectors })
    }

    /// Evaluates at a time, in milliseconds since 1970.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn instant(&self, store: &Store, at: i64) -> Result<Answer, QueryError> {
        let run = Run::new(self, store, at, at)?;
        if let Expr::Selector(selector @ Selector { range: Some(_), .. }) = &self.expr {
            let tracks = run.fetched[selector.id].iter().filter_map(|fetched| {
                let points = window(&fetched.samples, selector, at);
                let points = points.to_vec();
                (!points.is_empty()).then(|| Track {
                    labels: fetched.labels.clone(),
                    points,
                })
            });
            return Ok(Answer::Matrix(tracks.collect()));
        }
        Ok(match run.value(&self.expr, at)? {
            Value::Scalar(number) => Answer::Scalar(number),
            Value::Vector(samples) => Answer::Vector(samples),
        })
    }

    /// Evaluates at many times.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn range(&self, store: &Store, limits: Limits) -> Result<Answer, QueryError> {
        let Limits { start, end, step } = limits;
        if self.expr.kind() == Type::Matrix {
            return Err(QueryError::bad(
                "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
            ));
        }
        if step <= 0 {
            return Err(QueryError::bad(
                "zero or negative query resolution step widths are not accepted. Try a positive integer",
            ));
        }
        if end.saturating_sub(start) / step > MOST_STEPS {
            return Err(QueryError::bad(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
            ));
        }
        let run = Run::new(self, store, start, end)?;
        let mut numbers = HashMap::<Labels, usize>::new();
        let mut tracks: Vec<Track> = Vec::new();
        let mut room = store.config().max_query_samples;
        let mut at = start;
        while at <= end {
            let samples = match run.value(&self.expr, at)? {
                Value::Vector(samples) => samples,
                Value::Scalar(value) => vec![Sample {
                    labels: Labels::default(),
                    value,
                }],
            };
            room = room.checked_sub(samples.len()).ok_or_else(too_many)?;
            for Sample { labels, value } in samples {
                let number = *numbers.entry(labels.clone()).or_insert_with(|| {
                    let points = Vec::new();
                    tracks.push(Track { labels, points });
                    tracks.len() - 1
                });
                tracks[number].points.push((at, value));
            }
            at = match at.checked_add(step) {
                Some(next) => next,
                None => break,
            };
        }
        let pairs = |track: &Track| -> Vec<Label> { track.labels.to_vec() };
        tracks.sort_by(|a, b| {
            let text = |label: &Label| (label.name().to_owned(), label.value().to_owned());
            pairs(a).iter().map(text).cmp(pairs(b).iter().map(text))
        });
        Ok(Answer::Matrix(tracks))
    }
}

fn too_many() -> QueryError {
    QueryError::execution("query processing would load too many samples into memory in query execution")
}

/// The samples that a selector sees at a time: later than the start of its range, not later than its end.
pub(crate) fn window<'s>(samples: &'s [(i64, f64)], selector: &Selector, at: i64) -> &'s [(i64, f64)] {
    let end = at.saturating_sub(selector.offset);
    let after = end.saturating_sub(selector.range.unwrap_or(LOOKBACK));
    let first = samples.partition_point(|(time, _)| *time <= after);
    let last = samples.partition_point(|(time, _)| *time <= end);
    &samples[first..last.max(first)]
}

/// One evaluation.
pub(crate) struct Run<'s> {
    pub store: &'s Store,
    /// For each selector.
    pub fetched: Vec<Vec<Fetched>>,
}

impl<'s> Run<'s> {
    /// Reads what the expression needs from `start` to `end`.
    fn new(query: &Query, store: &'s Store, start: i64, end: i64) -> Result<Run<'s>, QueryError> {
        let mut selectors = Vec::with_capacity(query.selectors);
        collect(&query.expr, &mut selectors);
        selectors.sort_by_key(|selector| selector.id);
        let mut limit = store.config().max_query_samples;
        let mut fetched = Vec::with_capacity(selectors.len());
        for selector in selectors {
            let after = start
                .saturating_sub(selector.offset)
                .saturating_sub(selector.range.unwrap_or(LOOKBACK));
            let until = end.saturating_sub(selector.offset);
            let found = store
                .select(&selector.matchers, after, until, &mut limit)
                .ok_or_else(too_many)?;
            let found = found.into_iter().map(|(series, mut samples)| {
                if selector.range.is_some() {
                    // Ranges do not see markers; a single value is gone with one.
                    samples.retain(|(_, value)| !prommodel::is_stale(*value));
                }
                let labels: Labels = series.labels().cloned().collect();
                Fetched {
                    nameless: nameless(&labels),
                    labels,
                    samples,
                }
            });
            fetched.push(found.collect());
        }
        Ok(Run { store, fetched })
    }

    pub(crate) fn value(&self, expr: &Expr, at: i64) -> Result<Value, QueryError> {
        Ok(match expr {
            Expr::Number(number) => Value::Scalar(*number),
            Expr::Selector(selector) => {
                let last = self.fetched[selector.id].iter().filter_map(|fetched| {
                    let (_, value) = *window(&fetched.samples, selector, at).last()?;
                    let labels = fetched.labels.clone();
                    (!prommodel::is_stale(value)).then_some(Sample { labels, value })
                });
                Value::Vector(last.collect())
            }
            Expr::Negate(of) => match self.value(of, at)? {
                Value::Scalar(number) => Value::Scalar(-number),
                Value::Vector(samples) => Value::Vector(renamed(samples, |value| -value)?),
            },
            Expr::Call { function, arguments } => functions::call(self, function, arguments, at)?,
            Expr::Aggregate {
                op,
                grouping,
                parameter,
                of,
            } => {
                let parameter = match parameter {
                    Some(parameter) => self.value(parameter, at)?.scalar(),
                    None => 0.0,
                };
                let samples = self.value(of, at)?.vector();
                Value::Vector(aggregate::aggregate(*op, grouping, parameter, samples)?)
            }
            Expr::Binary {
                op,
                bool,
                matching,
                left,
                right,
            } => {
                let (left, right) = (self.value(left, at)?, self.value(right, at)?);
                binary::binary(*op, *bool, matching, left, right)?
            }
        })
    }
}

/// Samples with other values and without the names of their metrics.
pub(crate) fn renamed(samples: Vec<Sample>, change: impl Fn(f64) -> f64) -> Result<Vec<Sample>, QueryError> {
    let samples = samples.into_iter().map(|sample| Sample {
        labels: nameless(&sample.labels),
        value: change(sample.value),
    });
    distinct(samples.collect())
}

/// Refuses two elements with the same labels.
pub(crate) fn distinct(samples: Vec<Sample>) -> Result<Vec<Sample>, QueryError> {
    if samples.len() > 1 {
        let mut seen = HashSet::with_capacity(samples.len());
        if !samples.iter().all(|sample| seen.insert(&sample.labels)) {
            return Err(QueryError::execution(
                "vector cannot contain metrics with the same labelset",
            ));
        }
    }
    Ok(samples)
}

fn collect<'e>(expr: &'e Expr, out: &mut Vec<&'e Selector>) {
    match expr {
        Expr::Number(_) => {}
        Expr::Selector(selector) => out.push(selector),
        Expr::Negate(of) => collect(of, out),
        Expr::Call { arguments, .. } => arguments.iter().for_each(|argument| collect(argument, out)),
        Expr::Aggregate { parameter, of, .. } => {
            if let Some(parameter) = parameter {
                collect(parameter, out);
            }
            collect(of, out);
        }
        Expr::Binary { left, right, .. } => {
            collect(left, out);
            collect(right, out);
        }
    }
}

/// The labels of `absent`: those that the selector asks for.
pub(crate) fn asked_for(store: &Store, matchers: &[Matcher]) -> Labels {
    let mut labels: Vec<Label> = Vec::new();
    let mut twice = HashSet::new();
    for matcher in matchers.iter().filter(|matcher| matcher.name != prommodel::NAME) {
        let equal = matches!(matcher.kind, crate::ast::MatcherKind::Equal);
        let known = labels.iter().any(|label| label.name() == matcher.name);
        if equal && !known && !matcher.value.is_empty() && !twice.contains(&matcher.name) {
            labels.push(store.table.label(&matcher.name, &matcher.value));
        } else {
            labels.retain(|label| label.name() != matcher.name);
            twice.insert(matcher.name.clone());
        }
    }
    labels.sort_by(|a, b| a.name().cmp(b.name()));
    labels.into()
}
