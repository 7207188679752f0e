//! The documents of all endpoints, against examples of the specification and of `docs/http-api.md`: the same names, and the same types.

mod passing;

use crate::floods::raw::hear;
use crate::support::{FakeController, NOW, Server, attr, component, header, inner};
use axum::body::Body as HttpBody;
use axum::http::{Request, Response};
use component::{
    BoxFuture, Cluster, ClusterView, HandOver, Health, HealthState, Inspector, Offer, Op, Peer, PeerState,
};
use flate2::read::{GzDecoder, ZlibDecoder};
use serde_json::{Value as Json, json};
use services::http::{Limits, Parts, Remote};
use services::{ComponentInfo, Controller, NotFound};
use signals::{Accepting, Amount, Entry, FanOut, Fate, Labels, LogBatch, LogStream, Permit, Receiver, Sink};
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;
use value::{Body, Object, Value};

/// Names whose texts belong to the shape.
const KINDS: &[&str] = &["type", "state", "moment", "signal", "fate", "status"];

/// How a document differs from an example. An array of one element stands for any number of them but none, an object of one member named `*`
/// for any members.
fn difference(path: &str, example: &Json, found: &Json) -> Result<(), String> {
    let differs = || Err(format!("{path}: {found} is not like {example}"));
    match (example, found) {
        (Json::Object(example), Json::Object(found)) => {
            if let (Some(any), 1) = (example.get("*"), example.len()) {
                return found
                    .iter()
                    .try_for_each(|(name, found)| difference(&format!("{path}.{name}"), any, found));
            }
            let names = |of: &serde_json::Map<String, Json>| of.keys().cloned().collect::<BTreeSet<_>>();
            if names(example) != names(found) {
                return Err(format!("{path} has {:?}, not {:?}", names(found), names(example)));
            }
            example.iter().try_for_each(|(name, example)| {
                let path = format!("{path}.{name}");
                if KINDS.contains(&name.as_str()) && example.is_string() && *example != found[name] {
                    return Err(format!("{path}: {} is not {example}", found[name]));
                }
                difference(&path, example, &found[name])
            })
        }
        (Json::Array(example), Json::Array(found)) => match example.as_slice() {
            [one] if !found.is_empty() => found
                .iter()
                .enumerate()
                .try_for_each(|(at, found)| difference(&format!("{path}[{at}]"), one, found)),
            several if several.len() == found.len() => several
                .iter()
                .zip(found)
                .enumerate()
                .try_for_each(|(at, (one, found))| difference(&format!("{path}[{at}]"), one, found)),
            _ => differs(),
        },
        (Json::String(example), Json::String(found)) => {
            let time = |text: &str| gotime::parse_rfc3339_nano(text.as_bytes()).is_some();
            if time(example) && !time(found) {
                differs()
            } else {
                Ok(())
            }
        }
        (Json::Number(_), Json::Number(_)) | (Json::Bool(_), Json::Bool(_)) | (Json::Null, Json::Null) => Ok(()),
        _ => differs(),
    }
}

fn alike(what: &str, example: &Json, found: &Json) {
    if let Err(message) = difference(what, example, found) {
        panic!("{message}");
    }
}

/// The document of a path, which also comes compressed to who takes that.
async fn document(server: &Server, path: &str, content_type: &str) -> Json {
    let response = server.get(path).await;
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(header(&response, "content-type"), content_type, "{path}");
    assert_eq!(header(&response, "vary"), "Accept-Encoding", "{path}");
    let text = response.text().await.unwrap();
    let found: Json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
    for coding in ["gzip", "deflate"] {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept-Encoding: {coding}\r\n\r\n");
        let answer = hear(server.address, request.as_bytes()).await;
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]);
        assert!(head.contains(&format!("content-encoding: {coding}")), "{path}: {head}");
        let (mut plain, packed) = (String::new(), &answer[end + 4..]);
        let read = match coding {
            "gzip" => GzDecoder::new(packed).read_to_string(&mut plain),
            _ => ZlibDecoder::new(packed).read_to_string(&mut plain),
        };
        read.unwrap_or_else(|error| panic!("{path} {coding}: {error}"));
        let again: Json = serde_json::from_str(&plain).unwrap();
        // Times and work go on, so the shape is what is the same.
        alike(path, &again, &found);
    }
    found
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// A component in lists (3.2).
fn in_list() -> Json {
    json!({
        "name": "loki.process", "type": "block", "localID": "loki.process.a", "moduleID": "", "label": "a",
        "referencesTo": ["loki.write.default"], "referencedBy": ["loki.source.file.logs"],
        "dataFlowEdgesTo": ["loki.write.default"],
        "health": {"state": "healthy", "message": "started component", "updatedTime": "2024-05-01T10:00:00.123456789Z"},
        "original": "", "arguments": [], "exports": [], "debugInfo": [],
        "createdModuleIDs": ["loki.process.a"], "liveDebuggingEnabled": true
    })
}

/// Bodies of every kind of value (1.10).
fn bodies() -> Json {
    json!([
        {"name": "number", "type": "attr", "value": {"type": "number", "value": 1.5}},
        {"name": "text", "type": "attr", "value": {"type": "string", "value": "x"}},
        {"name": "switch", "type": "attr", "value": {"type": "bool", "value": true}},
        {"name": "unset", "type": "attr", "value": {"type": "null", "value": null}},
        {"name": "list", "type": "attr", "value": {"type": "array", "value": [{"type": "number", "value": 1}]}},
        {"name": "nothing", "type": "attr", "value": {"type": "array", "value": []}},
        {"name": "map", "type": "attr", "value": {"type": "object", "value": [{"key": "k", "value": {"type": "string", "value": "v"}}]}},
        {"name": "secret", "type": "attr", "value": {"type": "capsule", "value": "(secret)"}},
        {"name": "call", "type": "attr", "value": {"type": "function", "value": "function"}},
        {"name": "endpoint", "type": "block", "label": "first", "body": [
            {"name": "basic_auth", "type": "block", "body": [
                {"name": "username", "type": "attr", "value": {"type": "string", "value": "x"}}
            ]}
        ]}
    ])
}

fn in_full(module: &str) -> ComponentInfo {
    let mut info = component("loki.process", "a", HealthState::Healthy);
    info.module_id = module.to_owned();
    info.references_to = vec!["loki.write.default".to_owned()];
    info.referenced_by = vec!["loki.source.file.logs".to_owned()];
    info.data_flow_edges_to = info.references_to.clone();
    info.created_module_ids = vec!["loki.process.a".to_owned()];
    info.live_debugging_enabled = true;
    let mut map = Object::ordered();
    map.insert("k", Value::string("v"));
    let function = value::Function::new("call", 0, false, |_| Ok(Value::Null));
    let block = |label: &str, items| Body {
        label: label.to_owned(),
        items,
    };
    let items = vec![
        attr("number", Value::Number(value::Number::Float(1.5))),
        attr("text", Value::string("x")),
        attr("switch", Value::Bool(true)),
        attr("unset", Value::Null),
        attr("list", Value::array(vec![Value::int(1)])),
        attr("nothing", Value::array(Vec::new())),
        attr("map", Value::object(map.clone())),
        attr("secret", value::FromValue::to_value(&value::Secret::new("hunter2"))),
        attr("call", Value::Function(function)),
        value::Item::Block {
            name: "endpoint".to_owned(),
            body: block(
                "first",
                vec![inner("basic_auth", vec![attr("username", Value::string("x"))])],
            ),
            place: value::Place(0),
        },
    ];
    info.arguments = Some(block("", items.clone()));
    info.exports = Some(block("", items[..1].to_vec()));
    info.debug_info = Some(Value::object(map));
    info
}

/// A remote configuration that runs.
struct FakeRemote(FakeController);

impl Controller for FakeRemote {
    fn ready(&self) -> bool {
        true
    }

    fn components(&self, module: &str) -> BoxFuture<'_, Result<Vec<ComponentInfo>, NotFound>> {
        self.0.components(module)
    }

    fn component(&self, id: &str) -> BoxFuture<'_, Option<ComponentInfo>> {
        self.0.component(id)
    }

    fn healths(&self) -> BoxFuture<'_, Vec<(String, String, Health)>> {
        self.0.healths()
    }

    fn reload(&self) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(std::future::ready(Err("the server decides".to_owned())))
    }

    fn node_http(&self, id: &str, request: Request<HttpBody>) -> BoxFuture<'_, Option<Response<HttpBody>>> {
        let text = format!("{id} {}", request.uri());
        Box::pin(std::future::ready(Some(Response::new(HttpBody::from(text)))))
    }
}

impl Remote for FakeRemote {
    fn status(&self) -> Json {
        remote_status()
    }
}

/// As `docs/http-api.md` has it.
fn remote_status() -> Json {
    json!({
        "configured": true, "url": "https://fleet.example", "id": "here", "name": "", "attributes": {"env": "prod"},
        "status": "applied", "message": "", "hash": "af63bd4c", "lastPoll": "2024-05-01T10:00:00Z",
        "lastLoad": "2024-05-01T10:00:00Z", "pollFrequencySeconds": 60.0, "source": ""
    })
}

struct Three;

impl ClusterView for Three {
    fn peers(&self) -> Vec<Peer> {
        let peer = |name: &str, is_self, state| Peer {
            name: name.to_owned(),
            addr: "10.0.0.1:12345".to_owned(),
            is_self,
            state,
        };
        vec![
            peer("a", true, PeerState::Viewer),
            peer("b", false, PeerState::Participant),
            peer("c", false, PeerState::Terminating),
        ]
    }

    fn owner(&self, _: u64, _: Op) -> Option<Peer> {
        None
    }

    fn owns(&self, _: u64) -> bool {
        false
    }

    fn ready(&self) -> bool {
        true
    }

    fn changes(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }

    fn offer(&self, _: &str, _: Arc<dyn HandOver>) -> Offer {
        Offer::new(|| {})
    }

    fn ask_previous(&self, _: &str, _: u64, _: &str) -> BoxFuture<'static, Option<Vec<u8>>> {
        Box::pin(std::future::ready(None))
    }
}

async fn full() -> Server {
    let remote = FakeRemote(FakeController::default());
    *remote.0.components.lock().unwrap() = vec![in_full("remotecfg"), in_full("remotecfg/m.x")];
    let parts = Parts {
        remote: Some(Arc::new(remote)),
        ..Parts::default()
    };
    let cluster = Cluster::new(Arc::new(Three));
    let server = Server::among("/ui/", Limits::default(), None, parts, Some(cluster)).await;
    *server.controller.components.lock().unwrap() = vec![in_full(""), in_full("m.x")];
    server
}

#[tokio::test]
async fn components_are_as_the_specification_has_them() {
    let server = full().await;
    let lists = [
        ("/ui/api/v0/web/components", ""),
        ("/ui/api/v0/web/modules/m.x/components", "m.x"),
        ("/ui/api/v0/web/remotecfg/components", "remotecfg"),
        ("/ui/api/v0/web/remotecfg/modules/m.x/components", "remotecfg/m.x"),
        (
            "/ui/api/v0/web/remotecfg/modules/remotecfg%2Fm.x/components",
            "remotecfg/m.x",
        ),
    ];
    for (path, module) in lists {
        let found = document(&server, path, TEXT).await;
        alike(path, &json!([in_list()]), &found);
        assert_eq!(found[0]["moduleID"], module, "{path}");
    }
    let mut example = in_list();
    example["arguments"] = bodies();
    example["exports"] = json!([{"name": "number", "type": "attr", "value": {"type": "number", "value": 1.5}}]);
    example["debugInfo"] = json!([{"name": "k", "type": "attr", "value": {"type": "string", "value": "v"}}]);
    let details = [
        ("/ui/api/v0/web/components/loki.process.a", ""),
        ("/ui/api/v0/web/components/m.x/loki.process.a", "m.x"),
        ("/ui/api/v0/web/components/remotecfg/loki.process.a", "remotecfg"),
        ("/ui/api/v0/web/remotecfg/components/loki.process.a", "remotecfg"),
        (
            "/ui/api/v0/web/remotecfg/components/remotecfg/loki.process.a",
            "remotecfg",
        ),
        (
            "/ui/api/v0/web/remotecfg/components/m.x/loki.process.a",
            "remotecfg/m.x",
        ),
    ];
    for (path, module) in details {
        let found = document(&server, path, TEXT).await;
        alike(path, &example, &found);
        assert_eq!(found["moduleID"], module, "{path}");
        // Kinds, keys and what stands for a secret are more than shape.
        assert_eq!(found["arguments"], example["arguments"], "{path}");
    }
    // What is empty is left out, or is an empty list.
    *server.controller.components.lock().unwrap() = vec![component("local.file", "", HealthState::Exited)];
    let bare = json!({
        "name": "local.file", "type": "block", "localID": "local.file", "moduleID": "",
        "referencesTo": [], "referencedBy": [], "dataFlowEdgesTo": [],
        "health": {"state": "exited", "message": "", "updatedTime": "2024-05-01T10:00:00.123456789Z"},
        "original": "", "arguments": [], "exports": [], "debugInfo": [], "liveDebuggingEnabled": false
    });
    alike(
        "bare",
        &json!([bare]),
        &document(&server, "/ui/api/v0/web/components", TEXT).await,
    );
    alike(
        "bare",
        &bare,
        &document(&server, "/ui/api/v0/web/components/local.file", TEXT).await,
    );
    // The handlers of components in the remote configuration are below its id.
    let handler = server
        .get("/api/v0/component/remotecfg/loki.process.a/metrics?x=1")
        .await;
    assert_eq!(handler.text().await.unwrap(), "remotecfg/loki.process.a /metrics?x=1");
}

#[tokio::test]
async fn peers_are_as_the_specification_has_them() {
    let server = full().await;
    let peer =
        |is_self: bool, state: &str| json!({"name": "a", "addr": "10.0.0.1:12345", "isSelf": is_self, "state": state});
    let example = json!([
        peer(true, "viewer"),
        peer(false, "participant"),
        peer(false, "terminating")
    ]);
    alike(
        "peers",
        &example,
        &document(&server, "/ui/api/v0/web/peers", TEXT).await,
    );
    // Without a cluster there is just this process.
    let alone = document(&Server::start().await, "/api/v0/web/peers", TEXT).await;
    alike("peers", &json!([peer(true, "participant")]), &alone);
    assert_eq!(alone[0]["isSelf"], true);
}

#[tokio::test]
async fn errors_have_the_texts_of_the_specification() {
    let server = full().await;
    let sample = "Invalid sample probability";
    let window = "Invalid window: must be an integer between 1 and 60";
    let cases = [
        ("/ui/api/v0/web/debug/loki.process.a?sampleProb=x", 400, sample),
        ("/ui/api/v0/web/debug/loki.process.a?sampleProb=1.01", 400, sample),
        ("/ui/api/v0/web/debug/loki.process.a?sampleProb=-0.1", 400, sample),
        ("/ui/api/v0/web/debug/loki.process.a?sampleProb=NaN", 400, sample),
        ("/ui/api/v0/web/debug/loki.process.a?sampleProb=", 400, sample),
        ("/ui/api/v0/web/graph?window=0", 400, window),
        ("/ui/api/v0/web/graph?window=61", 400, window),
        ("/ui/api/v0/web/graph?window=1.5", 400, window),
        ("/ui/api/v0/web/graph?window=", 400, window),
        ("/ui/api/v0/web/graph/m.x?window=-1", 400, window),
        ("/ui/api/v0/web/debug/no.such", 404, "component \"no.such\" not found"),
        (
            "/ui/api/v0/web/components/no.such",
            404,
            "component \"no.such\" not found",
        ),
        (
            "/ui/api/v0/web/modules/no.such/components",
            404,
            "module \"no.such\" not found",
        ),
        (
            "/ui/api/v0/web/remotecfg/components/no.such",
            404,
            "component \"remotecfg/no.such\" not found",
        ),
        (
            "/ui/api/v0/web/remotecfg/modules/no.such/components",
            404,
            "module \"remotecfg/no.such\" not found",
        ),
        (
            "/api/v0/invar/components/no.such",
            404,
            "component \"no.such\" not found",
        ),
        ("/api/v1/ckit/transport/message", 404, "clustering is disabled"),
        ("/ui/api/v0/web/nonsense", 404, "404 page not found"),
        ("/ui/graphql", 404, "404 page not found"),
        ("/ui/graphql/playground", 404, "404 page not found"),
        ("/debug/pprof/", 404, "404 page not found"),
        ("/nowhere", 404, "404 page not found"),
        (
            "/-/support",
            403,
            "support bundle generation is disabled; it can be re-enabled by removing the --server.http.disable-support-bundle flag",
        ),
        (
            "/api/v0/component/",
            400,
            "failed to parse URL path \"/api/v0/component/\": it names no component",
        ),
        (
            "/api/v0/invar/why?since=soon",
            400,
            "since is \"soon\"; it should be a duration greater than 0 such as \"10m\"",
        ),
        (
            "/api/v0/invar/why?label=x",
            400,
            "label is \"x\"; it should look like \"job=api\"",
        ),
        (
            "/api/v0/invar/tap?sample=x",
            400,
            "sample is \"x\"; it should be a number",
        ),
        (
            "/api/v0/invar/tap?sample=2",
            400,
            "the sample is 2; it should be above 0 and at most 1",
        ),
    ];
    for (path, status, text) in cases {
        let response = server.get(path).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(header(&response, "content-type"), TEXT, "{path}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(response.text().await.unwrap(), format!("{text}\n"), "{path}");
    }
    // No remote configuration, no components of it.
    let bare = Server::start().await;
    let missing = bare.get("/api/v0/web/remotecfg/components").await;
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.text().await.unwrap(), "module \"remotecfg\" not found\n");
}
