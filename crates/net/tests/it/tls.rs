//! Encryption: whom the client trusts, and how it proves who it is.

use crate::kit::{Server, client, send};
use net::{Client, HttpClientConfig, TlsConfig};
use std::time::Duration;
use testkit::tls_front::{Authority, Identity, TlsFront};
use value::Secret;

fn with(tls_config: TlsConfig) -> Client {
    client(&HttpClientConfig {
        tls_config: Some(tls_config),
        ..HttpClientConfig::default()
    })
}

fn trusting(authority: &Authority) -> TlsConfig {
    TlsConfig {
        ca_pem: authority.identity.certificate.clone(),
        ..TlsConfig::default()
    }
}

/// Empty if it works, otherwise the error.
async fn outcome(client: &Client, front: &TlsFront) -> String {
    match send(client, &format!("https://{}/", front.addr())).await {
        Ok(answer) if answer.status.is_success() => String::new(),
        Ok(answer) => answer.status.to_string(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn the_server_must_be_the_one_that_was_meant() {
    let server = Server::content().await;
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let right = TlsFront::start(&authority.issue(&["127.0.0.1"]), None, server.addr);
    let wrong_name = TlsFront::start(&authority.issue(&["loki.example"]), None, server.addr);

    assert_eq!(outcome(&with(trusting(&authority)), &right).await, "");
    let error = outcome(&with(trusting(&other)), &right).await;
    assert!(
        error.contains("UnknownIssuer") || error.contains("BadSignature"),
        "{error}"
    );
    assert_ne!(
        outcome(&with(TlsConfig::default()), &right).await,
        "",
        "the system does not know the authority"
    );

    let error = outcome(&with(trusting(&authority)), &wrong_name).await;
    assert!(error.contains("not valid for name"), "{error}");
    let renamed = TlsConfig {
        server_name: "loki.example".to_owned(),
        ..trusting(&authority)
    };
    assert_eq!(outcome(&with(renamed), &wrong_name).await, "");
    let careless = TlsConfig {
        insecure_skip_verify: true,
        ..TlsConfig::default()
    };
    assert_eq!(outcome(&with(careless), &wrong_name).await, "");
}

#[tokio::test]
async fn a_self_signed_authority_may_be_the_server_itself() {
    let server = Server::content().await;
    let (authority, other) = (Authority::new("own"), Authority::new("own"));
    let front = TlsFront::start(&authority.identity, None, server.addr);
    assert_eq!(outcome(&with(trusting(&authority)), &front).await, "");
    assert_ne!(outcome(&with(trusting(&other)), &front).await, "");
    let misnamed = TlsConfig {
        server_name: "elsewhere.example".to_owned(),
        ..trusting(&authority)
    };
    assert!(outcome(&with(misnamed), &front).await.contains("not valid for name"));
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let server = Server::content().await;
    let authority = Authority::new("ca");
    let front = TlsFront::start(&authority.issue(&["127.0.0.1"]), Some(&authority), server.addr);
    assert_ne!(outcome(&with(trusting(&authority)), &front).await, "");
    let me = authority.issue(&["client"]);
    let identified = TlsConfig {
        cert_pem: me.certificate,
        key_pem: Secret::new(me.key),
        min_version: "TLS13".to_owned(),
        ..trusting(&authority)
    };
    assert_eq!(outcome(&with(identified), &front).await, "");
}

#[tokio::test]
async fn certificates_are_read_again_when_their_files_change() {
    let server = Server::content().await;
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let front = TlsFront::start(&authority.issue(&["127.0.0.1"]), Some(&authority), server.addr);
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).display().to_string();
    let write = |ca: &Authority, me: &Identity| {
        std::fs::write(file("ca"), &ca.identity.certificate).unwrap();
        std::fs::write(file("cert"), &me.certificate).unwrap();
        std::fs::write(file("key"), &me.key).unwrap();
    };
    write(&other, &other.issue(&["client"]));
    let client = with(TlsConfig {
        ca_file: file("ca"),
        cert_file: file("cert"),
        key_file: file("key"),
        ..TlsConfig::default()
    });
    assert_ne!(outcome(&client, &front).await, "");
    // Files that make no sense change nothing.
    std::fs::write(file("key"), "half a fi").unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_ne!(outcome(&client, &front).await, "");
    write(&authority, &authority.issue(&["client"]));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(outcome(&client, &front).await, "");
}
