//! `remote.kubernetes.*`

use crate::kit::{Rig, Server, build};
use serde_json::json;
use value::{OptionalSecret, Value};

fn data(rig: &Rig) -> Vec<(String, bool, String)> {
    let data = rig.export("data").fields().unwrap();
    let one = |(key, value): (&_, &Value)| {
        let Value::Capsule(capsule) = value else {
            panic!("no capsule")
        };
        let found = capsule.downcast_ref::<OptionalSecret>().unwrap();
        let key: &str = AsRef::<str>::as_ref(key as &smol_str::SmolStr);
        (
            key.to_owned(),
            found.is_secret,
            found.expose().to_str_lossy().into_owned(),
        )
    };
    data.iter().map(one).collect()
}

fn arguments(server: &Server) -> String {
    format!(
        "namespace = \"ns\"\nname = \"x.y\"\npoll_frequency = \"60ms\"\npoll_timeout = \"2s\"\n\
         client {{\napi_server = \"{}\"\nbearer_token = \"t\"\n}}",
        server.url
    )
}

fn failure(code: u16) -> String {
    json!({"kind": "Status", "status": "Failure", "message": "the test says no", "reason": "X", "code": code})
        .to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_secret_and_follows_changes() {
    let object =
        |value: &str| json!({"kind": "Secret", "metadata": {"name": "x.y"}, "data": {"a": value, "b": ""}}).to_string();
    let server = Server::start(&object("b25l")).await;
    let rig = Rig::start("remote.kubernetes.secret", &arguments(&server));
    let expected = |value: &str| {
        [
            ("a".to_owned(), true, value.to_owned()),
            ("b".to_owned(), true, String::new()),
        ]
    };
    assert_eq!(data(&rig), expected("one"));
    assert_eq!(rig.health(), "got secret");
    let shown = value::to_json(&rig.export("data"));
    assert!(!shown.contains("one") && shown.contains("(secret)"), "{shown}");
    let (path, headers) = server.first();
    assert_eq!(
        (path.as_str(), headers["authorization"].to_str().unwrap()),
        ("/api/v1/namespaces/ns/secrets/x.y", "Bearer t")
    );
    server.answers(200, &object("dHdv"));
    rig.until("the new value", |rig| data(rig) == expected("two")).await;
    server.answers(403, &failure(403));
    rig.until("a failure", |rig| {
        rig.health()
            .contains("the role of the service account has to allow \"get\"")
    })
    .await;
    assert_eq!(data(&rig), expected("two"));
    server.answers(200, &object("!"));
    rig.until("bad data", |rig| {
        rig.health().contains("the value of \"a\" is no base64")
    })
    .await;
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configmap_is_no_secret() {
    let server = Server::start(&json!({"data": {"a": "one"}, "binaryData": {"b": "eA=="}}).to_string()).await;
    let rig = Rig::start("remote.kubernetes.configmap", &arguments(&server));
    assert_eq!(data(&rig), [("a".to_owned(), false, "one".to_owned())]);
    assert_eq!(server.first().0, "/api/v1/namespaces/ns/configmaps/x.y");
    server.answers(200, "{}");
    rig.until("nothing", |rig| data(rig).is_empty()).await;
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_work_is_not_built() {
    let server = Server::start(&failure(404)).await;
    server.answers(404, &failure(404));
    let error = build("remote.kubernetes.secret", &arguments(&server)).err().unwrap();
    assert!(
        error.contains("cannot get \"x.y\" of the secrets in namespace \"ns\": the test says no (404)"),
        "{error}"
    );
    for (arguments, expected) in [
        ("namespace = \"a/b\"\nname = \"x\"", "is no name of Kubernetes"),
        ("namespace = \"a\"\nname = \"x\"", "KUBERNETES_SERVICE_HOST"),
        (
            "namespace = \"a\"\nname = \"x\"\npoll_timeout = \"0s\"",
            "must be greater than 0",
        ),
        (
            "namespace = \"a\"\nname = \"x\"\nclient {\napi_server = \"x\"\n}",
            "is no URL",
        ),
    ] {
        let error = build("remote.kubernetes.secret", arguments).err().unwrap();
        assert!(error.contains(expected), "{arguments}: {error}");
    }
}
