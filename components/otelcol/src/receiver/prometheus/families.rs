//! What is known of families, and what a sample is by it.

use prommodel::{Kind, Series};
use signals::Family;
use smol_str::SmolStr;
use std::collections::HashMap;
use std::sync::Arc;

/// Most families that are remembered; they come again.
const MOST: usize = 100_000;

/// Families by name.
#[derive(Default)]
pub(super) struct Families(HashMap<SmolStr, Arc<Family>>);

/// Which part of a point a sample is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    /// All of it.
    Value,
    /// A bucket, by its upper bound.
    Bucket(f64),
    /// A quantile.
    Quantile(f64),
    Sum,
    Count,
    /// When counting began, in seconds.
    Created,
}

/// What a sample is.
pub(super) struct Found<'a> {
    /// Name of the metric that it is part of.
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    pub(super) part: Part,
    pub(super) family: Option<&'a Arc<Family>>,
}

fn number(series: &Series, label: &str) -> Option<f64> {
    let text = series.get(label)?;
    match text {
        "+Inf" => Some(f64::INFINITY),
        text => text.parse().ok(),
    }
}

impl Families {
    /// Remembers what a batch says.
    pub(super) fn learn(&mut self, families: &[Arc<Family>]) {
        for family in families {
            if self.0.len() >= MOST && !self.0.contains_key(&family.name) {
                self.0.clear();
            }
            self.0.insert(family.name.clone(), family.clone());
        }
    }

    /// The family of a metric, for native histograms.
    pub(super) fn get(&self, name: &str) -> Option<&Arc<Family>> {
        self.0.get(name)
    }

    /// What a sample is.
    pub(super) fn find<'a>(&'a self, series: &'a Series) -> Found<'a> {
        let metric = series.metric();
        let found = |name, family: &'a Arc<Family>, part| Found {
            name,
            kind: family.kind,
            part,
            family: Some(family),
        };
        if let Some(family) = self.0.get(metric) {
            let part = match (family.kind, number(series, "quantile")) {
                (Kind::Summary, Some(quantile)) => Part::Quantile(quantile),
                _ => Part::Value,
            };
            return found(metric, family, part);
        }
        let suffixes = [
            ("_bucket", number(series, "le").map(Part::Bucket)),
            ("_sum", Some(Part::Sum)),
            ("_count", Some(Part::Count)),
            ("_gsum", Some(Part::Sum)),
            ("_gcount", Some(Part::Count)),
            ("_created", Some(Part::Created)),
            ("_total", Some(Part::Value)),
            ("_info", Some(Part::Value)),
        ];
        for (suffix, part) in suffixes {
            let family = metric.strip_suffix(suffix).and_then(|base| self.0.get(base));
            let (Some(family), Some(part)) = (family, part) else {
                continue;
            };
            match (family.kind, suffix) {
                (
                    Kind::Histogram | Kind::GaugeHistogram,
                    "_bucket" | "_sum" | "_count" | "_gsum" | "_gcount" | "_created",
                )
                | (Kind::Summary, "_sum" | "_count" | "_created")
                | (Kind::Counter, "_created") => return found(&family.name, family, part),
                (Kind::Counter, "_total") | (Kind::Info, "_info") => return found(metric, family, part),
                _ => {}
            }
        }
        Found {
            name: metric,
            kind: Kind::Unknown,
            part: Part::Value,
            family: None,
        }
    }
}

/// Units of UCUM by the words that names end with.
const UNITS: [(&str, &str); 24] = [
    ("days", "d"),
    ("hours", "h"),
    ("minutes", "min"),
    ("seconds", "s"),
    ("milliseconds", "ms"),
    ("microseconds", "us"),
    ("nanoseconds", "ns"),
    ("bytes", "By"),
    ("kibibytes", "KiBy"),
    ("mebibytes", "MiBy"),
    ("gibibytes", "GiBy"),
    ("tibibytes", "TiBy"),
    ("kilobytes", "KBy"),
    ("megabytes", "MBy"),
    ("gigabytes", "GBy"),
    ("terabytes", "TBy"),
    ("meters", "m"),
    ("volts", "V"),
    ("amperes", "A"),
    ("joules", "J"),
    ("watts", "W"),
    ("grams", "g"),
    ("celsius", "Cel"),
    ("hertz", "Hz"),
];

const PER: [(&str, &str); 7] = [
    ("second", "s"),
    ("minute", "m"),
    ("hour", "h"),
    ("day", "d"),
    ("week", "w"),
    ("month", "mo"),
    ("year", "y"),
];

/// A unit as UCUM has it; as it is if it is not known.
pub(super) fn unit(words: &str) -> String {
    let look_up = |table: &[(&str, &str)], word: &str| {
        let known = table.iter().find(|(name, _)| *name == word);
        known.map_or_else(|| word.to_owned(), |(_, unit)| (*unit).to_owned())
    };
    match words.split_once("_per_") {
        Some((main, per)) => format!("{}/{}", look_up(&UNITS, main), look_up(&PER, per)),
        None => match words.strip_prefix("per_") {
            Some(per) => format!("/{}", look_up(&PER, per)),
            None => look_up(&UNITS, words),
        },
    }
}
