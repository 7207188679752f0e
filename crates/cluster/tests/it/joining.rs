//! The ways to find others.

use crate::handing::{COMPONENT, ask, positions};
use crate::node::{Extra, Member, keys, options, settled, until};
use cluster::{Dns, Options};
use component::BoxFuture;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `peers.test` is this machine, `_gossip._tcp.test` leads to it. The first question of all is not answered.
#[derive(Default)]
struct Names(AtomicUsize);

impl Dns for Names {
    fn addresses(&self, name: &str) -> BoxFuture<'static, Result<Vec<IpAddr>, String>> {
        let answer = match (name, self.0.fetch_add(1, Ordering::SeqCst)) {
            (_, 0) => Err("nobody is there yet".to_owned()),
            ("peers.test", _) => Ok(vec![Ipv4Addr::LOCALHOST.into()]),
            _ => Err(format!("no such host {name}")),
        };
        Box::pin(std::future::ready(answer))
    }

    fn targets(&self, name: &str) -> BoxFuture<'static, Result<Vec<String>, String>> {
        let answer = match name {
            "_gossip._tcp.test" => Ok(vec!["peers.test".to_owned()]),
            _ => Ok(Vec::new()),
        };
        Box::pin(std::future::ready(answer))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_lead_to_members_and_are_asked_again() {
    for entry in [
        "peers.test",
        "dns+peers.test",
        "dnssrv+_gossip._tcp.test",
        "dnssrvnoa+_gossip._tcp.test",
    ] {
        let extra = Extra {
            dns: Some(Arc::new(Names::default())),
            ..Extra::default()
        };
        let a = Member::start(options("a"), &extra).await;
        let joining = Options {
            join_addresses: vec![format!("{entry}:{}", a.address.port())],
            ..options("b")
        };
        let b = Member::start(joining, &extra).await;
        let members = vec![a, b];
        members.iter().for_each(|member| member.service.participate());
        until(entry, || settled(&members)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_nobody_starts_a_cluster_and_is_found_later() {
    let extra = Extra::default();
    // A port on which somebody listens later.
    let reserved = net::server::bind("127.0.0.1", 0).unwrap();
    let port = reserved.local_addr().unwrap().port();
    drop(reserved);
    let joining = Options {
        join_addresses: vec![format!("127.0.0.1:{port}")],
        ..options("early")
    };
    let early = Member::start(joining, &extra).await;
    early.service.participate();
    until("it is a cluster of one", || early.sees() == ["early participant"]).await;
    until("it takes everything", || settled(std::slice::from_ref(&early))).await;
    let late = Extra { port, ..extra.clone() };
    let late = Member::start(options("late"), &late).await;
    late.service.participate();
    let members = vec![early, late];
    until("they have met", || settled(&members)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubernetes_knows_the_pods() {
    let api = testkit::kube_api::Api::start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = dir.path().join("config");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: t\ncontexts: [{{name: t, context: {{cluster: t, user: t}}}}]\n\
         clusters: [{{name: t, cluster: {{server: \"{}\"}}}}]\nusers: [{{name: t, user: {{}}}}]\n",
        api.url
    );
    std::fs::write(&kubeconfig, text).unwrap();
    let extra = Extra::default();
    let discover_peers = format!(
        "provider=k8s kubeconfig={} namespace=ns label_selector=\"app=invar\"",
        kubeconfig.display()
    );
    let a = Member::start(options("a"), &extra).await;
    let b = Options {
        discover_peers,
        ..options("b")
    };
    let b = Member::start(b, &extra).await;
    let members = vec![a, b];
    members.iter().for_each(|member| member.service.participate());
    until("it asked", || !api.requests("/api/v1/namespaces/ns/pods").is_empty()).await;
    let asked = api.requests("labelSelector");
    assert!(asked[0].contains("app"), "{asked:?}");
    api.put(
        "pods",
        serde_json::json!({
            "metadata": {
                "name": "a", "namespace": "ns", "labels": { "app": "invar" },
                "annotations": { "consul.hashicorp.com/auto-join-port": members[0].address.port().to_string() },
            },
            "status": { "phase": "Running", "podIP": "127.0.0.1", "conditions": [{ "type": "Ready", "status": "True" }] },
        }),
    );
    until("they have met", || settled(&members)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_takes_nothing_until_it_knows_what_is_left_to_it() {
    let extra = Extra::default();
    let a = Member::start(options("a"), &extra).await;
    a.service.participate();
    until("it owns everything", || settled(std::slice::from_ref(&a))).await;
    let all: Vec<u64> = keys().collect();
    let _offer = a.cluster.offer(COMPONENT, positions(&all));
    let joining = Options {
        join_addresses: vec![a.address.to_string()],
        ..options("b")
    };
    let b = Member::start(joining, &extra).await;
    // At once, as a process does that has its configuration.
    b.service.participate();
    let mut early = 0;
    until("they have met", || {
        let owned = keys().filter(|key| b.cluster.owns(*key)).count();
        early = early.max(owned);
        b.cluster.peers().len() == 2
    })
    .await;
    assert!(early < all.len(), "it took everything");
    let members = [a, b];
    until("they share", || settled(&members)).await;
    let mine = all.iter().copied().find(|key| members[1].cluster.owns(*key)).unwrap();
    assert_eq!(ask(&members[1], mine).await, Some(mine % 1000));
    // One that joins itself only does not wait.
    let alone = net::server::bind("127.0.0.1", 0).unwrap();
    let port = alone.local_addr().unwrap().port();
    drop(alone);
    let joining = Options {
        join_addresses: vec![format!("127.0.0.1:{port}")],
        ..options("c")
    };
    let c = Member::start(joining, &Extra { port, ..extra }).await;
    c.service.participate();
    let start = std::time::Instant::now();
    until("it takes everything", || settled(std::slice::from_ref(&c))).await;
    assert!(
        start.elapsed() < std::time::Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
}
