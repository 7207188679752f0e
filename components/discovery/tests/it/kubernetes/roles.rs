//! What targets are made of, by role.

use super::{ADDRESS, endpoints, namespace, node, pod, server, service, start};
use crate::kit::Rig;
use serde_json::{Value as Json, json};

/// Every label of the target at a number, without the prefix of the names.
fn labels(rig: &Rig, number: usize) -> Vec<String> {
    let fields = rig.targets()[number].fields().unwrap();
    let label = |(name, value): (&_, &value::Value)| {
        let name: &smol_str::SmolStr = name;
        let value::Value::String(value) = value else {
            panic!("no string")
        };
        format!(
            "{}={}",
            name.trim_start_matches("__meta_kubernetes_"),
            value.to_str_lossy()
        )
    };
    fields.iter().map(label).collect()
}

const POD: &[&str] = &[
    "namespace=ns",
    "pod_annotation_a_b=c",
    "pod_annotationpresent_a_b=true",
    "pod_controller_kind=ReplicaSet",
    "pod_controller_name=web-1",
    "pod_host_ip=10.1.0.1",
    "pod_ip=10.0.0.1",
    "pod_label_app_kubernetes_io_name=web",
    "pod_labelpresent_app_kubernetes_io_name=true",
    "pod_name=a",
    "pod_node_name=n1",
    "pod_phase=Running",
    "pod_ready=true",
    "pod_uid=uid-a",
];

const NODE: &[&str] = &[
    "node_annotation_n_a=x",
    "node_annotationpresent_n_a=true",
    "node_label_zone=z1",
    "node_labelpresent_zone=true",
    "node_name=n1",
];

const NAMESPACE: &[&str] = &[
    "namespace_annotation_owner=me",
    "namespace_annotationpresent_owner=true",
    "namespace_label_env=prod",
    "namespace_labelpresent_env=true",
];

const SERVICE: &[&str] = &[
    "service_annotation_s=t",
    "service_annotationpresent_s=true",
    "service_label_team=a",
    "service_labelpresent_team=true",
    "service_name=web",
];

fn expect(rig: &Rig, number: usize, parts: &[&[&str]]) {
    let mut expected: Vec<&str> = parts.concat();
    expected.sort_unstable();
    let mut found = labels(rig, number);
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn pods_become_targets_for_each_port_with_what_is_attached() {
    let api = server().await;
    api.put("pods", pod("a", "10.0.0.1"));
    api.put("pods", pod("pending", ""));
    api.put("nodes", node("n1"));
    api.put("namespaces", namespace());
    let rig = start(
        &api,
        "role = \"pod\"\nattach_metadata {\nnode = true\nnamespace = true\n}",
    );
    rig.until_lines(ADDRESS, &["10.0.0.1:80", "10.0.0.1:90", "10.0.0.1", "10.0.0.1"])
        .await;
    expect(
        &rig,
        0,
        &[
            POD,
            NODE,
            NAMESPACE,
            &[
                "__address__=10.0.0.1:80",
                "pod_container_id=containerd://m",
                "pod_container_image=web:1",
                "pod_container_init=false",
                "pod_container_name=main",
                "pod_container_port_name=http",
                "pod_container_port_number=80",
                "pod_container_port_protocol=TCP",
            ],
        ],
    );
    expect(
        &rig,
        3,
        &[
            POD,
            NODE,
            NAMESPACE,
            &[
                "__address__=10.0.0.1",
                "pod_container_id=",
                "pod_container_image=init:1",
                "pod_container_init=true",
                "pod_container_name=init",
            ],
        ],
    );
    // Of a node only what is read counts.
    let exported = rig.exported.load(std::sync::atomic::Ordering::SeqCst);
    let mut heartbeat = node("n1");
    heartbeat["status"]["images"] = json!([{"names": ["x"]}]);
    api.put("nodes", heartbeat);
    let mut changed = node("n1");
    changed["metadata"]["labels"]["zone"] = json!("z2");
    api.put("nodes", changed);
    let zone = ["__meta_kubernetes_node_label_zone"];
    rig.until_lines(&zone, &["z2", "z2", "z2", "z2"]).await;
    assert_eq!(rig.exported.load(std::sync::atomic::Ordering::SeqCst), exported + 1);
    rig.end().await;
}

#[tokio::test]
async fn endpoints_get_the_labels_of_their_service_pods_and_nodes() {
    let api = server().await;
    api.put("endpoints", endpoints());
    api.put("services", service("ClusterIP"));
    api.put("pods", pod("a", "10.0.0.1"));
    api.put("nodes", node("n1"));
    api.put("namespaces", namespace());
    let rig = start(
        &api,
        "role = \"endpoints\"\nattach_metadata {\nnode = true\nnamespace = true\n}",
    );
    let shown = [
        "__address__",
        "__meta_kubernetes_endpoint_ready",
        "__meta_kubernetes_pod_name",
    ];
    rig.until_lines(
        &shown,
        &[
            "10.0.0.1:80 true a",
            "10.9.0.1:80 true -",
            "10.9.0.2:80 false -",
            "10.0.0.1:90 - a",
        ],
    )
    .await;
    let group: &[&str] = &[
        "endpoints_label_e=f",
        "endpoints_labelpresent_e=true",
        "endpoints_name=web",
    ];
    let container: &[&str] = &[
        "pod_container_image=web:1",
        "pod_container_init=false",
        "pod_container_name=main",
    ];
    expect(
        &rig,
        0,
        &[
            POD,
            NODE,
            NAMESPACE,
            SERVICE,
            group,
            container,
            &[
                "__address__=10.0.0.1:80",
                "endpoint_address_target_kind=Pod",
                "endpoint_address_target_name=a",
                "endpoint_hostname=h",
                "endpoint_node_name=n1",
                "endpoint_port_name=http",
                "endpoint_port_protocol=TCP",
                "endpoint_ready=true",
                "pod_container_port_name=http",
                "pod_container_port_number=80",
                "pod_container_port_protocol=TCP",
            ],
        ],
    );
    expect(
        &rig,
        1,
        &[
            &["namespace=ns"],
            NAMESPACE,
            SERVICE,
            group,
            &[
                "__address__=10.9.0.1:80",
                "endpoint_port_name=http",
                "endpoint_port_protocol=TCP",
                "endpoint_ready=true",
            ],
        ],
    );
    // A change of the pod is one of the endpoints, and so is one of the service.
    let mut moved = pod("a", "10.0.0.1");
    moved["status"]["phase"] = json!("Failed");
    api.put("pods", moved);
    rig.until_lines(&["__meta_kubernetes_pod_phase"], &["Failed", "-", "-", "Failed"])
        .await;
    api.delete("services", "ns", "web");
    rig.until_lines(&["__meta_kubernetes_service_name"], &["-"; 4]).await;
    api.delete("endpoints", "ns", "web");
    rig.until_lines(ADDRESS, &[]).await;
    rig.end().await;
}

#[tokio::test]
async fn slices_get_the_labels_of_their_service_and_pods() {
    let api = server().await;
    api.put(
        "endpointslices",
        json!({
            "metadata": {"name": "web-1", "namespace": "ns", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4",
            "endpoints": [{
                "addresses": ["10.0.0.1"], "conditions": {"ready": true, "serving": true, "terminating": false},
                "hostname": "h", "nodeName": "n1", "zone": "z",
                "targetRef": {"kind": "Pod", "namespace": "ns", "name": "a"},
                "deprecatedTopology": {"kubernetes.io/hostname": "t"},
            }],
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "appProtocol": "h2c"}, {"name": "all"}],
        }),
    );
    api.put("services", service("ClusterIP"));
    api.put("pods", pod("a", "10.0.0.1"));
    let rig = start(&api, "role = \"endpointslice\"");
    rig.until_lines(ADDRESS, &["10.0.0.1:80", "10.0.0.1", "10.0.0.1:90"])
        .await;
    expect(
        &rig,
        0,
        &[
            POD,
            SERVICE,
            &[
                "__address__=10.0.0.1:80",
                "endpointslice_address_target_kind=Pod",
                "endpointslice_address_target_name=a",
                "endpointslice_address_type=IPv4",
                "endpointslice_endpoint_conditions_ready=true",
                "endpointslice_endpoint_conditions_serving=true",
                "endpointslice_endpoint_conditions_terminating=false",
                "endpointslice_endpoint_hostname=h",
                "endpointslice_endpoint_node_name=n1",
                "endpointslice_endpoint_topology_kubernetes_io_hostname=t",
                "endpointslice_endpoint_topology_present_kubernetes_io_hostname=true",
                "endpointslice_endpoint_zone=z",
                "endpointslice_label_kubernetes_io_service_name=web",
                "endpointslice_labelpresent_kubernetes_io_service_name=true",
                "endpointslice_name=web-1",
                "endpointslice_port=80",
                "endpointslice_port_app_protocol=h2c",
                "endpointslice_port_name=http",
                "endpointslice_port_protocol=TCP",
                "pod_container_image=web:1",
                "pod_container_init=false",
                "pod_container_name=main",
                "pod_container_port_name=http",
                "pod_container_port_number=80",
                "pod_container_port_protocol=TCP",
            ],
        ],
    );
    rig.end().await;
}

#[tokio::test]
async fn nodes_services_and_ingresses_become_targets() {
    let api = server().await;
    api.put("nodes", node("n1"));
    let rig = start(&api, "role = \"node\"");
    rig.until_lines(ADDRESS, &["10.1.0.1:10250"]).await;
    expect(
        &rig,
        0,
        &[
            NODE,
            &[
                "__address__=10.1.0.1:10250",
                "instance=n1",
                "node_address_Hostname=host",
                "node_address_InternalIP=10.1.0.1",
                "node_condition_Ready=true",
                "node_provider_id=cloud://1",
            ],
        ],
    );
    rig.end().await;

    api.put("services", service("LoadBalancer"));
    api.put("namespaces", namespace());
    let rig = start(&api, "role = \"service\"\nattach_metadata {\nnamespace = true\n}");
    rig.until_lines(ADDRESS, &["web.ns.svc:8080"]).await;
    let common: &[&str] = &[
        "__address__=web.ns.svc:8080",
        "namespace=ns",
        "service_port_name=http",
        "service_port_number=8080",
        "service_port_protocol=TCP",
    ];
    let balanced: &[&str] = &[
        "service_cluster_ip=10.2.0.1",
        "service_loadbalancer_ip=1.2.3.4",
        "service_type=LoadBalancer",
    ];
    expect(&rig, 0, &[SERVICE, NAMESPACE, common, balanced]);
    api.put("services", service("ExternalName"));
    rig.until_lines(&["__meta_kubernetes_service_type"], &["ExternalName"])
        .await;
    let external: &[&str] = &["service_external_name=elsewhere", "service_type=ExternalName"];
    expect(&rig, 0, &[SERVICE, NAMESPACE, common, external]);
    rig.end().await;

    api.put(
        "ingresses",
        json!({
            "metadata": {"name": "i", "namespace": "ns", "labels": {"l": "v"}},
            "spec": {
                "ingressClassName": "nginx",
                "tls": [{"hosts": ["*.test"]}],
                "rules": [
                    {"host": "a.test", "http": {"paths": [{"path": "/x"}, {}]}},
                    {"host": "other"},
                ],
            },
        }),
    );
    let rig = start(&api, "role = \"ingress\"");
    let shown = [
        "__address__",
        "__meta_kubernetes_ingress_scheme",
        "__meta_kubernetes_ingress_path",
    ];
    rig.until_lines(&shown, &["a.test https /x", "a.test https /", "other http /"])
        .await;
    expect(
        &rig,
        2,
        &[&[
            "__address__=other",
            "ingress_class_name=nginx",
            "ingress_host=other",
            "ingress_label_l=v",
            "ingress_labelpresent_l=true",
            "ingress_name=i",
            "ingress_path=/",
            "ingress_scheme=http",
            "namespace=ns",
        ]],
    );
    rig.end().await;
}

/// Names of labels that Alloy's documentation lists, from `../shared`; `None` where the folder is absent.
fn documented(component: &str) -> Option<Vec<String>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/vectors/discovery-labels.json"
    );
    let Ok(text) = std::fs::read(path) else {
        println!("skipped: {path} is absent");
        return None;
    };
    let all: Json = serde_json::from_slice(&text).unwrap();
    let labels = all[component]["labels_named_in_docs"].as_array().unwrap().iter();
    Some(labels.map(|label| label.as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn every_label_of_the_documentation_is_there() {
    let Some(documented) = documented("discovery.kubernetes") else {
        return;
    };
    let api = server().await;
    let mut external = service("ExternalName");
    external["metadata"]["name"] = json!("external");
    api.put("services", external);
    api.put("services", service("ClusterIP"));
    api.put("pods", pod("a", "10.0.0.1"));
    api.put("nodes", node("n1"));
    api.put("endpoints", endpoints());
    api.put(
        "endpointslices",
        json!({
            "metadata": {"name": "web-1", "namespace": "ns"}, "addressType": "IPv4",
            "endpoints": [{
                "addresses": ["10.0.0.1"], "conditions": {"ready": true}, "hostname": "h", "nodeName": "n1", "zone": "z",
                "targetRef": {"kind": "Pod", "namespace": "ns", "name": "a"},
                "deprecatedTopology": {"kubernetes.io/hostname": "t"},
            }],
            "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
        }),
    );
    api.put(
        "ingresses",
        json!({
            "metadata": {"name": "i", "namespace": "ns", "labels": {"l": "v"}, "annotations": {"a": "b"}},
            "spec": {"ingressClassName": "nginx", "rules": [{"host": "a"}]},
        }),
    );
    let mut found = std::collections::BTreeSet::new();
    for role in ["node", "pod", "service", "endpoints", "endpointslice", "ingress"] {
        let rig = start(&api, &format!("role = {role:?}"));
        for _ in 0..2000 {
            if !rig.targets().is_empty() {
                break;
            }
            crate::kit::moment().await;
        }
        for target in rig.targets() {
            found.extend(target.fields().unwrap().iter().map(|(name, _)| name.to_string()));
        }
        rig.end().await;
    }
    let missing = documented.iter().filter(|label| match label.split_once('<') {
        Some((prefix, _)) => !found.iter().any(|name| name.starts_with(prefix)),
        None => !found.contains(*label),
    });
    let missing: Vec<_> = missing.collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
