//! `stage.limit`: bounds the rate of records.

use super::Compile;
use crate::process::compile::Compiler;
use crate::process::metrics::Effect;
use crate::process::names::Reads;
use crate::process::record::Record;
use crate::process::step::{Cx, Flow, RuleId, Step};
use component::Error;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use promtext::CounterVec;
use smol_str::SmolStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use value::Block;

/// Bounds the rate of records: those beyond it wait, or are dropped.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = super::check)]
pub struct Config {
    /// Records a second.
    #[arg]
    pub rate: f64,
    /// Records that may come at once.
    #[arg]
    pub burst: i64,
    /// Drop records instead of letting them wait.
    #[arg(default)]
    pub drop: bool,
    /// Bound the rate of each value of this label for itself. Records without the label are not bounded.
    #[arg(default)]
    pub by_label_name: String,
    /// Values of the label that are remembered, at least 10000.
    #[arg(default = 10_000)]
    pub max_distinct_labels: i64,
}

const REASON: &str = "ratelimit_drop_stage";
const MIN_DISTINCT: usize = 10_000;

impl Compile for Config {
    fn reads(&self, _: &mut Reads) {}

    fn compile(&self, compiler: &mut Compiler) -> Result<(), Error> {
        if self.rate.is_nan() || self.rate <= 0.0 {
            return Err(Error::about("rate", "must be more than 0"));
        }
        if self.burst <= 0 {
            return Err(Error::about("burst", "must be more than 0"));
        }
        if !self.by_label_name.is_empty() && !self.drop {
            return Err(Error::about("by_label_name", "needs drop = true").with("drop"));
        }
        let limit = Rate {
            rate: self.rate,
            burst: self.burst as f64,
        };
        if !self.drop {
            compiler.pauses();
            compiler.step("stage.limit", Wait(limit, Mutex::default()));
        } else if self.by_label_name.is_empty() {
            let rule = compiler.rule(REASON);
            compiler.step("stage.limit", DropBeyond(limit, Mutex::default(), rule));
        } else {
            let counter = compiler.metrics().dropped_by_label();
            let stage = ByLabel {
                limit,
                label: SmolStr::new(&self.by_label_name),
                max: usize::try_from(self.max_distinct_labels).map_or(MIN_DISTINCT, |max| max.max(MIN_DISTINCT)),
                buckets: Mutex::default(),
                dropped: counter.map_err(|error| Error::caused("cannot register metrics", error))?,
                rule: compiler.rule(REASON),
            };
            compiler.step("stage.limit", stage);
        }
        Ok(())
    }
}

/// A token bucket's parameters.
#[derive(Clone, Copy)]
struct Rate {
    rate: f64,
    burst: f64,
}

/// A token bucket; full until it is used first.
#[derive(Clone, Copy, Default)]
struct Bucket {
    tokens: f64,
    updated: Option<Instant>,
}

impl Bucket {
    fn refill(&mut self, limit: Rate, now: Instant) {
        self.tokens = match self.updated {
            None => limit.burst,
            Some(updated) => {
                let since = now.saturating_duration_since(updated).as_secs_f64();
                (self.tokens + since * limit.rate).min(limit.burst)
            }
        };
        self.updated = Some(now);
    }

    /// Takes a token if there is one.
    fn allow(&mut self, limit: Rate, now: Instant) -> bool {
        self.refill(limit, now);
        let allowed = self.tokens >= 1.0;
        if allowed {
            self.tokens -= 1.0;
        }
        allowed
    }

    /// Takes a token, one of the future if need be: how long until it is there.
    fn reserve(&mut self, limit: Rate, now: Instant) -> Duration {
        self.refill(limit, now);
        self.tokens -= 1.0;
        Duration::try_from_secs_f64(-self.tokens.min(0.0) / limit.rate).unwrap_or(Duration::MAX)
    }
}

struct Wait(Rate, Mutex<Bucket>);

impl Step for Wait {
    fn run(&self, _: &mut Record, _: &mut Cx<'_>) -> Flow {
        let pause = self
            .1
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .reserve(self.0, Instant::now());
        if pause.is_zero() { Flow::Next } else { Flow::Wait(pause) }
    }
}

struct DropBeyond(Rate, Mutex<Bucket>, RuleId);

impl Step for DropBeyond {
    fn run(&self, _: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let mut bucket = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        if bucket.allow(self.0, cx.instant) {
            Flow::Next
        } else {
            Flow::Drop(self.2)
        }
    }
}

/// Buckets by the label's value. When as many values as are allowed are new, those before them are forgotten.
#[derive(Default)]
struct Buckets {
    recent: HashMap<SmolStr, Bucket, FixedState>,
    older: HashMap<SmolStr, Bucket, FixedState>,
}

struct ByLabel {
    limit: Rate,
    label: SmolStr,
    max: usize,
    buckets: Mutex<Buckets>,
    dropped: CounterVec,
    rule: RuleId,
}

impl Step for ByLabel {
    fn run(&self, record: &mut Record, cx: &mut Cx<'_>) -> Flow {
        let Some(value) = record.labels.get(&self.label) else {
            return Flow::Next;
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Buckets { recent, older } = &mut *buckets;
        if !recent.contains_key(value) {
            let known = older.remove(value);
            if recent.len() >= self.max {
                *older = std::mem::take(recent);
                self.dropped.retain(|values, _| *values[0] != *self.label);
            }
            recent.insert(value.clone(), known.unwrap_or_default());
        }
        if recent
            .get_mut(value)
            .is_none_or(|bucket| bucket.allow(self.limit, cx.instant))
        {
            return Flow::Next;
        }
        let counter = self.dropped.with(&[&self.label, value]);
        cx.output.effects.push(Effect::DroppedByLabel(counter));
        Flow::Drop(self.rule)
    }
}
