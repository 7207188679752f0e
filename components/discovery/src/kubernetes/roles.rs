//! Groups of targets from objects.

mod endpoints;

use super::object::{
    Container, ContainerPort, EndpointSlice, Endpoints, Ingress, Key, Kind, Namespace, Node, Pod, Service, Which,
};
use super::watch::{News, Watch};
use crate::group::{ADDRESS, Group, host_port};
use signals::{Labels, LabelsBuilder};
use std::collections::HashSet;
use std::sync::Arc;
use value::Choice;

/// What targets are made from.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nodes: a target each.
    #[choice("node")]
    Node,
    /// Pods: a target for each port of each container.
    #[choice("pod")]
    Pod,
    /// Services: a target for each port.
    #[choice("service")]
    Service,
    /// Endpoints: a target for each port of each address.
    #[choice("endpoints")]
    Endpoints,
    /// Slices of endpoints: a target for each port of each address.
    #[choice("endpointslice")]
    EndpointSlice,
    /// Ingresses: a target for each path.
    #[choice("ingress")]
    Ingress,
}

impl Role {
    pub(super) fn which(self) -> Which {
        match self {
            Role::Node => Which::Node,
            Role::Pod => Which::Pod,
            Role::Service => Which::Service,
            Role::Endpoints => Which::Endpoints,
            Role::EndpointSlice => Which::EndpointSlice,
            Role::Ingress => Which::Ingress,
        }
    }
}

/// Objects of a kind, from one watch or from one for each namespace.
pub(super) struct Set<K>(Vec<Arc<Watch<K>>>);

impl<K> Default for Set<K> {
    fn default() -> Self {
        Set(Vec::new())
    }
}

impl<K: Kind> Set<K> {
    pub(super) fn new(watches: Vec<Arc<Watch<K>>>) -> Self {
        Set(watches)
    }

    fn get(&self, key: &Key) -> Option<Arc<K>> {
        self.0.iter().find_map(|watch| watch.get(key))
    }

    fn all(&self) -> impl Iterator<Item = (Key, Arc<K>)> {
        self.0.iter().flat_map(|watch| watch.all())
    }

    fn ready(&self) -> bool {
        self.0.iter().all(|watch| watch.is_ready())
    }

    fn troubles(&self) -> impl Iterator<Item = String> {
        self.0.iter().filter_map(|watch| watch.trouble())
    }
}

/// Everything that a role looks at; what it does not is empty.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) pods: Set<Pod>,
    pub(super) services: Set<Service>,
    pub(super) endpoints: Set<Endpoints>,
    pub(super) slices: Set<EndpointSlice>,
    pub(super) ingresses: Set<Ingress>,
    pub(super) nodes: Set<Node>,
    pub(super) namespaces: Set<Namespace>,
}

impl Objects {
    /// Whether everything was listed once.
    pub(super) fn ready(&self) -> bool {
        self.pods.ready()
            && self.services.ready()
            && self.endpoints.ready()
            && self.slices.ready()
            && self.ingresses.ready()
            && self.nodes.ready()
            && self.namespaces.ready()
    }

    /// What does not work, each once.
    pub(super) fn trouble(&self) -> Option<String> {
        let found = self
            .pods
            .troubles()
            .chain(self.services.troubles())
            .chain(self.endpoints.troubles())
            .chain(self.slices.troubles())
            .chain(self.ingresses.troubles())
            .chain(self.nodes.troubles())
            .chain(self.namespaces.troubles());
        let found: Vec<String> = found.collect();
        (!found.is_empty()).then(|| found.join("; "))
    }

    /// The objects that groups are made from, all of them.
    pub(super) fn all(&self, role: Role) -> Vec<Key> {
        match role {
            Role::Node => self.nodes.all().map(|(key, _)| key).collect(),
            Role::Pod => self.pods.all().map(|(key, _)| key).collect(),
            Role::Service => self.services.all().map(|(key, _)| key).collect(),
            Role::Endpoints => self.endpoints.all().map(|(key, _)| key).collect(),
            Role::EndpointSlice => self.slices.all().map(|(key, _)| key).collect(),
            Role::Ingress => self.ingresses.all().map(|(key, _)| key).collect(),
        }
    }

    /// The objects whose groups may be others because of what changed.
    pub(super) fn affected(&self, role: Role, news: &News) -> HashSet<Key> {
        let mut found = HashSet::new();
        let (mut others, mut namespaces) = (false, HashSet::new());
        for (which, key) in &news.changed {
            match which {
                which if *which == role.which() => drop(found.insert(key.clone())),
                Which::Namespace => drop(namespaces.insert(key.name.clone())),
                _ => others = true,
            }
        }
        if !others && namespaces.is_empty() {
            return found;
        }
        // One look at each object for all changes.
        let changed = |which: Which, key: &Key| news.changed.contains(&(which, key.clone()));
        let node = |name: &str| changed(Which::Node, &Key::new("", name));
        let mut add = |key: Key, touched: bool| {
            if touched || namespaces.contains(&key.namespace) {
                found.insert(key);
            }
        };
        match role {
            Role::Pod => self.pods.all().for_each(|(key, pod)| add(key, node(&pod.node))),
            Role::Endpoints => self.endpoints.all().for_each(|(key, endpoints)| {
                let addresses = endpoints
                    .subsets
                    .iter()
                    .flat_map(|one| one.ready.iter().chain(&one.not_ready));
                let touched = addresses.into_iter().any(|address| {
                    let pod = address.target.as_ref().and_then(|target| target.pod());
                    address.node.as_ref().is_some_and(|name| node(name))
                        || pod.is_some_and(|pod| changed(Which::Pod, pod))
                });
                let touched = touched || changed(Which::Service, &key);
                add(key, touched);
            }),
            Role::EndpointSlice => self.slices.all().for_each(|(key, slice)| {
                let touched = slice.endpoints.iter().any(|endpoint| {
                    let target = endpoint.target.as_ref();
                    let named = target
                        .filter(|target| target.kind == "Node")
                        .map(|target| &target.key.name);
                    named.or(endpoint.node.as_ref()).is_some_and(|name| node(name))
                        || target
                            .and_then(|target| target.pod())
                            .is_some_and(|pod| changed(Which::Pod, pod))
                });
                let service = slice
                    .service
                    .as_ref()
                    .map(|name| Key::new(key.namespace.clone(), name.clone()));
                let touched = touched || service.is_some_and(|service| changed(Which::Service, &service));
                add(key, touched);
            }),
            Role::Service => self.services.all().for_each(|(key, _)| add(key, false)),
            Role::Ingress => self.ingresses.all().for_each(|(key, _)| add(key, false)),
            Role::Node => {}
        }
        found
    }

    /// The group of an object; `None` if it is not there any more.
    pub(super) fn group(&self, role: Role, key: &Key) -> Option<Group> {
        let mut group = match role {
            Role::Node => node(&*self.nodes.get(key)?),
            Role::Pod => self.pod(&*self.pods.get(key)?),
            Role::Service => service(key, &*self.services.get(key)?),
            Role::Endpoints => self.of_endpoints(key, &*self.endpoints.get(key)?),
            Role::EndpointSlice => self.of_slice(key, &*self.slices.get(key)?),
            Role::Ingress => ingress(&*self.ingresses.get(key)?),
        };
        group.source = source(role, key);
        if let Some(namespace) = self.namespaces.get(&Key::new("", key.namespace.clone())) {
            group.labels = merged(&group.labels, &namespace.labels);
        }
        Some(group)
    }

    fn pod(&self, pod: &Pod) -> Group {
        // Without an address it has not started, or is gone.
        if pod.ip.is_empty() {
            return group(Labels::empty(), Vec::new());
        }
        let mut labels = pod.labels.clone();
        if let Some(node) = self.nodes.get(&Key::new("", pod.node.clone())) {
            labels = merged(&labels, &node.labels);
        }
        let mut targets = Vec::new();
        for container in &pod.containers {
            let mut target = LabelsBuilder::default();
            target.set(ADDRESS, pod.ip.clone());
            target.set("__meta_kubernetes_pod_container_id", container.id.clone());
            add_container(&mut target, container);
            if container.ports.is_empty() {
                targets.push(target.build());
                continue;
            }
            for port in &container.ports {
                let mut target = target.clone();
                target.set(ADDRESS, host_port(&pod.ip, port.number));
                add_container_port(&mut target, port, &port.protocol);
                targets.push(target.build());
            }
        }
        group(labels, targets)
    }
}

/// A group without a name.
fn group(labels: Labels, targets: Vec<Labels>) -> Group {
    Group {
        source: String::new(),
        labels,
        targets,
    }
}

/// What the group of an object is called.
pub(super) fn source(role: Role, key: &Key) -> String {
    let kind = match role {
        Role::Node => return format!("node/{}", key.name),
        Role::Pod => "pod",
        Role::Service => "svc",
        Role::Endpoints => "endpoints",
        Role::EndpointSlice => "endpointslice",
        Role::Ingress => "ingress",
    };
    format!("{kind}/{}/{}", key.namespace, key.name)
}

/// Both sets in one; the second wins.
fn merged(labels: &Labels, more: &Labels) -> Labels {
    let mut builder = labels.edit();
    add(&mut builder, more);
    builder.build()
}

fn add(builder: &mut LabelsBuilder, more: &Labels) {
    for (name, value) in more.iter() {
        builder.set(name.clone(), value.clone());
    }
}

fn add_container(target: &mut LabelsBuilder, container: &Container) {
    target.set("__meta_kubernetes_pod_container_name", container.name.clone());
    target.set("__meta_kubernetes_pod_container_image", container.image.clone());
    target.set("__meta_kubernetes_pod_container_init", container.init.to_string());
}

fn add_container_port(target: &mut LabelsBuilder, port: &ContainerPort, protocol: &str) {
    target.set("__meta_kubernetes_pod_container_port_name", port.name.clone());
    target.set("__meta_kubernetes_pod_container_port_number", port.number.to_string());
    target.set("__meta_kubernetes_pod_container_port_protocol", protocol);
}

/// Types of addresses of nodes, the best first.
const PREFERRED: &[&str] = &[
    "InternalIP",
    "InternalDNS",
    "ExternalIP",
    "ExternalDNS",
    "LegacyHostIP",
    "Hostname",
];

fn node(node: &Node) -> Group {
    let first = |kind: &&str| node.addresses.iter().find(|(other, _)| other == kind);
    let Some((_, address)) = PREFERRED.iter().find_map(first) else {
        tracing::warn!(node = %node.labels, "a node has no address");
        return group(Labels::empty(), Vec::new());
    };
    let mut target = LabelsBuilder::default();
    for (kind, address) in node.addresses.iter().rev() {
        // The first of each type counts.
        target.set(
            format!("__meta_kubernetes_node_address_{}", super::object::sanitized(kind)),
            address.clone(),
        );
    }
    target.set(ADDRESS, host_port(address, node.port));
    let name = node.labels.get("__meta_kubernetes_node_name").cloned();
    target.set("instance", name.unwrap_or_default());
    group(merged(&node.labels, &node.own), vec![target.build()])
}

fn service(key: &Key, service: &Service) -> Group {
    let host = format!("{}.{}.svc", key.name, key.namespace);
    let target = |port: &ContainerPort| {
        let mut target = LabelsBuilder::default();
        target.set(ADDRESS, host_port(&host, port.number));
        target.set("__meta_kubernetes_service_port_name", port.name.clone());
        target.set("__meta_kubernetes_service_port_number", port.number.to_string());
        target.set("__meta_kubernetes_service_port_protocol", port.protocol.clone());
        target.set("__meta_kubernetes_service_type", service.kind.clone());
        match service.kind.as_str() {
            "ExternalName" => target.set("__meta_kubernetes_service_external_name", service.external_name.clone()),
            _ => target.set("__meta_kubernetes_service_cluster_ip", service.cluster_ip.clone()),
        }
        if service.kind == "LoadBalancer" {
            target.set(
                "__meta_kubernetes_service_loadbalancer_ip",
                service.load_balancer_ip.clone(),
            );
        }
        target.build()
    };
    group(service.labels.clone(), service.ports.iter().map(target).collect())
}

fn ingress(ingress: &Ingress) -> Group {
    let mut targets = Vec::new();
    for rule in &ingress.rules {
        let tls = ingress.tls.iter().any(|pattern| covers(pattern, &rule.host));
        for path in &rule.paths {
            targets.push(Labels::from_pairs([
                (ADDRESS, rule.host.as_str()),
                ("__meta_kubernetes_ingress_scheme", if tls { "https" } else { "http" }),
                ("__meta_kubernetes_ingress_host", &rule.host),
                ("__meta_kubernetes_ingress_path", path),
            ]));
        }
    }
    group(ingress.labels.clone(), targets)
}

/// Whether a host is the one of a pattern, whose first label may be `*`.
fn covers(pattern: &str, host: &str) -> bool {
    let rest = pattern.strip_prefix("*.");
    pattern == host || rest.is_some_and(|rest| host.split_once('.').is_some_and(|(_, domain)| domain == rest))
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_pattern_covers_hosts_of_its_domain() {
        for (pattern, host, expected) in [
            ("a.b", "a.b", true),
            ("*.b", "a.b", true),
            ("*.b", "a.a.b", false),
            ("*.b", "b", false),
            ("a.b", "*.b", false),
        ] {
            assert_eq!(covers(pattern, host), expected, "{pattern} {host}");
        }
    }
}
