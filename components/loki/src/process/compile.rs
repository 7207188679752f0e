//! From the stages of a configuration to instructions.

use super::metrics::{CustomFamily, Definition, Metrics};
use super::names::{Names, Slot};
use super::pipeline::{CompileOptions, Holding, Instr, Pipeline, Room, Rule};
use super::stages::{Compile, Stage};
use super::step::{RuleId, Step};
use component::{Error, Known};
use host::Host;
use logql::Selector;
use promtext::Counter;
use signals::Due;
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

/// Collects the instructions of a pipeline.
pub struct Compiler {
    pub(super) names: Names,
    pub(super) code: Vec<Instr>,
    pub(super) rules: Vec<Rule>,
    pub(super) rooms: Vec<Room>,
    pub(super) label_sites: usize,
    pub(super) holding: Vec<Holding>,
    pub(super) waits: bool,
    pub(super) host: Host,
    pub(super) metrics: Arc<Metrics>,
    pub(super) families: Vec<Arc<CustomFamily>>,
    keep_all: bool,
    written: Vec<Slot>,
    /// The stage that is being compiled, as examples name it.
    place: String,
    /// What is wrong with the stages so far.
    errors: Vec<Error>,
}

/// The rules by which stages drop records, each with the stage that has it, as examples name it.
pub fn rules(stages: &[Stage]) -> Result<Vec<(String, String)>, Error> {
    let metrics = Metrics::unseen().map_err(|error| Error::caused("cannot register metrics", error))?;
    let options = CompileOptions {
        keep_all: false,
        host: Host::real(),
        metrics: Arc::new(metrics),
    };
    let rule = |rule: &Rule| {
        let stage = rule.place.rsplit('/').next().and_then(|last| last.split('#').next());
        (
            format!("{} {:?}", stage.unwrap_or_default(), rule.name),
            rule.place.to_string(),
        )
    };
    Ok(Pipeline::compile(stages, options)?.rules.iter().map(rule).collect())
}

/// Everything that is wrong with stages.
pub fn check(stages: &[Stage], known: &Known<'_>) -> Vec<Error> {
    let metrics = match Metrics::unseen() {
        Ok(metrics) => Arc::new(metrics),
        Err(error) => return vec![Error::caused("cannot register metrics", error)],
    };
    let options = CompileOptions {
        keep_all: false,
        host: Host::real(),
        metrics,
    };
    let mut compiler = Compiler::new(Names::default(), options);
    // Metrics of one name must be the same, which shows only if all of them are known.
    let conflict = |error: &Error| !error.is::<Conflict>() || known.blocks("");
    compiler.stages(stages);
    compiler.errors.into_iter().filter(conflict).collect()
}

/// Two metrics of one name differ.
#[derive(Debug)]
struct Conflict;

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a metric of this name with another definition is there already")
    }
}

impl std::error::Error for Conflict {}

impl Compiler {
    pub(super) fn new(names: Names, options: CompileOptions) -> Self {
        Compiler {
            names,
            code: Vec::new(),
            rules: Vec::new(),
            rooms: Vec::new(),
            label_sites: 0,
            holding: Vec::new(),
            waits: false,
            host: options.host,
            metrics: options.metrics,
            families: Vec::new(),
            keep_all: options.keep_all,
            written: Vec::new(),
            place: String::new(),
            errors: Vec::new(),
        }
    }

    /// Compiles stages, one after the other. What is wrong with them is noted.
    pub fn stages(&mut self, stages: &[Stage]) {
        let outside = self.place.clone();
        let mut namesakes: HashMap<&'static str, usize> = HashMap::new();
        for stage in stages {
            let number = namesakes.entry(stage.name()).or_default();
            self.place = format!("{outside}{}#{number}", stage.name());
            let before = self.errors.len();
            let compiled = stage.compile(self);
            self.errors.extend(compiled.err());
            for error in self.errors.split_off(before) {
                self.errors.push(error.inside(stage.name(), *number));
            }
            *number += 1;
        }
        self.place = outside;
    }

    /// Notes what is wrong with a part of the stage that is being compiled, so that the other parts are looked at, too.
    pub fn note<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    /// Everything that is wrong so far.
    pub fn take_errors(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.errors)
    }

    pub(super) fn finish(mut self) -> Compiler {
        if self.keep_all {
            // Values may come from outside under any name.
            let all: Vec<Slot> = self
                .names
                .slots()
                .to_vec()
                .iter()
                .map(|name| self.names.read(name))
                .collect();
            for instr in &mut self.code {
                if let Instr::Match { written, .. } = instr {
                    written.clone_from(&all);
                }
            }
        }
        self
    }

    /// Adds a stage's instruction.
    pub fn step(&mut self, name: &'static str, step: impl Step + 'static) {
        self.code.push(Instr::Step {
            name,
            step: Box::new(step),
        });
    }

    /// Adds stages that only records with matching labels and line pass through. Without a selector they are only checked.
    pub fn nested(&mut self, selector: Option<Selector>, stages: &[Stage]) {
        let at = self.code.len();
        let inside = self.place.clone();
        self.place.push('/');
        // Values may have been written under any name that has a place by now.
        if let Some(selector) = selector {
            self.code.push(Instr::Match {
                selector,
                otherwise: 0,
                written: self.written.clone(),
            });
        }
        self.stages(stages);
        self.place = inside;
        let end = self.code.len();
        if let Some(Instr::Match { otherwise, .. }) = self.code.get_mut(at) {
            *otherwise = end;
        }
    }

    /// The place of a name that the stage reads.
    pub fn read(&mut self, name: &str) -> Slot {
        self.names.read(name)
    }

    /// The place of a name that the stage writes, if some stage reads it.
    pub fn write(&mut self, name: &str) -> Option<Slot> {
        let slot = self.names.write(name)?;
        if !self.written.contains(&slot) {
            self.written.push(slot.clone());
        }
        Some(slot)
    }

    /// The family of a metric that records make. Two metrics of the same name must be the same.
    pub fn family(&mut self, definition: Definition) -> Result<Arc<CustomFamily>, Error> {
        if let Some(known) = self.families.iter().find(|family| family.name() == definition.name) {
            if *known.definition() == definition {
                return Ok(known.clone());
            }
            return Err(Error::caused(format!("{:?}", definition.name), Conflict));
        }
        let family = self.metrics.family(definition, &self.host.clock);
        self.families.push(family.clone());
        Ok(family)
    }

    /// A rule that drops records, counted in `loki_process_dropped_lines_total` under its name.
    pub fn rule(&mut self, name: &str) -> RuleId {
        self.named_rule(name, true)
    }

    /// A rule whose drops only the ledger counts, because upstream's metric does not have them.
    pub fn silent_rule(&mut self, name: &str) -> RuleId {
        self.named_rule(name, false)
    }

    fn named_rule(&mut self, name: &str, counted: bool) -> RuleId {
        if let Some(known) = self
            .rules
            .iter()
            .position(|rule| &*rule.name == name && rule.counted == counted && *rule.place == self.place)
        {
            return known;
        }
        self.rules.push(Rule {
            name: Arc::from(name),
            counted,
            place: Arc::from(self.place.as_str()),
            due: Due::default(),
        });
        self.rules.len() - 1
    }

    /// Room of the stage's own, one for each run at a time.
    pub fn room<T: Any + Send>(&mut self, make: impl Fn() -> T + Send + Sync + 'static) -> usize {
        self.rooms.push(Box::new(move || Box::new(make())));
        self.rooms.len() - 1
    }

    /// A place in the cache of label sets.
    pub fn label_site(&mut self) -> usize {
        self.label_sites += 1;
        self.label_sites - 1
    }

    /// The stage that is added next holds records: the number of its blocks. `flushed` counts blocks that are passed on
    /// unfinished.
    pub fn holds(&mut self, flushed: Option<Counter>) -> usize {
        self.holding.push(Holding {
            at: self.code.len(),
            flushed,
        });
        self.holding.len() - 1
    }

    /// The stage pauses the pipeline.
    pub fn pauses(&mut self) {
        self.waits = true;
    }

    /// Time of day and randomness.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The component's metrics.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }
}
