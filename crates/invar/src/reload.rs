//! Reads the configuration and loads it; and the running graph as the HTTP API sees it.

use crate::app::App;
use axum::body::Body as HttpBody;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, Response, StatusCode};
use component::{BoxFuture, Exporter, Exporters};
use host::Host;
use runtime::{Controller, NodeInfo, sources};
use services::metrics::ConfigMetrics;
use services::{ComponentInfo, NotFound};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Loads one configuration path, again and again.
pub struct Reloader(Arc<Inner>);

struct Inner {
    path: PathBuf,
    controller: Controller,
    host: Host,
    metrics: ConfigMetrics,
    exporters: Arc<Exporters>,
}

impl Reloader {
    /// A loader of `path` into `app`.
    pub fn new(path: &Path, app: &App, metrics: ConfigMetrics) -> Self {
        Reloader(Arc::new(Inner {
            path: path.to_path_buf(),
            controller: app.controller.clone(),
            host: app.process.host.clone(),
            metrics,
            exporters: app.process.exporters.clone(),
        }))
    }

    /// Reads and loads. The error is the report for people; what ran before runs on.
    pub async fn load(&self, color: bool) -> Result<(), String> {
        self.0.load(color).await
    }
}

impl Inner {
    async fn load(&self, color: bool) -> Result<(), String> {
        let files = match sources::read(&*self.host.fs, &self.path) {
            Ok(files) => files,
            Err(error) => {
                self.metrics.unreadable();
                return Err(error.to_string());
            }
        };
        let texts: Vec<Vec<u8>> = files.iter().map(|file| file.text.clone()).collect();
        match self.controller.load(&files).await {
            Ok(loaded) => {
                for warning in loaded.warnings.iter() {
                    tracing::warn!(place = warning.place(), "{}", warning.message);
                }
                self.metrics.loaded(texts, self.host.clock.now());
                Ok(())
            }
            Err(error) => {
                self.metrics.refused(texts);
                Err(error.report(color))
            }
        }
    }
}

impl services::Controller for Reloader {
    fn ready(&self) -> bool {
        self.0.controller.is_ready()
    }

    fn components(&self, module: &str) -> BoxFuture<'_, Result<Vec<ComponentInfo>, NotFound>> {
        let nodes = self.0.controller.components(module).ok_or(NotFound);
        let described = nodes.map(|nodes| nodes.into_iter().map(|node| describe(node, false)).collect());
        Box::pin(std::future::ready(described))
    }

    fn component(&self, id: &str) -> BoxFuture<'_, Option<ComponentInfo>> {
        let node = self.0.controller.component(id).map(|node| describe(node, true));
        Box::pin(std::future::ready(node))
    }

    fn place(&self, id: &str, block: &str) -> BoxFuture<'_, Option<String>> {
        Box::pin(std::future::ready(self.0.controller.place(id, block)))
    }

    /// Components that expose metrics have them at `/metrics`.
    fn node_http(&self, id: &str, request: Request<HttpBody>) -> BoxFuture<'_, Option<Response<HttpBody>>> {
        let exporter = self.0.exporters.get(id);
        let wanted = request.uri().path() == "/metrics" && request.method() == Method::GET;
        // The body of a request cannot be shared between threads, and nobody reads it.
        let (head, _) = request.into_parts();
        Box::pin(async move { Some(exposition(exporter.filter(|_| wanted)?, &head).await) })
    }

    fn reload(&self) -> BoxFuture<'static, Result<(), String>> {
        let inner = self.0.clone();
        Box::pin(async move { inner.load(false).await })
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
        live_debugging_enabled: false,
    }
}
