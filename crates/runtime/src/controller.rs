//! The running graph: loads configurations as transactions, passes changed exports on, stops.

use crate::evaluate::{Evaluated, diagnose, evaluate};
use crate::loader::{self, Catalogue, Configuration, Kind, Spec};
use crate::node::Node;
use crate::plan::{Step, plan};
use crate::queue::UpdateQueue;
use crate::scheduler::Scheduler;
use crate::sources::SourceFile;
use crate::workers::Workers;
use component::{Change, ContextParts, Inspector, Prepared, Services};
use futures_util::future::join_all;
use host::Host;
use promtext::Registry as Metrics;
use signals::{Budget, Ledger};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use syntax::{Diagnostics, Source};
use tokio::sync::{Mutex, RwLock, RwLockReadGuard};
use tokio::task::JoinHandle;
use value::Value;

/// Path of the root controller in logs and metrics.
const ROOT_PATH: &str = "/";
/// Attempts to hand a job to full workers; the pause doubles from a millisecond to [`MAX_RETRY_PAUSE`].
const MAX_RETRIES: u32 = 20;
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(10);

/// What a controller works with.
pub struct Options {
    /// Components and config blocks.
    pub catalogue: Catalogue,
    /// Functions and constants of the language.
    pub stdlib: eval::Stdlib,
    /// Time, files, randomness.
    pub host: Host,
    /// Memory budget of the process.
    pub budget: Budget,
    /// Ledger of the process.
    pub ledger: Ledger,
    /// Metrics of the process.
    pub metrics: Metrics,
    /// Services for components.
    pub services: Services,
    /// Folder for state; each component gets one below it.
    pub storage: PathBuf,
    /// Number of workers that evaluate.
    pub workers: usize,
    /// How long a component may take to stop; `None` means for ever.
    pub shutdown_deadline: Option<Duration>,
    /// Sees what happens inside components.
    pub inspector: Option<Arc<dyn Inspector>>,
}

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

/// A component as the interfaces show it.
pub struct NodeInfo {
    /// The node as it is configured.
    pub spec: Spec,
    /// The node as it runs.
    pub node: Arc<Node>,
    /// Ids of components that it refers to.
    pub references_to: Vec<String>,
    /// Ids of components that refer to it.
    pub referenced_by: Vec<String>,
    /// Ids of components that it sends data to.
    pub data_flow_edges_to: Vec<String>,
}

/// Runs one configuration. Clones share it.
#[derive(Clone)]
pub struct Controller(Arc<Inner>);

struct Inner {
    options: Options,
    /// Evaluation reads it, a load replaces it.
    live: RwLock<Live>,
    /// One load at a time.
    loading: Mutex<()>,
    queue: Arc<UpdateQueue>,
    workers: Workers,
    scheduler: OnceLock<Scheduler>,
    dispatcher: std::sync::Mutex<Option<JoinHandle<()>>>,
    ready: AtomicBool,
}

#[derive(Default)]
struct Live {
    configuration: Configuration,
    nodes: HashMap<String, Arc<Node>>,
}

impl Live {
    fn exports(&self, id: &str) -> Option<Value> {
        self.nodes.get(id).map(|node| node.instance.exports())
    }
}

/// A load that was checked and built, and has had no effect yet.
struct Transaction {
    configuration: Configuration,
    steps: Vec<Step>,
    nodes: HashMap<String, Arc<Node>>,
    /// Changes in order, with the node that they concern unless it is a config block.
    changes: Vec<(Option<Arc<Node>>, Change)>,
}

impl Controller {
    /// A controller without configuration. Must be called within a Tokio runtime.
    pub fn new(options: Options) -> Self {
        let workers = Workers::new(options.workers);
        let deadline = options.shutdown_deadline;
        let inner = Arc::new(Inner {
            options,
            live: RwLock::default(),
            loading: Mutex::new(()),
            queue: Arc::default(),
            workers,
            scheduler: OnceLock::new(),
            dispatcher: std::sync::Mutex::new(None),
            ready: AtomicBool::new(false),
        });
        let weak = Arc::downgrade(&inner);
        let on_exit = move |id: &str, outcome: Result<(), String>| {
            let Some(inner) = weak.upgrade() else { return };
            let id = id.to_owned();
            tokio::spawn(async move {
                if let Some(node) = inner.live.read().await.nodes.get(&id) {
                    node.exited(&outcome, inner.options.host.clock.now());
                }
            });
        };
        inner
            .scheduler
            .get_or_init(|| Scheduler::new(deadline, Arc::new(on_exit)));
        let controller = Controller(inner);
        let dispatcher = tokio::spawn(dispatch(Arc::downgrade(&controller.0), controller.0.queue.clone()));
        *controller.dispatcher() = Some(dispatcher);
        controller
    }

    fn dispatcher(&self) -> std::sync::MutexGuard<'_, Option<JoinHandle<()>>> {
        self.0
            .dispatcher
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Whether a configuration was loaded.
    pub fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Acquire)
    }

    /// Loads a configuration in place of the one that runs, or leaves everything as it is. Everything new is checked and built
    /// first; then the changes are applied, what went is stopped from dependants to dependencies, and what came is
    /// started from dependencies to dependants.
    pub async fn load(&self, files: &[SourceFile]) -> Result<Loaded, LoadError> {
        let inner = &self.0;
        let _one_at_a_time = inner.loading.lock().await;
        let outcome = loader::load(&inner.options.catalogue, files);
        let sources = outcome.sources;
        let Some(configuration) = outcome.configuration else {
            return Err(LoadError {
                diagnostics: outcome.diagnostics,
                sources,
            });
        };
        let mut live = inner.live.write().await;
        let transaction = match inner.prepare(&live, configuration) {
            Ok(transaction) => transaction,
            Err(diagnostics) => return Err(LoadError { diagnostics, sources }),
        };
        let Transaction {
            configuration,
            steps,
            nodes,
            changes,
        } = transaction;
        let now = inner.options.host.clock.now();
        for (node, change) in changes {
            change.apply();
            if let Some(node) = node {
                node.evaluated(Ok(()), now);
            }
        }
        let order = configuration.order.clone();
        let replaced = std::mem::replace(
            &mut *live,
            Live {
                configuration,
                nodes: nodes.clone(),
            },
        );
        drop(live);
        inner.ready.store(true, Ordering::Release);
        let mut stops = Vec::new();
        for step in &steps {
            if let Step::Stop(id) = step {
                stops.push(id.clone());
            }
        }
        inner.scheduler().stop(stops).await;
        drop(replaced);
        for id in order {
            if let Some(node) = nodes.get(&id)
                && !inner.scheduler().is_running(&id)
            {
                node.started(now);
                inner.scheduler().start(&id, node.instance.clone(), node.span.clone());
            }
        }
        Ok(Loaded {
            steps,
            warnings: outcome.diagnostics,
            sources,
        })
    }

    /// Stops everything: no more evaluation, then every component, dependants before dependencies; those that do not depend on
    /// each other at the same time.
    pub async fn stop(&self) {
        if let Some(dispatcher) = self.dispatcher().take() {
            dispatcher.abort();
        }
        self.0.workers.stop().await;
        let waves = waves(&self.0.live.read().await.configuration);
        for wave in waves {
            // None of a wave depends on another of it: one that drains slowly does not hold up the rest.
            join_all(wave.into_iter().map(|id| self.0.scheduler().stop([id]))).await;
        }
    }

    /// The components in the order of the graph.
    pub async fn components(&self) -> Vec<NodeInfo> {
        let live = self.0.live.read().await;
        live.configuration
            .order
            .iter()
            .filter_map(|id| info(&live, id))
            .collect()
    }

    /// One component by its id.
    pub async fn component(&self, id: &str) -> Option<NodeInfo> {
        let live = self.0.live.read().await;
        info(&live, id)
    }

    /// Where a component stands, or a block in it, as `file:line`. `path` names the block: names of blocks, each with its number
    /// among its namesakes from 0, from the outside in: `stage.match#1/stage.drop#0`; empty for the component itself.
    pub async fn place(&self, id: &str, path: &str) -> Option<String> {
        self.0.live.read().await.configuration.specs.get(id)?.place(path)
    }

    /// Number of nodes whose changed exports were not passed on yet, and of evaluations that wait for a worker.
    pub fn evaluation_queue(&self) -> usize {
        self.0.queue.len() + self.0.workers.waiting()
    }
}

/// Ids in the order in which they stop: each wave when the one before has ended.
fn waves(configuration: &Configuration) -> Vec<Vec<String>> {
    let mut depth: HashMap<&str, usize> = HashMap::new();
    let mut waves: Vec<Vec<String>> = Vec::new();
    for id in configuration.order.iter().rev() {
        let dependants = configuration.graph.dependants(id);
        let at = dependants
            .iter()
            .filter_map(|dependant| depth.get(dependant))
            .max()
            .map_or(0, |deepest| deepest + 1);
        depth.insert(id, at);
        if waves.len() <= at {
            waves.resize_with(at + 1, Vec::new);
        }
        waves[at].push(id.clone());
    }
    waves
}

fn info(live: &Live, id: &str) -> Option<NodeInfo> {
    let node = live.nodes.get(id)?.clone();
    let spec = live.configuration.specs.get(id)?.clone();
    let components = |ids: Vec<&str>| -> Vec<String> {
        ids.into_iter()
            .filter(|id| live.nodes.contains_key(*id))
            .map(str::to_owned)
            .collect()
    };
    Some(NodeInfo {
        references_to: components(live.configuration.graph.dependencies(id)),
        referenced_by: components(live.configuration.graph.dependants(id)),
        data_flow_edges_to: data_flow(live, id),
        spec,
        node,
    })
}

/// Data flows along a reference to a receiver, and against a reference to any other export.
fn data_flow(live: &Live, id: &str) -> Vec<String> {
    let receives = |target: &str, field: &str| -> Option<bool> {
        let exports = live.exports(target)?;
        let Value::Object(object) = exports else { return None };
        object
            .get(field)
            .map(|value| matches!(value, Value::Capsule(_) | Value::Null))
    };
    let mut to: Vec<String> = Vec::new();
    let mut add = |id: &str| {
        if !to.iter().any(|other| other == id) {
            to.push(id.to_owned());
        }
    };
    if let Some(spec) = live.configuration.specs.get(id) {
        for reference in spec.references.iter().filter(|reference| reference.fields.len() == 1) {
            if receives(&reference.target, &reference.fields[0]) == Some(true) {
                add(&reference.target);
            }
        }
    }
    for dependant in live.configuration.graph.dependants(id) {
        let Some(spec) = live.configuration.specs.get(dependant) else {
            continue;
        };
        let uses = |reference: &loader::Reference| {
            reference.target == id && reference.fields.len() == 1 && receives(id, &reference.fields[0]) == Some(false)
        };
        if live.nodes.contains_key(dependant) && spec.references.iter().any(uses) {
            add(dependant);
        }
    }
    to
}

impl Inner {
    fn scheduler(&self) -> &Scheduler {
        self.scheduler.get().expect("set when the controller was made")
    }

    /// Evaluates, checks and builds everything that the configuration changes, without effect.
    fn prepare(self: &Arc<Self>, live: &Live, configuration: Configuration) -> Result<Transaction, Diagnostics> {
        let steps = plan(&live.configuration.plan_input(), &configuration.plan_input());
        let mut nodes: HashMap<String, Arc<Node>> = HashMap::new();
        let mut changes = Vec::new();
        let mut problems = Diagnostics::default();
        for step in &steps {
            let (id, kept) = match step {
                Step::Stop(_) => continue,
                Step::Keep(id) => (id, true),
                Step::Start(id) | Step::Update(id) => (id, false),
            };
            let spec = &configuration.specs[id];
            let old = live.nodes.get(id).filter(|_| !matches!(step, Step::Start(_)));
            if kept && old.is_none_or(|node| node.is_evaluated()) {
                // Its text is the same and nothing that it refers to is new: its arguments are the same.
                if let Some(node) = old {
                    nodes.insert(id.clone(), node.clone());
                }
                continue;
            }
            let exports = |target: &str| nodes.get(target).map(|node| node.instance.exports());
            let evaluated = evaluate(spec, &exports, &self.options.stdlib);
            match self.prepare_node(spec, old, &evaluated) {
                Ok(Prepare::Config(change)) => changes.push((None, change)),
                Ok(Prepare::Same(node)) => {
                    nodes.insert(id.clone(), node);
                }
                Ok(Prepare::Changed(node, change)) => {
                    changes.push((Some(node.clone()), change));
                    nodes.insert(id.clone(), node);
                }
                Err(error) => {
                    problems.extend(diagnose(spec, &evaluated, error));
                    // Whatever depends on it is evaluated against what it exported before, so that its own problems
                    // show in the same report.
                    if let Some(node) = old {
                        nodes.insert(id.clone(), node.clone());
                    }
                }
            }
        }
        if problems.has_errors() {
            return Err(problems);
        }
        Ok(Transaction {
            configuration,
            steps,
            nodes,
            changes,
        })
    }

    fn prepare_node(
        self: &Arc<Self>,
        spec: &Spec,
        old: Option<&Arc<Node>>,
        evaluated: &Evaluated,
    ) -> Result<Prepare, component::BuildError> {
        match (&spec.kind, old) {
            (Kind::Config(config), _) => {
                let body = spec.block.is_some().then_some(&evaluated.body);
                Ok(Prepare::Config(config.prepare(body)?))
            }
            (Kind::Component(_), Some(node)) => {
                let _entered = node.span.enter();
                match node.instance.clone().prepare(&evaluated.body)? {
                    Prepared::Unchanged => Ok(Prepare::Same(node.clone())),
                    Prepared::Changed(change) => Ok(Prepare::Changed(node.clone(), change)),
                }
            }
            (Kind::Component(registration), None) => {
                let parts = self.context(&spec.id);
                let span = parts.span.clone();
                let _entered = span.enter();
                let instance = registration.build(parts, &evaluated.body)?;
                let now = self.options.host.clock.now();
                Ok(Prepare::Same(Arc::new(Node::new(instance, span.clone(), now))))
            }
        }
    }

    fn context(self: &Arc<Self>, id: &str) -> ContextParts {
        let queue = Arc::downgrade(&self.queue);
        let reporter = id.to_owned();
        let exported = move || {
            if let Some(queue) = queue.upgrade() {
                queue.push(&reporter);
            }
        };
        context(&self.options, id, Arc::new(exported))
    }

    /// Evaluates one node again because something that it refers to changed.
    async fn reevaluate(self: Arc<Self>, id: String) {
        let live: RwLockReadGuard<'_, Live> = self.live.read().await;
        let Some(spec) = live.configuration.specs.get(&id) else {
            return;
        };
        let node = live.nodes.get(&id);
        let evaluated = evaluate(spec, &|target| live.exports(target), &self.options.stdlib);
        let now = self.options.host.clock.now();
        match self.prepare_node(spec, node, &evaluated) {
            Ok(Prepare::Changed(node, change)) => {
                let _entered = node.span.clone().entered();
                change.apply();
                node.evaluated(Ok(()), now);
            }
            Ok(Prepare::Config(change)) => change.apply(),
            Ok(Prepare::Same(node)) => node.evaluated(Ok(()), now),
            Err(error) => {
                let diagnostics: Diagnostics = diagnose(spec, &evaluated, error).into();
                let error = diagnostics.to_string();
                tracing::error!(node_id = id, err = error, "failed to evaluate config");
                if let Some(node) = node {
                    node.evaluated(Err(&error), now);
                }
            }
        }
    }
}

/// What a component gets to see of the world.
pub(crate) fn context(options: &Options, id: &str, exported: Arc<dyn Fn() + Send + Sync>) -> ContextParts {
    ContextParts {
        id: Arc::from(id),
        data_path: options.storage.join(id),
        host: options.host.clone(),
        budget: options.budget.clone(),
        ledger: options.ledger.clone(),
        metrics: options
            .metrics
            .scoped(&[("component_path", ROOT_PATH), ("component_id", id)])
            .expect("both label names are well formed"),
        services: options.services.clone(),
        stability: options.catalogue.allowed.stability,
        span: tracing::info_span!("component", component_path = ROOT_PATH, component_id = id),
        exported,
        inspector: options.inspector.clone(),
    }
}

enum Prepare {
    Config(Change),
    Same(Arc<Node>),
    Changed(Arc<Node>, Change),
}

/// Passes changed exports on: every direct dependant of a changed node is evaluated once, on the workers. Those that change their own
/// exports report in turn.
async fn dispatch(controller: std::sync::Weak<Inner>, queue: Arc<UpdateQueue>) {
    loop {
        let changed = queue.take().await;
        let Some(inner) = controller.upgrade() else { return };
        let dependants: Vec<String> = {
            let live = inner.live.read().await;
            let wanted: std::collections::HashSet<&str> = changed
                .iter()
                .flat_map(|id| live.configuration.graph.dependants(id))
                .collect();
            live.configuration
                .order
                .iter()
                .filter(|id| wanted.contains(id.as_str()))
                .cloned()
                .collect()
        };
        for id in dependants {
            submit(&inner, id).await;
        }
    }
}

async fn submit(inner: &Arc<Inner>, id: String) {
    let mut pause = Duration::from_millis(1);
    for attempt in 0..MAX_RETRIES {
        if inner.workers.submit(&id, inner.clone().reevaluate(id.clone())).is_ok() {
            return;
        }
        if attempt == 0 {
            tracing::warn!(node_id = id, "failed to submit node for evaluation - will retry");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_RETRY_PAUSE);
    }
    tracing::error!(
        node_id = id,
        "retry attempts exhausted when submitting node for evaluation to the worker pool"
    );
}
