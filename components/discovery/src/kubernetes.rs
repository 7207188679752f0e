//! `discovery.kubernetes`: targets from the objects of a Kubernetes cluster.

mod object;
mod roles;
mod watch;
mod wire;

use crate::board::Board;
use crate::runner::{Discovered, Exports, Mechanism};
use component::prelude::*;
use host::Host;
use kubernetes::{Access, ClientArguments};
use object::{Kind, Which};
use promtext::{Counter, CounterVec, RegisterError, Registry};
use roles::{Objects, Role, Set};
use std::time::Duration;
use watch::{Cluster, Inbox, News, Selection};

pub use watch::Clusters;

/// The component around the mechanism.
type KubernetesDiscovery = Discovered<Kubernetes>;

/// The component.
pub const COMPONENT: Registration =
    Registration::of::<KubernetesDiscovery>("discovery.kubernetes", Stability::GenerallyAvailable);

/// Events come in bursts: a deployment changes pods, endpoints and services.
const SETTLE: Duration = Duration::from_millis(100);

/// Pause after a failure to make a client.
const RETRY: Duration = Duration::from_secs(10);

/// Finds targets in a Kubernetes cluster.
///
/// The objects are watched, and the targets change with them. Components that watch the same objects of a cluster share one watch. While the API
/// server cannot be reached, or refuses, the targets that were found last stay, and the component is unhealthy.
#[derive(Block, Clone, Debug, PartialEq)]
#[block(validate = validate)]
pub struct Arguments {
    /// What targets are made from: `node`, `pod`, `service`, `endpoints`, `endpointslice` or `ingress`.
    #[arg]
    pub role: Role,
    #[arg(flatten)]
    /// Which API server to ask.
    pub client: ClientArguments,
    /// Namespaces in which to look; all, if there is none.
    #[arg(block)]
    pub namespaces: Option<Namespaces>,
    /// Which objects to look at.
    #[arg(block, many)]
    pub selectors: Vec<Selector>,
    /// Labels and annotations of other objects that targets get.
    #[arg(block)]
    pub attach_metadata: Option<AttachMetadata>,
}

/// Namespaces in which to look.
#[derive(Block, Clone, Debug, Default, PartialEq)]
pub struct Namespaces {
    /// Whether to look in the namespace of the pod in which Invar runs.
    #[arg(default)]
    pub own_namespace: bool,
    /// Names.
    #[arg(default)]
    pub names: Vec<String>,
}

/// Which objects of a role to look at.
#[derive(Block, Clone, Debug, PartialEq)]
pub struct Selector {
    /// The role whose objects are meant.
    #[arg]
    pub role: Role,
    /// Selector of labels, such as `app=web,tier!=test`.
    #[arg(default)]
    pub label: String,
    /// Selector of fields, such as `spec.nodeName=here`.
    #[arg(default)]
    pub field: String,
}

/// What targets get of other objects.
#[derive(Block, Clone, Debug, Default, PartialEq)]
pub struct AttachMetadata {
    /// Labels and annotations of their nodes; for the roles `pod`, `endpoints` and `endpointslice`.
    #[arg(default)]
    pub node: bool,
    /// Labels and annotations of their namespaces; for all roles but `node`.
    #[arg(default)]
    pub namespace: bool,
}

fn validate(args: &Arguments) -> Result<(), value::Invalid> {
    args.client.validate()
}

/// Metrics.
#[derive(Clone)]
pub struct Metrics {
    events: CounterVec,
    failures: Counter,
}

impl Metrics {
    fn count(&self, news: &News) {
        for ((which, what), count) in &news.events {
            let role = match which {
                Which::Pod => "pod",
                Which::Service => "service",
                Which::Node => "node",
                Which::Namespace => "namespace",
                Which::Endpoints => "endpoints",
                Which::EndpointSlice => "endpointslice",
                Which::Ingress => "ingress",
            };
            self.events.with(&[role, what]).add(*count);
        }
        self.failures.add(news.failures);
    }
}

/// Watches.
pub struct Kubernetes {
    host: Host,
    clusters: Arc<Clusters>,
    access: Access,
    args: Arguments,
    namespaces: Vec<Option<String>>,
    metrics: Metrics,
}

impl Kubernetes {
    /// Starts, or joins, the watches of everything that the role looks at.
    fn objects(&self, cluster: &Arc<Cluster>, inbox: &Arc<Inbox>) -> Objects {
        let mut objects = Objects::default();
        let role = self.args.role;
        let attach = self.args.attach_metadata.clone().unwrap_or_default();
        let watch = Watches {
            of: self,
            cluster,
            inbox,
        };
        match role {
            Role::Node => objects.nodes = watch.everywhere(Role::Node),
            Role::Pod => objects.pods = watch.each(Role::Pod),
            Role::Service => objects.services = watch.each(Role::Service),
            Role::Ingress => objects.ingresses = watch.each(Role::Ingress),
            Role::Endpoints => objects.endpoints = watch.each(Role::Endpoints),
            Role::EndpointSlice => objects.slices = watch.each(Role::EndpointSlice),
        }
        if matches!(role, Role::Endpoints | Role::EndpointSlice) {
            objects.services = watch.each(Role::Service);
            objects.pods = watch.each(Role::Pod);
        }
        if attach.node && matches!(role, Role::Pod | Role::Endpoints | Role::EndpointSlice) {
            objects.nodes = watch.everywhere(Role::Node);
        }
        if attach.namespace && role != Role::Node {
            objects.namespaces = watch.namespaces();
        }
        objects
    }
}

struct Watches<'a> {
    of: &'a Kubernetes,
    cluster: &'a Arc<Cluster>,
    inbox: &'a Arc<Inbox>,
}

impl Watches<'_> {
    /// The selectors of a role; the last one counts.
    fn selection(&self, role: Role) -> Selection {
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        let found = self
            .of
            .args
            .selectors
            .iter()
            .rev()
            .find(|selector| selector.role == role);
        Selection {
            namespace: None,
            label: found.and_then(|selector| some(&selector.label)),
            field: found.and_then(|selector| some(&selector.field)),
        }
    }

    /// Objects that belong to no namespace.
    fn everywhere<K: Kind>(&self, role: Role) -> Set<K> {
        Set::new(vec![self.cluster.watch(self.selection(role), self.inbox)])
    }

    /// Objects of the namespaces.
    fn each<K: Kind>(&self, role: Role) -> Set<K> {
        let selection = self.selection(role);
        let one = |namespace: &Option<String>| {
            let selection = Selection {
                namespace: namespace.clone(),
                ..selection.clone()
            };
            self.cluster.watch(selection, self.inbox)
        };
        Set::new(self.of.namespaces.iter().map(one).collect())
    }

    /// The namespaces themselves.
    fn namespaces(&self) -> Set<object::Namespace> {
        let one = |namespace: &Option<String>| {
            let selection = Selection {
                field: namespace.as_ref().map(|name| format!("metadata.name={name}")),
                ..Selection::default()
            };
            self.cluster.watch(selection, self.inbox)
        };
        Set::new(self.of.namespaces.iter().map(one).collect())
    }
}

impl Mechanism for Kubernetes {
    type Arguments = Arguments;
    type Metrics = Metrics;

    fn metrics(registry: &Registry) -> Result<Metrics, RegisterError> {
        Ok(Metrics {
            events: registry.counter_vec(
                "prometheus_sd_kubernetes_events_total",
                "The number of Kubernetes events handled.",
                &["role", "event"],
            )?,
            failures: registry.counter(
                "prometheus_sd_kubernetes_failures_total",
                "The number of failed WATCH/LIST requests.",
            )?,
        })
    }

    fn new(cx: &Context<Exports>, args: Arguments, metrics: &Metrics) -> Result<Self> {
        let fs = &*cx.host().fs;
        let access = args.client.access(fs)?;
        let wanted = args.namespaces.clone().unwrap_or_default();
        let mut namespaces: Vec<Option<String>> = wanted.names.into_iter().map(Some).collect();
        if wanted.own_namespace {
            namespaces.push(Some(kubernetes::own_namespace(fs)?));
        }
        namespaces.sort();
        namespaces.dedup();
        if namespaces.is_empty() {
            namespaces.push(None);
        }
        Ok(Kubernetes {
            host: cx.host().clone(),
            clusters: cx.service().unwrap_or_default(),
            access,
            namespaces,
            args,
            metrics: metrics.clone(),
        })
    }

    fn check(args: &Arguments, _: &Known<'_>) -> Vec<Error> {
        args.client.problems()
    }

    async fn run(self: Arc<Self>, board: Board) -> Result<()> {
        let cluster = loop {
            match self.clusters.cluster(&self.access, &self.host).await {
                Ok(cluster) => break cluster,
                // A certificate may be put where it should be, a program that gives tokens may work again.
                Err(error) => {
                    tracing::error!(err = %error, "cannot reach the API server; trying again");
                    board.failed(format!("cannot reach the API server: {error}"));
                    tokio::time::sleep(RETRY).await;
                }
            }
        };
        let inbox = Arc::new(Inbox::default());
        let objects = self.objects(&cluster, &inbox);
        let role = self.args.role;
        let mut complete = false;
        loop {
            inbox.wait().await;
            if complete {
                tokio::time::sleep(SETTLE).await;
            }
            match objects.trouble() {
                Some(trouble) => board.failed(trouble),
                None => board.fine(),
            }
            let news = inbox.take();
            self.metrics.count(&news);
            if !objects.ready() {
                continue;
            }
            if !complete {
                complete = true;
                let groups = objects
                    .all(role)
                    .into_iter()
                    .filter_map(|key| objects.group(role, &key));
                board.replace(groups.collect());
                continue;
            }
            for key in objects.affected(role, &news) {
                match objects.group(role, &key) {
                    Some(group) => board.set(group),
                    None => board.remove(&roles::source(role, &key)),
                }
            }
        }
    }
}
