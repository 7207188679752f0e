//! Objects as the API server sends them: the fields that are read, and no others.

use kubernetes::k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kubernetes::kube::Resource;
use kubernetes::kube::core::DynamicResourceScope;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// `null` is the same as nothing.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

macro_rules! wire {
    ($($name:ident { $($(#[$attr:meta])* $field:ident: $ty:ty,)* })*) => {
        $(#[derive(Clone, Debug, Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub(super) struct $name {
            $($(#[$attr])* #[serde(deserialize_with = "nullable")] pub(super) $field: $ty,)*
        })*
    };
}

macro_rules! resource {
    ($name:ident, $group:literal, $version:literal, $kind:literal, $plural:literal) => {
        impl Resource for $name {
            type DynamicType = ();
            type Scope = DynamicResourceScope;

            fn kind((): &()) -> Cow<'_, str> {
                $kind.into()
            }
            fn group((): &()) -> Cow<'_, str> {
                $group.into()
            }
            fn version((): &()) -> Cow<'_, str> {
                $version.into()
            }
            fn plural((): &()) -> Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

wire! {
    Pod { metadata: ObjectMeta, spec: PodSpec, status: PodStatus, }
    PodSpec { node_name: String, containers: Vec<Container>, init_containers: Vec<Container>, }
    Container { name: String, image: String, ports: Vec<ContainerPort>, }
    ContainerPort { name: String, container_port: i64, protocol: String, }
    PodStatus {
        phase: String,
        #[serde(rename = "podIP")] pod_ip: String,
        #[serde(rename = "hostIP")] host_ip: String,
        conditions: Vec<Condition>,
        container_statuses: Vec<ContainerStatus>,
        init_container_statuses: Vec<ContainerStatus>,
    }
    ContainerStatus { name: String, #[serde(rename = "containerID")] container_id: String, }
    Condition { r#type: String, status: String, }

    Service { metadata: ObjectMeta, spec: ServiceSpec, }
    ServiceSpec {
        r#type: String,
        #[serde(rename = "clusterIP")] cluster_ip: String,
        external_name: String,
        #[serde(rename = "loadBalancerIP")] load_balancer_ip: String,
        ports: Vec<ServicePort>,
    }
    ServicePort { name: String, port: i64, protocol: String, }

    Node { metadata: ObjectMeta, spec: NodeSpec, status: NodeStatus, }
    NodeSpec { #[serde(rename = "providerID")] provider_id: String, }
    NodeStatus { addresses: Vec<NodeAddress>, conditions: Vec<Condition>, daemon_endpoints: DaemonEndpoints, }
    NodeAddress { r#type: String, address: String, }
    DaemonEndpoints { kubelet_endpoint: DaemonEndpoint, }
    DaemonEndpoint { #[serde(rename = "Port")] port: i64, }

    Namespace { metadata: ObjectMeta, }

    Endpoints { metadata: ObjectMeta, subsets: Vec<Subset>, }
    Subset { addresses: Vec<Address>, not_ready_addresses: Vec<Address>, ports: Vec<EndpointPort>, }
    Address { ip: String, hostname: String, node_name: Option<String>, target_ref: Option<ObjectReference>, }
    ObjectReference { kind: String, namespace: String, name: String, }

    EndpointSlice { metadata: ObjectMeta, address_type: String, endpoints: Vec<SliceEndpoint>, ports: Vec<EndpointPort>, }
    SliceEndpoint {
        addresses: Vec<String>,
        conditions: SliceConditions,
        hostname: Option<String>,
        node_name: Option<String>,
        zone: Option<String>,
        target_ref: Option<ObjectReference>,
        deprecated_topology: BTreeMap<String, String>,
    }
    SliceConditions { ready: Option<bool>, serving: Option<bool>, terminating: Option<bool>, }
    EndpointPort { name: Option<String>, port: Option<i64>, protocol: Option<String>, app_protocol: Option<String>, }

    Ingress { metadata: ObjectMeta, spec: IngressSpec, }
    IngressSpec { ingress_class_name: Option<String>, rules: Vec<IngressRule>, tls: Vec<IngressTls>, }
    IngressRule { host: String, http: Option<IngressPaths>, }
    IngressPaths { paths: Vec<IngressPath>, }
    IngressPath { path: String, }
    IngressTls { hosts: Vec<String>, }
}

resource!(Pod, "", "v1", "Pod", "pods");
resource!(Service, "", "v1", "Service", "services");
resource!(Node, "", "v1", "Node", "nodes");
resource!(Namespace, "", "v1", "Namespace", "namespaces");
resource!(Endpoints, "", "v1", "Endpoints", "endpoints");
resource!(
    EndpointSlice,
    "discovery.k8s.io",
    "v1",
    "EndpointSlice",
    "endpointslices"
);
resource!(Ingress, "networking.k8s.io", "v1", "Ingress", "ingresses");
