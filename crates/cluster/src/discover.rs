//! `--cluster.discover-peers`: providers that know the addresses of peers, in the notation of HashiCorp's go-discover.

use crate::addresses::{srv, with_port};
use crate::dns::Dns;
use component::Error;
use host::Host;
use kubernetes::kube::core::ListMeta;
use kubernetes::{Access, ClientArguments};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// An annotation of a pod with the port to join it on, or the name of that port.
const PORT_ANNOTATION: &str = "consul.hashicorp.com/auto-join-port";
/// Pods at once.
const PAGE: usize = 500;
/// Pods altogether.
const MAX_PODS: usize = 10_000;

/// A provider and what it was told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Discover {
    Kubernetes {
        kubeconfig: String,
        namespace: String,
        label_selector: String,
        field_selector: String,
        host_network: bool,
    },
    /// Not one of go-discover's.
    Dns { name: String, srv: bool, port: Option<u16> },
}

impl Discover {
    /// `provider=name key=value ...`; values with spaces stand in double quotes. Nothing for an empty text.
    pub(crate) fn parse(text: &str) -> Result<Option<Discover>, Error> {
        let wrong = |message: String| Error::new(format!("--cluster.discover-peers: {message}"));
        let mut pairs = pairs(text).map_err(wrong)?;
        if pairs.is_empty() {
            return Ok(None);
        }
        let provider = pairs.remove("provider").unwrap_or_default();
        let mut take = |key: &str| pairs.remove(key).unwrap_or_default();
        let discover = match provider.as_str() {
            "k8s" => Discover::Kubernetes {
                kubeconfig: take("kubeconfig"),
                namespace: take("namespace"),
                label_selector: take("label_selector"),
                field_selector: take("field_selector"),
                host_network: flag("host_network", &take("host_network")).map_err(wrong)?,
            },
            "dns" => {
                let (name, kind, port) = (take("name"), take("type"), take("port"));
                if name.is_empty() {
                    return Err(wrong("provider \"dns\" needs name=".to_owned()));
                }
                let port = match port.as_str() {
                    "" => None,
                    port => Some(port.parse().map_err(|_| wrong(format!("port={port} is no port")))?),
                };
                let srv = match kind.as_str() {
                    "" | "a" | "A" => false,
                    "srv" | "SRV" => true,
                    other => return Err(wrong(format!("type={other} must be \"a\" or \"srv\""))),
                };
                Discover::Dns { name, srv, port }
            }
            "" => return Err(wrong("there is no provider=".to_owned())),
            other => {
                return Err(wrong(format!(
                    "the provider {other:?} is not supported, only \"k8s\" and \"dns\" are; use --cluster.join-addresses"
                )));
            }
        };
        match pairs.keys().next() {
            Some(key) => Err(wrong(format!("provider {provider:?} has no {key:?}"))),
            None => Ok(Some(discover)),
        }
    }

    /// The peers of now; `port` where nothing else says which.
    pub(crate) async fn find(&self, port: u16, dns: &dyn Dns, host: &Host) -> Result<Vec<SocketAddr>, String> {
        match self {
            Discover::Dns {
                name,
                srv: records,
                port: own,
            } => {
                let ips = match records {
                    true => srv(name, dns).await?,
                    false => dns.addresses(name).await?,
                };
                Ok(with_port(ips, own.unwrap_or(port)))
            }
            Discover::Kubernetes {
                kubeconfig,
                namespace,
                label_selector,
                field_selector,
                host_network,
            } => {
                let args = ClientArguments {
                    kubeconfig_file: PathBuf::from(kubeconfig),
                    ..ClientArguments::default()
                };
                let access = args.access(&*host.fs).map_err(|error| error.to_string())?;
                let namespace = match namespace.as_str() {
                    "" => kubernetes::own_namespace(&*host.fs).unwrap_or_else(|_| "default".to_owned()),
                    namespace => namespace.to_owned(),
                };
                let selectors = (label_selector.as_str(), field_selector.as_str());
                let pods = pods(&access, &namespace, selectors, host).await?;
                Ok(pods.iter().filter_map(|pod| pod.address(*host_network, port)).collect())
            }
        }
    }
}

fn flag(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "" | "false" | "0" => Ok(false),
        "true" | "1" => Ok(true),
        other => Err(format!("{key}={other} must be true or false")),
    }
}

fn pairs(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut pairs = BTreeMap::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest
            .split_once('=')
            .ok_or_else(|| format!("{rest:?} is not key=value"))?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        let mut end = after.len();
        let mut quoted = false;
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => quoted = !quoted,
                '\\' if quoted => value.extend(chars.next().map(|(_, char)| char)),
                char if char.is_whitespace() && !quoted => {
                    end = at;
                    break;
                }
                char => value.push(char),
            }
        }
        if quoted {
            return Err(format!("the quotes of {key:?} do not end"));
        }
        let key = key.trim().to_owned();
        if pairs.contains_key(&key) {
            return Err(format!("{key:?} is given twice"));
        }
        pairs.insert(key, value);
        rest = after[end..].trim_start();
    }
    Ok(pairs)
}

#[derive(Deserialize)]
struct PodList {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default)]
    items: Vec<Pod>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pod {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
struct Spec {
    #[serde(default)]
    containers: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    #[serde(default)]
    ports: Vec<Port>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Port {
    #[serde(default)]
    name: String,
    container_port: u16,
    #[serde(default)]
    host_port: Option<u16>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    phase: String,
    #[serde(default, rename = "podIP")]
    pod_ip: String,
    #[serde(default, rename = "hostIP")]
    host_ip: String,
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

impl Pod {
    /// Where it is reached, if it runs and is ready.
    fn address(&self, host_network: bool, port: u16) -> Option<SocketAddr> {
        let mut conditions = self.status.conditions.iter();
        let ready = conditions.all(|condition| condition.kind != "Ready" || condition.status == "True");
        if self.status.phase != "Running" || !ready {
            return None;
        }
        let ip = match host_network {
            true => &self.status.host_ip,
            false => &self.status.pod_ip,
        };
        let port = match self.metadata.annotations.get(PORT_ANNOTATION) {
            None => port,
            Some(annotated) => match annotated.parse() {
                Ok(port) => port,
                Err(_) => {
                    let mut ports = self.spec.containers.iter().flat_map(|container| &container.ports);
                    let named = ports.find(|port| port.name == *annotated)?;
                    match host_network {
                        true => named.host_port?,
                        false => named.container_port,
                    }
                }
            },
        };
        Some(SocketAddr::new(ip.parse().ok()?, port))
    }
}

async fn pods(access: &Access, namespace: &str, (label, field): (&str, &str), host: &Host) -> Result<Vec<Pod>, String> {
    let client = kubernetes::connect(access, host).await?;
    let mut pods = Vec::new();
    let mut following = String::new();
    loop {
        let mut query = net::Url::parse("http://k/").map_err(|error| error.to_string())?;
        query.query_pairs_mut().append_pair("limit", &PAGE.to_string());
        for (key, value) in [
            ("labelSelector", label),
            ("fieldSelector", field),
            ("continue", &following),
        ] {
            if !value.is_empty() {
                query.query_pairs_mut().append_pair(key, value);
            }
        }
        let path = format!(
            "/api/v1/namespaces/{namespace}/pods?{}",
            query.query().unwrap_or_default()
        );
        let list: PodList = kubernetes::get(&client, &path)
            .await
            .map_err(|error| format!("cannot list the pods of namespace {namespace:?}: {error}"))?;
        pods.extend(list.items);
        match list.metadata.continue_ {
            Some(next) if !next.is_empty() && pods.len() < MAX_PODS => following = next,
            _ => return Ok(pods),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addresses::tests::Scripted;

    #[test]
    fn the_notation_is_that_of_go_discover() {
        let parsed = |text: &str| Discover::parse(text).map_err(|error| error.to_string());
        assert_eq!(parsed(""), Ok(None));
        assert_eq!(
            parsed("provider=k8s label_selector=\"app = alloy, x=\\\"y\\\"\" namespace=ns host_network=true"),
            Ok(Some(Discover::Kubernetes {
                kubeconfig: String::new(),
                namespace: "ns".to_owned(),
                label_selector: "app = alloy, x=\"y\"".to_owned(),
                field_selector: String::new(),
                host_network: true,
            }))
        );
        for (text, expected) in [
            ("provider=aws tag_key=a", "the provider \"aws\" is not supported"),
            ("label_selector=a", "there is no provider="),
            ("k8s", "\"k8s\" is not key=value"),
            ("provider=k8s region=x", "provider \"k8s\" has no \"region\""),
            ("provider=k8s namespace=\"a", "the quotes of \"namespace\" do not end"),
            ("provider=k8s provider=k8s", "\"provider\" is given twice"),
            ("provider=k8s host_network=2", "host_network=2 must be true or false"),
            ("provider=dns", "provider \"dns\" needs name="),
            ("provider=dns name=a port=x", "port=x is no port"),
            ("provider=dns name=a type=mx", "type=mx must be"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[tokio::test]
    async fn dns_gives_addresses() {
        for (text, expected) in [
            ("provider=dns name=b.test", "10.0.0.2:9"),
            ("provider=dns name=odd.test type=srv port=80", "10.0.0.2:80"),
        ] {
            let discover = Discover::parse(text).unwrap().unwrap();
            let found = discover.find(9, &Scripted, &Host::real()).await.unwrap();
            assert_eq!(found, [expected.parse().unwrap()]);
        }
    }

    #[test]
    fn pods_that_run_and_are_ready_have_an_address() {
        let pod = |phase: &str, ready: &str, annotation: Option<&str>| -> Pod {
            let annotations = annotation.map(|port| serde_json::json!({ PORT_ANNOTATION: port }));
            serde_json::from_value(serde_json::json!({
                "metadata": { "annotations": annotations.unwrap_or(serde_json::json!({})) },
                "spec": { "containers": [{ "ports": [{ "name": "http", "containerPort": 7, "hostPort": 8 }] }] },
                "status": { "phase": phase, "podIP": "10.1.0.1", "hostIP": "10.2.0.1",
                            "conditions": [{ "type": "Ready", "status": ready }] },
            }))
            .unwrap()
        };
        let shown = |pod: Pod, host| pod.address(host, 9).map(|address| address.to_string());
        assert_eq!(
            shown(pod("Running", "True", None), false).as_deref(),
            Some("10.1.0.1:9")
        );
        assert_eq!(shown(pod("Running", "True", None), true).as_deref(), Some("10.2.0.1:9"));
        assert_eq!(
            shown(pod("Running", "True", Some("80")), false).as_deref(),
            Some("10.1.0.1:80")
        );
        assert_eq!(
            shown(pod("Running", "True", Some("http")), false).as_deref(),
            Some("10.1.0.1:7")
        );
        assert_eq!(
            shown(pod("Running", "True", Some("http")), true).as_deref(),
            Some("10.2.0.1:8")
        );
        assert_eq!(shown(pod("Running", "True", Some("none")), false), None);
        assert_eq!(shown(pod("Running", "False", None), false), None);
        assert_eq!(shown(pod("Pending", "True", None), false), None);
    }
}
