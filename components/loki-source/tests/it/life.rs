//! Ports, updates and the end.

use crate::kit::{Rig, build_only, eventually, free_port, json, on_port, post, refusal, stream};
use component::{RelabelAction, RelabelRule, RelabelRules};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use signals::Budget;
use std::sync::Arc;
use value::Block;

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[tokio::test]
async fn an_update_of_labels_rules_and_limits_keeps_the_listener() {
    let mut rig = Rig::new("labels = { v = \"1\" }");
    let address = rig.address();
    let url = rig.url("/loki/api/v1/push");
    assert_eq!(rig.push(&stream("a", &["x"])).await.status, 204);
    let rules = RelabelRules::new(vec![RelabelRule {
        regex: "app".to_owned(),
        action: RelabelAction::LabelDrop,
        ..RelabelRule::defaults()
    }])
    .unwrap();
    let config = on_port(0, "labels = { v = \"2\" }\nmax_send_message_size = \"100B\"");
    rig.update(&config, Some(&rules)).unwrap();
    assert_eq!(rig.address(), address);
    // The same connection.
    assert_eq!(
        post(&rig.client, &url, &JSON, json(&stream("a", &["y"]))).await.status,
        204
    );
    assert_eq!(rig.sink.texts(), ["{app=\"a\", v=\"1\"}: x", "{v=\"2\"}: y"]);
    let long = "z".repeat(100);
    assert_eq!(rig.push(&stream("a", &[&long])).await.status, 413);
    rig.stop().await;
}

#[tokio::test]
async fn another_port_is_taken_before_the_old_server_finishes_what_it_has() {
    let rig = Arc::new(Rig::new(""));
    let old = rig.url("/loki/api/v1/push");
    rig.sink.open(false);
    let pushing = tokio::spawn({
        let (client, old) = (rig.client.clone(), old.clone());
        async move { post(&client, &old, &JSON, json(&stream("a", &["old"]))).await.status }
    });
    eventually("the push is offered", || rig.sink.offered() == 1).await;
    let port = free_port();
    rig.update(&on_port(port, ""), None).unwrap();
    assert_eq!(rig.address().port(), port);
    // Held from the update on, so nobody is refused.
    let ready = rig.client.get(rig.url("/ready")).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    // The old port is free while the old request is still being answered.
    let old_port = old.rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    eventually("the old port is closed", || {
        std::net::TcpStream::connect(format!("127.0.0.1:{old_port}")).is_err()
    })
    .await;
    assert!(!pushing.is_finished());
    rig.sink.open(true);
    assert_eq!(pushing.await.unwrap(), 204);
    assert_eq!(rig.push(&stream("a", &["new"])).await.status, 204);
    assert_eq!(rig.sink.lines(), ["old", "new"]);
}

#[tokio::test]
async fn other_settings_of_the_server_take_over_the_port() {
    let port = free_port();
    let rig = Rig::with(&on_port(port, ""), None, Budget::new(1 << 20));
    assert_eq!(rig.push(&stream("a", &["x"])).await.status, 204);
    rig.update(&on_port(port, "graceful_shutdown_timeout = \"1s\""), None)
        .unwrap();
    for _ in 0..50 {
        // Connections of their own, so that both servers may get them.
        let client = crate::kit::client();
        let said = post(
            &client,
            &rig.url("/loki/api/v1/push"),
            &JSON,
            json(&stream("a", &["y"])),
        )
        .await;
        assert_eq!(said.status, 204, "{said:?}");
    }
    assert_eq!(rig.sink.lines().len(), 51);
}

#[tokio::test]
async fn a_port_in_use_is_an_error_and_the_old_server_goes_on() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = refusal(&on_port(port, ""));
    let expect = format!("loki.source.api.test cannot listen on \"127.0.0.1:{port}\": address already in use; ");
    assert!(error.starts_with(&expect), "{error}");
    let rig = Rig::new("");
    let before = rig.address();
    let error = rig.update(&on_port(port, ""), None).unwrap_err();
    assert!(error.starts_with(&expect), "{error}");
    assert_eq!(rig.address(), before);
    assert_eq!(rig.push(&stream("a", &["x"])).await.status, 204);
    // A component that was built and never ran leaves nothing behind.
    drop(taken);
    build_only(&on_port(port, ""));
    drop(std::net::TcpListener::bind(("127.0.0.1", port)).unwrap());
}

#[tokio::test]
async fn a_stop_finishes_what_is_being_answered() {
    let mut rig = Rig::new("");
    rig.sink.open(false);
    let (client, url) = (rig.client.clone(), rig.url("/loki/api/v1/push"));
    let pushing = tokio::spawn(async move { post(&client, &url, &JSON, json(&stream("a", &["x"]))).await.status });
    eventually("the push is offered", || rig.sink.offered() == 1).await;
    let address = rig.address();
    rig.tell_to_stop();
    eventually("the port is closed", || std::net::TcpStream::connect(address).is_err()).await;
    assert!(!pushing.is_finished());
    rig.sink.open(true);
    assert_eq!(pushing.await.unwrap(), 204);
    rig.stop().await;
    assert_eq!(rig.sink.lines(), ["x"]);
    assert!(rig.instance.debug_info().is_none());
    rig.assert_balanced();
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let mut rig = Rig::new("graceful_shutdown_timeout = \"100ms\"");
    rig.sink.open(false);
    let (client, url) = (rig.client.clone(), rig.url("/loki/api/v1/push"));
    let pushing = tokio::spawn(async move { post(&client, &url, &JSON, json(&stream("a", &["x"]))).await });
    eventually("the push is offered", || rig.sink.offered() == 1).await;
    rig.stop().await;
    let said = pushing.await.unwrap();
    assert_eq!((said.status, said.retry_after), (503, true), "{said:?}");
    assert_eq!(rig.edge().returned.items, 1);
    rig.assert_balanced();
}

#[tokio::test]
async fn it_speaks_tls() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let block = |port: u16| {
        format!(
            "http {{\n listen_address = \"127.0.0.1\"\n listen_port = {port}\n tls {{\n cert_pem = {:?}\n key_pem = {:?}\n }}\n}}",
            cert.pem(),
            signing_key.serialize_pem()
        )
    };
    let rig = Rig::with(&block(0), None, Budget::new(1 << 20));
    // Whoever speaks plain HTTP gets nowhere.
    assert!(rig.client.get(rig.url("/ready")).send().await.is_err());
    let config = net::HttpClientConfig {
        tls_config: Some(net::TlsConfig {
            ca_pem: cert.pem(),
            server_name: "localhost".to_owned(),
            ..net::TlsConfig::defaults()
        }),
        ..net::HttpClientConfig::defaults()
    };
    let client = net::Client::new(&config, Arc::new(host::RealFs)).unwrap();
    let request = net::Request {
        method: net::Method::POST,
        url: net::Url::parse(&format!("https://{}/loki/api/v1/push", rig.address())).unwrap(),
        headers: [(
            net::HeaderName::from_static("content-type"),
            net::HeaderValue::from_static("application/json"),
        )]
        .into_iter()
        .collect(),
        body: std::iter::once(json(&stream("a", &["x"])).into()).collect(),
        timeout: crate::kit::PATIENCE,
    };
    let answer = client.send(request, 1000).await.unwrap();
    assert_eq!(answer.status.as_u16(), 204);
    assert_eq!(rig.sink.lines(), ["x"]);
}

#[test]
fn arguments_are_checked() {
    let check = |config: &str, expect: &str| {
        let error = refusal(config);
        assert!(error.contains(expect), "{error}");
    };
    check("http {\n listen_port = 70000\n}", "must be between 0 and 65535");
    check("grpc {\n listen_port = 70000\n}", "must be between 0 and 65535");
    check(
        "http {\n tls { }\n}",
        "one of \"cert_pem\" and \"cert_file\" must be set",
    );
    check(
        "http {\n listen_address = \"127.0.0.1\"\n listen_port = 0\n}\ngrpc {\n tls { }\n}",
        "grpc: tls: one of \"cert_pem\" and \"cert_file\" must be set",
    );
    check(
        "http {\n listen_address = \"192.0.2.1\"\n listen_port = 1\n}",
        "this machine does not have the address",
    );
}
