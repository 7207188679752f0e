//! Encryption and credentials.

use super::kit::{Rig, endpoint, endpoint_at, eventually, fate};
use testkit::loki_sink::LokiSink;
use testkit::tls_front::{Authority, TlsFront};

#[tokio::test]
async fn entries_go_over_tls_with_a_client_certificate() {
    let sink = LokiSink::start();
    let authority = Authority::new("ca");
    let front = TlsFront::start(&authority.issue(&["127.0.0.1"]), Some(&authority), sink.addr());
    let me = authority.issue(&["invar"]);
    let url = format!("https://{}/loki/api/v1/push", front.addr());
    let tls = format!(
        "tls_config {{\n ca_pem = {:?}\n cert_pem = {:?}\n key_pem = {:?}\n}}",
        authority.identity.certificate, me.certificate, me.key
    );
    let rig = Rig::new(&endpoint_at(&url, &tls));
    assert_eq!(rig.send("a", &["1"]).await, Ok(()));
    assert_eq!(sink.entries().len(), 1);
    rig.assert_balanced();

    // Without it the server does not even listen; the entries wait until the configuration is right.
    let anonymous = format!("tls_config {{\n ca_pem = {:?}\n}}", authority.identity.certificate);
    let rig = Rig::new(&endpoint_at(&url, &anonymous));
    let offer = rig.offer(rig.batch("a", &["2"])).await;
    eventually("it shows", || {
        rig.health()
            .is_some_and(|health| health.message.contains("cannot be reached"))
    })
    .await;
    rig.update(&endpoint_at(&url, &tls));
    assert_eq!(fate(offer).await, Ok(()));
    assert_eq!(sink.entries().len(), 2);
}

#[tokio::test]
async fn a_password_file_may_change_or_come_late() {
    let sink = LokiSink::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    let auth = format!(
        "basic_auth {{\n username = \"u\"\n password_file = {:?}\n}}",
        file.display().to_string()
    );
    let rig = Rig::new(&endpoint(&sink, &auth));
    let offer = rig.offer(rig.batch("a", &["1"])).await;
    eventually("it shows", || {
        rig.health()
            .is_some_and(|health| health.message.contains("password_file"))
    })
    .await;
    std::fs::write(&file, "one\n").unwrap();
    assert_eq!(fate(offer).await, Ok(()));
    std::fs::write(&file, "two\n").unwrap();
    assert_eq!(rig.send("a", &["2"]).await, Ok(()));
    let headers: Vec<String> = sink
        .requests()
        .iter()
        .map(|request| request.header("authorization").unwrap_or_default().to_owned())
        .collect();
    assert_eq!(headers, ["Basic dTpvbmU=", "Basic dTp0d28="]);
}

#[tokio::test]
async fn a_bearer_token_is_sent_and_shown_nowhere() {
    let sink = LokiSink::start();
    let rig = Rig::new(&endpoint(&sink, "bearer_token = \"hunter2\""));
    assert_eq!(rig.send("a", &["1"]).await, Ok(()));
    assert_eq!(sink.requests()[0].header("authorization"), Some("Bearer hunter2"));
    let arguments = value::body_json(&rig.instance.arguments());
    assert!(
        arguments.contains("bearer_token") && !arguments.contains("hunter2"),
        "{arguments}"
    );
}
