//! Running graphs as the HTTP API shows them: that of the configuration, and that of the remote one.

use crate::app::App;
use axum::body::Body as HttpBody;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use component::{BoxFuture, Exporter, Exporters, Health};
use remotecfg::RemoteConfig;
use runtime::{Controller, NodeInfo};
use services::http::Remote;
use services::{ComponentInfo, NotFound};
use std::sync::Arc;

/// One running graph.
#[derive(Clone)]
pub struct View {
    controller: Controller,
    exporters: Arc<Exporters>,
}

impl View {
    /// The graph of a controller of `app`.
    pub fn new(controller: &Controller, app: &App) -> Self {
        View {
            controller: controller.clone(),
            exporters: app.process.exporters.clone(),
        }
    }

    /// See [`services::Controller::components`].
    pub fn components(&self, module: &str) -> Result<Vec<ComponentInfo>, NotFound> {
        let nodes = self.controller.components(module).ok_or(NotFound)?;
        Ok(nodes.into_iter().map(|node| describe(node, false)).collect())
    }

    /// See [`services::Controller::component`].
    pub fn component(&self, id: &str) -> Option<ComponentInfo> {
        self.controller.component(id).map(|node| describe(node, true))
    }

    /// Components that expose metrics have them at `/metrics`.
    pub fn node_http(&self, id: &str, request: Request<HttpBody>) -> BoxFuture<'static, Option<Response<HttpBody>>> {
        let exporter = self.exporters.get(id);
        let wanted = request.uri().path() == "/metrics" && request.method() == Method::GET;
        // The body of a request cannot be shared between threads, and nobody reads it.
        let (head, _) = request.into_parts();
        Box::pin(async move { Some(exposition(exporter.filter(|_| wanted)?, &head).await) })
    }
}

/// The remote configuration.
pub struct RemoteGraph {
    view: View,
    service: RemoteConfig,
}

impl RemoteGraph {
    /// What `controller` of `app` runs for the service.
    pub fn new(controller: &Controller, app: &App, service: RemoteConfig) -> Self {
        RemoteGraph {
            view: View::new(controller, app),
            service,
        }
    }
}

impl services::Controller for RemoteGraph {
    fn ready(&self) -> bool {
        self.view.controller.is_ready()
    }

    fn components(&self, module: &str) -> BoxFuture<'_, Result<Vec<ComponentInfo>, NotFound>> {
        Box::pin(std::future::ready(self.view.components(module)))
    }

    fn component(&self, id: &str) -> BoxFuture<'_, Option<ComponentInfo>> {
        Box::pin(std::future::ready(self.view.component(id)))
    }

    fn healths(&self) -> BoxFuture<'_, Vec<(String, String, Health)>> {
        Box::pin(std::future::ready(self.view.controller.healths()))
    }

    fn place(&self, id: &str, block: &str) -> BoxFuture<'_, Option<String>> {
        Box::pin(std::future::ready(self.view.controller.place(id, block)))
    }

    fn node_http(&self, id: &str, request: Request<HttpBody>) -> BoxFuture<'_, Option<Response<HttpBody>>> {
        self.view.node_http(id, request)
    }

    /// It is the server that says what is loaded.
    fn reload(&self) -> BoxFuture<'static, Result<(), String>> {
        let message = "the remote configuration cannot be reloaded, the server decides on it".to_owned();
        Box::pin(std::future::ready(Err(message)))
    }
}

impl Remote for RemoteGraph {
    fn status(&self) -> serde_json::Value {
        // Texts, numbers and a map of texts.
        serde_json::to_value(self.service.status()).unwrap_or_default()
    }
}

async fn exposition(exporter: Arc<dyn Exporter>, request: &Parts) -> Response<HttpBody> {
    let query = request.uri.query().unwrap_or_default().as_bytes();
    let query: Vec<(String, String)> = url::form_urlencoded::parse(query).into_owned().collect();
    let accept = request.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let format = promtext::negotiate(accept.unwrap_or_default());
    let gathered = tokio::task::spawn_blocking(move || exporter.gather(&query)).await;
    let (status, content_type, text) = match gathered {
        Ok(Ok(families)) => (
            StatusCode::OK,
            format.content_type(),
            promtext::encode(&families, format),
        ),
        Ok(Err(message)) => (StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", message),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain; charset=utf-8",
            error.to_string(),
        ),
    };
    let mut response = Response::new(HttpBody::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn describe(info: NodeInfo, detail: bool) -> ComponentInfo {
    let debug_info = || info.node.as_ref()?.instance.debug_info();
    ComponentInfo {
        health: info.health,
        debug_info: detail.then(debug_info).flatten(),
        arguments: detail.then_some(info.arguments),
        exports: detail.then_some(info.exports),
        name: info.spec.name,
        local_id: info.spec.id,
        module_id: info.module,
        label: info.spec.label,
        references_to: info.references_to,
        referenced_by: info.referenced_by,
        data_flow_edges_to: info.data_flow_edges_to,
        created_module_ids: info.modules,
        // Every edge can be looked at.
        live_debugging_enabled: true,
    }
}
