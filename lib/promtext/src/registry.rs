//! Registries and their scopes.

use crate::metrics::{Counter, Gauge, Histogram, sort_bounds};
use crate::model::{Family, Kind, Label, valid_label_name};
use crate::vec::{CounterVec, GaugeVec, HistogramVec, Metric, MetricVec};
use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The name and the type of a family that a collector gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desc {
    /// The name of the family.
    pub name: Arc<str>,
    /// Its type.
    pub kind: Kind,
}

/// Something that has metrics.
pub trait Collector: Send + Sync + 'static {
    /// The families that it will give, so that conflicts show up when it is registered. Families that are not listed
    /// are allowed and are checked at each scrape.
    fn describe(&self) -> Vec<Desc>;

    /// Appends its families as they are now.
    fn collect(&self, families: &mut Vec<Family>);
}

/// Why something was not registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterError {
    /// The family exists with another type.
    TypeConflict {
        /// Its name.
        name: String,
        /// The type it has.
        registered: Kind,
        /// The type it should have had.
        wanted: Kind,
    },
    /// The scope has this family with other labels or other buckets, or from another collector.
    AlreadyRegistered(String),
    /// Neither `[a-zA-Z_][a-zA-Z0-9_]*` nor, for a metric, the same with colons.
    InvalidName(String),
    /// The scope has been closed.
    Closed,
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterError::TypeConflict {
                name,
                registered,
                wanted,
            } => write!(
                f,
                "metric \"{name}\" is already registered as a {}, it cannot be a {} too",
                registered.as_str(),
                wanted.as_str()
            ),
            RegisterError::AlreadyRegistered(name) => {
                write!(
                    f,
                    "metric \"{name}\" is already registered with other labels, buckets or from another collector"
                )
            }
            RegisterError::InvalidName(name) => write!(f, "\"{name}\" is not a valid metric or label name"),
            RegisterError::Closed => f.write_str("the metrics registry is closed"),
        }
    }
}

impl std::error::Error for RegisterError {}

/// Something that a scrape had to leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatherError {
    /// The family.
    pub name: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for GatherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metric \"{}\": {}", self.name, self.message)
    }
}

impl std::error::Error for GatherError {}

/// A scrape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// All families by name, their series by labels.
    pub families: Vec<Family>,
    /// What had to be left out.
    pub errors: Vec<GatherError>,
}

/// Undoes a registration when dropped.
#[must_use = "dropping it unregisters the collector"]
pub struct Registration {
    scope: Weak<Scope>,
    id: u64,
}

impl Registration {
    /// Keeps the collector for as long as its registry lives.
    pub fn forever(mut self) {
        self.scope = Weak::new();
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(scope) = self.scope.upgrade() {
            let removed = scope.lock().entries.remove(&self.id);
            if let Some(entry) = removed {
                scope.types.release(&entry.descs);
            }
        }
    }
}

/// A set of collectors, and a node in a tree of such sets. Clones are handles to the same set.
#[derive(Clone)]
pub struct Registry(Arc<Scope>);

struct Scope {
    /// The labels that all series here carry.
    labels: Vec<Label>,
    types: Arc<Types>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed: bool,
    next_id: u64,
    entries: BTreeMap<u64, Entry>,
    children: Vec<Weak<Scope>>,
}

struct Entry {
    descs: Vec<Desc>,
    collector: Arc<dyn Collector>,
    /// The same as `collector`, for the metrics created here: they are handed out again on request.
    handle: Option<Arc<dyn Any + Send + Sync>>,
}

/// The type of each registered family and how often it is registered, across the tree.
#[derive(Default)]
struct Types(Mutex<HashMap<Arc<str>, (Kind, usize)>>);

impl Types {
    fn claim(&self, descs: &[Desc]) -> Result<(), RegisterError> {
        let mut types = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for desc in descs {
            if let Some(&(registered, _)) = types.get(&desc.name)
                && registered != desc.kind
            {
                let name = desc.name.to_string();
                return Err(RegisterError::TypeConflict {
                    name,
                    registered,
                    wanted: desc.kind,
                });
            }
        }
        for desc in descs {
            types.entry(Arc::clone(&desc.name)).or_insert((desc.kind, 0)).1 += 1;
        }
        Ok(())
    }

    fn release(&self, descs: &[Desc]) {
        let mut types = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for desc in descs {
            if let Some((_, uses)) = types.get_mut(&desc.name) {
                *uses -= 1;
                if *uses == 0 {
                    types.remove(&desc.name);
                }
            }
        }
    }
}

impl Scope {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let (entries, children) = {
            let mut state = self.lock();
            state.closed = true;
            (std::mem::take(&mut state.entries), std::mem::take(&mut state.children))
        };
        for entry in entries.values() {
            self.types.release(&entry.descs);
        }
        for child in children.iter().filter_map(Weak::upgrade) {
            child.close();
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        self.close();
    }
}

impl Default for Registry {
    fn default() -> Self {
        Registry::new()
    }
}

impl Registry {
    /// An empty registry, the root of a tree.
    pub fn new() -> Registry {
        Registry(Arc::new(Scope {
            labels: Vec::new(),
            types: Arc::default(),
            state: Mutex::default(),
        }))
    }

    /// A registry within this one. Its series carry this one's labels and `labels`, which win over labels of the same
    /// name. The parent does not keep it alive.
    pub fn scoped(&self, labels: &[(&str, &str)]) -> Result<Registry, RegisterError> {
        let mut all = self.0.labels.clone();
        for &(name, value) in labels {
            if !valid_label_name(name) {
                return Err(RegisterError::InvalidName(name.to_owned()));
            }
            all.retain(|(other, _)| **other != *name);
            all.push((name.into(), value.into()));
        }
        let scope = Scope {
            labels: all,
            types: Arc::clone(&self.0.types),
            state: Mutex::default(),
        };
        let child = Registry(Arc::new(scope));
        let mut state = self.0.lock();
        if state.closed {
            return Err(RegisterError::Closed);
        }
        state.children.retain(|child| child.strong_count() > 0);
        state.children.push(Arc::downgrade(&child.0));
        Ok(child)
    }

    /// Removes all collectors from this registry and the ones within it, for good. Handles to metrics stay usable, but
    /// nobody sees them.
    pub fn close(&self) {
        self.0.close();
    }

    /// Registers a collector. Its families must not be in this scope yet, and elsewhere only with the same type.
    pub fn register(&self, collector: Arc<dyn Collector>) -> Result<Registration, RegisterError> {
        let mut state = self.0.lock();
        let id = self.insert(&mut state, collector, None)?;
        Ok(Registration {
            scope: Arc::downgrade(&self.0),
            id,
        })
    }

    /// A counter. The one that this scope has under the name already, if there is one.
    pub fn counter(&self, name: &str, help: &str) -> Result<Counter, RegisterError> {
        Ok(self.counter_vec(name, help, &[])?.with(&[]))
    }

    /// A gauge. The one that this scope has under the name already, if there is one.
    pub fn gauge(&self, name: &str, help: &str) -> Result<Gauge, RegisterError> {
        Ok(self.gauge_vec(name, help, &[])?.with(&[]))
    }

    /// A histogram with these upper bounds. The one that this scope has under the name already, if there is one.
    pub fn histogram(&self, name: &str, help: &str, bounds: &[f64]) -> Result<Histogram, RegisterError> {
        Ok(self.histogram_vec(name, help, &[], bounds)?.with(&[]))
    }

    /// Counters with labels. The family that this scope has under the name already, if there is one.
    pub fn counter_vec(&self, name: &str, help: &str, labels: &[&str]) -> Result<CounterVec, RegisterError> {
        self.metric_vec(name, help, labels, ())
    }

    /// Gauges with labels. The family that this scope has under the name already, if there is one.
    pub fn gauge_vec(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, RegisterError> {
        self.metric_vec(name, help, labels, ())
    }

    /// Histograms with labels. The family that this scope has under the name already, if there is one.
    pub fn histogram_vec(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        bounds: &[f64],
    ) -> Result<HistogramVec, RegisterError> {
        self.metric_vec(name, help, labels, sort_bounds(bounds))
    }

    /// A family of any metric. The one that this scope has under the name already, if it has the same labels and
    /// configuration.
    pub fn metric_vec<M: Metric>(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        config: M::Config,
    ) -> Result<MetricVec<M>, RegisterError> {
        if name.is_empty() {
            return Err(RegisterError::InvalidName(String::new()));
        }
        if let Some(label) = labels
            .iter()
            .find(|label| label.is_empty() || ["le", "quantile"].contains(label))
        {
            return Err(RegisterError::InvalidName((*label).to_owned()));
        }
        let mut state = self.0.lock();
        if let Some(entry) = state
            .entries
            .values()
            .find(|entry| entry.descs.iter().any(|d| *d.name == *name))
        {
            let same = entry
                .handle
                .as_ref()
                .and_then(|handle| handle.downcast_ref::<MetricVec<M>>());
            if let Some(vec) = same.filter(|vec| vec.is_like(labels, &config)) {
                return Ok(vec.clone());
            }
        }
        let vec = MetricVec::<M>::new(name, help, labels, config);
        self.insert(&mut state, Arc::new(vec.clone()), Some(Arc::new(vec.clone())))?;
        Ok(vec)
    }

    fn insert(
        &self,
        state: &mut State,
        collector: Arc<dyn Collector>,
        handle: Option<Arc<dyn Any + Send + Sync>>,
    ) -> Result<u64, RegisterError> {
        if state.closed {
            return Err(RegisterError::Closed);
        }
        let descs = collector.describe();
        self.0.types.claim(&descs)?;
        let taken = |desc: &&Desc| {
            state
                .entries
                .values()
                .any(|e| e.descs.iter().any(|d| d.name == desc.name))
        };
        if let Some(desc) = descs.iter().find(taken) {
            let name = desc.name.to_string();
            self.0.types.release(&descs);
            return Err(RegisterError::AlreadyRegistered(name));
        }
        let id = state.next_id;
        state.next_id += 1;
        state.entries.insert(
            id,
            Entry {
                descs,
                collector,
                handle,
            },
        );
        Ok(id)
    }

    /// Collects all families of this registry and the ones within it. Families of one name become one; a family of
    /// another type than the first of its name and a series that exists already are left out and reported.
    pub fn gather(&self) -> Gathered {
        let mut collected = Vec::new();
        self.collect(&mut collected);
        let mut errors = Vec::new();
        let mut merged: BTreeMap<Arc<str>, Family> = BTreeMap::new();
        for family in collected {
            let mut fail = |message: &str| {
                errors.push(GatherError {
                    name: family.name.to_string(),
                    message: message.to_owned(),
                });
            };
            if family.series.is_empty() {
                continue;
            }
            if family.series.iter().any(|series| !series.point.fits(family.kind)) {
                fail("a value does not fit the type of the family");
                continue;
            }
            match merged.get_mut(&family.name) {
                Some(first) if first.kind != family.kind => fail("collected with more than one type"),
                Some(first) => first.series.extend(family.series),
                None => {
                    merged.insert(Arc::clone(&family.name), family);
                }
            }
        }
        let mut families: Vec<Family> = merged.into_values().collect();
        for family in &mut families {
            family.series.sort_by(|a, b| a.labels.cmp(&b.labels));
            let before = family.series.len();
            family.series.dedup_by(|a, b| a.labels == b.labels);
            let twice = before - family.series.len();
            if twice > 0 {
                let message = format!("{twice} series collected more than once");
                errors.push(GatherError {
                    name: family.name.to_string(),
                    message,
                });
            }
        }
        Gathered { families, errors }
    }

    fn collect(&self, out: &mut Vec<Family>) {
        // No lock is held while collectors run: one of them may take its time or register something.
        let (collectors, children) = {
            let state = self.0.lock();
            let collectors: Vec<_> = state
                .entries
                .values()
                .map(|entry| Arc::clone(&entry.collector))
                .collect();
            let children: Vec<_> = state.children.iter().filter_map(Weak::upgrade).collect();
            (collectors, children)
        };
        let start = out.len();
        for collector in collectors {
            collector.collect(out);
        }
        for series in out[start..].iter_mut().flat_map(|family| &mut family.series) {
            for label in &self.0.labels {
                // A label of the collector's own wins.
                if !series.labels.iter().any(|(name, _)| *name == label.0) {
                    series.labels.push(label.clone());
                }
            }
            series.labels.sort();
        }
        for child in children {
            Registry(child).collect(out);
        }
    }
}

#[cfg(test)]
mod tests;
