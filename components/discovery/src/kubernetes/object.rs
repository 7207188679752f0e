//! Objects as they are kept: labels ready to be those of targets, shared by all components, and what targets are made from.

use super::wire;
use kubernetes::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kubernetes::kube::Resource;
use kubernetes::kube::core::DynamicResourceScope;
use serde::de::DeserializeOwned;
use signals::{Labels, LabelsBuilder};
use smol_str::SmolStr;
use std::collections::HashSet;
use std::fmt::Debug;

pub(super) const NAMESPACE: &str = "__meta_kubernetes_namespace";

/// Kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Which {
    Pod,
    Service,
    Node,
    Namespace,
    Endpoints,
    EndpointSlice,
    Ingress,
}

/// Namespace, which is empty for what has none, and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) namespace: SmolStr,
    pub(super) name: SmolStr,
}

impl Key {
    pub(super) fn new(namespace: impl Into<SmolStr>, name: impl Into<SmolStr>) -> Self {
        Key {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    pub(super) fn of(meta: &ObjectMeta) -> Self {
        Key::new(
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default(),
        )
    }
}

/// A kind of object that is kept.
pub(super) trait Kind: PartialEq + Send + Sync + Sized + 'static {
    /// How the server sends it.
    type Wire: Resource<DynamicType = (), Scope = DynamicResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + 'static;
    /// Which it is.
    const WHICH: Which;

    /// What is kept of it.
    fn trim(wire: Self::Wire, names: &mut Names) -> Self;
}

/// Names of labels, each kept once: thousands of objects have the same.
#[derive(Default)]
pub(super) struct Names(HashSet<SmolStr>);

/// More different names are none that many objects have.
const MOST_NAMES: usize = 1 << 16;

impl Names {
    fn get(&mut self, name: &str) -> SmolStr {
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        if self.0.len() >= MOST_NAMES {
            self.0.clear();
        }
        let name = SmolStr::from(name);
        self.0.insert(name.clone());
        name
    }

    /// `__meta_kubernetes_` and `rest`.
    fn meta(&mut self, rest: &str) -> SmolStr {
        self.get(&format!("__meta_kubernetes_{rest}"))
    }
}

/// What names of labels may not have becomes `_`.
pub(super) fn sanitized(name: &str) -> String {
    let one = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    name.chars().map(one).collect()
}

/// Labels and annotations of an object.
fn add_meta(labels: &mut LabelsBuilder, names: &mut Names, role: &str, meta: &ObjectMeta) {
    for (kind, pairs) in [("label", &meta.labels), ("annotation", &meta.annotations)] {
        for (name, value) in pairs.iter().flatten() {
            let name = sanitized(name);
            labels.set(names.meta(&format!("{role}_{kind}_{name}")), value.as_str());
            labels.set(names.meta(&format!("{role}_{kind}present_{name}")), "true");
        }
    }
}

/// Namespace, name, labels and annotations of an object.
fn object_labels(names: &mut Names, role: &str, meta: &ObjectMeta) -> LabelsBuilder {
    let mut labels = LabelsBuilder::default();
    if let Some(namespace) = &meta.namespace {
        labels.set(names.get(NAMESPACE), namespace.as_str());
    }
    labels.set(
        names.meta(&format!("{role}_name")),
        meta.name.as_deref().unwrap_or_default(),
    );
    add_meta(&mut labels, names, role, meta);
    labels
}

fn boxed<T, U>(items: Vec<T>, one: impl FnMut(T) -> U) -> Box<[U]> {
    items.into_iter().map(one).collect()
}

fn text(text: Option<String>) -> Option<SmolStr> {
    text.map(SmolStr::from)
}

#[derive(PartialEq)]
pub(super) struct Pod {
    pub(super) labels: Labels,
    pub(super) ip: SmolStr,
    pub(super) node: SmolStr,
    /// Those that initialise come last.
    pub(super) containers: Box<[Container]>,
}

#[derive(PartialEq)]
pub(super) struct Container {
    pub(super) name: SmolStr,
    pub(super) image: SmolStr,
    pub(super) id: SmolStr,
    pub(super) init: bool,
    pub(super) ports: Box<[ContainerPort]>,
}

#[derive(PartialEq)]
pub(super) struct ContainerPort {
    pub(super) name: SmolStr,
    pub(super) number: i64,
    pub(super) protocol: SmolStr,
}

impl Kind for Pod {
    type Wire = wire::Pod;
    const WHICH: Which = Which::Pod;

    fn trim(wire: wire::Pod, names: &mut Names) -> Self {
        let wire::Pod { metadata, spec, status } = wire;
        let mut labels = object_labels(names, "pod", &metadata);
        let ready = status.conditions.iter().find(|condition| condition.r#type == "Ready");
        let ready = ready.map_or("unknown".to_owned(), |condition| condition.status.to_ascii_lowercase());
        for (name, value) in [
            ("pod_ip", &*status.pod_ip),
            ("pod_ready", &*ready),
            ("pod_phase", &*status.phase),
            ("pod_node_name", &*spec.node_name),
            ("pod_host_ip", &*status.host_ip),
            ("pod_uid", metadata.uid.as_deref().unwrap_or_default()),
        ] {
            labels.set(names.meta(name), value);
        }
        let owners = metadata.owner_references.iter().flatten();
        if let Some(owner) = owners.into_iter().find(|owner| owner.controller == Some(true)) {
            for (name, value) in [
                ("pod_controller_kind", &owner.kind),
                ("pod_controller_name", &owner.name),
            ] {
                if !value.is_empty() {
                    labels.set(names.meta(name), value.as_str());
                }
            }
        }
        let container = |statuses: &[wire::ContainerStatus], init: bool, container: wire::Container| {
            let status = statuses.iter().find(|status| status.name == container.name);
            Container {
                id: status
                    .map(|status| status.container_id.as_str())
                    .unwrap_or_default()
                    .into(),
                name: container.name.into(),
                image: container.image.into(),
                init,
                ports: boxed(container.ports, |port| ContainerPort {
                    name: port.name.into(),
                    number: port.container_port,
                    protocol: port.protocol.into(),
                }),
            }
        };
        let main = spec
            .containers
            .into_iter()
            .map(|one| container(&status.container_statuses, false, one));
        let init = spec.init_containers.into_iter();
        let init = init.map(|one| container(&status.init_container_statuses, true, one));
        Pod {
            labels: labels.build(),
            ip: status.pod_ip.into(),
            node: spec.node_name.into(),
            containers: main.chain(init).collect(),
        }
    }
}

#[derive(PartialEq)]
pub(super) struct Service {
    pub(super) labels: Labels,
    pub(super) kind: SmolStr,
    pub(super) cluster_ip: SmolStr,
    pub(super) external_name: SmolStr,
    pub(super) load_balancer_ip: SmolStr,
    pub(super) ports: Box<[ContainerPort]>,
}

impl Kind for Service {
    type Wire = wire::Service;
    const WHICH: Which = Which::Service;

    fn trim(wire: wire::Service, names: &mut Names) -> Self {
        let spec = wire.spec;
        Service {
            labels: object_labels(names, "service", &wire.metadata).build(),
            kind: spec.r#type.into(),
            cluster_ip: spec.cluster_ip.into(),
            external_name: spec.external_name.into(),
            load_balancer_ip: spec.load_balancer_ip.into(),
            ports: boxed(spec.ports, |port| ContainerPort {
                name: port.name.into(),
                number: port.port,
                protocol: port.protocol.into(),
            }),
        }
    }
}

#[derive(PartialEq)]
pub(super) struct Node {
    /// What other targets get of it.
    pub(super) labels: Labels,
    /// What only its own target gets.
    pub(super) own: Labels,
    pub(super) addresses: Box<[(SmolStr, SmolStr)]>,
    pub(super) port: i64,
}

impl Kind for Node {
    type Wire = wire::Node;
    const WHICH: Which = Which::Node;

    fn trim(wire: wire::Node, names: &mut Names) -> Self {
        let status = wire.status;
        let mut own = LabelsBuilder::default();
        own.set(names.meta("node_provider_id"), wire.spec.provider_id);
        for condition in status.conditions {
            let name = format!("node_condition_{}", sanitized(&condition.r#type));
            own.set(names.meta(&name), condition.status.to_ascii_lowercase());
        }
        Node {
            labels: object_labels(names, "node", &wire.metadata).build(),
            own: own.build(),
            addresses: boxed(status.addresses, |one| (one.r#type.into(), one.address.into())),
            port: status.daemon_endpoints.kubelet_endpoint.port,
        }
    }
}

#[derive(PartialEq)]
pub(super) struct Namespace {
    pub(super) labels: Labels,
}

impl Kind for Namespace {
    type Wire = wire::Namespace;
    const WHICH: Which = Which::Namespace;

    fn trim(wire: wire::Namespace, names: &mut Names) -> Self {
        let mut labels = LabelsBuilder::default();
        add_meta(&mut labels, names, "namespace", &wire.metadata);
        Namespace { labels: labels.build() }
    }
}

#[derive(PartialEq)]
pub(super) struct Endpoints {
    pub(super) labels: Labels,
    pub(super) subsets: Box<[Subset]>,
    /// What the server says about endpoints that it had to leave out.
    pub(super) over_capacity: Option<SmolStr>,
}

#[derive(PartialEq)]
pub(super) struct Subset {
    pub(super) ready: Box<[Address]>,
    pub(super) not_ready: Box<[Address]>,
    pub(super) ports: Box<[EndpointPort]>,
}

#[derive(PartialEq)]
pub(super) struct Address {
    pub(super) ip: SmolStr,
    pub(super) hostname: SmolStr,
    pub(super) node: Option<SmolStr>,
    pub(super) target: Option<Reference>,
}

#[derive(PartialEq)]
pub(super) struct Reference {
    pub(super) kind: SmolStr,
    pub(super) key: Key,
}

impl Reference {
    fn of(wire: wire::ObjectReference) -> Self {
        Reference {
            kind: wire.kind.into(),
            key: Key::new(wire.namespace, wire.name),
        }
    }

    /// The pod that it refers to.
    pub(super) fn pod(&self) -> Option<&Key> {
        (self.kind == "Pod").then_some(&self.key)
    }
}

#[derive(PartialEq)]
pub(super) struct EndpointPort {
    pub(super) name: Option<SmolStr>,
    pub(super) number: Option<i64>,
    pub(super) protocol: Option<SmolStr>,
    pub(super) app_protocol: Option<SmolStr>,
}

impl EndpointPort {
    fn of(wire: wire::EndpointPort) -> Self {
        EndpointPort {
            name: text(wire.name),
            number: wire.port,
            protocol: text(wire.protocol),
            app_protocol: text(wire.app_protocol),
        }
    }
}

impl Kind for Endpoints {
    type Wire = wire::Endpoints;
    const WHICH: Which = Which::Endpoints;

    fn trim(wire: wire::Endpoints, names: &mut Names) -> Self {
        let address = |one: wire::Address| Address {
            ip: one.ip.into(),
            hostname: one.hostname.into(),
            node: text(one.node_name),
            target: one.target_ref.map(Reference::of),
        };
        let annotations = [&wire.metadata.annotations, &wire.metadata.labels];
        let over = annotations
            .into_iter()
            .flatten()
            .find_map(|pairs| pairs.get("endpoints.kubernetes.io/over-capacity"));
        Endpoints {
            over_capacity: over.map(SmolStr::from),
            labels: object_labels(names, "endpoints", &wire.metadata).build(),
            subsets: boxed(wire.subsets, |subset| Subset {
                ready: boxed(subset.addresses, address),
                not_ready: boxed(subset.not_ready_addresses, address),
                ports: boxed(subset.ports, EndpointPort::of),
            }),
        }
    }
}

#[derive(PartialEq)]
pub(super) struct EndpointSlice {
    pub(super) labels: Labels,
    /// Name of its service.
    pub(super) service: Option<SmolStr>,
    pub(super) ports: Box<[EndpointPort]>,
    pub(super) endpoints: Box<[SliceEndpoint]>,
}

#[derive(PartialEq)]
pub(super) struct SliceEndpoint {
    pub(super) addresses: Box<[SmolStr]>,
    pub(super) ready: Option<bool>,
    pub(super) serving: Option<bool>,
    pub(super) terminating: Option<bool>,
    pub(super) hostname: Option<SmolStr>,
    pub(super) node: Option<SmolStr>,
    pub(super) zone: Option<SmolStr>,
    pub(super) target: Option<Reference>,
    pub(super) topology: Box<[(SmolStr, SmolStr)]>,
}

impl Kind for EndpointSlice {
    type Wire = wire::EndpointSlice;
    const WHICH: Which = Which::EndpointSlice;

    fn trim(wire: wire::EndpointSlice, names: &mut Names) -> Self {
        let mut labels = object_labels(names, "endpointslice", &wire.metadata);
        labels.set(names.meta("endpointslice_address_type"), wire.address_type);
        let service = wire.metadata.labels.as_ref();
        let service = service.and_then(|labels| labels.get("kubernetes.io/service-name"));
        EndpointSlice {
            labels: labels.build(),
            service: service.map(SmolStr::from),
            ports: boxed(wire.ports, EndpointPort::of),
            endpoints: boxed(wire.endpoints, |one| SliceEndpoint {
                addresses: boxed(one.addresses, SmolStr::from),
                ready: one.conditions.ready,
                serving: one.conditions.serving,
                terminating: one.conditions.terminating,
                hostname: text(one.hostname),
                node: text(one.node_name),
                zone: text(one.zone),
                target: one.target_ref.map(Reference::of),
                topology: one
                    .deprecated_topology
                    .into_iter()
                    .map(|(name, value)| (sanitized(&name).into(), value.into()))
                    .collect(),
            }),
        }
    }
}

#[derive(PartialEq)]
pub(super) struct Ingress {
    pub(super) labels: Labels,
    pub(super) rules: Box<[Rule]>,
    pub(super) tls: Box<[SmolStr]>,
}

#[derive(PartialEq)]
pub(super) struct Rule {
    pub(super) host: SmolStr,
    pub(super) paths: Box<[SmolStr]>,
}

impl Kind for Ingress {
    type Wire = wire::Ingress;
    const WHICH: Which = Which::Ingress;

    fn trim(wire: wire::Ingress, names: &mut Names) -> Self {
        let mut labels = object_labels(names, "ingress", &wire.metadata);
        if let Some(class) = wire.spec.ingress_class_name {
            labels.set(names.meta("ingress_class_name"), class);
        }
        let root = |path: String| SmolStr::from(if path.is_empty() { "/" } else { path.as_str() });
        Ingress {
            labels: labels.build(),
            rules: boxed(wire.spec.rules, |rule| Rule {
                host: rule.host.into(),
                paths: match rule.http {
                    Some(http) => boxed(http.paths, |path| root(path.path)),
                    None => [root(String::new())].into(),
                },
            }),
            tls: wire
                .spec
                .tls
                .into_iter()
                .flat_map(|tls| tls.hosts)
                .map(SmolStr::from)
                .collect(),
        }
    }
}
