//! What a compiled stage is, and what it works with.

use super::held::{Blocks, Part};
use super::label_cache::LabelCache;
use super::metrics::Effect;
use super::names::Names;
use super::record::Record;
use bytes::Bytes;
use host::Host;
use signals::{Amount, Entry, Labels, LogStream};
use std::any::Any;
use std::time::Duration;
use tokio::time::Instant;

/// One compiled stage.
pub trait Step: Send + Sync {
    /// Works on a record. What it puts into [`Cx::emitted`] goes on behind this stage, before the record itself.
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow;
}

/// What becomes of a record after a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It goes on.
    Next,
    /// A rule drops it.
    Drop(RuleId),
    /// The stage has taken it out of the record that it was given.
    Taken,
    /// It goes on after a pause, and so do all behind it.
    Wait(Duration),
}

/// A named rule that drops records, by its place in the pipeline's list.
pub type RuleId = usize;

/// Room for one run at a time, kept between runs: caches and buffers.
pub struct Tools {
    /// Label sets that stages made.
    pub labels: LabelCache,
    /// Each stage's own room, by the place that the compiler gave it.
    pub rooms: Vec<Box<dyn Any + Send>>,
    /// The last run's record, for its buffers.
    pub(super) record: Option<Record>,
}

impl Tools {
    /// A stage's own room.
    pub fn room<T: 'static>(&mut self, at: usize) -> &mut T {
        self.rooms[at]
            .downcast_mut()
            .expect("the compiler made the room for this stage")
    }
}

/// What records a pipeline has dropped by one rule.
#[derive(Clone, Copy, Default)]
pub struct Dropped {
    /// Records as they were when they were dropped: what counters count.
    pub lines: u64,
    /// Records as they came in: what the ledger counts.
    pub amount: Amount,
}

/// What a run has produced and not passed on yet.
#[derive(Default)]
pub struct Output {
    /// Records by label set.
    pub streams: Vec<LogStream>,
    index: hashbrown::HashMap<Labels, usize, foldhash::fast::FixedState>,
    last: usize,
    /// Held records of other calls that are in `streams`.
    pub parts: Vec<Part>,
    /// Held records of other calls that were dropped.
    pub dropped_parts: Vec<(RuleId, Part)>,
    /// Records of this call that were dropped, by rule.
    pub dropped: Vec<Dropped>,
    /// Changes to counters, made when the records have arrived.
    pub effects: Vec<Effect>,
    /// Examples of what was dropped.
    pub examples: Vec<DroppedExample>,
}

/// A record that a rule dropped, to be shown to people.
pub struct DroppedExample {
    /// The rule.
    pub rule: RuleId,
    /// The record's labels.
    pub labels: Labels,
    /// Its line.
    pub line: Bytes,
}

impl Output {
    /// Whether nothing came out and nothing was dropped.
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty() && self.dropped.is_empty() && self.dropped_parts.is_empty() && self.effects.is_empty()
    }

    fn push(&mut self, record: &mut Record) {
        let entry = Entry {
            timestamp: record.timestamp,
            line: std::mem::take(&mut record.line),
            metadata: std::mem::take(&mut record.metadata),
        };
        self.parts.append(&mut record.parts);
        if let Some(stream) = self.streams.get_mut(self.last)
            && stream.labels.same(&record.labels)
        {
            stream.entries.push(entry);
            return;
        }
        self.last = *self.index.entry(record.labels.clone()).or_insert_with(|| {
            self.streams.push(LogStream {
                labels: record.labels.clone(),
                entries: Vec::new(),
            });
            self.streams.len() - 1
        });
        self.streams[self.last].entries.push(entry);
    }

    fn drop_record(&mut self, rule: RuleId, record: &mut Record) {
        if self.dropped.len() <= rule {
            self.dropped.resize(rule + 1, Dropped::default());
        }
        self.dropped[rule].lines += 1;
        self.dropped[rule].amount += std::mem::take(&mut record.own);
        self.dropped_parts
            .extend(record.parts.drain(..).map(|part| (rule, part)));
    }
}

/// Sees each step of a run, for inspection.
pub trait Watch: Send {
    /// Before a stage works on a record.
    fn before(&mut self, stage: &str, record: &Record, names: &Names);
    /// After it.
    fn after(&mut self, stage: &str, record: &Record, names: &Names, flow: Flow);
    /// A record came out at the end.
    fn out(&mut self, record: &Record, names: &Names);
    /// A rule has dropped a record.
    fn dropped(&mut self, rule: &str);
}

/// One run of a pipeline.
pub struct Cx<'a> {
    /// Names of extracted values.
    pub names: &'a Names,
    /// Caches and buffers.
    pub tools: &'a mut Tools,
    /// Unfinished records of the stages that hold some.
    pub held: &'a mut [Blocks],
    /// Time of day and randomness.
    pub host: &'a Host,
    /// Time of day when the run began.
    pub now: i64,
    /// The same on the clock of timers.
    pub instant: Instant,
    /// Number of the `accept` that runs.
    pub accept: u64,
    /// Records that go on before the one under work.
    pub emitted: Vec<Record>,
    /// The earliest deadline of a block that was opened or extended.
    pub earliest: Option<Instant>,
    /// What came out.
    pub output: Output,
    /// Records on their way, with the stage that they go on at; the last first.
    pub(super) stack: Vec<(usize, Record)>,
    /// Who watches.
    pub watch: Option<&'a mut dyn Watch>,
}

impl<'a> Cx<'a> {
    /// A run as call number `accept`.
    pub fn new(names: &'a Names, tools: &'a mut Tools, held: &'a mut [Blocks], host: &'a Host, accept: u64) -> Self {
        Cx {
            names,
            tools,
            held,
            now: host.clock.now(),
            host,
            instant: Instant::now(),
            accept,
            emitted: Vec::new(),
            earliest: None,
            output: Output::default(),
            stack: Vec::new(),
            watch: None,
        }
    }

    /// A block is due `after` from now.
    pub fn deadline(&mut self, after: Duration) -> Instant {
        let at = self.instant + after;
        self.earliest = Some(self.earliest.map_or(at, |earliest| earliest.min(at)));
        at
    }

    pub(super) fn out(&mut self, record: &mut Record) {
        if let Some(watch) = &mut self.watch {
            watch.out(record, self.names);
        }
        self.output.push(record);
    }

    pub(super) fn drop_record(&mut self, rule: RuleId, name: &str, record: &mut Record) {
        if let Some(watch) = &mut self.watch {
            watch.dropped(name);
        }
        self.output.drop_record(rule, record);
    }
}
