//! `stage.metrics`: makes metrics of records.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::extracted::Seen;
use crate::process::metrics::{CustomFamily, Definition, Effect, metric_labels};
use crate::process::names::{Reads, Slot};
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, Step};
use component::Error;
use promtext::{CounterVec, Kind};
use signals::Labels;
use std::collections::HashMap;
use std::sync::Arc;
use value::{Block, BlockEnum, GoDuration};

/// Makes metrics of records. Their labels are the labels of the record.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// The metrics.
    #[arg(enum_block, name = "metric")]
    pub metrics: Vec<Metric>,
}

/// A metric.
#[derive(BlockEnum, Clone, Debug, PartialEq)]
pub enum Metric {
    /// Counts.
    #[variant("counter")]
    Counter(CounterConfig),
    /// Goes up and down.
    #[variant("gauge")]
    Gauge(GaugeConfig),
    /// Sorts values into buckets.
    #[variant("histogram")]
    Histogram(HistogramConfig),
}

const PREFIX: &str = "loki_process_custom_";

/// A counter.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct CounterConfig {
    /// Name of the metric, without the prefix.
    #[arg]
    pub name: String,
    /// Its description.
    #[arg(default)]
    pub description: String,
    /// Name of the extracted value; the metric's name if it is empty.
    #[arg(default)]
    pub source: String,
    /// Prefix of the metric's name.
    #[arg(default = PREFIX.to_owned())]
    pub prefix: String,
    /// Series that got nothing for so long are removed.
    #[arg(default = GoDuration::minutes(5))]
    pub max_idle_duration: GoDuration,
    /// Count only records whose extracted value is this.
    #[arg(default)]
    pub value: String,
    /// `inc` counts records, `add` adds the extracted values.
    #[arg]
    pub action: String,
    /// Count all records, whether the extracted value is there or not.
    #[arg(default)]
    pub match_all: bool,
    /// Add the size of the line.
    #[arg(default)]
    pub count_entry_bytes: bool,
}

/// A gauge.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct GaugeConfig {
    /// Name of the metric, without the prefix.
    #[arg]
    pub name: String,
    /// Its description.
    #[arg(default)]
    pub description: String,
    /// Name of the extracted value; the metric's name if it is empty.
    #[arg(default)]
    pub source: String,
    /// Prefix of the metric's name.
    #[arg(default = PREFIX.to_owned())]
    pub prefix: String,
    /// Series that got nothing for so long are removed.
    #[arg(default = GoDuration::minutes(5))]
    pub max_idle_duration: GoDuration,
    /// Take only records whose extracted value is this.
    #[arg(default)]
    pub value: String,
    /// `set`, `inc`, `dec`, `add` or `sub`.
    #[arg]
    pub action: String,
}

/// A histogram.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct HistogramConfig {
    /// Name of the metric, without the prefix.
    #[arg]
    pub name: String,
    /// Its description.
    #[arg(default)]
    pub description: String,
    /// Name of the extracted value; the metric's name if it is empty.
    #[arg(default)]
    pub source: String,
    /// Prefix of the metric's name.
    #[arg(default = PREFIX.to_owned())]
    pub prefix: String,
    /// Series that got nothing for so long are removed.
    #[arg(default = GoDuration::minutes(5))]
    pub max_idle_duration: GoDuration,
    /// Take only records whose extracted value is this.
    #[arg(default)]
    pub value: String,
    /// Upper bounds of the buckets.
    #[arg]
    pub buckets: Vec<f64>,
}

/// What is common to all metrics.
struct Common<'a> {
    block: &'static str,
    name: &'a str,
    description: &'a str,
    source: &'a str,
    prefix: &'a str,
    max_idle: GoDuration,
    value: &'a str,
    kind: Kind,
    buckets: Vec<f64>,
}

impl Metric {
    fn common(&self) -> Common<'_> {
        macro_rules! common {
            ($config:expr, $block:literal, $kind:ident, $buckets:expr) => {
                Common {
                    block: $block,
                    name: &$config.name,
                    description: &$config.description,
                    source: if $config.source.is_empty() {
                        &$config.name
                    } else {
                        &$config.source
                    },
                    prefix: &$config.prefix,
                    max_idle: $config.max_idle_duration,
                    value: &$config.value,
                    kind: Kind::$kind,
                    buckets: $buckets,
                }
            };
        }
        match self {
            Metric::Counter(config) => common!(config, "metric.counter", Counter, Vec::new()),
            Metric::Gauge(config) => common!(config, "metric.gauge", Gauge, Vec::new()),
            Metric::Histogram(config) => common!(config, "metric.histogram", Histogram, {
                let mut buckets = config.buckets.clone();
                buckets.retain(|bound| bound.is_finite());
                buckets.sort_by(f64::total_cmp);
                buckets.dedup();
                buckets
            }),
        }
    }

    fn action(&self) -> Result<Action, Error> {
        match self {
            Metric::Counter(config) => {
                if config.match_all && !config.value.is_empty() {
                    return Err(Error::about("match_all", "excludes value").with("value"));
                }
                if config.count_entry_bytes && (!config.match_all || config.action != "add") {
                    let message = "needs match_all = true and action = \"add\"";
                    return Err(Error::about("count_entry_bytes", message)
                        .with("match_all")
                        .with("action"));
                }
                match config.action.as_str() {
                    "inc" => Ok(Action::Inc(1.0)),
                    "add" if config.count_entry_bytes => Ok(Action::AddBytes),
                    "add" => Ok(Action::Add(1.0)),
                    other => {
                        let message = format!("must be \"inc\" or \"add\", not {other:?}");
                        Err(Error::about("action", message))
                    }
                }
            }
            Metric::Gauge(config) => match config.action.as_str() {
                "set" => Ok(Action::Set),
                "inc" => Ok(Action::Inc(1.0)),
                "dec" => Ok(Action::Inc(-1.0)),
                "add" => Ok(Action::Add(1.0)),
                "sub" => Ok(Action::Add(-1.0)),
                other => {
                    let message = format!("must be \"set\", \"inc\", \"dec\", \"add\" or \"sub\", not {other:?}");
                    Err(Error::about("action", message))
                }
            },
            Metric::Histogram(_) => Ok(Action::Observe),
        }
    }
}

/// Checks a metric.
fn recorder(metric: &Metric, compiler: &mut Compiler) -> Result<Recorder, Error> {
    let common = metric.common();
    let name = format!("{}{}", common.prefix, common.name);
    if common.name.is_empty() {
        return Err(Error::about("name", "must not be empty"));
    }
    if !promtext::valid_metric_name(&name) {
        let message = format!("{name:?} is not a valid name of a metric");
        return Err(Error::about("name", message).with("prefix"));
    }
    if common.max_idle < GoDuration::seconds(1) {
        return Err(Error::about("max_idle_duration", "must be at least 1s"));
    }
    if common.kind == Kind::Histogram && common.buckets.is_empty() {
        return Err(Error::about("buckets", "must not be empty"));
    }
    let action = metric.action()?;
    let registered = |error: promtext::RegisterError| Error::caused("cannot register metrics", error);
    let definition = Definition {
        name,
        help: common.description.to_owned(),
        kind: common.kind,
        buckets: common.buckets.clone(),
        max_idle: common.max_idle.0,
    };
    Ok(Recorder {
        family: compiler.family(definition)?,
        source: compiler.read(common.source),
        value: common.value.as_bytes().to_vec(),
        action,
        match_all: matches!(metric, Metric::Counter(config) if config.match_all),
        negative: match common.kind {
            Kind::Counter => Some(compiler.metrics().negative_values().map_err(registered)?),
            _ => None,
        },
    })
}

impl Compile for Config {
    fn reads(&self, reads: &mut Reads) {
        for metric in &self.metrics {
            reads.name(metric.common().source);
        }
    }

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        let mut recorders = Vec::new();
        let mut namesakes: HashMap<&'static str, usize> = HashMap::new();
        for metric in &self.metrics {
            let block = metric.common().block;
            let number = namesakes.entry(block).or_default();
            let made = recorder(metric, compiler).map_err(|error| error.inside(block, *number));
            *number += 1;
            recorders.extend(compiler.note(made));
        }
        let room = compiler.room(|| None::<(Labels, Labels)>);
        compiler.step("stage.metrics", Metrics { recorders, room });
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Action {
    Set,
    /// Adds a constant.
    Inc(f64),
    /// Adds the value, times this.
    Add(f64),
    AddBytes,
    Observe,
}

struct Recorder {
    family: Arc<CustomFamily>,
    source: Slot,
    value: Vec<u8>,
    action: Action,
    match_all: bool,
    /// Where a counter counts values that it cannot add.
    negative: Option<CounterVec>,
}

struct Metrics {
    recorders: Vec<Recorder>,
    room: usize,
}

impl Step for Metrics {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let last = cx.tools.room::<Option<(Labels, Labels)>>(self.room);
        let labels = match last {
            Some((labels, shown)) if labels.same(&record.labels) => shown.clone(),
            _ => {
                let shown = metric_labels(&record.labels);
                *last = Some((record.labels.clone(), shown.clone()));
                shown
            }
        };
        for recorder in &self.recorders {
            cx.output.effects.extend(recorder.record(record, &labels));
        }
        Flow::Next
    }
}

impl Recorder {
    fn record(&self, record: &Record, labels: &Labels) -> Option<Effect> {
        let seen = if self.match_all {
            Seen::Null
        } else {
            record.get(&self.source)
        };
        if !seen.is_present() || (!self.value.is_empty() && seen.text().is_none_or(|text| *text != *self.value)) {
            return None;
        }
        let (family, labels) = (self.family.clone(), labels.clone());
        let add = |family, labels, value: f64| match &self.negative {
            // A counter only goes up: what would take it down is counted, not added.
            Some(negative) if value < 0.0 || value.is_nan() => Effect::Negative(negative.clone(), family),
            _ => Effect::Add(family, labels, value),
        };
        Some(match self.action {
            Action::Set => Effect::Set(family, labels, float(seen)?),
            Action::Inc(by) => Effect::Add(family, labels, by),
            Action::Add(factor) => add(family, labels, factor * float(seen)?),
            Action::AddBytes => Effect::Add(family, labels, record.line.len() as f64),
            Action::Observe => Effect::Observe(family, labels, float(seen)?),
        })
    }
}

/// A value as a number: text may be a number or a duration, which counts in seconds.
fn float(seen: Seen<'_>) -> Option<f64> {
    match seen {
        Seen::Missing | Seen::Null => None,
        Seen::Bool(value) => Some(f64::from(u8::from(value))),
        Seen::Number(value) => Some(value),
        Seen::Text(text) => {
            let text = std::str::from_utf8(text).ok()?;
            text.parse()
                .ok()
                .or_else(|| gotime::parse_duration(text).ok().map(|nanos| nanos as f64 / 1e9))
        }
    }
}
