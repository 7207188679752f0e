//! What a scrape consists of.

use std::sync::Arc;

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations by bucket.
    Histogram,
    /// Observations by quantile.
    Summary,
    /// Not known.
    Untyped,
}

impl Kind {
    /// The word in a `# TYPE` line of the text format.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
            Kind::Untyped => "untyped",
        }
    }
}

/// The name and the value of a label.
pub type Label = (Arc<str>, Arc<str>);

/// All series of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// The name, with `_total` if the counter has it.
    pub name: Arc<str>,
    /// What it means.
    pub help: Arc<str>,
    /// The type.
    pub kind: Kind,
    /// The series.
    pub series: Vec<Series>,
}

impl Family {
    /// A family without series.
    pub fn new(name: impl Into<Arc<str>>, help: impl Into<Arc<str>>, kind: Kind) -> Family {
        Family {
            name: name.into(),
            help: help.into(),
            kind,
            series: Vec::new(),
        }
    }

    /// Adds a series of one number.
    pub fn push(&mut self, labels: Vec<Label>, value: f64) {
        self.series.push(Series {
            labels,
            point: Point::Number(value),
        });
    }
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels; the order is that of the output, [`crate::Registry::gather`] sorts them by name.
    pub labels: Vec<Label>,
    /// Its value.
    pub point: Point,
}

/// A bucket of a histogram: its upper bound and how many observations are at or below it (so buckets are cumulative).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Upper bound, inclusive.
    pub le: f64,
    /// Observations up to it.
    pub count: u64,
}

/// The value of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum Point {
    /// Of a counter, a gauge or an untyped family.
    Number(f64),
    /// Of a histogram. The bucket of +Inf is implied by `count`.
    Histogram {
        /// Buckets in ascending order.
        buckets: Vec<Bucket>,
        /// Sum of all observations.
        sum: f64,
        /// Number of observations.
        count: u64,
    },
    /// Of a summary.
    Summary {
        /// Quantile (0 to 1) and value.
        quantiles: Vec<(f64, f64)>,
        /// Sum of all observations.
        sum: f64,
        /// Number of observations.
        count: u64,
    },
}

impl Point {
    pub(crate) fn fits(&self, kind: Kind) -> bool {
        match self {
            Point::Number(_) => matches!(kind, Kind::Counter | Kind::Gauge | Kind::Untyped),
            Point::Histogram { .. } => kind == Kind::Histogram,
            Point::Summary { .. } => kind == Kind::Summary,
        }
    }
}

/// Whether `name` can be written without quotes as the name of a metric: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
pub fn valid_metric_name(name: &str) -> bool {
    legacy(name, |byte| byte == b':')
}

/// Whether `name` can be written without quotes as the name of a label: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn valid_label_name(name: &str) -> bool {
    legacy(name, |_| false)
}

fn legacy(name: &str, also: impl Fn(u8) -> bool) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || also(byte);
    name.bytes().next().is_some_and(letter) && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
}
