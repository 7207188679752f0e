//! Compiled pipelines: a flat list of instructions over records whose extracted values have fixed places.

use super::compile::Compiler;
use super::extracted::Extracted;
use super::held::{Block, Blocks};
use super::label_cache::LabelCache;
use super::metrics::{CustomFamily, Metrics};
use super::names::{Names, Reads, Slot};
use super::record::Record;
use super::stages::{Compile, Stage};
use super::step::{Cx, DroppedExample, Flow, RuleId, Step, Tools};
use component::{CancellationToken, Error};
use host::Host;
use logql::Selector;
use promtext::Counter;
use signals::{Due, Entry, Examples, Fate, Labels};
use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What a pipeline is compiled for.
pub struct CompileOptions {
    /// Keep every extracted value, also those that no stage reads.
    pub keep_all: bool,
    /// Time of day and randomness.
    pub host: Host,
    /// The component's metrics.
    pub metrics: Arc<Metrics>,
}

pub(super) enum Instr {
    /// A stage.
    Step {
        /// Its name, such as `stage.json`.
        name: &'static str,
        step: Box<dyn Step>,
    },
    /// Records that the selector does not match skip to `otherwise`; for the others their labels become extracted
    /// values again.
    Match {
        selector: Selector,
        otherwise: usize,
        written: Vec<Slot>,
    },
}

/// A rule that drops records.
pub(super) struct Rule {
    pub(super) name: Arc<str>,
    /// Whether its drops are in `loki_process_dropped_lines_total`.
    pub(super) counted: bool,
    /// The stage that has the rule, as the ledger's examples name it: `stage.match#0/stage.drop#1`.
    pub(super) place: Arc<str>,
    /// When an example of what it drops is wanted.
    pub(super) due: Due,
}

/// A stage that holds records.
pub(super) struct Holding {
    /// Its instruction.
    pub(super) at: usize,
    /// Counts blocks that are passed on unfinished.
    pub(super) flushed: Option<Counter>,
}

pub(super) type Room = Box<dyn Fn() -> Box<dyn Any + Send> + Send + Sync>;

/// A list of stages, ready to run. Shared by all calls that use it.
pub struct Pipeline {
    stages: Vec<Stage>,
    pub(super) names: Names,
    pub(super) code: Vec<Instr>,
    pub(super) rules: Vec<Rule>,
    pub(super) rooms: Vec<Room>,
    pub(super) label_sites: usize,
    /// Where the stages are that hold records, by the number of their blocks.
    pub(super) holding: Vec<Holding>,
    pub(super) waits: bool,
    pub(super) host: Host,
    pub(super) metrics: Arc<Metrics>,
    families: Vec<Arc<CustomFamily>>,
    /// Cancelled when another pipeline has taken its place.
    pub(super) retired: CancellationToken,
    tools: Mutex<Vec<Tools>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Pipeline {
    /// Compiles stages. The error names the stage that is wrong.
    pub fn compile(stages: &[Stage], options: CompileOptions) -> Result<Pipeline, Error> {
        let mut reads = Reads::default();
        if options.keep_all {
            reads.all();
        }
        for stage in stages {
            stage.reads(&mut reads);
        }
        let mut compiler = Compiler::new(Names::new(reads), options);
        compiler.stages(stages);
        if let Some(first) = compiler.take_errors().into_iter().next() {
            return Err(first);
        }
        let done = compiler.finish();
        Ok(Pipeline {
            stages: stages.to_vec(),
            names: done.names,
            code: done.code,
            rules: done.rules,
            rooms: done.rooms,
            label_sites: done.label_sites,
            holding: done.holding,
            waits: done.waits,
            host: done.host,
            metrics: done.metrics,
            families: done.families,
            retired: CancellationToken::new(),
            tools: Mutex::default(),
        })
    }

    /// What it was compiled from.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Whether it has no stages: batches pass as they are.
    pub fn is_empty(&self) -> bool {
        self.code.is_empty()
    }

    /// Whether its runs must follow one another, because a stage holds records or pauses.
    pub fn is_serial(&self) -> bool {
        self.waits || !self.holding.is_empty()
    }

    /// Name of a rule, and whether its drops are counted in the component's metric.
    pub fn rule(&self, rule: RuleId) -> (&str, bool) {
        (&self.rules[rule].name, self.rules[rule].counted)
    }

    /// Keeps an example of what a rule dropped in `component`.
    pub(super) fn note(&self, examples: &Examples, component: &Arc<str>, example: &DroppedExample) {
        let rule = &self.rules[example.rule];
        examples.note(
            self.host.clock.now(),
            component,
            Fate::Filtered,
            &rule.name,
            &rule.place,
            &example.labels,
            &example.line,
            "",
        );
    }

    /// Names of extracted values.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Time of day and randomness.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Metrics that its stages and rules count in.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Makes its metrics the ones that the component shows.
    pub fn show_metrics(&self) {
        self.metrics.show(self.families.clone());
    }

    /// Empty blocks for the stages that hold records.
    pub fn blocks(&self) -> Vec<Blocks> {
        self.holding.iter().map(|_| Blocks::default()).collect()
    }

    /// Caches and buffers for one run.
    pub fn tools(&self) -> Tools {
        let idle = lock(&self.tools).pop();
        idle.unwrap_or_else(|| Tools {
            labels: LabelCache::new(self.label_sites),
            rooms: self.rooms.iter().map(|room| room()).collect(),
            record: None,
        })
    }

    /// Forgets tools that no run uses, with the caches in them.
    pub fn forget_tools(&self) {
        lock(&self.tools).clear();
    }

    /// Gives the tools back for later runs.
    pub fn give_back(&self, tools: Tools) {
        lock(&self.tools).push(tools);
    }

    /// Runs one record. `Some` asks for a pause before [`resume`](Pipeline::resume).
    pub fn run(&self, labels: &Labels, entry: &Entry, cx: &mut Cx<'_>) -> Option<Duration> {
        self.run_with(labels, entry, [], cx)
    }

    /// Runs one record for which some values count as extracted.
    pub fn run_with<'n>(
        &self,
        labels: &Labels,
        entry: &Entry,
        preset: impl IntoIterator<Item = (&'n str, Extracted)>,
        cx: &mut Cx<'_>,
    ) -> Option<Duration> {
        let mut record = cx.tools.record.take().unwrap_or_default();
        record.begin(labels, entry, self.names.slots().len());
        for (name, value) in preset {
            record.set_named(&self.names, name, value);
        }
        let wait = self.execute(0, &mut record, cx);
        cx.tools.record = Some(record);
        wait.or_else(|| self.resume(cx))
    }

    /// Goes on with the records that are on their way.
    pub fn resume(&self, cx: &mut Cx<'_>) -> Option<Duration> {
        while let Some((at, mut record)) = cx.stack.pop() {
            if let Some(wait) = self.execute(at, &mut record, cx) {
                return Some(wait);
            }
        }
        None
    }

    /// Sends an unfinished record of a holding stage on its way behind that stage.
    pub fn release(&self, holding: usize, mut block: Block, cx: &mut Cx<'_>) {
        if block.lines == 0 {
            return;
        }
        let holding = &self.holding[holding];
        if let Some(flushed) = &holding.flushed {
            flushed.inc();
        }
        cx.stack.push((holding.at + 1, block.emit()));
    }

    fn execute(&self, mut at: usize, record: &mut Record, cx: &mut Cx<'_>) -> Option<Duration> {
        loop {
            let Some(instr) = self.code.get(at) else {
                cx.out(record);
                return None;
            };
            let (step, name) = match instr {
                Instr::Match {
                    selector,
                    otherwise,
                    written,
                } => {
                    if selects(selector, record) {
                        record.seed_again(written);
                        at += 1;
                    } else {
                        at = *otherwise;
                    }
                    continue;
                }
                Instr::Step { step, name } => (step, *name),
            };
            let flow = if cx.watch.is_some() {
                watched(step.as_ref(), name, record, cx)
            } else {
                step.run(record, cx)
            };
            if !cx.emitted.is_empty() {
                let emitted = std::mem::take(&mut cx.emitted);
                match flow {
                    Flow::Next | Flow::Wait(_) => cx.stack.push((at + 1, record.take())),
                    Flow::Drop(rule) => self.drop_record(rule, record, cx),
                    Flow::Taken => {}
                }
                cx.stack
                    .extend(emitted.into_iter().rev().map(|record| (at + 1, record)));
                return None;
            }
            match flow {
                Flow::Next => at += 1,
                Flow::Drop(rule) => {
                    self.drop_record(rule, record, cx);
                    return None;
                }
                Flow::Taken => return None,
                Flow::Wait(pause) => {
                    cx.stack.push((at + 1, record.take()));
                    return Some(pause);
                }
            }
        }
    }

    fn drop_record(&self, rule: RuleId, record: &mut Record, cx: &mut Cx<'_>) {
        if self.rules[rule].due.take(cx.now) {
            cx.output.examples.push(DroppedExample {
                rule,
                labels: record.labels.clone(),
                line: record.line.clone(),
            });
        }
        cx.drop_record(rule, &self.rules[rule].name, record);
    }
}

/// Whether a selector matches the labels and the line that a record has now.
pub(super) fn selects(selector: &Selector, record: &Record) -> bool {
    selector.matches_labels(|name| record.labels.get(name).map(|value| value.as_bytes()))
        && selector.matches_line(&record.line)
}

fn watched(step: &dyn Step, name: &str, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
    let names = cx.names;
    if let Some(watch) = &mut cx.watch {
        watch.before(name, record, names);
    }
    let flow = step.run(record, cx);
    if let Some(watch) = &mut cx.watch {
        watch.after(name, record, names, flow);
    }
    flow
}
