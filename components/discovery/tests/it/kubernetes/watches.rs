//! Lists and watches: which are asked for, who shares them, and what becomes of targets when they fail.

use super::{ADDRESS, endpoints, node, pod, server, service, services, start, start_with};
use crate::kit::build;
use serde_json::json;
use testkit::kube_api::Api;

#[tokio::test]
async fn changes_bookmarks_disconnects_and_a_forgotten_past_are_followed() {
    let api = server().await;
    api.page(1);
    for (name, ip) in [("a", "1"), ("b", "2"), ("c", "3")] {
        let mut pod = pod(name, ip);
        pod["spec"] = json!({"containers": [{"name": "x"}]});
        api.put("pods", pod);
    }
    let rig = start(&api, "role = \"pod\"");
    rig.until_lines(ADDRESS, &["1", "2", "3"]).await;
    assert_eq!(api.requests("continue=").len(), 2);
    let bare = |name: &str, ip: &str| {
        let mut pod = pod(name, ip);
        pod["spec"] = json!({"containers": [{"name": "x"}]});
        pod
    };
    api.put("pods", bare("d", "4"));
    api.put("pods", bare("a", "9"));
    api.delete("pods", "ns", "b");
    rig.until_lines(ADDRESS, &["9", "3", "4"]).await;
    let event = |event: &str| {
        rig.metric(
            "prometheus_sd_kubernetes_events_total",
            &[("role", "pod"), ("event", event)],
        )
    };
    assert_eq!(
        (event("add"), event("update"), event("delete")),
        (Some(4.0), Some(1.0), Some(1.0))
    );

    // A watch that ends goes on where the bookmark was, without a list.
    let lists = api.requests("limit=").len();
    api.bookmark("pods", "Pod");
    api.put("services", service("ClusterIP"));
    api.disconnect();
    api.put("pods", bare("e", "5"));
    rig.until_lines(ADDRESS, &["9", "3", "4", "5"]).await;
    assert_eq!(api.requests("limit=").len(), lists);

    // What was missed in between shows in a new list.
    api.lose("pods", "ns", "c");
    api.put("services", service("LoadBalancer"));
    api.forget();
    api.disconnect();
    rig.until_lines(ADDRESS, &["9", "4", "5"]).await;
    assert!(api.requests("limit=").len() > lists);
    assert!(rig.instance.health().is_none());
    rig.end().await;
}

#[tokio::test]
async fn what_was_found_stays_while_the_server_refuses() {
    let api = server().await;
    api.put("services", service("ClusterIP"));
    api.fail(Some(403));
    let rig = start(&api, "role = \"service\"");
    rig.until_unhealthy(
        "cannot list services in all namespaces: the test says no (403): the role of the service account",
    )
    .await;
    assert_eq!(rig.exported.load(std::sync::atomic::Ordering::SeqCst), 0);
    api.fail(None);
    rig.until_lines(ADDRESS, &["web.ns.svc:8080"]).await;
    rig.until_healthy().await;
    api.fail(Some(500));
    rig.until_unhealthy("cannot watch services").await;
    assert_eq!(rig.lines(ADDRESS), ["web.ns.svc:8080"]);
    assert!(rig.metric("prometheus_sd_kubernetes_failures_total", &[]).unwrap() >= 2.0);
    api.fail(None);
    let mut second = service("ClusterIP");
    second["metadata"]["name"] = json!("more");
    api.put("services", second);
    rig.until_lines(ADDRESS, &["more.ns.svc:8080", "web.ns.svc:8080"]).await;
    rig.until_healthy().await;
    rig.end().await;
}

#[tokio::test]
async fn nothing_is_exported_before_everything_was_listed() {
    let api = server().await;
    api.hold(true);
    api.put("pods", pod("a", "10.0.0.1"));
    api.put("nodes", node("n1"));
    let rig = start(&api, "role = \"pod\"\nattach_metadata {\nnode = true\n}");
    while api.requests("/api/v1/").len() < 2 {
        crate::kit::moment().await;
    }
    for _ in 0..20 {
        crate::kit::moment().await;
    }
    assert_eq!(rig.exported.load(std::sync::atomic::Ordering::SeqCst), 0);
    api.hold(false);
    rig.until_lines(&["__meta_kubernetes_node_name"], &["n1"; 4]).await;
    assert_eq!(rig.exported.load(std::sync::atomic::Ordering::SeqCst), 1);
    rig.end().await;
}

#[tokio::test]
async fn namespaces_and_selectors_are_asked_for() {
    let api = server().await;
    api.put("pods", pod("a", "10.0.0.1"));
    let mut elsewhere = pod("b", "10.0.0.2");
    elsewhere["metadata"]["namespace"] = json!("other");
    api.put("pods", elsewhere);
    let mut third = pod("c", "10.0.0.3");
    third["metadata"]["labels"] = json!({"app": "c"});
    third["spec"]["nodeName"] = json!("n2");
    third["metadata"]["namespace"] = json!("third");
    api.put("pods", third);
    let rig = start(&api, "role = \"pod\"\nnamespaces {\nnames = [\"other\", \"ns\"]\n}");
    let name = ["__meta_kubernetes_pod_name"];
    rig.until_lines(&name, &["a", "a", "a", "a", "b", "b", "b", "b"]).await;
    rig.end().await;
    let selectors = "selectors {\nrole = \"pod\"\nlabel = \"app=c\"\nfield = \"spec.nodeName=n2\"\n}";
    let rig = start(&api, &format!("role = \"pod\"\n{selectors}"));
    rig.until_lines(&name, &["c"; 4]).await;
    let asked = api.requests("labelSelector");
    assert!(
        asked
            .iter()
            .all(|request| request.contains("app%3Dc") && request.contains("spec.nodeName%3Dn2")),
        "{asked:?}"
    );
    rig.end().await;
}

#[tokio::test]
async fn components_share_their_watches() {
    let api = server().await;
    api.put("pods", pod("a", "10.0.0.1"));
    api.put("endpoints", endpoints());
    let services = services();
    let first = start_with(&api, "role = \"pod\"", &services);
    let name = ["__meta_kubernetes_pod_name"];
    first.until_lines(&name, &["a"; 4]).await;
    let second = start_with(&api, "role = \"pod\"", &services);
    let third = start_with(&api, "role = \"endpoints\"", &services);
    second.until_lines(&name, &["a"; 4]).await;
    third.until_lines(&name, &["a", "-", "-", "a"]).await;
    let lists = |api: &Api| {
        api.requests("/api/v1/pods?")
            .iter()
            .filter(|one| one.contains("limit="))
            .count()
    };
    assert_eq!(lists(&api), 1);
    // Whoever began it may go.
    first.end().await;
    api.put("pods", pod("b", "10.0.0.2"));
    second
        .until_lines(&name, &["a", "a", "a", "a", "b", "b", "b", "b"])
        .await;
    second.end().await;
    third.end().await;
    // Nobody watches any more.
    let fourth = start_with(&api, "role = \"pod\"", &services);
    fourth
        .until_lines(&name, &["a", "a", "a", "a", "b", "b", "b", "b"])
        .await;
    assert_eq!(lists(&api), 2);
    fourth.end().await;
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_refused() {
    for (arguments, expected) in [
        ("role = \"pods\"", "should be one of"),
        ("role = \"pod\"\napi_server = \"x\"", "is no URL"),
        (
            "role = \"pod\"\napi_server = \"http://x\"\nkubeconfig_file = \"/x\"",
            "together with",
        ),
        (
            "role = \"pod\"\nkubeconfig_file = \"/does/not/exist\"",
            "cannot be read",
        ),
        ("role = \"pod\"", "KUBERNETES_SERVICE_HOST"),
    ] {
        let error = build("discovery.kubernetes", arguments).unwrap_err();
        assert!(error.contains(expected), "{arguments}: {error}");
    }
}
