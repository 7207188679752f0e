//! A scripted API server of Kubernetes: lists in pages, watches, and everything that goes wrong with them.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

#[derive(Clone)]
pub struct Api {
    world: Arc<Mutex<World>>,
    /// Grows with each change of the world.
    changed: Arc<watch::Sender<u64>>,
    pub url: String,
}

#[derive(Default)]
struct World {
    version: u64,
    /// By plural, namespace and name.
    objects: BTreeMap<(String, String, String), Json>,
    /// Version, plural, namespace, event.
    events: Vec<(u64, String, String, Json)>,
    /// Versions up to this are forgotten.
    forgotten: u64,
    /// Watches that began before this are ended.
    generation: u64,
    /// What everything is answered with.
    failure: Option<u16>,
    /// Whether lists wait.
    held: bool,
    page: usize,
    requests: Vec<String>,
}

fn place(object: &Json) -> (String, String) {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

impl Api {
    pub async fn start() -> Api {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = Api {
            world: Arc::new(Mutex::new(World {
                version: 100,
                page: 500,
                ..World::default()
            })),
            changed: Arc::new(watch::Sender::new(0)),
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let router = Router::new().fallback(answer).with_state(api.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        api
    }

    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = change(&mut self.world.lock().unwrap());
        self.changed.send_modify(|n| *n += 1);
        result
    }

    /// Adds or modifies an object.
    pub fn put(&self, plural: &str, mut object: Json) {
        self.change(|world| {
            world.version += 1;
            object["metadata"]["resourceVersion"] = json!(world.version.to_string());
            let (namespace, name) = place(&object);
            let key = (plural.to_owned(), namespace.clone(), name);
            let known = world.objects.insert(key, object.clone()).is_some();
            let event = json!({"type": if known { "MODIFIED" } else { "ADDED" }, "object": object});
            world.events.push((world.version, plural.to_owned(), namespace, event));
        });
    }

    pub fn delete(&self, plural: &str, namespace: &str, name: &str) {
        self.change(|world| {
            world.version += 1;
            let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
            let mut object = world.objects.remove(&key).unwrap();
            object["metadata"]["resourceVersion"] = json!(world.version.to_string());
            let event = json!({"type": "DELETED", "object": object});
            world
                .events
                .push((world.version, plural.to_owned(), namespace.to_owned(), event));
        });
    }

    /// Removes an object that no watch hears of.
    pub fn lose(&self, plural: &str, namespace: &str, name: &str) {
        let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
        self.world.lock().unwrap().objects.remove(&key).unwrap();
    }

    /// Tells watches of a kind how late it is.
    pub fn bookmark(&self, plural: &str, kind: &str) {
        self.change(|world| {
            world.version += 1;
            let version = world.version.to_string();
            let object = json!({"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": version}});
            let event = json!({"type": "BOOKMARK", "object": object});
            world
                .events
                .push((world.version, plural.to_owned(), String::new(), event));
        });
    }

    /// Ends all watches.
    pub fn disconnect(&self) {
        self.change(|world| world.generation += 1);
    }

    /// Forgets the past: watches that begin there are refused.
    pub fn forget(&self) {
        self.change(|world| world.forgotten = world.version);
    }

    pub fn fail(&self, status: Option<u16>) {
        self.change(|world| {
            world.failure = status;
            world.generation += u64::from(status.is_some());
        });
    }

    pub fn hold(&self, held: bool) {
        self.change(|world| world.held = held);
    }

    pub fn page(&self, page: usize) {
        self.change(|world| world.page = page);
    }

    /// Requests whose path and query contain this.
    pub fn requests(&self, containing: &str) -> Vec<String> {
        let world = self.world.lock().unwrap();
        let found = world.requests.iter().filter(|request| request.contains(containing));
        found.cloned().collect()
    }
}

fn status(code: u16, message: &str) -> Json {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": "Test", "code": code})
}

/// Namespace, if any, and plural.
fn target(path: &str) -> (Option<String>, String) {
    let mut parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let plural = parts.pop().unwrap().to_owned();
    let namespaced = parts.len() > 2 && parts[parts.len() - 2] == "namespaces";
    (namespaced.then(|| parts[parts.len() - 1].to_owned()), plural)
}

/// Whether an object has what selectors of the form `a=b` ask for.
fn selected(object: &Json, query: &HashMap<String, String>) -> bool {
    let label = query.get("labelSelector").and_then(|text| text.split_once('='));
    let field = query.get("fieldSelector").and_then(|text| text.split_once('='));
    let label = label.is_none_or(|(name, value)| object["metadata"]["labels"][name] == value);
    let field = field.is_none_or(|(path, value)| {
        let found = path.split('.').fold(object, |object, name| &object[name]);
        found == value
    });
    label && field
}

async fn answer(State(api): State<Api>, uri: Uri, Query(query): Query<HashMap<String, String>>) -> Response {
    let failure = {
        let mut world = api.world.lock().unwrap();
        world.requests.push(uri.to_string());
        world.failure
    };
    if let Some(code) = failure {
        let body = status(code, "the test says no").to_string();
        return (StatusCode::from_u16(code).unwrap(), body).into_response();
    }
    let (namespace, plural) = target(uri.path());
    match query.contains_key("watch") {
        true => watch_of(api, namespace, plural, query),
        false => list(api, namespace, plural, query).await,
    }
}

async fn list(api: Api, namespace: Option<String>, plural: String, query: HashMap<String, String>) -> Response {
    let mut changed = api.changed.subscribe();
    while api.world.lock().unwrap().held {
        changed.changed().await.unwrap();
    }
    let world = api.world.lock().unwrap();
    let all: Vec<&Json> = world
        .objects
        .iter()
        .filter(|((kind, place, _), _)| {
            *kind == plural && namespace.as_ref().is_none_or(|namespace| namespace == place)
        })
        .map(|(_, object)| object)
        .filter(|object| selected(object, &query))
        .collect();
    let from: usize = query
        .get("continue")
        .and_then(|token| token.parse().ok())
        .unwrap_or_default();
    let items: Vec<&Json> = all.iter().skip(from).take(world.page).copied().collect();
    let mut metadata = json!({"resourceVersion": world.version.to_string()});
    if from + items.len() < all.len() {
        metadata["continue"] = json!((from + items.len()).to_string());
    }
    json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items})
        .to_string()
        .into_response()
}

fn watch_of(api: Api, namespace: Option<String>, plural: String, query: HashMap<String, String>) -> Response {
    let since: u64 = query["resourceVersion"].parse().unwrap();
    let (generation, forgotten) = {
        let world = api.world.lock().unwrap();
        (world.generation, world.forgotten)
    };
    if since < forgotten {
        let event = json!({"type": "ERROR", "object": status(410, "too old resource version")});
        return format!("{event}\n").into_response();
    }
    let changed = api.changed.subscribe();
    let events = stream::unfold((api, changed, since), move |(api, mut changed, mut since)| {
        let (namespace, plural, query) = (namespace.clone(), plural.clone(), query.clone());
        async move {
            loop {
                {
                    let world = api.world.lock().unwrap();
                    if world.generation != generation {
                        return None;
                    }
                    let mut lines = String::new();
                    for (version, kind, place, event) in &world.events {
                        let here = namespace.as_ref().is_none_or(|namespace| namespace == place);
                        let wanted = event["type"] == "BOOKMARK" || (here && selected(&event["object"], &query));
                        if *version > since && *kind == plural && wanted {
                            lines.push_str(&format!("{event}\n"));
                        }
                        since = since.max(*version);
                    }
                    if !lines.is_empty() {
                        drop(world);
                        return Some((Ok::<_, Infallible>(Bytes::from(lines)), (api, changed, since)));
                    }
                }
                changed.changed().await.ok()?;
            }
        }
    });
    Body::from_stream(events).into_response()
}
