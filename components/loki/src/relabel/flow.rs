//! Batches through the rules.
//!
//! Everything up to the first poll of the next `accept` happens in a call's own first poll, without waiting, so batches keep their
//! order.

use super::cache::Cache;
use super::metrics::Metrics;
use arc_swap::ArcSwap;
use component::{RelabelRule, RelabelRules, RelabelScratch};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use signals::{Accepting, Amount, FanOut, Labels, LogBatch, LogStream, Refused, Sink};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The rule under which dropped records are counted.
const RULE: &str = "relabel";

/// What the component's receiver works with.
pub(super) struct Flow {
    pub(super) out: FanOut,
    state: ArcSwap<State>,
    metrics: Metrics,
}

/// Rules and what they have given so far.
pub(super) struct State {
    rules: RelabelRules,
    known: Mutex<Known>,
}

struct Known {
    cache: Cache,
    scratch: RelabelScratch,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Rules that remember results for `capacity` label sets.
    pub(super) fn new(rules: RelabelRules, capacity: usize) -> Self {
        State {
            known: Mutex::new(Known {
                cache: Cache::new(capacity),
                scratch: rules.scratch(),
            }),
            rules,
        }
    }

    pub(super) fn rules(&self) -> &RelabelRules {
        &self.rules
    }

    /// Whether these are its rules and this its capacity.
    pub(super) fn is_for(&self, rules: &[RelabelRule], capacity: i64) -> bool {
        self.rules.blocks() == rules && usize::try_from(capacity) == Ok(lock(&self.known).cache.capacity())
    }
}

impl signals::Cache for Flow {
    fn shrink(&self) {
        lock(&self.state.load().known).cache.clear();
    }
}

impl Known {
    /// The labels after the rules; `None` if they are dropped.
    fn relabel(&mut self, rules: &RelabelRules, labels: &Labels) -> (Option<Labels>, bool) {
        if let Some(after) = self.cache.get(labels) {
            return (after, true);
        }
        let mut edit = labels.edit();
        let after = if rules.apply(&mut edit, &mut self.scratch) {
            let after = edit.build();
            // Labels that stay as they are stay shared.
            let after = if after == *labels { labels.clone() } else { after };
            (!after.is_empty()).then_some(after)
        } else {
            None
        };
        self.cache.insert(labels.clone(), after.clone());
        (after, false)
    }
}

/// What becomes of a batch.
#[derive(Default)]
struct Sorted {
    streams: Vec<LogStream>,
    /// Where the stream of a label set is; used once there are several.
    at: HashMap<Labels, usize, FixedState>,
    dropped: Amount,
    kept: u64,
}

impl Sorted {
    fn keep(&mut self, labels: Labels, stream: LogStream) {
        self.kept += stream.entries.len() as u64;
        match self.at.get(&labels) {
            // In the order in which the streams came.
            Some(at) => self.streams[*at].entries.extend(stream.entries),
            None => {
                self.at.insert(labels.clone(), self.streams.len());
                self.streams.push(LogStream {
                    labels,
                    entries: stream.entries,
                });
            }
        }
    }
}

impl Flow {
    pub(super) fn new(out: FanOut, state: State, metrics: Metrics) -> Self {
        Flow {
            out,
            state: ArcSwap::from_pointee(state),
            metrics,
        }
    }

    pub(super) fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    /// Runs other rules from now on.
    pub(super) fn replace(&self, state: State) {
        self.state.store(Arc::new(state));
        self.metrics.size.set(0.0);
    }

    fn sort(&self, streams: Vec<LogStream>) -> Sorted {
        let state = self.state.load();
        let mut sorted = Sorted::default();
        let mut known = lock(&state.known);
        let before = known.cache.len();
        for stream in streams {
            let entries = stream.entries.len() as u64;
            let (labels, hit) = known.relabel(&state.rules, &stream.labels);
            // As if each entry had been looked up: the first one of a stream puts the others' result there.
            let misses = u64::from(!hit).min(entries);
            self.metrics.misses.add(misses);
            self.metrics.hits.add(entries - misses);
            match labels {
                Some(labels) => sorted.keep(labels, stream),
                None => sorted.dropped += stream.amount(),
            }
        }
        if known.cache.len() != before {
            self.metrics.size.set(known.cache.len() as f64);
        }
        sorted
    }

    async fn accept(self: Arc<Self>, batch: LogBatch) -> Result<(), Refused> {
        let (streams, mut custody) = batch.into_parts();
        let Sorted {
            streams, dropped, kept, ..
        } = self.sort(streams);
        if !streams.is_empty() {
            self.out.accept(LogBatch::derived(streams, &custody)).await?;
        }
        custody.filter(RULE, dropped);
        custody.deliver_rest();
        self.metrics.processed.add(kept + dropped.items);
        self.metrics.written.add(kept);
        Ok(())
    }
}

/// The component's receiver.
pub(super) struct Entrance(pub(super) Arc<Flow>);

impl Sink for Entrance {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        Box::pin(self.0.clone().accept(batch))
    }
}
