//! What is edited and what is not.

use super::action::Owned;
use super::signals_of;
use crate::output::OutputArgs;
use crate::text::as_string;
use component::{Error, Result};
use goregex::Regex;
use otlp_wire::common::{AnyValue, Attributes};
use otlp_wire::edit::{Kind, Pending, Record};
use signals::Signal;
use value::{Block, Choice, Value};

/// How texts are compared.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchType {
    /// They are equal.
    #[choice("strict")]
    Strict,
    /// A regular expression finds something in them.
    #[choice("regexp")]
    Regexp,
}

/// What a record has to be like: everything that is given here holds for it. Of a list one has to hold.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct MatchArgs {
    /// How texts are compared: `strict` or `regexp`.
    #[arg]
    pub match_type: MatchType,
    /// Values of the resource's `service.name`, for spans.
    #[arg(default)]
    pub services: Vec<String>,
    /// Names of spans.
    #[arg(default)]
    pub span_names: Vec<String>,
    /// Kinds of spans, such as `SPAN_KIND_SERVER`.
    #[arg(default)]
    pub span_kinds: Vec<String>,
    /// Bodies of log records that are texts.
    #[arg(default)]
    pub log_bodies: Vec<String>,
    /// What sources call the severity of log records.
    #[arg(default)]
    pub log_severity_texts: Vec<String>,
    /// Names of metrics.
    #[arg(default)]
    pub metric_names: Vec<String>,
    /// Has no effect: expressions are compiled once.
    #[arg(block)]
    pub regexp: Option<RegexpArgs>,
    /// Attributes of log records and spans. All of them have to hold.
    #[arg(block, many, name = "attribute")]
    pub attributes: Vec<AttributeArgs>,
    /// Attributes of resources. All of them have to hold.
    #[arg(block, many, name = "resource")]
    pub resources: Vec<AttributeArgs>,
    /// Libraries that made the records. One of them has to hold.
    #[arg(block, many, name = "library")]
    pub libraries: Vec<LibraryArgs>,
    /// Severity of log records.
    #[arg(block)]
    pub log_severity: Option<LogSeverityArgs>,
}

/// A cache of results.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct RegexpArgs {
    /// Has no effect.
    #[arg(default)]
    pub cache_enabled: bool,
    /// Has no effect.
    #[arg(default)]
    pub cache_max_num_entries: i64,
}

/// An attribute.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct AttributeArgs {
    /// Its key.
    #[arg]
    pub key: String,
    /// Its value; any if it is not set.
    #[arg(default)]
    pub value: Value,
}

/// A library.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct LibraryArgs {
    /// Its name.
    #[arg]
    pub name: String,
    /// Its version; any if it is not set.
    #[arg(default)]
    pub version: Option<String>,
}

/// Severity of log records.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct LogSeverityArgs {
    /// The lowest, such as `INFO`.
    #[arg]
    pub min: String,
    /// Whether records do that have none.
    #[arg]
    pub match_undefined: bool,
}

/// Severities in order, from 1 on.
const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// `TRACE` is 1, `TRACE2` 2, `FATAL4` 24.
fn severity(name: &str) -> Option<i32> {
    let (level, step) = match name.chars().last() {
        Some(digit @ '2'..='4') => (&name[..name.len() - 1], digit as i32 - '1' as i32),
        _ => (name, 0),
    };
    let level = LEVELS.iter().position(|known| *known == level)?;
    Some(level as i32 * 4 + 1 + step)
}

enum Test {
    Equal(Vec<u8>),
    Pattern(Regex),
}

impl Test {
    fn matches(&self, text: &[u8]) -> bool {
        match self {
            Test::Equal(wanted) => wanted == text,
            Test::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

enum Wanted {
    Any,
    Text(Test),
    Value(Owned),
}

/// A `include` or `exclude` block, compiled.
pub(super) struct Filter {
    services: Vec<Test>,
    span_names: Vec<Test>,
    span_kinds: Vec<Test>,
    bodies: Vec<Test>,
    severity_texts: Vec<Test>,
    metric_names: Vec<Test>,
    attributes: Vec<(Vec<u8>, Wanted)>,
    resources: Vec<(Vec<u8>, Wanted)>,
    libraries: Vec<(Test, Option<Test>)>,
    severity: Option<(i32, bool)>,
}

impl Filter {
    pub(super) fn new(args: &MatchArgs) -> Result<Filter> {
        let test = |name: &'static str, text: &str| match args.match_type {
            MatchType::Strict => Ok(Test::Equal(text.as_bytes().to_vec())),
            MatchType::Regexp => Regex::new(text)
                .map(Test::Pattern)
                .map_err(|error| Error::about(name, error.to_string())),
        };
        let tests = |name: &'static str, texts: &[String]| {
            texts.iter().map(|text| test(name, text)).collect::<Result<Vec<_>>>()
        };
        let wanted = |block: &'static str, list: &[AttributeArgs]| {
            let one = |(number, args_): (usize, &AttributeArgs)| {
                let inside = |error: Error| error.inside(block, number);
                let wanted =
                    match (&args_.value, args.match_type) {
                        (Value::Null, _) => Wanted::Any,
                        (Value::String(text), MatchType::Regexp) => {
                            Wanted::Text(test("value", &text.to_str_lossy()).map_err(inside)?)
                        }
                        (_, MatchType::Regexp) => {
                            return Err(inside(Error::about(
                                "value",
                                "must be a string, since it is a regular expression",
                            )));
                        }
                        (value, MatchType::Strict) => {
                            let value = Owned::new(value);
                            Wanted::Value(value.ok_or_else(|| {
                                inside(Error::about("value", "is nothing that an attribute can have"))
                            })?)
                        }
                    };
                Ok((args_.key.as_bytes().to_vec(), wanted))
            };
            list.iter().enumerate().map(one).collect::<Result<Vec<_>>>()
        };
        let library = |(number, library): (usize, &LibraryArgs)| {
            let inside = |error: Error| error.inside("library", number);
            let version = library.version.as_ref().map(|version| test("version", version));
            Ok((
                test("name", &library.name).map_err(inside)?,
                version.transpose().map_err(inside)?,
            ))
        };
        let severity = |args: &LogSeverityArgs| {
            let min = severity(&args.min).ok_or_else(|| {
                Error::about(
                    "min",
                    format!("{:?} is no severity; they are TRACE, TRACE2, ..., FATAL4", args.min),
                )
                .inside("log_severity", 0)
            })?;
            Ok::<_, Error>((min, args.match_undefined))
        };
        Ok(Filter {
            services: tests("services", &args.services)?,
            span_names: tests("span_names", &args.span_names)?,
            span_kinds: tests("span_kinds", &args.span_kinds)?,
            bodies: tests("log_bodies", &args.log_bodies)?,
            severity_texts: tests("log_severity_texts", &args.log_severity_texts)?,
            metric_names: tests("metric_names", &args.metric_names)?,
            attributes: wanted("attribute", &args.attributes)?,
            resources: wanted("resource", &args.resources)?,
            libraries: args.libraries.iter().enumerate().map(library).collect::<Result<_>>()?,
            severity: args.log_severity.as_ref().map(severity).transpose()?,
        })
    }

    /// Whether there is anything that records of a signal can be told by.
    fn concerns(&self, signal: Signal) -> bool {
        let common = !self.resources.is_empty() || !self.libraries.is_empty();
        common
            || match signal {
                Signal::Logs => {
                    !self.bodies.is_empty()
                        || !self.severity_texts.is_empty()
                        || self.severity.is_some()
                        || !self.attributes.is_empty()
                }
                Signal::Metrics => !self.metric_names.is_empty(),
                Signal::Traces => {
                    !self.services.is_empty()
                        || !self.span_names.is_empty()
                        || !self.span_kinds.is_empty()
                        || !self.attributes.is_empty()
                }
            }
    }

    /// Whether what is given goes with the signals that go anywhere.
    pub(super) fn check(&self, output: &OutputArgs) -> Result<()> {
        let spans = [
            ("services", &self.services),
            ("span_names", &self.span_names),
            ("span_kinds", &self.span_kinds),
        ];
        let logs = [
            ("log_bodies", &self.bodies),
            ("log_severity_texts", &self.severity_texts),
        ];
        for signal in signals_of(output) {
            let (foreign, what): (&[(&str, &Vec<Test>)], &str) = match signal {
                Signal::Logs => (&spans, "log records"),
                Signal::Traces => (&logs, "spans"),
                // Alloy looks only at what is about metrics.
                Signal::Metrics => continue,
            };
            if let Some((name, _)) = foreign.iter().find(|(_, tests)| !tests.is_empty()) {
                return Err(Error::about(
                    *name,
                    format!("says nothing of {what}, which \"output\" has"),
                ));
            }
            if !self.concerns(signal) {
                return Err(Error::new(format!(
                    "says nothing by which {what} could be told, which \"output\" has"
                )));
            }
        }
        Ok(())
    }

    /// Whether a record is meant; `otherwise` if the block does not say anything of its signal.
    pub(super) fn matches(
        &self,
        signal: Signal,
        record: &Record<'_>,
        attributes: &mut Pending<'_, '_>,
        otherwise: bool,
    ) -> bool {
        if !self.concerns(signal) {
            return otherwise;
        }
        let one = |tests: &[Test], text: &[u8]| tests.is_empty() || tests.iter().any(|test| test.matches(text));
        let fits = match record.kind() {
            Kind::Log(log) => {
                let body = match log.body {
                    _ if self.bodies.is_empty() => true,
                    Some(AnyValue::String(text)) => one(&self.bodies, text),
                    _ => false,
                };
                let severe = match (self.severity, log.severity_number) {
                    (None, _) => true,
                    (Some((_, undefined)), 0) => undefined,
                    (Some((min, _)), number) => number >= min,
                };
                body && severe && one(&self.severity_texts, log.severity_text)
            }
            Kind::Span(span) => {
                let kind = match span.kind {
                    1 => "SPAN_KIND_INTERNAL",
                    2 => "SPAN_KIND_SERVER",
                    3 => "SPAN_KIND_CLIENT",
                    4 => "SPAN_KIND_PRODUCER",
                    5 => "SPAN_KIND_CONSUMER",
                    _ => "SPAN_KIND_UNSPECIFIED",
                };
                let service = || match record.resource().attributes().get(b"service.name") {
                    Some(name) => one(&self.services, as_string(&name).as_bytes()),
                    None => false,
                };
                one(&self.span_names, span.name)
                    && one(&self.span_kinds, kind.as_bytes())
                    && (self.services.is_empty() || service())
            }
            _ => record
                .metric()
                .is_none_or(|metric| one(&self.metric_names, metric.name)),
        };
        fits && self.library(record) && self.resource(record.resource().attributes()) && {
            signal == Signal::Metrics || self.attributes.is_empty() || {
                let attributes = attributes.get();
                self.attributes
                    .iter()
                    .all(|(key, wanted)| has(wanted, attributes.get(key)))
            }
        }
    }

    fn library(&self, record: &Record<'_>) -> bool {
        let fits = |(name, version): &(Test, Option<Test>)| {
            let scope = record.scope();
            name.matches(scope.name) && version.as_ref().is_none_or(|version| version.matches(scope.version))
        };
        self.libraries.is_empty() || self.libraries.iter().any(fits)
    }

    fn resource(&self, attributes: Attributes<'_>) -> bool {
        self.resources
            .iter()
            .all(|(key, wanted)| has(wanted, attributes.get(key)))
    }
}

fn has(wanted: &Wanted, value: Option<AnyValue<'_>>) -> bool {
    let Some(value) = value else { return false };
    match (wanted, value) {
        (Wanted::Any, _) => true,
        (Wanted::Text(_), AnyValue::Array(_) | AnyValue::Map(_) | AnyValue::Bytes(_) | AnyValue::Empty) => false,
        (Wanted::Text(test), value) => test.matches(as_string(&value).as_bytes()),
        (Wanted::Value(wanted), value) => equal(wanted.view(), value),
    }
}

fn equal(a: AnyValue<'_>, b: AnyValue<'_>) -> bool {
    match (a, b) {
        (AnyValue::Empty, AnyValue::Empty) => true,
        (AnyValue::String(a), AnyValue::String(b)) | (AnyValue::Bytes(a), AnyValue::Bytes(b)) => a == b,
        (AnyValue::Bool(a), AnyValue::Bool(b)) => a == b,
        (AnyValue::Int(a), AnyValue::Int(b)) => a == b,
        (AnyValue::Double(a), AnyValue::Double(b)) => a == b,
        (AnyValue::Array(a), AnyValue::Array(b)) => a.count() == b.count() && a.zip(b).all(|(a, b)| equal(a, b)),
        (AnyValue::Map(a), AnyValue::Map(b)) => {
            let all =
                |pair: otlp_wire::common::KeyValue<'_>| b.get(pair.key).is_some_and(|value| equal(pair.value(), value));
            a.iter().count() == b.iter().count() && a.into_iter().all(all)
        }
        _ => false,
    }
}
