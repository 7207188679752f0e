//! `prometheus.remote_write` to endpoints of clouds. What the requests look like in detail is the business of `crates/net`'s tests.

use crate::receiver::RemoteWriteServer;
use crate::remote_write::{balanced, endpoint, out, samples, send};
use crate::rig::World;
use axum::Router;
use axum::http::StatusCode;
use host::{FixedEnv, Host};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const NAME: &str = "prometheus.remote_write";

/// A service that gives tokens, of which the first two requests get none. Gives its address and how often it was asked.
async fn tokens() -> (String, Arc<AtomicU32>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/token", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let router = Router::new().fallback(async move || match count.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => (StatusCode::SERVICE_UNAVAILABLE, String::new()),
        number => {
            let token = format!(r#"{{"access_token": "token{number}", "token_type": "Bearer", "expires_in": "3599"}}"#);
            (StatusCode::OK, token)
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, asked)
}

#[tokio::test]
async fn requests_are_signed_with_the_headers_that_remote_write_has() {
    let dir = tempfile::tempdir().unwrap();
    let (world, server) = (World::new(dir.path()), RemoteWriteServer::start().await);
    let sigv4 = "sigv4 {\nregion = \"eu-central-1\"\naccess_key = \"AKID\"\nsecret_key = \"s3cret\"\n}\nheaders = {\"X-Mine\" = \"1\"}";
    let running = world.start(NAME, &endpoint(&server.url, sigv4), &[]);
    let out = out(&world, &running);
    send(&out, samples(&world, 20, 1000)).await;
    for (headers, _, _) in server.requests() {
        let authorization = headers["authorization"].to_str().unwrap();
        let day = &headers["x-amz-date"].to_str().unwrap()[..8];
        let start = format!("AWS4-HMAC-SHA256 Credential=AKID/{day}/eu-central-1/aps/aws4_request, SignedHeaders=");
        let (names, _) = authorization.strip_prefix(&start).unwrap().split_once(',').unwrap();
        let signed =
            "content-encoding;content-length;content-type;host;x-amz-date;x-mine;x-prometheus-remote-write-version";
        assert_eq!(names, signed);
    }
    balanced(&world, 20);
    running.stop().await;
}

#[tokio::test]
async fn samples_wait_until_there_is_a_token() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::new(dir.path());
    let (url, asked) = tokens().await;
    world.host = Host {
        env: Arc::new(FixedEnv::new([
            ("IDENTITY_ENDPOINT", url.as_str()),
            ("IDENTITY_HEADER", "h3ader"),
        ])),
        ..Host::real()
    };
    let server = RemoteWriteServer::start().await;
    let azuread = "azuread {\nmanaged_identity {\nclient_id = \"11111111-2222-3333-4444-555555555555\"\n}\n}";
    let more = format!("{azuread}\nmetadata_config {{\nsend = false\n}}");
    let running = world.start(NAME, &endpoint(&server.url, &more), &[]);
    let out = out(&world, &running);
    send(&out, samples(&world, 20, 1000)).await;
    send(&out, samples(&world, 20, 2000)).await;
    server.wait(40).await;
    assert!(
        server
            .requests()
            .iter()
            .all(|(headers, _, _)| headers["authorization"] == "Bearer token2")
    );
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    balanced(&world, 40);
    running.stop().await;
}

#[tokio::test]
async fn a_file_of_google_gives_tokens() {
    let dir = tempfile::tempdir().unwrap();
    let (world, server) = (World::new(dir.path()), RemoteWriteServer::start().await);
    let (url, _) = tokens().await;
    let file = dir.path().join("user.json");
    let user =
        format!(r#"{{"type": "authorized_user", "client_id": "c", "refresh_token": "r", "token_uri": "{url}"}}"#);
    std::fs::write(&file, user).unwrap();
    let iam = format!("google_iam {{\ncredentials_file = {file:?}\n}}\nmetadata_config {{\nsend = false\n}}");
    let running = world.start(NAME, &endpoint(&server.url, &iam), &[]);
    send(&out(&world, &running), samples(&world, 20, 1000)).await;
    server.wait(20).await;
    assert_eq!(server.requests()[0].0["authorization"], "Bearer token2");
    running.stop().await;
}

#[tokio::test]
async fn one_way_to_authenticate_is_enough() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path());
    let refused = |more: &str| world.refused(NAME, &endpoint("http://127.0.0.1:9/", more));
    for more in [
        "sigv4 {\n}\ngoogle_iam {\n}",
        "sigv4 {\n}\nbasic_auth {\nusername = \"u\"\n}",
        "google_iam {\n}\nbearer_token = \"t0ken\"",
        "azuread {\nsdk {\ntenant_id = \"\"\n}\n}\nauthorization {\ncredentials = \"t0ken\"\n}",
    ] {
        let error = refused(more);
        assert!(
            error.contains("at most one of sigv4, azuread, google_iam"),
            "{more}: {error}"
        );
        assert!(!error.contains("t0ken"), "{error}");
    }
    let error = refused("azuread {\n}");
    assert!(error.contains("exactly one of managed_identity, oauth, sdk"), "{error}");
    let error = refused("sigv4 {\nsecret_key = \"s3cret\"\n}");
    assert!(error.contains("access_key") && !error.contains("s3cret"), "{error}");
}
