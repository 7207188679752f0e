//! Targets from endpoints and slices of endpoints.

use super::{Objects, add, add_container, add_container_port, group, merged};
use crate::group::{ADDRESS, Group, host_port};
use crate::kubernetes::object::{EndpointSlice, Endpoints, Key, Pod, Reference};
use signals::{Labels, LabelsBuilder};
use smol_str::SmolStr;
use std::sync::Arc;

/// The targets of one object, and the pods behind them.
struct Targets<'o> {
    objects: &'o Objects,
    group: Labels,
    targets: Vec<Labels>,
    pods: Vec<Seen>,
}

/// A pod, and those of its ports that there are targets for.
struct Seen {
    key: Key,
    pod: Arc<Pod>,
    ports: Vec<i64>,
}

impl<'o> Targets<'o> {
    fn new(objects: &'o Objects, group: Labels) -> Self {
        Targets {
            objects,
            group,
            targets: Vec::new(),
            pods: Vec::new(),
        }
    }

    fn push(&mut self, mut target: LabelsBuilder) {
        // What the group says already need not be kept twice.
        target.retain(|name, value| self.group.get(name).is_none_or(|group| group != value));
        self.targets.push(target.build());
    }

    fn add_node(&self, target: &mut LabelsBuilder, name: Option<&SmolStr>) {
        let node = name.and_then(|name| self.objects.nodes.get(&Key::new("", name.clone())));
        if let Some(node) = node {
            add(target, &node.labels);
        }
    }

    /// A port of an address, with what its pod adds.
    fn add(
        &mut self,
        mut target: LabelsBuilder,
        refers: Option<&Reference>,
        port: Option<i64>,
        protocol: Option<&SmolStr>,
    ) {
        let key = refers.and_then(Reference::pod);
        let Some((key, pod)) = key.and_then(|key| Some((key, self.objects.pods.get(key)?))) else {
            return self.push(target);
        };
        let at = self.pods.iter().position(|seen| seen.key == *key).unwrap_or_else(|| {
            self.pods.push(Seen {
                key: key.clone(),
                pod: pod.clone(),
                ports: Vec::new(),
            });
            self.pods.len() - 1
        });
        self.pods[at].ports.extend(port);
        add(&mut target, &pod.labels);
        for container in &pod.containers {
            if let Some(found) = container.ports.iter().find(|one| Some(one.number) == port) {
                add_container(&mut target, container);
                add_container_port(&mut target, found, protocol.unwrap_or(&found.protocol));
            }
        }
        self.push(target);
    }

    /// Ports of the pods that are none of the endpoints become targets, too.
    fn finish(mut self) -> Group {
        for seen in std::mem::take(&mut self.pods) {
            if seen.pod.ip.is_empty() {
                continue;
            }
            for container in &seen.pod.containers {
                for port in container.ports.iter().filter(|port| !seen.ports.contains(&port.number)) {
                    let mut target = LabelsBuilder::default();
                    self.add_node(&mut target, Some(&seen.pod.node));
                    add(&mut target, &seen.pod.labels);
                    target.set(ADDRESS, host_port(&seen.pod.ip, port.number));
                    add_container(&mut target, container);
                    add_container_port(&mut target, port, &port.protocol);
                    self.push(target);
                }
            }
        }
        group(self.group, self.targets)
    }
}

fn set(target: &mut LabelsBuilder, name: &'static str, value: Option<impl Into<SmolStr>>) {
    if let Some(value) = value {
        target.set(name, value);
    }
}

impl Objects {
    fn with_service(&self, labels: &Labels, service: Option<&Key>) -> Labels {
        match service.and_then(|key| self.services.get(key)) {
            Some(service) => merged(labels, &service.labels),
            None => labels.clone(),
        }
    }

    pub(super) fn of_endpoints(&self, key: &Key, endpoints: &Endpoints) -> Group {
        if let Some(over) = endpoints.over_capacity.as_deref() {
            tracing::warn!(endpoints = %key.name, namespace = %key.namespace, state = over,
                "the object has more than 1000 endpoints; use the role \"endpointslice\"");
        }
        let mut targets = Targets::new(self, self.with_service(&endpoints.labels, Some(key)));
        for subset in &endpoints.subsets {
            for port in &subset.ports {
                let number = port.number.unwrap_or_default();
                let ready = subset.ready.iter().map(|address| (address, "true"));
                let not_ready = subset.not_ready.iter().map(|address| (address, "false"));
                for (address, ready) in ready.chain(not_ready) {
                    let mut target = LabelsBuilder::default();
                    target.set(ADDRESS, host_port(&address.ip, number));
                    target.set(
                        "__meta_kubernetes_endpoint_port_name",
                        port.name.clone().unwrap_or_default(),
                    );
                    let protocol = port.protocol.clone().unwrap_or_default();
                    target.set("__meta_kubernetes_endpoint_port_protocol", protocol);
                    target.set("__meta_kubernetes_endpoint_ready", ready);
                    if let Some(refers) = &address.target {
                        target.set("__meta_kubernetes_endpoint_address_target_kind", refers.kind.clone());
                        target.set(
                            "__meta_kubernetes_endpoint_address_target_name",
                            refers.key.name.clone(),
                        );
                    }
                    set(
                        &mut target,
                        "__meta_kubernetes_endpoint_node_name",
                        address.node.clone(),
                    );
                    if !address.hostname.is_empty() {
                        target.set("__meta_kubernetes_endpoint_hostname", address.hostname.clone());
                    }
                    targets.add_node(&mut target, address.node.as_ref());
                    targets.add(target, address.target.as_ref(), Some(number), port.protocol.as_ref());
                }
            }
        }
        targets.finish()
    }

    pub(super) fn of_slice(&self, key: &Key, slice: &EndpointSlice) -> Group {
        let service = slice
            .service
            .as_ref()
            .map(|name| Key::new(key.namespace.clone(), name.clone()));
        let mut targets = Targets::new(self, self.with_service(&slice.labels, service.as_ref()));
        let yes_no = |value: Option<bool>| value.map(|value| value.to_string());
        for endpoint in &slice.endpoints {
            for port in &slice.ports {
                for address in &endpoint.addresses {
                    let mut target = LabelsBuilder::default();
                    let whole = port.number.map(|port| host_port(address, port));
                    target.set(ADDRESS, whole.map_or_else(|| address.clone(), SmolStr::from));
                    let mut set = |name, value: Option<SmolStr>| set(&mut target, name, value);
                    set("__meta_kubernetes_endpointslice_port_name", port.name.clone());
                    set("__meta_kubernetes_endpointslice_port_protocol", port.protocol.clone());
                    let number = port.number.map(|port| port.to_string().into());
                    set("__meta_kubernetes_endpointslice_port", number);
                    set(
                        "__meta_kubernetes_endpointslice_port_app_protocol",
                        port.app_protocol.clone(),
                    );
                    for (name, value) in [
                        (
                            "__meta_kubernetes_endpointslice_endpoint_conditions_ready",
                            endpoint.ready,
                        ),
                        (
                            "__meta_kubernetes_endpointslice_endpoint_conditions_serving",
                            endpoint.serving,
                        ),
                        (
                            "__meta_kubernetes_endpointslice_endpoint_conditions_terminating",
                            endpoint.terminating,
                        ),
                    ] {
                        set(name, yes_no(value).map(SmolStr::from));
                    }
                    set(
                        "__meta_kubernetes_endpointslice_endpoint_hostname",
                        endpoint.hostname.clone(),
                    );
                    set(
                        "__meta_kubernetes_endpointslice_endpoint_node_name",
                        endpoint.node.clone(),
                    );
                    set("__meta_kubernetes_endpointslice_endpoint_zone", endpoint.zone.clone());
                    let refers = endpoint.target.as_ref();
                    let kind = refers.map(|refers| refers.kind.clone());
                    set("__meta_kubernetes_endpointslice_address_target_kind", kind);
                    let name = refers.map(|refers| refers.key.name.clone());
                    set("__meta_kubernetes_endpointslice_address_target_name", name);
                    for (name, value) in &endpoint.topology {
                        let prefix = "__meta_kubernetes_endpointslice_endpoint_topology_";
                        target.set(format!("{prefix}{name}"), value.clone());
                        target.set(format!("{prefix}present_{name}"), "true");
                    }
                    let node = refers
                        .filter(|refers| refers.kind == "Node")
                        .map(|refers| &refers.key.name);
                    targets.add_node(&mut target, node.or(endpoint.node.as_ref()));
                    targets.add(target, refers, port.number, None);
                }
            }
        }
        targets.finish()
    }
}
