//! The running graph: loads configurations as transactions, passes changed exports on, stops.

use crate::loader::{self, Configuration};
use crate::metrics::ControllerMetrics;
use crate::options::{Options, context};
use crate::plan::Step;
use crate::prepare::{Draft, Need, Opened, Task, Vitality, same_source};
use crate::queue::UpdateQueue;
use crate::refresh::Refresh;
use crate::scheduler::Scheduler;
use crate::scope::{Scope, Slot, locate, walk};
use crate::sources::SourceFile;
use crate::waves::waves;
use crate::workers::Workers;
use arc_swap::ArcSwap;
use component::{CancellationToken, ContextParts, Fetched, Result as ComponentResult};
use futures_util::future::{BoxFuture, join_all};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use syntax::{Diagnostic, Diagnostics, Source};
use tokio::sync::{Mutex, RwLock};
use tokio::task::JoinHandle;
use value::Object;

/// How deep imports of imports may have to be fetched one after the other within one load.
const MAX_FETCH_ROUNDS: usize = 16;

/// A configuration that was refused. What ran before runs on, untouched.
#[derive(Debug)]
pub struct LoadError {
    /// What is wrong.
    pub diagnostics: Diagnostics,
    /// The files, for printing.
    pub sources: Vec<Source>,
}

impl LoadError {
    /// The report with snippets of the sources.
    pub fn report(&self, color: bool) -> String {
        crate::report(&self.diagnostics, &self.sources, color)
    }
}

/// What a load did.
#[derive(Debug)]
pub struct Loaded {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Warnings.
    pub warnings: Diagnostics,
    /// The files.
    pub sources: Vec<Source>,
}

/// Runs one configuration. Clones share it.
#[derive(Clone)]
pub struct Controller(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) options: Options,
    /// What runs. Readers take what is there; a load replaces it.
    pub(crate) live: ArcSwap<Scope>,
    /// Evaluation holds it shared, the short part of a load that must not be disturbed holds it alone.
    pub(crate) gate: RwLock<()>,
    /// One load at a time, over this configuration.
    loading: Mutex<Arc<Configuration>>,
    pub(crate) queue: Arc<UpdateQueue>,
    pub(crate) workers: Workers,
    pub(crate) refresh: Refresh,
    scheduler: OnceLock<Scheduler>,
    tasks: std::sync::Mutex<Vec<JoinHandle<()>>>,
    ready: AtomicBool,
    busy: AtomicBool,
    /// Kept for as long as the controller, with the registry that it is in.
    metrics: OnceLock<(promtext::Registry, promtext::Registration)>,
}

/// What is loaded: everything anew, or a part of what runs again.
#[derive(Default)]
pub(crate) struct Again {
    /// Global ids of imports and `foreach` blocks to do again.
    pub(crate) dirty: BTreeSet<String>,
    /// New content of imports, by their global ids.
    pub(crate) contents: HashMap<String, Fetched>,
}

/// A [`Draft`] that is done.
struct Prepared {
    root: Arc<Scope>,
    problems: Diagnostics,
    needs: Vec<Need>,
    changes: Vec<(Option<Vitality>, component::Change)>,
    warnings: Diagnostics,
    steps: Vec<Step>,
    sources: Vec<Source>,
}

impl Controller {
    /// A controller without configuration. Must be called within a Tokio runtime.
    pub fn new(options: Options) -> Self {
        let workers = Workers::new(options.workers);
        let deadline = options.shutdown_deadline;
        let nothing = Scope {
            path: Arc::from(options.id.as_str()),
            configuration: Arc::default(),
            variables: Object::new(),
            slots: HashMap::new(),
            silent: false,
        };
        let inner = Arc::new(Inner {
            options,
            live: ArcSwap::from_pointee(nothing),
            gate: RwLock::new(()),
            loading: Mutex::default(),
            queue: Arc::default(),
            workers,
            refresh: Refresh::default(),
            scheduler: OnceLock::new(),
            tasks: std::sync::Mutex::default(),
            ready: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            metrics: OnceLock::new(),
        });
        let collector = Arc::new(ControllerMetrics(Arc::downgrade(&inner)));
        // Each controller of a process has these metrics: a registry of its own within the process's.
        let registered = inner.options.metrics.scoped(&[]);
        match registered.and_then(|registry| Ok((registry.clone(), registry.register(collector)?))) {
            Ok(registered) => drop(inner.metrics.set(registered)),
            Err(error) => tracing::debug!(err = %error, "no metrics of the controller"),
        }
        let weak = Arc::downgrade(&inner);
        let on_exit = move |id: &str, outcome: Result<(), String>| {
            let Some(inner) = weak.upgrade() else { return };
            inner.exited(id, &outcome);
        };
        inner
            .scheduler
            .get_or_init(|| Scheduler::new(deadline, Arc::new(on_exit)));
        let dispatcher = crate::propagate::dispatch(Arc::downgrade(&inner), inner.queue.clone());
        let refresher = crate::refresh::refresh(Arc::downgrade(&inner), inner.refresh.clone());
        *inner.tasks() = vec![tokio::spawn(dispatcher), tokio::spawn(refresher)];
        Controller(inner)
    }

    /// Whether a configuration was loaded.
    pub fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Acquire)
    }

    /// Loads a configuration in place of the one that runs, or leaves everything as it is. Everything new is checked and built
    /// first, in modules too; then the changes are applied, what went is stopped from dependants to dependencies, and what came is
    /// started from dependencies to dependants.
    pub async fn load(&self, files: &[SourceFile]) -> Result<Loaded, LoadError> {
        let inner = &self.0;
        let mut loading = inner.loading.lock().await;
        let configuration = Arc::new(inner.parse(files).checked()?);
        // Content that was refused may have waited for this configuration: the two are loaded together, if that is possible.
        let waiting = inner.refresh.contents();
        let mut outcome = None;
        if !waiting.is_empty() {
            let again = Again {
                contents: waiting.clone(),
                ..Again::default()
            };
            outcome = Some(inner.transact(configuration.clone(), again, true).await);
        }
        let mut loaded = match outcome {
            Some(Ok(loaded)) => {
                inner.refresh.done(&waiting);
                loaded
            }
            Some(Err(newest)) => {
                let without = inner.transact(configuration.clone(), Again::default(), true).await;
                // What is wrong with the newest of everything is what a person wants to know.
                without.map_err(|_| newest)?
            }
            None => inner.transact(configuration.clone(), Again::default(), true).await?,
        };
        inner.ready.store(true, Ordering::Release);
        loaded.warnings.0.splice(0..0, configuration.warnings.iter().cloned());
        *loading = configuration;
        Ok(loaded)
    }

    /// Stops everything: no more evaluation, then every component, dependants before dependencies; those that do not depend on
    /// each other at the same time.
    pub async fn stop(&self) {
        for task in std::mem::take(&mut *self.0.tasks()) {
            task.abort();
        }
        self.0.workers.stop().await;
        let live = self.0.live.load_full();
        for wave in waves(&live) {
            // None of a wave depends on another of it: one that drains slowly does not hold up the rest.
            join_all(wave.into_iter().map(|id| self.0.scheduler().stop([id]))).await;
        }
    }
}

impl Inner {
    fn parse(&self, files: &[SourceFile]) -> loader::Outcome {
        match self.options.id.as_str() {
            "" => loader::load(&self.options.catalogue, files),
            _ => loader::load_guest(&self.options.catalogue, files),
        }
    }

    pub(crate) fn scheduler(&self) -> &Scheduler {
        self.scheduler.get().expect("set when the controller was made")
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn exited(&self, id: &str, outcome: &Result<(), String>) {
        let live = self.live.load_full();
        let now = self.options.host.clock.now();
        let Some(located) = locate(&live, id) else { return };
        match located.scope().slots.get(located.id) {
            Some(Slot::Component(node)) => node.vitals.exited(outcome, now),
            Some(Slot::Import { import, .. }) => import.vitals.exited(outcome, now),
            _ => {}
        }
    }

    /// Does parts of what runs again; the same transaction as a load.
    pub(crate) async fn again(self: &Arc<Self>, again: Again) -> Result<Loaded, LoadError> {
        let configuration = self.loading.lock().await;
        self.transact(configuration.clone(), again, false).await
    }

    /// Whether a load is under way.
    pub(crate) fn is_loading(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// One load. The caller holds `loading`.
    async fn transact(
        self: &Arc<Self>,
        configuration: Arc<Configuration>,
        again: Again,
        reload: bool,
    ) -> Result<Loaded, LoadError> {
        let mut opened: HashMap<String, Opened> = HashMap::new();
        let mut sources = configuration.sources.clone();
        for _ in 0..MAX_FETCH_ROUNDS {
            // Whatever changes its exports from here on is evaluated again when the gate opens.
            let gate = self.gate.write().await;
            let _busy = Busy::new(&self.busy);
            let live = self.live.load_full();
            let Prepared {
                root,
                problems,
                needs,
                changes,
                warnings,
                steps,
                sources: modules,
            } = self.prepare(&live, &configuration, &again, &opened, reload);
            sources.extend(modules);
            // Without the content that is missing, what uses it may look wrong.
            if problems.has_errors() && needs.is_empty() {
                return Err(LoadError {
                    diagnostics: problems,
                    sources,
                });
            }
            if needs.is_empty() {
                let mut loaded = Loaded {
                    steps,
                    warnings,
                    sources,
                };
                self.commit(&live, root, changes, &mut loaded.steps);
                drop(gate);
                self.settle(&live).await;
                return Ok(loaded);
            }
            // What was built so far has had no effect.
            drop((root, changes, gate));
            let fetches = needs.into_iter().map(|need| async move {
                let result = need.source.clone().fetch().await;
                (need, result)
            });
            let mut failed = Diagnostics::default();
            for (need, result) in join_all(fetches).await {
                match result {
                    Ok(fetched) => {
                        let one = Opened {
                            source: need.source,
                            arguments: need.arguments,
                            fetched,
                        };
                        opened.insert(need.id, one);
                    }
                    Err(error) => {
                        let mut diagnostic = need.diagnostic;
                        diagnostic.message = format!("{}: {error}", diagnostic.message);
                        failed.push(diagnostic);
                    }
                }
            }
            if failed.has_errors() {
                return Err(LoadError {
                    diagnostics: failed,
                    sources,
                });
            }
        }
        let message =
            format!("imports are nested more than {MAX_FETCH_ROUNDS} deep, or what they bring changes all the time");
        Err(LoadError {
            diagnostics: Diagnostic::error(message).into(),
            sources,
        })
    }

    fn prepare(
        self: &Arc<Self>,
        live: &Arc<Scope>,
        configuration: &Arc<Configuration>,
        again: &Again,
        opened: &HashMap<String, Opened>,
        reload: bool,
    ) -> Prepared {
        let parts = |scope: &str, id: &str, silent: bool| self.context(scope, id, silent);
        let mut draft = Draft::new(Task {
            options: &self.options,
            parts: &parts,
            dirty: &again.dirty,
            contents: &again.contents,
            opened,
            reload,
            modules: reload || !again.contents.is_empty() || self.imports(live, again),
        });
        let root = draft.root(configuration.clone(), &self.options.module_path, live);
        Prepared {
            root,
            problems: draft.problems,
            needs: draft.needs,
            changes: draft.changes,
            warnings: draft.warnings,
            steps: draft.steps,
            sources: draft.sources,
        }
    }

    /// Whether one of the nodes to do again is an import.
    fn imports(&self, live: &Arc<Scope>, again: &Again) -> bool {
        again.dirty.iter().any(|id| {
            let located = locate(live, id);
            let slot = located.and_then(|located| located.scope().slots.get(located.id));
            matches!(slot, Some(Slot::Import { .. }))
        })
    }

    /// The half of a load that cannot fail.
    fn commit(
        &self,
        live: &Arc<Scope>,
        root: Arc<Scope>,
        changes: Vec<(Option<Vitality>, component::Change)>,
        steps: &mut Vec<Step>,
    ) {
        let now = self.options.host.clock.now();
        for (vitality, change) in changes {
            change.apply();
            if let Some(vitality) = vitality {
                vitality.vitals().evaluated(Ok(()), now);
            }
        }
        let mut stays: HashSet<String> = HashSet::new();
        walk(&root, &mut |id, _| {
            stays.insert(id);
        });
        let mut stops = Vec::new();
        walk(live, &mut |id, slot| {
            if !stays.contains(&id) && !matches!(slot, Slot::Value(_)) {
                stops.push(Step::Stop(id));
            }
        });
        stops.reverse();
        stops.append(steps);
        *steps = stops;
        self.live.store(root);
    }

    /// Stops what went and starts what came.
    async fn settle(self: &Arc<Self>, before: &Arc<Scope>) {
        let live = self.live.load_full();
        let mut runs: HashMap<String, &Slot> = HashMap::new();
        walk(&live, &mut |id, slot| {
            runs.insert(id, slot);
        });
        let mut stops = HashSet::new();
        walk(before, &mut |id, slot| {
            if is_runnable(slot) && !runs.get(&id).is_some_and(|now| is_same(slot, now)) {
                stops.insert(id);
            }
        });
        let order = match stops.is_empty() {
            true => Vec::new(),
            false => waves(before),
        };
        for wave in order {
            // None of a wave depends on another of it: one that drains slowly does not hold up the rest.
            let gone = wave.into_iter().filter(|id| stops.contains(id));
            join_all(gone.map(|id| self.scheduler().stop([id]))).await;
        }
        let now = self.options.host.clock.now();
        let mut starts = Vec::new();
        walk(&live, &mut |id, slot| starts.push((id, slot)));
        for (id, slot) in starts {
            match slot {
                Slot::Component(node) if !self.scheduler().is_running(&id) => {
                    node.vitals.started(now);
                    let instance = node.instance.clone();
                    let run = move |stop| instance.run(stop);
                    self.scheduler().start(&id, run, node.span.clone());
                }
                Slot::Import { import, .. } if !self.scheduler().is_running(&id) => {
                    import.vitals.started(now);
                    let run = self.watch(&id, import);
                    self.scheduler().start(&id, run, import.span.clone());
                }
                Slot::Custom { vitals, .. } | Slot::Foreach { vitals, .. } => vitals.started_once(now),
                _ => {}
            }
        }
    }

    /// Waits for new content of an import and hands it to the refresher.
    fn watch(
        self: &Arc<Self>,
        id: &str,
        import: &crate::scope::Import,
    ) -> impl FnOnce(CancellationToken) -> BoxFuture<'static, ComponentResult<()>> + use<> {
        let (weak, id) = (Arc::downgrade(self), id.to_owned());
        let report = move |result: ComponentResult<Fetched>| {
            if let Some(inner) = weak.upgrade() {
                inner.fetched(&id, result);
            }
        };
        let (source, known) = (import.source.clone(), import.content.clone());
        move |stop| source.watch(known, Arc::new(report), stop)
    }

    /// What a component gets to see of the world.
    fn context(self: &Arc<Self>, scope: &str, id: &str, silent: bool) -> ContextParts {
        let queue = Arc::downgrade(&self.queue);
        let reporter = crate::scope::join(scope, id);
        let exported = move || {
            if let Some(queue) = queue.upgrade() {
                queue.push(&reporter);
            }
        };
        context(&self.options, scope, id, silent, Arc::new(exported))
    }
}

/// Says that a load is under way for as long as it lives.
struct Busy<'a>(&'a AtomicBool);

impl<'a> Busy<'a> {
    fn new(flag: &'a AtomicBool) -> Self {
        flag.store(true, Ordering::Relaxed);
        Busy(flag)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn is_runnable(slot: &Slot) -> bool {
    matches!(slot, Slot::Component(_) | Slot::Import { .. })
}

/// Whether both run the same thing.
fn is_same(a: &Slot, b: &Slot) -> bool {
    match (a, b) {
        (Slot::Component(a), Slot::Component(b)) => Arc::ptr_eq(a, b),
        (Slot::Import { import: a, .. }, Slot::Import { import: b, .. }) => same_source(&a.source, &b.source),
        _ => false,
    }
}
