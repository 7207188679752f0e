//! `discovery.kubernetes`

mod roles;
mod watches;

use crate::kit::Rig;
use component::Services;
use discovery::Pace;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;
use testkit::kube_api::Api;

async fn server() -> Api {
    Api::start().await.expect("loopback has ports")
}

fn services() -> Services {
    discovery::services(Services::default()).with(Arc::new(Pace(Duration::from_millis(20))))
}

fn start(api: &Api, arguments: &str) -> Rig {
    start_with(api, arguments, &services())
}

fn start_with(api: &Api, arguments: &str, services: &Services) -> Rig {
    let arguments = format!("api_server = \"{}\"\n{arguments}", api.url);
    Rig::start_with("discovery.kubernetes", &arguments, services)
}

fn pod(name: &str, ip: &str) -> Json {
    json!({
        "metadata": {
            "name": name, "namespace": "ns", "uid": format!("uid-{name}"),
            "labels": {"app.kubernetes.io/name": "web"}, "annotations": {"a/b": "c"},
            "managedFields": [{"manager": "x", "operation": "Update", "fieldsV1": {"f:metadata": {}}}],
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "1", "controller": true}],
        },
        "spec": {
            "nodeName": "n1",
            "containers": [
                {"name": "main", "image": "web:1", "ports": [
                    {"name": "http", "containerPort": 80, "protocol": "TCP"},
                    {"name": "metrics", "containerPort": 90, "protocol": "TCP"},
                ]},
                {"name": "side", "image": "side:1"},
            ],
            "initContainers": [{"name": "init", "image": "init:1"}],
        },
        "status": {
            "phase": "Running", "podIP": ip, "hostIP": "10.1.0.1",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "main", "containerID": "containerd://m"}],
        },
    })
}

fn node(name: &str) -> Json {
    json!({
        "metadata": {"name": name, "labels": {"zone": "z1"}, "annotations": {"n/a": "x"}},
        "spec": {"providerID": "cloud://1"},
        "status": {
            "addresses": [
                {"type": "Hostname", "address": "host"},
                {"type": "InternalIP", "address": "10.1.0.1"},
                {"type": "InternalIP", "address": "fd00::1"},
            ],
            "conditions": [{"type": "Ready", "status": "True"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        },
    })
}

fn service(kind: &str) -> Json {
    json!({
        "metadata": {"name": "web", "namespace": "ns", "labels": {"team": "a"}, "annotations": {"s": "t"}},
        "spec": {
            "type": kind, "clusterIP": "10.2.0.1", "externalName": "elsewhere", "loadBalancerIP": "1.2.3.4",
            "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        },
    })
}

fn namespace() -> Json {
    json!({"metadata": {"name": "ns", "labels": {"env": "prod"}, "annotations": {"owner": "me"}}})
}

fn endpoints() -> Json {
    json!({
        "metadata": {"name": "web", "namespace": "ns", "labels": {"e": "f"}},
        "subsets": [{
            "addresses": [
                {"ip": "10.0.0.1", "nodeName": "n1", "hostname": "h",
                    "targetRef": {"kind": "Pod", "namespace": "ns", "name": "a"}},
                {"ip": "10.9.0.1"},
            ],
            "notReadyAddresses": [{"ip": "10.9.0.2"}],
            "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
        }],
    })
}

const ADDRESS: &[&str] = &["__address__"];
