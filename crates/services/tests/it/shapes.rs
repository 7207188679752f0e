//! The documents of all endpoints, against examples of the specification and of `docs/http-api.md`: the same names, and the same types.

use crate::floods::raw::hear;
use crate::support::{FakeController, NOW, Server, attr, component, header, inner};
use axum::body::Body as HttpBody;
use axum::http::{Request, Response};
use component::{BoxFuture, Health, HealthState, Inspector};
use flate2::read::{GzDecoder, ZlibDecoder};
use serde_json::{Value as Json, json};
use services::http::{Limits, Parts, Peer, Peers, Remote};
use services::{ComponentInfo, Controller, NotFound};
use signals::{Accepting, Amount, Entry, FanOut, Fate, Labels, LogBatch, LogStream, Permit, Receiver, Sink};
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
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

impl Peers for Three {
    fn peers(&self) -> Vec<Peer> {
        let peer = |name: &str, is_self, state| Peer {
            name: name.to_owned(),
            addr: "10.0.0.1:12345".to_owned(),
            is_self,
            state,
        };
        vec![
            peer("a", true, "viewer"),
            peer("b", false, "participant"),
            peer("c", false, "terminating"),
        ]
    }
}

async fn full() -> Server {
    let remote = FakeRemote(FakeController::default());
    *remote.0.components.lock().unwrap() = vec![in_full("remotecfg"), in_full("remotecfg/m.x")];
    let parts = Parts {
        remote: Some(Arc::new(remote)),
        peers: Some(Arc::new(Three)),
        ..Parts::default()
    };
    let server = Server::of("/ui/", Limits::default(), None, parts).await;
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

/// Takes all, or drops the first record by a rule.
struct Takes;

impl Sink for Takes {
    fn accept(self: Arc<Self>, batch: LogBatch) -> Accepting {
        let (_, mut custody) = batch.into_parts();
        custody.filter("noisy", Amount::one(1));
        custody.deliver_rest();
        Box::pin(std::future::ready(Ok(())))
    }
}

fn pipeline(server: &Server) -> FanOut {
    let out = FanOut::new(&server.ledger, "loki.process.a");
    let sink = Arc::new(Takes);
    out.set(vec![Receiver {
        owner: "loki.write.default".into(),
        sink,
    }]);
    out
}

async fn send(out: &FanOut) {
    let mut entry = Entry::new(NOW, "an error");
    entry.metadata.edit().push(("trace_id".into(), "1".into()));
    let entries = vec![entry, Entry::new(NOW, "fine")];
    let labels = Labels::from_pairs([("job", "api")]);
    out.accept(LogBatch::new(vec![LogStream { labels, entries }], Permit::none()))
        .await
        .unwrap();
}

/// What a stream says first, with the separator, while something is done again and again.
async fn first(server: &Server, path: &str, content_type: &str, end: &str, mut act: impl AsyncFnMut()) -> String {
    let mut stream = server.get(path).await;
    assert_eq!(stream.status(), 200, "{path}");
    assert_eq!(header(&stream, "content-type"), content_type, "{path}");
    assert_eq!(header(&stream, "cache-control"), "no-store", "{path}");
    let mut text = String::new();
    let reading = async {
        loop {
            act().await;
            if let Ok(chunk) = timeout(Duration::from_millis(50), stream.chunk()).await {
                text.push_str(std::str::from_utf8(&chunk.unwrap().expect("it goes on")).unwrap());
            }
            if let Some(at) = text.find(end) {
                return text[..at].to_owned();
            }
        }
    };
    timeout(Duration::from_secs(60), reading)
        .await
        .expect("something is said")
}

#[tokio::test]
async fn streams_are_as_the_specification_has_them() {
    let server = full().await;
    let out = pipeline(&server);
    let act = async || send(&out).await;
    // The example of 3.2 for `graph`, with what 3.8 says of types.
    let example = json!([{"componentID": "loki.process.a", "targetComponentIDs": ["loki.write.default"], "type": "loki_log", "rate": 2.5}]);
    let text = first(&server, "/ui/api/v0/web/graph?window=1", TEXT, "|;|", act).await;
    alike("graph", &example, &serde_json::from_str(&text).unwrap());
    // A module that nothing passes in is an empty list at each turn.
    let text = first(&server, "/ui/api/v0/web/graph/m.x?window=1", TEXT, "|;|", async || ()).await;
    assert_eq!(text, "[]");
    // Live debugging: texts of 3.8, each followed by the separator.
    let text = first(
        &server,
        "/ui/api/v0/web/debug/loki.process.a?sampleProb=1",
        TEXT,
        "|;|",
        act,
    )
    .await;
    assert_eq!(
        text,
        "[OUT]: timestamp: 2026-01-02T03:04:05.123456789Z, entry: an error, labels: {job=\"api\"}, \
         structured_metadata: {trace_id=\"1\"}"
    );
}

#[tokio::test]
async fn lines_of_tap_are_as_documented() {
    let server = full().await;
    let out = pipeline(&server);
    let lines = async |query: &str, act: &mut dyn FnMut()| {
        let path = format!("/api/v0/invar/tap?{query}");
        let send = async || {
            act();
            send(&out).await;
        };
        let text = first(&server, &path, "application/x-ndjson", "\n", send).await;
        serde_json::from_str::<Json>(&text).unwrap()
    };
    let edge = json!({
        "at": "2024-05-01T10:00:00.123456789Z", "from": "loki.process.a", "to": "loki.write.default", "moment": "edge",
        "signal": "logs", "timestamp": "2024-05-01T10:00:00Z", "labels": {"*": ""}, "line": "an error", "metadata": {"trace_id": "1"}
    });
    let found = lines("pattern=loki.process.*-%3E*&where=%7C%3D%20%22error%22", &mut || ()).await;
    alike("edge", &edge, &found);
    let mut bare = edge.clone();
    bare.as_object_mut().unwrap().remove("metadata");
    let found = lines("where=%7C%3D%20%22fine%22", &mut || ()).await;
    alike("edge", &bare, &found);

    // What happens inside of a component has its own moments.
    let object = |pairs: &[(&str, Value)]| {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Value::object(pairs.collect::<Object>())
    };
    let labels = object(&[("job", Value::string("api"))]);
    let line = |text: &str| ("line", Value::string(text));
    let inside = [
        (
            "stage.json[0]",
            object(&[line("after"), ("before", object(&[line("before")]))]),
            json!({
                "at": "2024-05-01T10:00:00Z", "from": "loki.process.a", "stage": "stage.json[0]", "moment": "stage", "signal": "logs",
                "labels": {}, "line": "after", "changed": {"line": "after"}, "before": {"line": "before"}
            }),
        ),
        (
            "out",
            object(&[
                line("after"),
                ("labels", labels),
                ("timestamp", Value::string("2024-05-01T10:00:00Z")),
                ("structured_metadata", object(&[])),
                ("extracted", object(&[("level", Value::string("info"))])),
            ]),
            json!({
                "at": "2024-05-01T10:00:00Z", "from": "loki.process.a", "moment": "out", "signal": "logs", "labels": {"job": "api"},
                "line": "after", "changed": {
                    "line": "after", "labels": {"job": "api"}, "timestamp": "2024-05-01T10:00:00Z", "structured_metadata": {},
                    "extracted": {"level": "info"}
                }
            }),
        ),
        (
            "dropped",
            object(&[("reason", Value::string("noisy"))]),
            json!({
                "at": "2024-05-01T10:00:00Z", "from": "loki.process.a", "moment": "dropped", "signal": "logs", "labels": {},
                "changed": {"reason": "noisy"}
            }),
        ),
    ];
    for (stage, event, example) in inside {
        let mut act = || server.live.event("loki.process.b", stage, event.clone());
        let found = lines("pattern=loki.process.b&beforeAfter=true", &mut act).await;
        alike(stage, &example, &found);
    }
    // And what did not fit.
    let act = async || {
        for _ in 0..1100 {
            let reason = object(&[("reason", Value::string("noisy"))]);
            server.live.event("loki.process.b", "dropped", reason);
        }
    };
    let path = "/api/v0/invar/tap?pattern=loki.process.b&beforeAfter=true";
    let text = first(&server, path, "application/x-ndjson", "{\"missed\":", act).await;
    assert!(text.ends_with("}\n"), "{text}");
}

#[tokio::test]
async fn what_the_ledger_tells_is_as_documented() {
    let server = full().await;
    let out = pipeline(&server);
    send(&out).await;
    let edge = server.ledger.edge("loki.write.default", "loki.write.default#far");
    for fate in [Fate::Rejected, Fate::Expired, Fate::DeadLettered] {
        edge.settle(fate, "400", Amount::one(1));
    }
    let count = json!({"items": 1, "bytes": 1});
    let by_reason = json!({"*": count});
    let example = json!({
        "edges": [{
            "from": "loki.process.a", "to": "loki.write.default", "entered": count, "delivered": count, "filtered": by_reason,
            "rejected": by_reason, "expired": by_reason, "dead_lettered": by_reason, "returned": count, "lost": count,
            "in_flight": count, "balanced": true
        }],
        "budget": {"limit": 1, "used": 1, "peak": 1, "waiting": 1}
    });
    let found = document(&server, "/api/v0/invar/ledger", JSON).await;
    alike("ledger", &example, &found);
    assert_eq!(found["edges"].as_array().map(Vec::len), Some(2));

    let now = host::Clock::now(&host::SystemClock);
    let labels = Labels::from_pairs([("job", "api")]);
    for message in ["", "it is noisy"] {
        server.ledger.examples().note(
            now,
            &"loki.write.default".into(),
            Fate::Filtered,
            &"noisy".into(),
            &"stage.drop#0".into(),
            &labels,
            b"an error",
            message,
        );
    }
    let shown = |message: Option<&str>| {
        let mut shown = json!({"at": "2024-05-01T10:00:00.123456789Z", "labels": {"job": "api"}, "line": "an error"});
        if let Some(message) = message {
            shown["message"] = message.into();
        }
        shown
    };
    let answer = json!({
        "component": "loki.write.default", "place": null, "fate": "filtered", "reason": "noisy", "items": 1, "bytes": 1,
        "rules": [{"block": "stage.drop#0", "place": null, "examples": [shown(None), shown(Some("it is noisy"))]}]
    });
    let example = json!({"since": null, "complete": true, "answers": [answer]});
    // A sink's own edge does not count beside those to its destinations, so that the rule is asked for where there are none.
    let plain = full().await;
    send(&pipeline(&plain)).await;
    let alone = document(&plain, "/api/v0/invar/why", JSON).await;
    let mut without = example.clone();
    without["answers"][0]["rules"] = json!([]);
    alike("why", &without, &alone);
    let found = document(&server, "/api/v0/invar/why?component=loki.write.default", JSON).await;
    assert_eq!(found["answers"].as_array().map(Vec::len), Some(3), "{found}");
    for message in ["", "it is noisy"] {
        plain.ledger.examples().note(
            now,
            &"loki.write.default".into(),
            Fate::Filtered,
            &"noisy".into(),
            &"stage.drop#0".into(),
            &labels,
            b"an error",
            message,
        );
    }
    alike(
        "why",
        &example,
        &document(&plain, "/api/v0/invar/why?label=job=api", JSON).await,
    );
    let mut since = example;
    since["since"] = "2024-05-01T10:00:00Z".into();
    alike(
        "why",
        &since,
        &document(&plain, "/api/v0/invar/why?since=10m", JSON).await,
    );
}

#[tokio::test]
async fn what_else_is_ours_is_as_documented() {
    let server = full().await;
    send(&pipeline(&server)).await;
    // Health is looked at when the server starts, so there is a first entry soon.
    let path = "/api/v0/invar/components/loki.process.a";
    let change = json!({"state": "healthy", "message": "started component", "at": "2024-05-01T10:00:00.123456789Z"});
    let known = async {
        while server.json(path).await["healthHistory"] == json!([]) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(60), known)
        .await
        .expect("its health is known");
    let example = json!({"id": "loki.process.a", "place": null, "healthHistory": [change], "busySeconds": 0.5});
    alike("component", &example, &document(&server, path, JSON).await);

    let count = json!({"items": 1, "bytes": 1});
    let row = json!({
        "id": "loki.process.a", "name": "loki.process", "health": "healthy", "message": "", "busySeconds": 0.5, "in": count,
        "out": count, "dropped": count
    });
    let process = json!({
        "cpuSeconds": 0.5, "residentBytes": 1, "startTime": "2024-05-01T10:00:00.123456789Z", "now": "2024-05-01T10:00:00.123456789Z"
    });
    let found = document(&server, "/api/v0/invar/top", JSON).await;
    alike("top", &json!({"components": [row], "process": process}), &found);
    assert_eq!(
        found["components"].as_array().map(Vec::len),
        Some(4),
        "those of the remote configuration too"
    );

    alike(
        "remotecfg",
        &remote_status(),
        &document(&server, "/api/v0/invar/remotecfg", JSON).await,
    );
    let bare = document(&Server::start().await, "/api/v0/invar/remotecfg", JSON).await;
    assert_eq!(bare, json!({"configured": false}));
}

#[tokio::test]
async fn queues_are_as_documented() {
    let server = full().await;
    assert_eq!(
        document(&server, "/api/v0/invar/queues", JSON).await,
        json!({"queues": []})
    );
    server.ledger.edge("loki.process.a", "loki.process.a#far");
    let labels = [("component_path", "/"), ("component_id", "loki.process.a")];
    let registry = server.metrics.scoped(&labels).unwrap();
    let gauge = |name: &str| registry.gauge_vec(name, "Help.", &["endpoint"]).unwrap().with(&["far"]);
    let (items, bytes, oldest) = (
        gauge("invar_queue_items"),
        gauge("invar_queue_bytes"),
        gauge("invar_queue_oldest_seconds"),
    );
    let queue = |state: &str, oldest: Json| {
        json!({"queues": [{
            "component": "loki.process.a", "destination": "far", "state": state, "message": "", "depthRecords": 1, "depthBytes": 1,
            "diskBytes": 1, "limitBytes": 1, "oldestSeconds": oldest, "inBytesPerSecond": null, "outBytesPerSecond": null,
            "secondsToLoss": null
        }]})
    };
    let check = async |state: &str, oldest: Json| {
        let found = document(&server, "/api/v0/invar/queues", JSON).await;
        alike(state, &queue(state, oldest), &found);
    };
    items.set(0.0);
    bytes.set(0.0);
    oldest.set(0.0);
    check("healthy", Json::Null).await;
    items.set(3.0);
    bytes.set(300.0);
    oldest.set(7.0);
    let state = server.json("/api/v0/invar/queues").await["queues"][0]["state"].clone();
    let state = state.as_str().unwrap();
    assert!(["catching up", "failing"].contains(&state), "{state}");
    check(state, json!(7)).await;
    server.controller.components.lock().unwrap()[0].health = Health::new(HealthState::Unhealthy, "it is down", NOW);
    check("failing", json!(7)).await;
    let message = &server.json("/api/v0/invar/queues").await["queues"][0]["message"];
    assert_eq!(message, "it is down");
}
