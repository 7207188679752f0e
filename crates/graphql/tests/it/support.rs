//! A configuration and a client.

use axum::body::{Body as HttpBody, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use component::{BoxFuture, Health, HealthState};
use graphql::{Build, GraphQl};
use serde_json::{Value as Json, json};
use services::http::Handler;
use services::{ComponentInfo, Controller, NotFound};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use value::{Body, FromValue, Item, Number, Object, Place, Secret, Value};

/// 2026-01-02T03:04:05.123456789Z
pub const NOW: i64 = 1_767_323_045_123_456_789;
/// Must not be seen anywhere.
pub const CANARY: &str = "canary-hunter2";

/// A configuration of components. One whose id ends in `.slow` never answers for itself.
#[derive(Default)]
pub struct Fake {
    pub components: Vec<ComponentInfo>,
    pub lookups: AtomicUsize,
}

impl Controller for Fake {
    fn ready(&self) -> bool {
        true
    }

    fn components(&self, module: &str) -> BoxFuture<'_, Result<Vec<ComponentInfo>, NotFound>> {
        let inside = self.components.iter().filter(|info| info.module_id == module);
        let listed: Vec<ComponentInfo> = inside
            .map(|info| ComponentInfo {
                arguments: None,
                exports: None,
                debug_info: None,
                ..info.clone()
            })
            .collect();
        let unknown = listed.is_empty() && !module.is_empty();
        Box::pin(std::future::ready(if unknown { Err(NotFound) } else { Ok(listed) }))
    }

    fn component(&self, id: &str) -> BoxFuture<'_, Option<ComponentInfo>> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        if id.ends_with(".slow") {
            return Box::pin(std::future::pending());
        }
        let found = self.components.iter().find(|info| info.global_id() == id).cloned();
        Box::pin(std::future::ready(found))
    }

    fn reload(&self) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

pub fn component(module: &str, id: &str) -> ComponentInfo {
    let (name, label) = id.rsplit_once('.').unwrap_or((id, ""));
    ComponentInfo {
        name: name.to_owned(),
        local_id: id.to_owned(),
        module_id: module.to_owned(),
        label: label.to_owned(),
        references_to: Vec::new(),
        referenced_by: Vec::new(),
        data_flow_edges_to: Vec::new(),
        health: Health::new(HealthState::Healthy, "started component", NOW),
        arguments: Some(Body::default()),
        exports: None,
        debug_info: None,
        created_module_ids: Vec::new(),
        live_debugging_enabled: false,
    }
}

pub fn attribute(name: &str, value: Value) -> Item {
    Item::Attr {
        name: name.to_owned(),
        value: Ok(Some(value)),
        place: Place(0),
    }
}

pub fn body(items: Vec<Item>) -> Body {
    Body {
        label: String::new(),
        items,
    }
}

/// A component with a secret in everything that it shows, and one without anything.
pub fn configuration() -> Vec<ComponentInfo> {
    let secret = || Secret::new(CANARY).to_value();
    let mut write = component("", "loki.write.default");
    write.arguments = Some(body(vec![
        attribute("max", Value::Number(Number::Int(3))),
        attribute("password", secret()),
    ]));
    write.exports = Some(body(vec![attribute("token", secret())]));
    let mut info = Object::ordered();
    info.insert("state", Value::string("sending"));
    info.insert("credentials", secret());
    write.debug_info = Some(Value::object(info));
    vec![
        write,
        component("", "local.file.plain"),
        component("m.x", "local.file.inner"),
    ]
}

/// GraphQL over components, and over those of a remote configuration.
pub fn graphql(own: Vec<ComponentInfo>, remote: Option<Vec<ComponentInfo>>) -> (Arc<GraphQl>, Arc<Fake>) {
    let fake = |components| {
        Arc::new(Fake {
            components,
            ..Fake::default()
        })
    };
    let own = fake(own);
    let build = Build {
        version: "v1.2.3".to_owned(),
        revision: "abc".to_owned(),
        branch: "main".to_owned(),
    };
    let remote = remote.map(|components| fake(components) as Arc<dyn Controller>);
    (GraphQl::new(own.clone(), remote, build), own)
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The message of the first error.
    pub fn error(&self) -> String {
        self.json()["errors"][0]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

pub async fn send(handler: &dyn Handler, request: Request<HttpBody>) -> Answer {
    let (head, body) = handler.answer(String::new(), request).await.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Answer {
        status: head.status,
        headers: head.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

pub async fn post(graphql: &GraphQl, body: impl Into<HttpBody>) -> Answer {
    let request = Request::post("/graphql").header("content-type", "application/json");
    send(graphql, request.body(body.into()).unwrap()).await
}

pub async fn ask(graphql: &GraphQl, query: &str) -> Answer {
    post(graphql, json!({ "query": query }).to_string()).await
}

/// The data of a query without errors.
pub async fn data(graphql: &GraphQl, query: &str) -> Json {
    let answer = ask(graphql, query).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let mut json = answer.json();
    assert!(json.get("errors").is_none(), "{}", answer.text);
    json["data"].take()
}
