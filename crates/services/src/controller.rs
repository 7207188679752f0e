//! What the services ask of the runtime.

use axum::body::Body as HttpBody;
use axum::http::{Request, Response};
use component::{BoxFuture, Health};
use value::{Body, Item, Place, Value};

/// The running configuration, as the services see it. The program implements it over the runtime.
pub trait Controller: Send + Sync + 'static {
    /// Whether a configuration was loaded.
    fn ready(&self) -> bool;

    /// The components of a module in the order of the graph; `""` is the root.
    fn components(&self, module: &str) -> BoxFuture<'_, Result<Vec<ComponentInfo>, NotFound>>;

    /// One component by its global id: `local id` in the root, `module id/local id` elsewhere.
    fn component(&self, id: &str) -> BoxFuture<'_, Option<ComponentInfo>>;

    /// How every component in every module is doing: its global id, its name, its health.
    fn healths(&self) -> BoxFuture<'_, Vec<(String, String, Health)>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    /// Where a component stands in the configuration, or a block in it, as `file:line`. `block` is empty or names it:
    /// `stage.match#1/stage.drop#0`, each with its number among its namesakes from 0.
    fn place(&self, id: &str, block: &str) -> BoxFuture<'_, Option<String>> {
        let _ = (id, block);
        Box::pin(std::future::ready(None))
    }

    /// Reads the configuration again and loads it, or leaves everything as it is. The error is the text for people, with
    /// all diagnostics.
    fn reload(&self) -> BoxFuture<'static, Result<(), String>>;

    /// Serves a request to a component's own HTTP handler; the path is what follows the component's id. Nothing comes back from a
    /// component without one.
    fn node_http(&self, id: &str, request: Request<HttpBody>) -> BoxFuture<'_, Option<Response<HttpBody>>> {
        let _ = (id, request);
        Box::pin(std::future::ready(None))
    }
}

/// There is no such module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFound;

/// A component as the API shows it.
#[derive(Clone, Debug)]
pub struct ComponentInfo {
    /// Name of the block, `loki.write`.
    pub name: String,
    /// Id within its module, `loki.write.default`.
    pub local_id: String,
    /// Id of its module; empty in the root.
    pub module_id: String,
    /// Label of the block; empty if it has none.
    pub label: String,
    /// Local ids of the components that it refers to.
    pub references_to: Vec<String>,
    /// Local ids of the components that refer to it.
    pub referenced_by: Vec<String>,
    /// Local ids of the components that it sends data to.
    pub data_flow_edges_to: Vec<String>,
    /// How it is doing.
    pub health: Health,
    /// Its arguments; read for the detail page only.
    pub arguments: Option<Body>,
    /// Its exports; read for the detail page only.
    pub exports: Option<Body>,
    /// Details for people: an object; read for the detail page only.
    pub debug_info: Option<Value>,
    /// Modules that it made.
    pub created_module_ids: Vec<String>,
    /// Whether live debugging works for it now.
    pub live_debugging_enabled: bool,
}

impl ComponentInfo {
    /// Its id in the whole configuration.
    pub fn global_id(&self) -> String {
        match self.module_id.as_str() {
            "" => self.local_id.clone(),
            module => format!("{module}/{}", self.local_id),
        }
    }

    /// What it tells of itself, as the JSON of a block's body.
    pub fn debug_json(&self) -> Option<String> {
        let Value::Object(object) = self.debug_info.as_ref()? else {
            return Some("[]".to_owned());
        };
        let attribute = |(name, value): (_, &Value)| Item::Attr {
            name: ToString::to_string(name),
            value: Ok(Some(value.clone())),
            place: Place(0),
        };
        Some(value::body_json(&Body {
            label: String::new(),
            items: object.iter().map(attribute).collect(),
        }))
    }
}
