//! Paths, methods, texts and JSON.

use crate::support::{Server, attr, component, header};
use component::HealthState;
use reqwest::{Method, StatusCode};
use services::http::Limits;
use signals::{FanOut, LogBatch, LogStream, Receiver, Sink};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use value::{Body, Object, Secret, Value};

#[tokio::test]
async fn readiness_health_and_reload_answer_as_alloy_does() {
    let server = Server::start().await;
    let check = async |method: Method, path: &str, status: u16, text: &str| {
        let response = server
            .client
            .request(method.clone(), server.url(path))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        if status != 405 {
            assert_eq!(header(&response, "content-type"), "text/plain; charset=utf-8");
            let nosniff = if status >= 400 && path != "/-/ready" {
                "nosniff"
            } else {
                ""
            };
            assert_eq!(header(&response, "x-content-type-options"), nosniff, "{method} {path}");
        }
        assert_eq!(response.text().await.unwrap(), text, "{method} {path}");
    };
    check(Method::GET, "/-/ready", 200, "Alloy is ready.\n").await;
    check(Method::POST, "/-/ready", 200, "Alloy is ready.\n").await;
    server.controller.ready.store(false, Ordering::SeqCst);
    check(Method::GET, "/-/ready", 503, "Alloy is not ready.\n").await;

    check(Method::GET, "/-/healthy", 200, "All Alloy components are healthy.\n").await;
    *server.controller.components.lock().unwrap() = vec![
        component("local.file", "a", HealthState::Unhealthy),
        component("loki.echo", "b", HealthState::Exited),
        component("loki.process", "c", HealthState::Unknown),
        component("loki.write", "d", HealthState::Unhealthy),
    ];
    check(
        Method::GET,
        "/-/healthy",
        500,
        "unhealthy components: local.file, loki.write\n",
    )
    .await;

    check(Method::GET, "/-/reload", 200, "config reloaded\n").await;
    check(Method::POST, "/-/reload", 200, "config reloaded\n").await;
    *server.controller.reload_error.lock().unwrap() = Some("error during the initial load: a.alloy:1:1: no".to_owned());
    check(
        Method::POST,
        "/-/reload",
        400,
        "error during the initial load: a.alloy:1:1: no\n",
    )
    .await;
    check(Method::PUT, "/-/reload", 405, "").await;
    check(Method::DELETE, "/-/reload", 405, "").await;
    assert_eq!(server.controller.reloads.load(Ordering::SeqCst), 3);
    check(Method::GET, "/-/quit", 404, "404 page not found\n").await;
    check(Method::GET, "/api/v0/web/nonsense", 404, "404 page not found\n").await;
}

#[tokio::test]
async fn a_page_of_another_site_cannot_reload() {
    let server = Server::start().await;
    let from = async |site: &str| {
        let request = server
            .client
            .get(server.url("/-/reload"))
            .header("sec-fetch-site", site);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(from("cross-site").await, 403);
    assert_eq!(server.controller.reloads.load(Ordering::SeqCst), 0);
    assert_eq!(from("same-origin").await, 200);
    assert_eq!(from("none").await, 200);
}

#[tokio::test]
async fn components_have_alloys_json() {
    let server = Server::start().await;
    let mut write = component("loki.write", "default", HealthState::Healthy);
    write.referenced_by = vec!["loki.process.a".to_owned()];
    let mut secrets = Object::ordered();
    secrets.insert("password", value::FromValue::to_value(&Secret::new("hunter2")));
    write.arguments = Some(Body {
        label: String::new(),
        items: vec![
            attr("max_streams", Value::int(3)),
            attr("unset", Value::Null),
            crate::support::inner("endpoint", vec![attr("basic_auth", Value::object(secrets))]),
        ],
    });
    write.exports = Some(Body::default());
    let mut info = Object::ordered();
    info.insert("state", Value::string("sending"));
    write.debug_info = Some(Value::object(info));
    let mut process = component("loki.process", "a", HealthState::Healthy);
    process.references_to = vec!["loki.write.default".to_owned()];
    process.data_flow_edges_to = vec!["loki.write.default".to_owned()];
    process.created_module_ids = vec!["m.x".to_owned()];
    let mut nested = component("local.file", "n", HealthState::Unknown);
    nested.module_id = "m.x".to_owned();
    *server.controller.components.lock().unwrap() = vec![write, process, nested];

    let response = server.get("/api/v0/web/components").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-type"), "text/plain; charset=utf-8");
    assert_eq!(
        response.text().await.unwrap(),
        concat!(
            r#"[{"name":"loki.write","type":"block","localID":"loki.write.default","moduleID":"","label":"default","#,
            r#""referencesTo":[],"referencedBy":["loki.process.a"],"dataFlowEdgesTo":[],"#,
            r#""health":{"state":"healthy","message":"started component","updatedTime":"2026-01-02T03:04:05.123456789Z"},"#,
            r#""original":"","arguments":[],"exports":[],"debugInfo":[],"liveDebuggingEnabled":false},"#,
            r#"{"name":"loki.process","type":"block","localID":"loki.process.a","moduleID":"","label":"a","#,
            r#""referencesTo":["loki.write.default"],"referencedBy":[],"dataFlowEdgesTo":["loki.write.default"],"#,
            r#""health":{"state":"healthy","message":"started component","updatedTime":"2026-01-02T03:04:05.123456789Z"},"#,
            r#""original":"","arguments":[],"exports":[],"debugInfo":[],"createdModuleIDs":["m.x"],"#,
            r#""liveDebuggingEnabled":false}]"#,
        )
    );

    let detail = server
        .get("/api/v0/web/components/loki.write.default")
        .await
        .text()
        .await
        .unwrap();
    let expected = concat!(
        r#""arguments":[{"name":"max_streams","type":"attr","value":{"type":"number","value":3}},"#,
        r#"{"name":"unset","type":"attr","value":{"type":"null","value":null}},"#,
        r#"{"name":"endpoint","type":"block","body":[{"name":"basic_auth","type":"attr","value":{"type":"object","value":"#,
        r#"[{"key":"password","value":{"type":"capsule","value":"(secret)"}}]}}]}],"exports":[],"#,
        r#""debugInfo":[{"name":"state","type":"attr","value":{"type":"string","value":"sending"}}],"#,
    );
    assert!(detail.contains(expected), "{detail}");
    assert!(!detail.contains("hunter2"));

    let module = server.json("/api/v0/web/modules/m.x/components").await;
    assert_eq!(module[0]["localID"], "local.file.n");
    assert_eq!(module.as_array().map(Vec::len), Some(1));
    assert_eq!(
        server.json("/api/v0/web/components/m.x/local.file.n").await["moduleID"],
        "m.x"
    );
    assert_eq!(
        server.json("/api/v0/web/components/m.x%2Flocal.file.n").await["moduleID"],
        "m.x"
    );

    for (path, text) in [
        ("/api/v0/web/components/no.such", "component \"no.such\" not found\n"),
        (
            "/api/v0/web/modules/no.such/components",
            "module \"no.such\" not found\n",
        ),
    ] {
        let response = server.get(path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert_eq!(response.text().await.unwrap(), text);
    }
    assert_eq!(
        server.get("/api/v0/web/components/%ff").await.status(),
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn this_process_is_its_only_peer() {
    let server = Server::start().await;
    let expected = format!(
        r#"[{{"name":"here","addr":"{}","isSelf":true,"state":"participant"}}]"#,
        server.address
    );
    assert_eq!(server.get("/api/v0/web/peers").await.text().await.unwrap(), expected);
}

#[tokio::test]
async fn a_components_own_handler_is_found_by_the_longest_id() {
    let server = Server::start().await;
    let mut nested = component("with.handler", "", HealthState::Healthy);
    nested.module_id = "m".to_owned();
    *server.controller.components.lock().unwrap() = vec![
        component("with.handler", "", HealthState::Healthy),
        component("without.handler", "", HealthState::Healthy),
        nested,
    ];
    let check = async |path: &str, status: u16, text: &str| {
        let response = server.client.post(server.url(path)).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(response.text().await.unwrap(), text, "{path}");
    };
    check("/api/v0/component/with.handler/a/b%20c?q=1", 200, "POST /a/b%20c?q=1").await;
    check("/api/v0/component/with.handler/", 200, "POST /").await;
    check("/api/v0/component/with.handler", 200, "POST /").await;
    check("/api/v0/component/m/with.handler/x", 404, "").await;
    check("/api/v0/component/without.handler/x", 404, "").await;
    check("/api/v0/component/with.handlers/x", 404, "").await;
    let bad = "failed to parse URL path \"/api/v0/component/\": it names no component\n";
    check("/api/v0/component/", 400, bad).await;
}

struct Filter;

impl Sink for Filter {
    fn accept(self: Arc<Self>, batch: LogBatch) -> signals::Accepting {
        Box::pin(async move {
            let (_, mut custody) = batch.into_parts();
            custody.filter("noisy", signals::Amount::one(1));
            custody.deliver_rest();
            Ok(())
        })
    }
}

#[tokio::test]
async fn the_ledger_shows_every_edge() {
    let server = Server::start().await;
    let out = FanOut::new(&server.ledger, "a");
    out.set(vec![Receiver {
        owner: "b".into(),
        sink: Arc::new(Filter),
    }]);
    let stream = LogStream {
        labels: signals::Labels::empty(),
        entries: vec![signals::Entry::new(0, "x"), signals::Entry::new(1, "yz")],
    };
    out.accept(LogBatch::new(vec![stream], server.budget.force(10)))
        .await
        .unwrap();
    let response = server.get("/api/v0/invar/ledger").await;
    assert_eq!(header(&response, "content-type"), "application/json");
    assert_eq!(
        response.text().await.unwrap(),
        concat!(
            r#"{"edges":[{"from":"a","to":"b","entered":{"items":2,"bytes":3},"delivered":{"items":1,"bytes":2},"#,
            r#""filtered":{"noisy":{"items":1,"bytes":1}},"rejected":{},"expired":{},"dead_lettered":{},"returned":{"items":0,"bytes":0},"#,
            r#""lost":{"items":0,"bytes":0},"in_flight":{"items":0,"bytes":0},"balanced":true}],"#,
            r#""budget":{"limit":1048576,"used":0,"peak":10,"waiting":0}}"#,
        )
    );
}

#[tokio::test]
async fn the_page_is_self_contained_and_lives_under_its_prefix() {
    let server = Server::with("/alloy/", Limits::default()).await;
    let redirect = server.get("/alloy").await;
    assert_eq!(
        (redirect.status().as_u16(), header(&redirect, "location")),
        (302, "/alloy/")
    );
    for path in ["/alloy/", "/alloy/component/loki.write.default"] {
        let page = server.get(path).await;
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
        assert!(header(&page, "content-security-policy").starts_with("default-src 'none'"));
        let html = page.text().await.unwrap();
        // The name of SVG's vocabulary in the icon is no address that anything is loaded from.
        let html = html.replace("xmlns='http://www.w3.org/2000/svg'", "");
        for outside in ["http://", "https://", "@import", "{{", "onload", "<style"] {
            assert!(!html.contains(outside), "{outside}");
        }
        let loaded: Vec<&str> = html
            .split(['"', ' '])
            .filter(|part| part.contains("/assets/"))
            .collect();
        assert!(!loaded.is_empty());
        for path in loaded {
            let file = server.get(path).await;
            assert_eq!(file.status(), StatusCode::OK, "{path}");
            let etag = header(&file, "etag").to_owned();
            let again = server.client.get(server.url(path)).header("if-none-match", etag);
            assert_eq!(again.send().await.unwrap().status(), StatusCode::NOT_MODIFIED, "{path}");
        }
    }
    for outside in [
        "/alloy/assets/..%2f..%2fCargo.toml",
        "/alloy/assets/src/..%2f..%2fbuild.rs",
        "/alloy/assets//etc/passwd",
    ] {
        assert_eq!(server.get(outside).await.status(), StatusCode::NOT_FOUND, "{outside}");
    }
    assert_eq!(server.json("/alloy/api/v0/web/peers").await[0]["isSelf"], true);
    assert_eq!(server.get("/").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(server.get("/alloyed").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(server.get("/-/ready").await.status(), StatusCode::OK);

    let head = server.client.head(server.url("/alloy/")).send().await.unwrap();
    assert_eq!(
        (head.status(), head.text().await.unwrap().as_str()),
        (StatusCode::OK, "")
    );
    let post = server.client.post(server.url("/alloy/")).send().await.unwrap();
    assert_eq!((post.status().as_u16(), header(&post, "allow")), (405, "GET, HEAD"));
}
