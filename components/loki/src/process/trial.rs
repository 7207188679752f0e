//! Pipelines outside any graph: one record in, what becomes of it out.

use super::extracted::{Extracted, Seen};
use super::held::Blocks;
use super::metrics::Metrics;
use super::names::Names;
use super::pipeline::{CompileOptions, Pipeline};
use super::record::Record;
use super::stages::Stage;
use super::step::{Cx, Flow, Watch};
use component::Error;
use host::Host;
use promtext::Registry;
use signals::{Entry, Labels};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A record for a [`Trial`].
#[derive(Clone, Debug)]
pub struct Given {
    /// Its labels.
    pub labels: Labels,
    /// Line, time and structured metadata.
    pub entry: Entry,
    /// Values that count as extracted already; labels of the same names replace them.
    pub extracted: BTreeMap<String, Outcome>,
}

/// An extracted value.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// JSON's null.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text.
    Text(Vec<u8>),
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Result {
    /// It came out.
    Out {
        /// Its labels.
        labels: Labels,
        /// Line, time and structured metadata.
        entry: Entry,
        /// All extracted values.
        extracted: BTreeMap<String, Outcome>,
    },
    /// A rule has dropped it.
    Dropped(String),
}

/// Stages with their state, run on one record after the other.
pub struct Trial {
    pipeline: Pipeline,
    held: Vec<Blocks>,
    results: Results,
}

#[derive(Default)]
struct Results(Vec<Result>);

impl Watch for Results {
    fn before(&mut self, _: &str, _: &Record, _: &Names) {}

    fn after(&mut self, _: &str, _: &Record, _: &Names, _: Flow) {}

    fn out(&mut self, record: &Record, names: &Names) {
        let extracted = record.all(names).into_iter().filter_map(|(name, seen)| {
            let value = match seen {
                Seen::Missing => return None,
                Seen::Null => Outcome::Null,
                Seen::Bool(value) => Outcome::Bool(value),
                Seen::Number(value) => Outcome::Number(value),
                Seen::Text(text) => Outcome::Text(text.to_vec()),
            };
            Some((name.to_owned(), value))
        });
        self.0.push(Result::Out {
            labels: record.labels.clone(),
            entry: Entry {
                timestamp: record.timestamp,
                line: record.line.clone(),
                metadata: record.metadata.clone(),
            },
            extracted: extracted.collect(),
        });
    }

    fn dropped(&mut self, rule: &str) {
        self.0.push(Result::Dropped(rule.to_owned()));
    }
}

impl Trial {
    /// Compiles stages; their metrics are in `registry`. With `keep_all` every extracted value is in the results, otherwise
    /// those that some stage reads.
    pub fn new(stages: &[Stage], host: Host, registry: &Registry, keep_all: bool) -> std::result::Result<Trial, Error> {
        let metrics = Metrics::new(registry).map_err(|error| Error::caused("cannot register metrics", error))?;
        let options = CompileOptions {
            keep_all,
            host,
            metrics: Arc::new(metrics),
        };
        let pipeline = Pipeline::compile(stages, options)?;
        pipeline.show_metrics();
        Ok(Trial {
            held: pipeline.blocks(),
            pipeline,
            results: Results::default(),
        })
    }

    /// Runs a record; waits where a stage does. What comes out now may be of earlier records.
    pub async fn push(&mut self, given: &Given) -> Vec<Result> {
        let preset = given.extracted.iter().map(|(name, value)| {
            let value = match value {
                Outcome::Null => Extracted::Null,
                Outcome::Bool(value) => Extracted::Bool(*value),
                Outcome::Number(value) => Extracted::Number(*value),
                Outcome::Text(text) => Extracted::Text(text.clone().into()),
            };
            (name.as_str(), value)
        });
        let preset: Vec<_> = preset.filter(|(name, _)| given.labels.get(name).is_none()).collect();
        self.with(|pipeline, cx| pipeline.run_with(&given.labels, &given.entry, preset, cx))
            .await
    }

    /// Passes on what the stages hold.
    pub async fn finish(&mut self) -> Vec<Result> {
        let mut results = Vec::new();
        for holding in 0..self.held.len() {
            for block in self.held[holding].drain() {
                results.extend(
                    self.with(|pipeline, cx| {
                        pipeline.release(holding, block, cx);
                        pipeline.resume(cx)
                    })
                    .await,
                );
            }
        }
        results
    }

    async fn with(&mut self, start: impl FnOnce(&Pipeline, &mut Cx<'_>) -> Option<std::time::Duration>) -> Vec<Result> {
        let pipeline = &self.pipeline;
        let mut tools = pipeline.tools();
        let mut cx = Cx::new(pipeline.names(), &mut tools, &mut self.held, pipeline.host(), 0);
        cx.watch = Some(&mut self.results);
        let mut pause = start(pipeline, &mut cx);
        while let Some(duration) = pause {
            tokio::time::sleep(duration).await;
            pause = pipeline.resume(&mut cx);
        }
        let output = std::mem::take(&mut cx.output);
        drop(cx);
        pipeline.give_back(tools);
        for (rule, dropped) in output.dropped.iter().enumerate() {
            let (name, counted) = pipeline.rule(rule);
            if counted && dropped.lines > 0 {
                pipeline.metrics().dropped.with(&[name]).add(dropped.lines);
            }
        }
        output.effects.into_iter().for_each(super::metrics::Effect::apply);
        std::mem::take(&mut self.results.0)
    }
}
