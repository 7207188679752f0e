//! A server on a free port, over a controller that does what a test wants.

use component::{BoxFuture, CancellationToken, Cluster, Health, HealthState};
use promtext::Registry;
use reqwest::{Client, ClientBuilder, Response};
use services::http::{Http, HttpArgs, HttpOptions, HttpPolicy, HttpState, Limits, Parts};
use services::{ComponentInfo, Controller, NotFound};
use signals::{Budget, Ledger};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tap::LiveDebugging;
use tokio::task::JoinHandle;
use value::Block;

/// 2026-01-02T03:04:05.123456789Z
pub const NOW: i64 = 1_767_323_045_123_456_789;

#[derive(Default)]
pub struct FakeController {
    pub ready: AtomicBool,
    pub reloads: AtomicUsize,
    /// How often a component was looked up.
    pub lookups: AtomicUsize,
    pub reload_error: Mutex<Option<String>>,
    pub components: Mutex<Vec<ComponentInfo>>,
}

impl Controller for FakeController {
    fn ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }

    fn components(&self, module: &str) -> BoxFuture<'_, Result<Vec<ComponentInfo>, NotFound>> {
        let all = self.components.lock().unwrap();
        let found: Vec<ComponentInfo> = all.iter().filter(|info| info.module_id == module).cloned().collect();
        let outcome = if found.is_empty() && !module.is_empty() {
            Err(NotFound)
        } else {
            Ok(found)
        };
        Box::pin(std::future::ready(outcome))
    }

    fn component(&self, id: &str) -> BoxFuture<'_, Option<ComponentInfo>> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let all = self.components.lock().unwrap();
        let global = |info: &ComponentInfo| match info.module_id.as_str() {
            "" => info.local_id.clone(),
            module => format!("{module}/{}", info.local_id),
        };
        let found = all.iter().find(|info| global(info) == id).cloned();
        Box::pin(std::future::ready(found))
    }

    fn reload(&self) -> BoxFuture<'static, Result<(), String>> {
        self.reloads.fetch_add(1, Ordering::SeqCst);
        let outcome = match &*self.reload_error.lock().unwrap() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        };
        Box::pin(std::future::ready(outcome))
    }

    fn healths(&self) -> BoxFuture<'_, Vec<(String, String, Health)>> {
        let components = self.components.lock().unwrap();
        let of = |one: &ComponentInfo| (one.global_id(), one.name.clone(), one.health.clone());
        let healths = components.iter().map(of).collect();
        Box::pin(std::future::ready(healths))
    }

    fn node_http(
        &self,
        id: &str,
        request: axum::http::Request<axum::body::Body>,
    ) -> BoxFuture<'_, Option<axum::http::Response<axum::body::Body>>> {
        let answer = (id == "with.handler").then(|| {
            let text = format!("{} {}", request.method(), request.uri());
            axum::http::Response::new(axum::body::Body::from(text))
        });
        Box::pin(std::future::ready(answer))
    }
}

pub fn component(name: &str, label: &str, state: HealthState) -> ComponentInfo {
    ComponentInfo {
        name: name.to_owned(),
        local_id: if label.is_empty() {
            name.to_owned()
        } else {
            format!("{name}.{label}")
        },
        module_id: String::new(),
        label: label.to_owned(),
        references_to: Vec::new(),
        referenced_by: Vec::new(),
        data_flow_edges_to: Vec::new(),
        health: Health::new(state, "started component", NOW),
        arguments: None,
        exports: None,
        debug_info: None,
        created_module_ids: Vec::new(),
        live_debugging_enabled: false,
    }
}

pub struct Server {
    pub address: SocketAddr,
    pub controller: Arc<FakeController>,
    pub metrics: Registry,
    pub ledger: Ledger,
    pub budget: Budget,
    pub live: Arc<LiveDebugging>,
    pub policy: HttpPolicy,
    pub stop: CancellationToken,
    pub task: JoinHandle<Result<(), component::Error>>,
    pub client: Client,
}

impl Server {
    pub async fn start() -> Server {
        Server::with("/", Limits::default()).await
    }

    pub async fn with(ui_prefix: &str, limits: Limits) -> Server {
        Server::of(ui_prefix, limits, None, Parts::default()).await
    }

    pub async fn of(ui_prefix: &str, limits: Limits, ui_dir: Option<ui::Dir>, parts: Parts) -> Server {
        Server::among(ui_prefix, limits, ui_dir, parts, None).await
    }

    /// Among the members of a cluster.
    pub async fn among(
        ui_prefix: &str,
        limits: Limits,
        ui_dir: Option<ui::Dir>,
        parts: Parts,
        cluster: Option<Cluster>,
    ) -> Server {
        let http = Http::bind(HttpOptions {
            listen: "127.0.0.1:0".to_owned(),
            ui_prefix: ui_prefix.to_owned(),
            ui_dir,
            limits,
        })
        .unwrap();
        let (address, policy) = (http.address(), http.policy());
        let controller = Arc::new(FakeController::default());
        controller.ready.store(true, Ordering::SeqCst);
        let (metrics, ledger, budget) = (Registry::new(), Ledger::default(), Budget::new(1 << 20));
        let live = LiveDebugging::new(&ledger, Arc::new(host::SystemClock));
        let state = HttpState {
            controller: controller.clone(),
            metrics: metrics.clone(),
            ledger: ledger.clone(),
            budget: budget.clone(),
            clock: Arc::new(host::SystemClock),
            live: live.clone(),
            cluster: cluster.unwrap_or_else(|| Cluster::alone("here", &address.to_string())),
            queue_limit: 1000,
            parts,
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(http.serve(state, stop.clone()));
        Server {
            address,
            controller,
            metrics,
            ledger,
            budget,
            live,
            policy,
            stop,
            task,
            client: client(|builder| builder),
        }
    }

    pub fn configure(&self, args: HttpArgs) {
        self.policy.prepare(args).unwrap().apply();
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(self.url(path)).send().await.unwrap()
    }

    pub async fn json(&self, path: &str) -> serde_json::Value {
        let text = self.get(path).await.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

pub fn client(configure: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    // The provider may be there already; all tests want the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    configure(Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy())
        .build()
        .unwrap()
}

pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Decodes a block from attributes and blocks, as an evaluator would hand them over.
pub fn block<T: Block>(items: Vec<value::Item>) -> Result<T, String> {
    let body = value::Body {
        label: String::new(),
        items,
    };
    value::decode(&body).map_err(|error| error.to_string())
}

pub fn attr(name: &str, value: value::Value) -> value::Item {
    value::Item::Attr {
        name: name.to_owned(),
        value: Ok(Some(value)),
        place: value::Place(0),
    }
}

pub fn inner(name: &str, items: Vec<value::Item>) -> value::Item {
    value::Item::Block {
        name: name.to_owned(),
        body: value::Body {
            label: String::new(),
            items,
        },
        place: value::Place(0),
    }
}
