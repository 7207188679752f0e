//! Members come, go, die and are cut off.

use crate::node::{Extra, Member, options, settled, until};
use cluster::Options;
use net::server::ServerTls;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_dies_and_comes_back() {
    let extra = Extra::default();
    let mut members = Member::several(&["a", "b", "c"], &extra).await;
    assert_eq!(members[0].cluster.peers().iter().filter(|peer| peer.is_self).count(), 1);
    let address = members.remove(1).kill().await;
    until("two are left", || settled(&members)).await;
    let again = Extra {
        port: address.port(),
        ..extra
    };
    let mut options = options("b");
    options.join_addresses = vec![members[0].address.to_string()];
    let b = Member::start(options, &again).await;
    until("it is seen", || members[1].sees().contains(&"b viewer".to_owned())).await;
    b.service.participate();
    members.push(b);
    until("all three", || settled(&members)).await;
    // The first one is as good as any: whoever is left finds the others again.
    let address = members.remove(0).kill().await;
    until("two are left again", || settled(&members)).await;
    let again = Extra {
        port: address.port(),
        ..again
    };
    // It joins nobody; those that are there ask it.
    let a = Member::start(crate::node::options("a"), &again).await;
    a.service.participate();
    members.push(a);
    until("the first is back", || settled(&members)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_cut_off_and_returns() {
    let extra = Extra::default();
    let members = Member::several(&["a", "b", "c"], &extra).await;
    extra.network.cut("c", 1);
    until("it is alone", || members[2].sees() == ["c participant"]).await;
    until("the others are two", || settled(&members[..2])).await;
    until("it keeps everything for itself", || settled(&members[2..])).await;
    extra.network.cut("c", 0);
    extra.network.cut("a", 0);
    extra.network.cut("b", 0);
    until("they are three again", || settled(&members)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_leaves_in_good_order() {
    let extra = Extra::default();
    let mut members = Member::several(&["a"], &extra).await;
    let leaver = Options {
        join_addresses: vec![members[0].address.to_string()],
        grace: Duration::from_secs(3),
        ..options("b")
    };
    let b = Member::start(leaver, &extra).await;
    b.service.participate();
    members.push(b);
    until("they have met", || settled(&members)).await;
    let b = members.remove(1);
    let leaving = tokio::spawn({
        let service = b.service.clone();
        async move { service.leave().await }
    });
    until("it is about to go", || {
        members[0].sees() == ["a participant", "b terminating"]
    })
    .await;
    // It owns nothing any more, and is there to be asked.
    until("it knows", || crate::node::keys().all(|key| !b.cluster.owns(key))).await;
    assert!(crate::node::keys().any(|key| {
        let owner = members[0].cluster.owner(key, component::Op::Read);
        owner.is_some_and(|owner| owner.name == "b")
    }));
    leaving.await.unwrap();
    until("it is gone", || settled(&members)).await;
    assert!(b.cluster.peers().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_waits_for_its_size() {
    let extra = Extra::default();
    let waiting = |name: &str| Options {
        wait_for_size: 2,
        ..options(name)
    };
    let a = Member::start(waiting("a"), &extra).await;
    a.service.participate();
    until("it takes part", || a.sees() == ["a participant"]).await;
    assert!(!a.cluster.ready() && crate::node::keys().all(|key| !a.cluster.owns(key)));
    assert_eq!(a.metric("cluster_ready_for_traffic{cluster_name=\"\"}"), Some(0.0));
    assert_eq!(a.metric("cluster_minimum_size{cluster_name=\"\"}"), Some(2.0));
    let mut second = waiting("b");
    second.join_addresses = vec![a.address.to_string()];
    let b = Member::start(second, &extra).await;
    b.service.participate();
    let mut both = vec![a, b];
    until("there are two", || settled(&both)).await;
    assert_eq!(
        both[0].metric("cluster_ready_for_traffic{cluster_name=\"\"}"),
        Some(1.0)
    );
    both.remove(1).kill().await;
    until("it waits again", || !both[0].cluster.ready()).await;
    // With an end to the waiting.
    let mut alone = waiting("c");
    alone.wait_timeout = Duration::from_millis(300);
    let c = Member::start(alone, &extra).await;
    assert!(!c.cluster.ready());
    let mut changes = c.cluster.changes();
    until("the time is over", || c.cluster.ready()).await;
    changes.changed().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_speak_tls() {
    let authority = testkit::tls_front::Authority::new("cluster");
    let identity = authority.issue(&["collector.test"]);
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let ca = file("ca.pem", &authority.identity.certificate);
    let (cert, key) = (file("cert.pem", &identity.certificate), file("key.pem", &identity.key));
    let extra = Extra {
        tls: Some(ServerTls {
            cert_file: cert.clone(),
            key_file: key.clone(),
            client_ca_file: ca.clone(),
            client_auth_type: "RequireAndVerifyClientCert".to_owned(),
            ..ServerTls::default()
        }),
        ..Extra::default()
    };
    let tls = |name: &str| Options {
        enable_tls: true,
        tls_ca_path: ca.clone(),
        tls_cert_path: cert.clone(),
        tls_key_path: key.clone(),
        tls_server_name: "collector.test".to_owned(),
        ..options(name)
    };
    let a = Member::start(tls("a"), &extra).await;
    let mut second = tls("b");
    second.join_addresses = vec![a.address.to_string()];
    let b = Member::start(second, &extra).await;
    let members = vec![a, b];
    members.iter().for_each(|member| member.service.participate());
    until("they have met", || settled(&members)).await;
    // Without a certificate, or with another name, nobody gets in.
    let mut plain = options("plain");
    plain.join_addresses = vec![members[0].address.to_string()];
    let mut other = tls("other");
    other.tls_server_name = "another.test".to_owned();
    other.join_addresses = vec![members[0].address.to_string()];
    for options in [plain, other] {
        let stranger = Member::start(options, &extra).await;
        until("it failed", || {
            stranger.metric("cluster_transport_tx_packets_failed_total{cluster_name=\"\"}") > Some(1.0)
        })
        .await;
        assert_eq!(stranger.cluster.peers().len(), 1);
    }
    until("nothing has changed for the others", || settled(&members)).await;
    // Files that are not there show up at the start.
    let broken = Options {
        tls_ca_path: "/nowhere".to_owned(),
        ..tls("x")
    };
    let listen = members[0].address;
    let host = host::Host::real();
    let dns = std::sync::Arc::new(cluster::SystemDns::new(host.fs.clone()));
    let failed = cluster::Service::new(&broken, listen, &host, dns, &promtext::Registry::new()).await;
    let error = failed.err().unwrap().to_string();
    assert!(
        error.contains("--cluster.enable-tls") && error.contains("/nowhere"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_with_one_name_one_counts() {
    let extra = Extra::default();
    let mut members = Member::several(&["a", "twin"], &extra).await;
    let mut options = options("twin");
    options.join_addresses = vec![members[0].address.to_string()];
    let second = Member::start(options, &extra).await;
    second.service.participate();
    until("the first is out", || members[1].cluster.peers().is_empty()).await;
    assert!(crate::node::keys().all(|key| !members[1].cluster.owns(key)));
    let first = members.remove(1);
    members.push(second);
    until("two members", || settled(&members)).await;
    // The second one goes; the first one takes its place.
    members.remove(1).kill().await;
    members.push(first);
    until("the first is back", || settled(&members)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_cluster_is_refused() {
    let extra = Extra::default();
    let members = Member::several(&["a", "b"], &extra).await;
    let stranger = Options {
        name: "another".to_owned(),
        join_addresses: vec![members[0].address.to_string()],
        ..options("c")
    };
    let stranger = Member::start(stranger, &extra).await;
    stranger.service.participate();
    until("it was refused", || {
        stranger.metric("cluster_transport_tx_packets_failed_total{cluster_name=\"another\"}") > Some(1.0)
    })
    .await;
    until("nothing has changed for the others", || settled(&members)).await;
    assert_eq!(stranger.sees(), ["c participant"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_told_once_a_second_at_most() {
    let extra = Extra::default();
    let start = std::time::Instant::now();
    let a = Member::start(options("a"), &extra).await;
    let mut changes = a.cluster.changes();
    let mut others = Vec::new();
    for name in ["b", "c", "d", "e"] {
        let mut options = options(name);
        options.join_addresses = vec![a.address.to_string()];
        let member = Member::start(options, &extra).await;
        member.service.participate();
        others.push(member);
        until("it is there", || a.sees().iter().any(|seen| seen.starts_with(name))).await;
    }
    a.service.participate();
    others.push(a);
    until("all are there", || settled(&others)).await;
    // The last change is told too.
    changes.changed().await.unwrap();
    until("nothing is left to tell", || {
        others[4].metric("cluster_node_updating{cluster_name=\"\"}") == Some(0.0)
    })
    .await;
    let told = *changes.borrow();
    assert!(told >= 1);
    assert!(told <= start.elapsed().as_secs() + 1, "{told} in {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_tell_of_the_cluster() {
    let members = Member::several(&["a", "b"], &Extra::default()).await;
    let a = &members[0];
    for (name, value) in [
        ("cluster_node_info{cluster_name=\"\",state=\"participant\"}", 1.0),
        ("cluster_node_peers{cluster_name=\"\",state=\"participant\"}", 2.0),
        ("cluster_node_peers{cluster_name=\"\",state=\"viewer\"}", 0.0),
        ("cluster_node_gossip_alive_peers{cluster_name=\"\"}", 2.0),
        ("cluster_node_gossip_proto_version{cluster_name=\"\"}", 1.0),
        ("cluster_ready_for_traffic{cluster_name=\"\"}", 1.0),
        ("cluster_minimum_size{cluster_name=\"\"}", 0.0),
    ] {
        until(name, || a.metric(name) == Some(value)).await;
    }
    for name in [
        "cluster_node_lamport_time",
        "cluster_node_gossip_broadcasts_total",
        "cluster_transport_rx_packets_total",
        "cluster_transport_rx_bytes_total",
        "cluster_transport_tx_packets_total",
        "cluster_transport_tx_bytes_total",
        "cluster_node_update_duration_seconds_count",
    ] {
        until(name, || a.metric(&format!("{name}{{cluster_name=\"\"}}")) > Some(0.0)).await;
    }
    for name in [
        "cluster_node_update_observers",
        "cluster_node_updating",
        "cluster_node_gossip_health_score",
        "cluster_transport_tx_packets_failed_total",
        "cluster_transport_rx_packet_queue_length",
        "cluster_transport_tx_packet_queue_length",
    ] {
        assert!(a.metric(&format!("{name}{{cluster_name=\"\"}}")).is_some(), "{name}");
    }
    until("an event", || {
        a.metric("cluster_node_gossip_received_events_total{cluster_name=\"\",event=\"node_join\"}") == Some(1.0)
    })
    .await;
}
