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
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The server. Clones are the same one.
#[derive(Clone)]
pub struct Api {
    world: Arc<Mutex<World>>,
    /// Grows with each change of the world.
    changed: Arc<watch::Sender<u64>>,
    /// Where it is.
    pub url: String,
}

#[derive(Default)]
struct World {
    version: u64,
    /// By plural; then by namespace and name.
    objects: HashMap<String, BTreeMap<(String, String), Object>>,
    /// In the order of their versions.
    events: Vec<Event>,
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

#[derive(Clone)]
struct Object {
    json: Arc<Json>,
    /// The same, as it is sent.
    text: Arc<str>,
}

impl Object {
    fn new(json: Json) -> Object {
        Object {
            text: json.to_string().into(),
            json: Arc::new(json),
        }
    }
}

struct Event {
    version: u64,
    plural: String,
    namespace: String,
    kind: &'static str,
    object: Object,
}

impl World {
    /// Something happens to an object, which gets the next version.
    fn happens(&mut self, kind: &'static str, plural: &str, mut json: Json) -> Object {
        self.version += 1;
        json["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Object::new(json);
        self.events.push(Event {
            version: self.version,
            plural: plural.to_owned(),
            namespace: place(&object.json).0,
            kind,
            object: object.clone(),
        });
        object
    }

    fn remove(&mut self, plural: &str, namespace: &str, name: &str) -> Option<Object> {
        let objects = self.objects.get_mut(plural)?;
        objects.remove(&(namespace.to_owned(), name.to_owned()))
    }
}

fn place(object: &Json) -> (String, String) {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

impl Api {
    /// Starts it on a free port of loopback. Needs a Tokio runtime, and lives as long as it.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start() -> io::Result<Api> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let api = Api {
            world: Arc::new(Mutex::new(World {
                version: 100,
                page: 500,
                ..World::default()
            })),
            changed: Arc::new(watch::Sender::new(0)),
            url: format!("http://{}", listener.local_addr()?),
        };
        let router = Router::new().fallback(answer).with_state(api.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(api)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world());
        self.changed.send_modify(|n| *n += 1);
    }

    /// Adds or modifies an object.
    pub fn put(&self, plural: &str, object: Json) {
        self.change(|world| {
            let key = place(&object);
            let known = world.objects.get(plural).is_some_and(|all| all.contains_key(&key));
            let object = world.happens(if known { "MODIFIED" } else { "ADDED" }, plural, object);
            world.objects.entry(plural.to_owned()).or_default().insert(key, object);
        });
    }

    /// Deletes an object, if it is there.
    pub fn delete(&self, plural: &str, namespace: &str, name: &str) {
        self.change(|world| {
            if let Some(object) = world.remove(plural, namespace, name) {
                world.happens("DELETED", plural, (*object.json).clone());
            }
        });
    }

    /// Removes an object that no watch hears of.
    pub fn lose(&self, plural: &str, namespace: &str, name: &str) {
        self.world().remove(plural, namespace, name);
    }

    /// Tells watches of a kind how late it is.
    pub fn bookmark(&self, plural: &str, kind: &str) {
        self.change(|world| {
            let object = json!({"kind": kind, "apiVersion": "v1", "metadata": {}});
            world.happens("BOOKMARK", plural, object);
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

    /// Answers everything with this status, or as it should be again.
    pub fn fail(&self, status: Option<u16>) {
        self.change(|world| {
            world.failure = status;
            world.generation += u64::from(status.is_some());
        });
    }

    /// Lists are not answered for as long as this is so.
    pub fn hold(&self, held: bool) {
        self.change(|world| world.held = held);
    }

    /// Objects in a page of a list; 500 by default.
    pub fn page(&self, page: usize) {
        self.change(|world| world.page = page);
    }

    /// Requests whose path and query contain this.
    pub fn requests(&self, containing: &str) -> Vec<String> {
        let world = self.world();
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
    let plural = parts.pop().unwrap_or_default().to_owned();
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
        let mut world = api.world();
        world.requests.push(uri.to_string());
        world.failure
    };
    if let Some(code) = failure {
        let body = status(code, "the test says no").to_string();
        let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return (code, body).into_response();
    }
    let (namespace, plural) = target(uri.path());
    match query.contains_key("watch") {
        true => watch_of(api, namespace, plural, query),
        false => list(api, namespace, plural, query).await,
    }
}

async fn list(api: Api, namespace: Option<String>, plural: String, query: HashMap<String, String>) -> Response {
    let mut changed = api.changed.subscribe();
    while api.world().held {
        if changed.changed().await.is_err() {
            break;
        }
    }
    let world = api.world();
    let all = world.objects.get(&plural).into_iter().flatten();
    let mut found = all
        .filter(|((place, _), _)| namespace.as_ref().is_none_or(|namespace| namespace == place))
        .filter(|(_, object)| selected(&object.json, &query))
        .map(|(_, object)| &*object.text);
    let from: usize = query
        .get("continue")
        .and_then(|token| token.parse().ok())
        .unwrap_or_default();
    let items: Vec<&str> = found.by_ref().skip(from).take(world.page).collect();
    let mut metadata = json!({"resourceVersion": world.version.to_string()});
    if found.next().is_some() {
        metadata["continue"] = json!((from + items.len()).to_string());
    }
    let items = items.join(",");
    format!("{{\"kind\":\"List\",\"apiVersion\":\"v1\",\"metadata\":{metadata},\"items\":[{items}]}}").into_response()
}

fn watch_of(api: Api, namespace: Option<String>, plural: String, query: HashMap<String, String>) -> Response {
    let since: u64 = query
        .get("resourceVersion")
        .and_then(|version| version.parse().ok())
        .unwrap_or_default();
    let (generation, forgotten) = {
        let world = api.world();
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
                    let world = api.world();
                    if world.generation != generation {
                        return None;
                    }
                    let mut lines = String::new();
                    let new = world.events.partition_point(|event| event.version <= since);
                    for event in &world.events[new..] {
                        since = event.version;
                        let here = namespace.as_ref().is_none_or(|namespace| *namespace == event.namespace);
                        let wanted = event.kind == "BOOKMARK" || (here && selected(&event.object.json, &query));
                        if event.plural == plural && wanted {
                            let (kind, text) = (event.kind, &event.object.text);
                            lines.push_str(&format!("{{\"type\":\"{kind}\",\"object\":{text}}}\n"));
                        }
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
